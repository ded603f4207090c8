//! Our facts of a flow: `tidegate.v1.FlowInfo`.

use tidegate_flow::{
    flow::{Flow, L4},
    name::{Confidence, Name, Source},
};

use super::{time, writer::Writer};
use crate::{
    numbers::tidegate_v1::{flow_info as n, name},
    v1::{NameConfidence, NameSource},
};

/// The fields of `tidegate.v1.FlowInfo`.
pub(super) fn facts(flow: &Flow, out: &mut Writer) {
    let counters = &flow.counters;
    let known = |ns: u64| (ns != 0).then_some(ns);
    out.number(n::BOOT, flow.id.boot);
    out.number(n::SEQUENCE, flow.id.sequence);
    out.some(n::START, known(counters.start), time);
    out.some(n::END, known(counters.end), time);
    out.number(n::PACKETS, counters.packets);
    out.number(n::BYTES, counters.bytes);
    out.number(n::REPLY_PACKETS, counters.reply_packets);
    out.number(n::REPLY_BYTES, counters.reply_bytes);
    if let Some(translation) = &flow.translation {
        if let Some((address, port)) = translation.egress {
            out.display(n::EGRESS_IP, address);
            out.number(n::EGRESS_PORT, port);
        }
        out.text(n::POLICY, &translation.policy);
        out.text(n::GATEWAY, &translation.gateway);
        if let Some(address) = translation.gateway_address {
            out.display(n::GATEWAY_IP, address);
        }
    }
    names(n::DESTINATION_NAMES, &flow.destination.names, out);
    out.text(n::CAUSE, &flow.cause);
    names(n::SOURCE_NAMES, &flow.source.names, out);
    if let L4::Other(number) = flow.l4 {
        out.number(n::IP_PROTOCOL, number);
    }
}

fn names(field: u32, names: &[Name], out: &mut Writer) {
    for one in names {
        out.message(field, |out| {
            out.text(name::NAME, one.fqdn.as_str());
            out.signed(name::SOURCE, source(one.source) as i32);
            out.signed(name::CONFIDENCE, confidence(one.confidence) as i32);
        });
    }
}

fn source(source: Source) -> NameSource {
    match source {
        Source::Dns => NameSource::Dns,
        Source::Shared => NameSource::Shared,
        Source::Sni => NameSource::Sni,
        Source::HttpHost => NameSource::HttpHost,
        Source::Ptr => NameSource::Ptr,
        Source::Unknown => NameSource::Unspecified,
    }
}

fn confidence(confidence: Confidence) -> NameConfidence {
    match confidence {
        Confidence::Unknown => NameConfidence::Unspecified,
        Confidence::Low => NameConfidence::Low,
        Confidence::Medium => NameConfidence::Medium,
        Confidence::High => NameConfidence::High,
    }
}
