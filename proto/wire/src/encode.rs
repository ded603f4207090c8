//! From a [`Flow`] to the bytes that every client gets: done once, when the flow is finished.
//!
//! It is written field by field, in the order of their numbers. To fill the generated messages
//! first would take three times as long, and every event passes here; the tests hold the bytes
//! against the generated code.

mod facts;
mod summary;
mod writer;

use std::net::IpAddr;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};
use prost_types::Timestamp;
use tidegate_flow::flow::{Dns, Endpoint, Event, Flow, L4, L7Kind, Party, Point, ServiceName};

use self::{facts::facts, summary::Summary, writer::Writer};
use crate::{
    Frame, flow as wire,
    numbers::{
        flow::{self as messages, flow as n},
        observer::get_flows_response as response,
    },
    v1,
};

/// Type URL of [`v1::FlowInfo`] in `Flow.extensions`.
pub const FLOW_INFO_URL: &str = "type.googleapis.com/tidegate.v1.FlowInfo";

/// A finished flow as bytes: the stock message, and our facts apart, for those who ask.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The whole `GetFlowsResponse`, without our facts.
    frame: Frame,
    /// Bytes of the inner flow within `frame`.
    flow: Range<usize>,
    /// The field `extensions` of the inner flow, with its key.
    info: Bytes,
}

impl Encoded {
    /// Encodes a flow.
    #[must_use]
    pub fn new(flow: &Flow) -> Self {
        let mut out = Writer::new(Vec::with_capacity(USUAL));
        let range = out.message(response::FLOW, |out| stock(flow, out));
        out.text(response::NODE_NAME, &flow.node.name);
        out.message(response::TIME, |out| time(out, flow.time));
        let mut info = Writer::new(Vec::with_capacity(USUAL));
        extension(flow, &mut info);
        // Kept for long, so without room to grow.
        let bytes = |out: Writer| Bytes::from(out.into_bytes().into_boxed_slice());
        Self { frame: Frame::new(bytes(out)), flow: range, info: bytes(info) }
    }

    /// The response, with our facts if `with_info`. Without them nothing is copied.
    #[must_use]
    pub fn frame(&self, with_info: bool) -> Frame {
        if !with_info {
            return self.frame.clone();
        }
        let whole = self.frame.as_bytes();
        let length = self.flow.len() + self.info.len();
        let mut bytes = BytesMut::with_capacity(whole.len() + self.info.len() + encoded_len_varint(length as u64));
        encode_key(response::FLOW, WireType::LengthDelimited, &mut bytes);
        encode_varint(length as u64, &mut bytes);
        bytes.put_slice(&whole[self.flow.clone()]);
        bytes.put_slice(&self.info);
        bytes.put_slice(&whole[self.flow.end..]);
        Frame::new(bytes.freeze())
    }

    /// Bytes held.
    #[must_use]
    pub fn size(&self) -> usize {
        self.frame.as_bytes().len() + self.info.len()
    }
}

/// Room that most flows need, bytes.
const USUAL: usize = 1024;

/// Nanoseconds since the Unix epoch as a message.
#[must_use]
pub fn timestamp(ns: u64) -> Timestamp {
    Timestamp { seconds: (ns / 1_000_000_000) as i64, nanos: (ns % 1_000_000_000) as i32 }
}

/// The encoded `flow.Flow`, with our facts in `extensions`.
#[must_use]
pub fn whole(flow: &Flow) -> Vec<u8> {
    whole_into(flow, Vec::with_capacity(USUAL))
}

/// As [`whole`], in place of what `bytes` holds.
pub(crate) fn whole_into(flow: &Flow, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.clear();
    let mut out = Writer::new(bytes);
    stock(flow, &mut out);
    extension(flow, &mut out);
    out.into_bytes()
}

/// The message of a flow, without our facts.
#[must_use]
pub fn message(flow: &Flow) -> wire::Flow {
    let mut out = Writer::default();
    stock(flow, &mut out);
    wire::Flow::decode(out.into_bytes().as_slice()).expect("what is encoded here can be decoded")
}

