//! From a [`Flow`] to the bytes that every client gets: done once, when the flow is finished.

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};
use prost_types::{Any, Timestamp};
use tidegate_flow::{
    flow::{Dns, Emitter, Endpoint, Event, Flow, L4, L7Kind, Party},
    name::{Confidence, Name, Source},
};

use crate::{Frame, flow as wire, observer, v1};

/// Type URL of [`v1::FlowInfo`] in `Flow.extensions`.
pub const FLOW_INFO_URL: &str = "type.googleapis.com/tidegate.v1.FlowInfo";

/// Field numbers of `observer.GetFlowsResponse` and of `flow.Flow.extensions`.
const RESPONSE_FLOW: u32 = 1;
const FLOW_EXTENSIONS: u32 = 150_000;

/// A finished flow as bytes: the stock message, and our facts apart, for those who ask.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The whole `GetFlowsResponse`, without our facts.
    frame: Frame,
    /// Bytes of the inner flow within `frame`.
    flow: std::ops::Range<usize>,
    /// The field `extensions` of the inner flow, with its key.
    info: Bytes,
}

impl Encoded {
    /// Encodes a flow.
    #[must_use]
    pub fn new(flow: &Flow) -> Self {
        let inner = message(flow).encode_to_vec();
        let mut head = BytesMut::new();
        encode_key(RESPONSE_FLOW, WireType::LengthDelimited, &mut head);
        encode_varint(inner.len() as u64, &mut head);
        let start = head.len();
        let tail = observer::GetFlowsResponse {
            node_name: flow.node.name.clone(),
            time: Some(timestamp(flow.time)),
            response_types: None,
        };
        head.reserve(inner.len() + tail.encoded_len());
        head.put_slice(&inner);
        tail.encode(&mut head).expect("a BytesMut grows");
        let any = Any { type_url: FLOW_INFO_URL.to_owned(), value: info(flow).encode_to_vec() };
        let mut extension = BytesMut::new();
        encode_key(FLOW_EXTENSIONS, WireType::LengthDelimited, &mut extension);
        any.encode_length_delimited(&mut extension).expect("a BytesMut grows");
        Self { frame: Frame::new(head.freeze()), flow: start..start + inner.len(), info: extension.freeze() }
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
        encode_key(RESPONSE_FLOW, WireType::LengthDelimited, &mut bytes);
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

/// Nanoseconds since the Unix epoch as a message.
#[must_use]
pub fn timestamp(ns: u64) -> Timestamp {
    Timestamp { seconds: (ns / 1_000_000_000) as i64, nanos: (ns % 1_000_000_000) as i32 }
}

/// The message of a flow, without our facts.
#[must_use]
pub fn message(flow: &Flow) -> wire::Flow {
    let (event_type, sub_type) = flow.event.numbers();
    let mut out = wire::Flow {
        time: Some(timestamp(flow.time)),
        uuid: flow.uuid(),
        verdict: flow.verdict as i32,
        ip: Some(ip(flow)),
        l4: l4(flow.l4),
        source: Some(endpoint(&flow.source.endpoint)),
        destination: Some(endpoint(&flow.destination.endpoint)),
        r#type: wire::FlowType::L3L4 as i32,
        node_name: flow.node.name.clone(),
        node_labels: flow.node.labels.clone(),
        source_names: names(&flow.source),
        destination_names: names(&flow.destination),
        event_type: Some(wire::CiliumEventType { r#type: event_type, sub_type }),
        source_service: service(&flow.source),
        destination_service: service(&flow.destination),
        traffic_direction: flow.direction as i32,
        is_reply: flow.reply,
        interface: flow
            .interface
            .as_ref()
            .map(|interface| wire::NetworkInterface { index: interface.index, name: interface.name.to_string() }),
        emitter: emitter(&flow.node.emitter),
        summary: summary(flow),
        ..wire::Flow::default()
    };
    // Deprecated in the interface, and still what older clients read.
    #[allow(deprecated, reason = "both spellings are on the wire")]
    {
        out.reply = flow.reply.unwrap_or(false);
        if let Event::Drop(reason) = flow.event {
            out.drop_reason = u32::from(reason);
        }
    }
    match flow.event {
        Event::Drop(reason) => out.drop_reason_desc = i32::from(reason),
        Event::Trace(point) => {
            // Subtype 0 is "to endpoint", which the enumeration numbers 101.
            out.trace_observation_point = if sub_type == 0 { 101 } else { point as i32 };
            out.trace_reason = match flow.reply {
                Some(true) => wire::TraceReason::Reply as i32,
                Some(false) if is_opening(flow.l4) => wire::TraceReason::New as i32,
                Some(false) => wire::TraceReason::Established as i32,
                None => wire::TraceReason::Unknown as i32,
            };
        }
        Event::Other { .. } => {}
        Event::L7(kind) => {
            out.r#type = wire::FlowType::L7 as i32;
            out.l7 = flow.dns.as_deref().map(|dns| layer7(kind, dns));
        }
    }
    out
}

fn is_opening(l4: L4) -> bool {
    matches!(l4, L4::Tcp { flags, .. } if flags & 0x12 == 0x02)
}

fn ip(flow: &Flow) -> wire::Ip {
    wire::Ip {
        source: flow.source.address.to_string(),
        destination: flow.destination.address.to_string(),
        ip_version: match flow.source.address {
            IpAddr::V4(_) => wire::IpVersion::IPv4 as i32,
            IpAddr::V6(_) => wire::IpVersion::IPv6 as i32,
        },
        source_xlated: flow.translated_source().map(|(address, _)| address.to_string()).unwrap_or_default(),
        ..wire::Ip::default()
    }
}

fn l4(l4: L4) -> Option<wire::Layer4> {
    use wire::layer4::Protocol;
    let protocol = match l4 {
        L4::Tcp { source, destination, flags } => Protocol::Tcp(wire::Tcp {
            source_port: u32::from(source),
            destination_port: u32::from(destination),
            flags: Some(tcp_flags(flags)),
        }),
        L4::Udp { source, destination } => {
            Protocol::Udp(wire::Udp { source_port: u32::from(source), destination_port: u32::from(destination) })
        }
        L4::Sctp { source, destination } => {
            Protocol::Sctp(wire::Sctp { source_port: u32::from(source), destination_port: u32::from(destination) })
        }
        L4::IcmpV4 { kind, code } => Protocol::IcmPv4(wire::IcmPv4 { r#type: u32::from(kind), code: u32::from(code) }),
        L4::IcmpV6 { kind, code } => Protocol::IcmPv6(wire::IcmPv6 { r#type: u32::from(kind), code: u32::from(code) }),
        L4::Other(_) => return None,
    };
    Some(wire::Layer4 { protocol: Some(protocol) })
}

fn tcp_flags(flags: u8) -> wire::TcpFlags {
    let bit = |mask| flags & mask != 0;
    wire::TcpFlags {
        fin: bit(0x01),
        syn: bit(0x02),
        rst: bit(0x04),
        psh: bit(0x08),
        ack: bit(0x10),
        urg: bit(0x20),
        ece: bit(0x40),
        cwr: bit(0x80),
        ns: false,
    }
}

fn endpoint(endpoint: &Endpoint) -> wire::Endpoint {
    wire::Endpoint {
        id: endpoint.id,
        identity: endpoint.identity,
        namespace: endpoint.namespace.clone(),
        labels: endpoint.labels.clone(),
        pod_name: endpoint.pod.clone(),
        workloads: endpoint
            .workloads
            .iter()
            .map(|workload| wire::Workload { name: workload.name.clone(), kind: workload.kind.clone() })
            .collect(),
        cluster_name: endpoint.cluster.clone(),
    }
}

fn emitter(emitter: &Emitter) -> Option<wire::Emitter> {
    (*emitter != Emitter::default())
        .then(|| wire::Emitter { name: emitter.name.clone(), version: emitter.version.clone() })
}

fn names(party: &Party) -> Vec<String> {
    party.names.iter().map(|name| name.fqdn.to_string()).collect()
}

fn service(party: &Party) -> Option<wire::Service> {
    party
        .service
        .as_ref()
        .map(|service| wire::Service { name: service.name.clone(), namespace: service.namespace.clone() })
}

fn layer7(kind: L7Kind, dns: &Dns) -> wire::Layer7 {
    let (kind, latency_ns) = match kind {
        L7Kind::Request => (wire::L7FlowType::Request, 0),
        L7Kind::Response { latency } => (wire::L7FlowType::Response, latency),
    };
    wire::Layer7 {
        r#type: kind as i32,
        latency_ns,
        record: Some(wire::layer7::Record::Dns(wire::Dns {
            query: format!("{}.", dns.query),
            ips: dns.addresses.iter().map(ToString::to_string).collect(),
            ttl: dns.ttl,
            cnames: dns.cnames.iter().map(|name| format!("{name}.")).collect(),
            observation_source: "agent".into(),
            rcode: u32::from(dns.rcode),
            qtypes: dns.types.clone(),
            rrtypes: dns.answer_types.clone(),
        })),
    }
}

/// The text in parentheses that ends a line of the stock client.
fn summary(flow: &Flow) -> String {
    if let (Event::L7(kind), Some(dns)) = (flow.event, flow.dns.as_deref()) {
        return dns_summary(kind, dns);
    }
    match flow.l4 {
        L4::Tcp { flags, .. } => format!("TCP Flags: {}", flag_names(flags)),
        L4::Udp { .. } => "UDP".into(),
        L4::IcmpV4 { kind, .. } => format!("ICMPv4 {}", icmp_name(kind)),
        L4::IcmpV6 { kind, .. } => format!("ICMPv6 {}", icmp6_name(kind)),
        L4::Sctp { .. } | L4::Other(132) => "SCTP".into(),
        L4::Other(_) => "IPv4".into(),
    }
}

fn flag_names(flags: u8) -> String {
    const ORDER: [(u8, &str); 8] = [
        (0x02, "SYN"),
        (0x10, "ACK"),
        (0x04, "RST"),
        (0x01, "FIN"),
        (0x08, "PSH"),
        (0x20, "URG"),
        (0x40, "ECE"),
        (0x80, "CWR"),
    ];
    let names: Vec<_> = ORDER.iter().filter(|(mask, _)| flags & mask != 0).map(|(_, name)| *name).collect();
    names.join(", ")
}

fn icmp_name(kind: u8) -> String {
    match kind {
        0 => "EchoReply".into(),
        3 => "DestinationUnreachable".into(),
        8 => "EchoRequest".into(),
        11 => "TimeExceeded".into(),
        other => format!("Type {other}"),
    }
}

fn icmp6_name(kind: u8) -> String {
    match kind {
        1 => "DestinationUnreachable".into(),
        2 => "PacketTooBig".into(),
        3 => "TimeExceeded".into(),
        128 => "EchoRequest".into(),
        129 => "EchoReply".into(),
        other => format!("Type {other}"),
    }
}

fn dns_summary(kind: L7Kind, dns: &Dns) -> String {
    let types = dns.types.join(",");
    if kind == L7Kind::Request {
        return format!("DNS Query {}. {types}", dns.query);
    }
    let mut text = String::from("DNS Answer ");
    if dns.rcode != 0 {
        text += &format!("RCode: {} ", rcode_name(dns.rcode));
    } else {
        let addresses: Vec<_> = dns.addresses.iter().map(ToString::to_string).collect();
        if !addresses.is_empty() {
            text += &format!("{:?} ", addresses.join(","));
        }
        if !dns.cnames.is_empty() {
            let cnames: Vec<_> = dns.cnames.iter().map(|name| format!("{name}.")).collect();
            text += &format!("CNAMEs: {:?} ", cnames.join(","));
        }
    }
    text + &format!("TTL: {} (Query {}. {types})", dns.ttl, dns.query)
}

fn rcode_name(rcode: u16) -> String {
    match rcode {
        1 => "Format Error".into(),
        2 => "Server Failure".into(),
        3 => "Non-Existent Domain".into(),
        4 => "Not Implemented".into(),
        5 => "Query Refused".into(),
        other => other.to_string(),
    }
}

/// Our facts of a flow.
#[must_use]
pub fn info(flow: &Flow) -> v1::FlowInfo {
    let counters = &flow.counters;
    let time = |ns: u64| (ns != 0).then(|| timestamp(ns));
    let translation = flow.translation.as_ref();
    let egress = translation.and_then(|translation| translation.egress);
    v1::FlowInfo {
        boot: flow.id.boot,
        sequence: flow.id.sequence,
        start: time(counters.start),
        end: time(counters.end),
        packets: counters.packets,
        bytes: counters.bytes,
        reply_packets: counters.reply_packets,
        reply_bytes: counters.reply_bytes,
        egress_ip: egress.map(|(address, _)| address.to_string()).unwrap_or_default(),
        egress_port: egress.map_or(0, |(_, port)| u32::from(port)),
        policy: translation.map(|one| one.policy.to_string()).unwrap_or_default(),
        gateway: translation.map(|one| one.gateway.to_string()).unwrap_or_default(),
        gateway_ip: translation.and_then(|one| one.gateway_address).map(|ip| ip.to_string()).unwrap_or_default(),
        destination_names: flow.destination.names.iter().map(name).collect(),
        source_names: flow.source.names.iter().map(name).collect(),
        cause: flow.cause.to_string(),
        connection_id: String::new(),
    }
}

fn name(name: &Name) -> v1::Name {
    let source = match name.source {
        Source::Dns => v1::NameSource::Dns,
        Source::Shared => v1::NameSource::Shared,
        Source::Sni => v1::NameSource::Sni,
        Source::HttpHost => v1::NameSource::HttpHost,
        Source::Ptr => v1::NameSource::Ptr,
        Source::Unknown => v1::NameSource::Unspecified,
    };
    let confidence = match name.confidence {
        Confidence::Unknown => v1::NameConfidence::Unspecified,
        Confidence::Low => v1::NameConfidence::Low,
        Confidence::Medium => v1::NameConfidence::Medium,
        Confidence::High => v1::NameConfidence::High,
    };
    v1::Name { name: name.fqdn.to_string(), source: source as i32, confidence: confidence as i32 }
}
