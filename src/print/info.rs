//! What Tidegate's own servers know beyond Hubble's messages, for those who asked for it.

use tidegate_proto::flow::Flow;
use tidegate_proto::v1::FlowInfo;

use super::Options;

/// Keys and values of the flow's `FlowInfo`, known facts only. None when the flow carries no
/// such extension, as from another server.
pub(super) fn facts(flow: &Flow, options: &Options) -> Vec<(&'static str, String)> {
    let Some(info) = flow.extensions.as_ref().and_then(|any| any.to_msg::<FlowInfo>().ok()) else {
        return Vec::new();
    };
    let host = if info.egress_ip.contains(':') { format!("[{}]", info.egress_ip) } else { info.egress_ip };
    let egress = match info.egress_port {
        0 => host,
        port => format!("{host}:{port}"),
    };
    let gateway = [info.gateway, info.gateway_ip];
    let gateway = gateway.into_iter().find(|name| !name.is_empty());
    let bytes = match info.bytes + info.reply_bytes {
        0 => String::new(),
        _ => format!("{}/{}", info.bytes, info.reply_bytes),
    };
    let cause = match info.cause.is_empty() {
        true => String::new(),
        false => format!("\"{}\"", info.cause),
    };
    let facts = [
        ("EGRESS", egress),
        ("GATEWAY", gateway.unwrap_or_default()),
        ("POLICY", info.policy),
        ("BYTES", bytes),
        ("CAUSE", cause),
    ];
    let known = facts.into_iter().filter(|(_, value)| !value.is_empty());
    known
        .map(|(key, value)| {
            let mut shown = String::with_capacity(value.len());
            options.style.untrusted(&mut shown, &value);
            (key, shown)
        })
        .collect()
}