/// Our facts of a flow.
#[must_use]
pub fn info(flow: &Flow) -> v1::FlowInfo {
    let mut out = Writer::default();
    facts(flow, &mut out);
    v1::FlowInfo::decode(out.into_bytes().as_slice()).expect("what is encoded here can be decoded")
}

/// The field `extensions`: a `google.protobuf.Any`.
fn extension(flow: &Flow, out: &mut Writer) {
    out.message(n::EXTENSIONS, |out| {
        out.text(1, FLOW_INFO_URL);
        out.filled(2, |out| facts(flow, out));
    });
}

/// The fields of `flow.Flow`, without our facts.
fn stock(flow: &Flow, out: &mut Writer) {
    let reason = if let Event::Drop(reason) = flow.event { reason } else { 0 };
    let kind = if let Event::L7(_) = flow.event { wire::FlowType::L7 } else { wire::FlowType::L3L4 };
    out.message(n::TIME, |out| time(out, flow.time));
    out.number(n::VERDICT, flow.verdict as u32);
    // The older twin of `drop_reason_desc`, which older clients still read.
    out.number(n::DROP_REASON, reason);
    out.message(n::IP, |out| ip(flow, out));
    l4(flow.l4, out);
    out.message(n::SOURCE, |out| endpoint(&flow.source.endpoint, out));
    out.message(n::DESTINATION, |out| endpoint(&flow.destination.endpoint, out));
    out.number(n::TYPE, kind as u32);
    out.text(n::NODE_NAME, &flow.node.name);
    names(n::SOURCE_NAMES, &flow.source, out);
    names(n::DESTINATION_NAMES, &flow.destination, out);
    if let Event::L7(kind) = flow.event {
        out.message(n::L7, |out| layer7(kind, flow.dns.as_deref(), out));
    }
    // The older twin of `is_reply`.
    out.number(n::REPLY, flow.reply == Some(true));
    out.message(n::EVENT_TYPE, |out| event_type(flow.event, out));
    out.some(n::SOURCE_SERVICE, flow.source.service.as_deref(), service);
    out.some(n::DESTINATION_SERVICE, flow.destination.service.as_deref(), service);
    out.number(n::TRAFFIC_DIRECTION, flow.direction as u32);
    if let Event::Trace(point) = flow.event {
        out.number(n::TRACE_OBSERVATION_POINT, observation_point(point));
    }
    out.number(n::DROP_REASON_DESC, reason);
    out.some(n::IS_REPLY, flow.reply, |out, reply| out.number(1, reply));
    out.some(n::INTERFACE, flow.interface.as_ref(), |out, interface| {
        out.number(messages::network_interface::INDEX, interface.index);
        out.text(messages::network_interface::NAME, &interface.name);
    });
    out.text(n::UUID, &flow.uuid());
    if let Event::Trace(_) = flow.event {
        out.number(n::TRACE_REASON, trace_reason(flow) as u32);
    }
    for label in &flow.node.labels {
        out.element(n::NODE_LABELS, label);
    }
    out.filled(n::EMITTER, |out| {
        out.text(messages::emitter::NAME, &flow.node.emitter.name);
        out.text(messages::emitter::VERSION, &flow.node.emitter.version);
    });
    out.display(n::SUMMARY, Summary(flow));
}

/// The fields of a `google.protobuf.Timestamp`.
fn time(out: &mut Writer, ns: u64) {
    out.number(1, ns / 1_000_000_000);
    out.number(2, ns % 1_000_000_000);
}

fn ip(flow: &Flow, out: &mut Writer) {
    use messages::ip as n;
    let version = match flow.source.address {
        IpAddr::V4(_) => wire::IpVersion::IPv4,
        IpAddr::V6(_) => wire::IpVersion::IPv6,
    };
    out.display(n::SOURCE, flow.source.address);
    out.display(n::DESTINATION, flow.destination.address);
    out.number(n::IP_VERSION, version as u32);
    if let Some((address, _)) = flow.translated_source() {
        out.display(n::SOURCE_XLATED, address);
    }
}

