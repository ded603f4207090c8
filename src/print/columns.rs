//! The facts of one flow as text, shared by the text formats: who, what, and what came of it.
//! Wording and order are Hubble's. Buffers are reused: a line costs no allocation once they
//! have grown.

use std::fmt::Write as _;

use tidegate_proto::drop_reason;
use tidegate_proto::flow::{self, Flow, layer4::Protocol, layer7::Record};
use tidegate_proto::terms::{RESERVED_IDENTITIES, TRACE_POINTS};

use super::Options;

/// Event types of `flow.CiliumEventType.type`.
mod event {
    pub(super) const DROP: i32 = 1;
    pub(super) const CAPTURE: i32 = 3;
    pub(super) const TRACE: i32 = 4;
    pub(super) const POLICY_VERDICT: i32 = 5;
    pub(super) const TRACE_SOCK: i32 = 7;
}

/// Names of `policy_match_type`, by number.
const POLICY_MATCHES: [&str; 7] = ["none", "L3-Only", "L3-L4", "L4-Only", "all", "L3-Proto", "Proto-Only"];

/// One flow as text, without colours.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) time: String,
    pub(crate) node: String,
    /// Host and port.
    pub(crate) source: String,
    pub(crate) destination: String,
    /// "(ID:n)" or "(world)".
    pub(crate) source_id: String,
    pub(crate) destination_id: String,
    /// What was observed: "to-network", "dns-request proxy", "Policy denied".
    pub(crate) event: String,
    pub(crate) verdict: String,
    pub(crate) summary: String,
}

impl Columns {
    /// Replaces all columns by those of `flow`.
    pub(crate) fn fill(&mut self, flow: &Flow, options: &Options) {
        for column in [
            &mut self.time,
            &mut self.node,
            &mut self.source,
            &mut self.destination,
            &mut self.source_id,
            &mut self.destination_id,
            &mut self.event,
            &mut self.verdict,
            &mut self.summary,
        ] {
            column.clear();
        }
        options.time_format.write(&mut self.time, flow.time.as_ref());
        options.style.untrusted(&mut self.node, &flow.node_name);
        self.hosts(flow, options);
        identity(&mut self.source_id, flow.source.as_ref());
        identity(&mut self.destination_id, flow.destination.as_ref());
        observation(&mut self.event, flow, options);
        verdict(&mut self.verdict, flow, options);
        options.style.untrusted(&mut self.summary, &flow.summary);
        if flow.auth_type != flow::AuthType::Disabled as i32 {
            self.summary.push_str("; Auth: ");
            enum_name(&mut self.summary, flow.auth_type, |auth: flow::AuthType| auth.as_str_name());
        }
    }

    fn hosts(&mut self, flow: &Flow, options: &Options) {
        let Some(ip) = &flow.ip else {
            if let Some(ethernet) = &flow.ethernet {
                options.style.untrusted(&mut self.source, &ethernet.source);
                options.style.untrusted(&mut self.destination, &ethernet.destination);
            }
            return;
        };
        let (source_port, destination_port) = ports(flow);
        let source = Host {
            endpoint: flow.source.as_ref(),
            service: flow.source_service.as_ref(),
            names: &flow.source_names,
            address: &ip.source,
            port: source_port,
        };
        let destination = Host {
            endpoint: flow.destination.as_ref(),
            service: flow.destination_service.as_ref(),
            names: &flow.destination_names,
            address: &ip.destination,
            port: destination_port,
        };
        source.write(&mut self.source, options);
        destination.write(&mut self.destination, options);
    }
}

/// Everything one side is known by.
struct Host<'a> {
    endpoint: Option<&'a flow::Endpoint>,
    service: Option<&'a flow::Service>,
    names: &'a [String],
    address: &'a str,
    port: u32,
}

impl Host<'_> {
    /// The pod, else the service, else the names, else the address; then the port unless 0.
    fn write(&self, out: &mut String, options: &Options) {
        let style = options.style;
        let pod = self.endpoint.filter(|endpoint| !endpoint.pod_name.is_empty());
        let service = self.service.filter(|service| !service.name.is_empty());
        let mut owned = |namespace: &str, name: &str| {
            if !namespace.is_empty() {
                style.untrusted(out, namespace);
                out.push('/');
            }
            style.untrusted(out, name);
        };
        if let (Some(pod), false) = (pod, options.numeric) {
            owned(&pod.namespace, &pod.pod_name);
        } else if let (Some(service), false) = (service, options.numeric) {
            owned(&service.namespace, &service.name);
        } else if !self.names.is_empty() && !options.numeric {
            for (index, name) in self.names.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                style.untrusted(out, name);
            }
        } else if self.port != 0 && self.address.contains(':') {
            out.push('[');
            style.untrusted(out, self.address);
            out.push(']');
        } else {
            style.untrusted(out, self.address);
        }
        if self.port != 0 {
            let _ = write!(out, ":{}", self.port);
        }
    }
}