fn l4(l4: L4, out: &mut Writer) {
    use messages::{layer4, tcp};
    let (protocol, first, second) = match l4 {
        L4::Tcp { source, destination, .. } => (layer4::TCP, source, destination),
        L4::Udp { source, destination } => (layer4::UDP, source, destination),
        L4::Sctp { source, destination } => (layer4::SCTP, source, destination),
        L4::IcmpV4 { kind, code } => (layer4::ICMPV4, kind.into(), code.into()),
        L4::IcmpV6 { kind, code } => (layer4::ICMPV6, kind.into(), code.into()),
        L4::Other(_) => return,
    };
    out.message(n::L4, |out| {
        out.message(protocol, |out| {
            // Type and code of ICMP have the numbers that ports have elsewhere.
            out.number(tcp::SOURCE_PORT, first);
            out.number(tcp::DESTINATION_PORT, second);
            if let L4::Tcp { flags, .. } = l4 {
                // Numbered as the bits of the header, from 1.
                out.message(tcp::FLAGS, |out| (0..8).for_each(|bit| out.number(bit + 1, flags >> bit & 1)));
            }
        });
    });
}

fn endpoint(endpoint: &Endpoint, out: &mut Writer) {
    use messages::{endpoint as n, workload};
    out.number(n::ID, endpoint.id);
    out.number(n::IDENTITY, endpoint.identity);
    out.text(n::NAMESPACE, &endpoint.namespace);
    for label in &endpoint.labels {
        out.element(n::LABELS, label);
    }
    out.text(n::POD_NAME, &endpoint.pod);
    for one in &endpoint.workloads {
        out.message(n::WORKLOADS, |out| {
            out.text(workload::NAME, &one.name);
            out.text(workload::KIND, &one.kind);
        });
    }
    out.text(n::CLUSTER_NAME, &endpoint.cluster);
}

fn names(field: u32, party: &Party, out: &mut Writer) {
    for name in &party.names {
        out.element(field, name.fqdn.as_str());
    }
}

fn service(out: &mut Writer, service: &ServiceName) {
    out.text(messages::service::NAME, &service.name);
    out.text(messages::service::NAMESPACE, &service.namespace);
}

fn event_type(event: Event, out: &mut Writer) {
    let (kind, sub) = event.numbers();
    out.signed(messages::cilium_event_type::TYPE, kind);
    out.signed(messages::cilium_event_type::SUB_TYPE, sub);
}

/// Subtype 0 is "to endpoint", which the enumeration numbers 101.
fn observation_point(point: Point) -> u32 {
    match point {
        Point::ToEndpoint => wire::TraceObservationPoint::ToEndpoint as u32,
        other => other as u32,
    }
}

fn trace_reason(flow: &Flow) -> wire::TraceReason {
    let opening = matches!(flow.l4, L4::Tcp { flags, .. } if flags & 0x12 == 0x02);
    match flow.reply {
        Some(true) => wire::TraceReason::Reply,
        Some(false) if opening => wire::TraceReason::New,
        Some(false) => wire::TraceReason::Established,
        None => wire::TraceReason::Unknown,
    }
}

fn layer7(kind: L7Kind, dns: Option<&Dns>, out: &mut Writer) {
    use messages::layer7 as n;
    let (kind, latency) = match kind {
        L7Kind::Request => (wire::L7FlowType::Request, 0),
        L7Kind::Response { latency } => (wire::L7FlowType::Response, latency),
    };
    out.number(n::TYPE, kind as u32);
    out.number(n::LATENCY_NS, latency);
    out.some(n::DNS, dns, |out, dns| {
        use messages::dns as n;
        out.display(n::QUERY, format_args!("{}.", dns.query));
        dns.addresses.iter().for_each(|address| out.display(n::IPS, address));
        out.number(n::TTL, dns.ttl);
        dns.cnames.iter().for_each(|name| out.display(n::CNAMES, format_args!("{name}.")));
        out.text(n::OBSERVATION_SOURCE, "agent");
        out.number(n::RCODE, dns.rcode);
        dns.types.iter().for_each(|kind| out.element(n::QTYPES, kind));
        dns.answer_types.iter().for_each(|kind| out.element(n::RRTYPES, kind));
    });
}

#[cfg(test)]
mod tests;