fn ports(flow: &Flow) -> (u32, u32) {
    match flow.l4.as_ref().and_then(|l4| l4.protocol.as_ref()) {
        Some(Protocol::Tcp(tcp)) => (tcp.source_port, tcp.destination_port),
        Some(Protocol::Udp(udp)) => (udp.source_port, udp.destination_port),
        Some(Protocol::Sctp(sctp)) => (sctp.source_port, sctp.destination_port),
        _ => (0, 0),
    }
}

fn identity(out: &mut String, endpoint: Option<&flow::Endpoint>) {
    let number = endpoint.map_or(0, |endpoint| endpoint.identity);
    let name = usize::try_from(number).ok().and_then(|index| RESERVED_IDENTITIES.get(index));
    let _ = match name {
        Some(name) => write!(out, "({name})"),
        None => write!(out, "(ID:{number})"),
    };
}

fn observation(out: &mut String, flow: &Flow, options: &Options) {
    if let Some(l7) = &flow.l7 {
        return layer7(out, l7, options);
    }
    let Some(event_type) = &flow.event_type else {
        return out.push_str("UNKNOWN");
    };
    let sub_type = event_type.sub_type;
    match event_type.r#type {
        event::DROP => out.push_str(&drop_reason::text(sub_type.cast_unsigned())),
        event::CAPTURE => {
            enum_name(out, flow.debug_capture_point, |p: flow::DebugCapturePoint| p.as_str_name());
        }
        event::TRACE => numbered(out, &TRACE_POINTS, sub_type.cast_unsigned()),
        event::POLICY_VERDICT => {
            out.push_str("policy-verdict:");
            numbered(out, &POLICY_MATCHES, flow.policy_match_type);
            out.push(' ');
            enum_name(out, flow.traffic_direction, |d: flow::TrafficDirection| d.as_str_name());
        }
        event::TRACE_SOCK => out.push_str(match flow.sock_xlate_point() {
            flow::SocketTranslationPoint::SockXlatePointPreDirectionFwd => "pre-xlate-fwd",
            flow::SocketTranslationPoint::SockXlatePointPostDirectionFwd => "post-xlate-fwd",
            flow::SocketTranslationPoint::SockXlatePointPreDirectionRev => "pre-xlate-rev",
            flow::SocketTranslationPoint::SockXlatePointPostDirectionRev => "post-xlate-rev",
            unknown => unknown.as_str_name(),
        }),
        _ => out.push_str("UNKNOWN"),
    }
}

fn layer7(out: &mut String, l7: &flow::Layer7, options: &Options) {
    out.push_str(match &l7.record {
        Some(Record::Dns(_)) => "dns-",
        Some(Record::Http(_)) => "http-",
        Some(Record::Kafka(_)) => "kafka-",
        None => "l7-",
    });
    out.push_str(match l7.r#type() {
        flow::L7FlowType::Request => "request",
        flow::L7FlowType::Response => "response",
        flow::L7FlowType::Sample => "sample",
        flow::L7FlowType::UnknownL7Type => "unknown_l7_type",
    });
    if let Some(Record::Dns(dns)) = &l7.record
        && !dns.observation_source.is_empty()
    {
        out.push(' ');
        options.style.untrusted(out, &dns.observation_source);
    }
}

fn verdict(out: &mut String, flow: &Flow, options: &Options) {
    use flow::Verdict;
    if flow.event_type.is_none_or(|event| event.r#type != event::POLICY_VERDICT) {
        return enum_name(out, flow.verdict, |verdict: Verdict| verdict.as_str_name());
    }
    let (text, lists) = match flow.verdict() {
        Verdict::Forwarded | Verdict::Redirected => ("ALLOWED", [&flow.egress_allowed_by, &flow.ingress_allowed_by]),
        Verdict::Dropped | Verdict::Error => ("DENIED", [&flow.egress_denied_by, &flow.ingress_denied_by]),
        Verdict::Audit => ("AUDITED", [&flow.egress_denied_by, &flow.ingress_denied_by]),
        other => (other.as_str_name(), [&flow.egress_allowed_by, &flow.ingress_allowed_by]),
    };
    out.push_str(text);
    if options.policy_names {
        for (index, policy) in lists.into_iter().flatten().enumerate() {
            out.push_str(if index == 0 { " BY " } else { ", " });
            options.style.untrusted(out, &policy.name);
            out.push_str(" (");
            options.style.untrusted(out, &policy.kind);
            out.push(')');
        }
    }
}

fn numbered(out: &mut String, names: &[&str], number: u32) {
    match usize::try_from(number).ok().and_then(|index| names.get(index)) {
        Some(name) => out.push_str(name),
        None => {
            let _ = write!(out, "{number}");
        }
    }
}

/// The value's name as in the protocol; the number of a value that is newer than this program.
pub(crate) fn enum_name<E: TryFrom<i32>>(out: &mut String, number: i32, name: fn(E) -> &'static str) {
    match E::try_from(number) {
        Ok(value) => out.push_str(name(value)),
        Err(_) => {
            let _ = write!(out, "{number}");
        }
    }
}
