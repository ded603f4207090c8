//! From the message of a flow to its row.

use std::time::Duration;

use prost::Message as _;
use tidegate_proto::drop_reason;
use tidegate_proto::encode::FLOW_INFO_URL;
use tidegate_proto::flow::{self as wire, DropReason, TrafficDirection, Verdict, layer4::Protocol, layer7::Record};
use tidegate_proto::terms::{RESERVED_IDENTITIES, Shape, TRACE_POINTS, find};
use tidegate_proto::v1::{self, FlowInfo};

use crate::row::{
    Confidence, Connection, Direction, Dns, Drop, Egress, Event, Flow, Name, NameSource, Outcome, Party, Service,
    Workload,
};
use crate::time::Time;

/// Event types of `flow.CiliumEventType.type` whose names are not those of one list.
const DROP: i32 = 1;
const TRACE: i32 = 4;
const L7: i32 = 129;

/// The row of a flow.
pub(crate) fn flow(message: &wire::Flow) -> Flow {
    let info = info(message);
    let l4 = l4(message);
    let egress = egress(message, &info);
    Flow {
        uuid: message.uuid.clone(),
        time: Time::of(message.time.as_ref()).unwrap_or_default(),
        node: message.node_name.clone(),
        verdict: named(message.verdict, |verdict: Verdict| verdict.as_str_name()),
        outcome: outcome(message, egress.as_ref()),
        direction: match message.traffic_direction() {
            TrafficDirection::Egress => Direction::Egress,
            TrafficDirection::Ingress => Direction::Ingress,
            TrafficDirection::Unknown => Direction::Unknown,
        },
        reply: message.is_reply,
        event: event(message),
        summary: message.summary.clone(),
        source: party(message, &info, true, l4.source),
        destination: party(message, &info, false, l4.destination),
        protocol: l4.protocol.to_owned(),
        tcp_flags: l4.flags,
        egress,
        drop: drop(message, &info),
        dns: dns(message),
        connection: connection(&info),
        interface: message.interface.as_ref().map(|one| one.name.clone()).filter(|name| !name.is_empty()),
    }
}

/// What became of it: as `tidegate_flow` says it of the flow behind the message.
fn outcome(message: &wire::Flow, egress: Option<&Egress>) -> Outcome {
    match message.verdict() {
        Verdict::Dropped => Outcome::Dropped,
        Verdict::Audit => Outcome::Audit,
        Verdict::Error => Outcome::Error,
        _ if egress.is_some_and(|egress| egress.ip.is_some()) => Outcome::Translated,
        _ => Outcome::Forwarded,
    }
}

/// Our facts; empty ones if the message carries none.
fn info(message: &wire::Flow) -> FlowInfo {
    let any = message.extensions.as_ref().filter(|any| any.type_url == FLOW_INFO_URL);
    any.and_then(|any| FlowInfo::decode(any.value.as_slice()).ok()).unwrap_or_default()
}

#[derive(Default)]
struct L4 {
    protocol: &'static str,
    source: Option<u16>,
    destination: Option<u16>,
    flags: Vec<&'static str>,
}

fn l4(message: &wire::Flow) -> L4 {
    let with_ports = |protocol, source, destination| L4 {
        protocol,
        source: u16::try_from(source).ok(),
        destination: u16::try_from(destination).ok(),
        flags: Vec::new(),
    };
    let without = |protocol| L4 { protocol, ..L4::default() };
    match message.l4.as_ref().and_then(|l4| l4.protocol.as_ref()) {
        Some(Protocol::Tcp(tcp)) => {
            let flags = tcp.flags.as_ref().map(flags).unwrap_or_default();
            L4 { flags, ..with_ports("TCP", tcp.source_port, tcp.destination_port) }
        }
        Some(Protocol::Udp(udp)) => with_ports("UDP", udp.source_port, udp.destination_port),
        Some(Protocol::Sctp(sctp)) => with_ports("SCTP", sctp.source_port, sctp.destination_port),
        Some(Protocol::IcmPv4(_)) => without("ICMPv4"),
        Some(Protocol::IcmPv6(_)) => without("ICMPv6"),
        Some(Protocol::Vrrp(_)) => without("VRRP"),
        Some(Protocol::Igmp(_)) => without("IGMP"),
        None => without(""),
    }
}

/// In the order in which the command line prints them.
fn flags(flags: &wire::TcpFlags) -> Vec<&'static str> {
    let all = [
        (flags.syn, "SYN"),
        (flags.ack, "ACK"),
        (flags.rst, "RST"),
        (flags.fin, "FIN"),
        (flags.psh, "PSH"),
        (flags.urg, "URG"),
        (flags.ece, "ECE"),
        (flags.cwr, "CWR"),
        (flags.ns, "NS"),
    ];
    all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
}

fn event(message: &wire::Flow) -> Event {
    let (kind, subtype) = message.event_type.map_or((0, 0), |event| (event.r#type, event.sub_type));
    let listed =
        |names: &[&str]| usize::try_from(subtype).ok().and_then(|at| names.get(at)).map(|name| (*name).to_owned());
    let name = match kind {
        DROP => reason_name(subtype).to_ascii_lowercase().replace('_', "-"),
        TRACE => listed(&TRACE_POINTS).unwrap_or_else(|| format!("trace-{subtype}")),
        2 => "debug".to_owned(),
        3 => "capture".to_owned(),
        5 => "policy-verdict".to_owned(),
        7 => "trace-sock".to_owned(),
        L7 => l7_name(message.l7.as_ref()),
        other => other.to_string(),
    };
    Event { kind, subtype, name }
}

fn l7_name(l7: Option<&wire::Layer7>) -> String {
    let record = match l7.and_then(|l7| l7.record.as_ref()) {
        Some(Record::Dns(_)) => "dns",
        Some(Record::Http(_)) => "http",
        Some(Record::Kafka(_)) => "kafka",
        None => "l7",
    };
    let kind = match l7.map(wire::Layer7::r#type) {
        Some(wire::L7FlowType::Request) => "-request",
        Some(wire::L7FlowType::Response) => "-response",
        Some(wire::L7FlowType::Sample) => "-sample",
        Some(wire::L7FlowType::UnknownL7Type) | None => "",
    };
    format!("{record}{kind}")
}

fn party(message: &wire::Flow, info: &FlowInfo, source: bool, port: Option<u16>) -> Party {
    let ip = message.ip.as_ref();
    let (address, endpoint, service, names, plain) = match source {
        true => (
            ip.map(|ip| &ip.source),
            message.source.as_ref(),
            message.source_service.as_ref(),
            &info.source_names,
            &message.source_names,
        ),
        false => (
            ip.map(|ip| &ip.destination),
            message.destination.as_ref(),
            message.destination_service.as_ref(),
            &info.destination_names,
            &message.destination_names,
        ),
    };
    let mut party = Party {
        ip: address.cloned().unwrap_or_default(),
        port,
        names: match names.is_empty() {
            true => plain.iter().map(|name| unexplained(name)).collect(),
            false => names.iter().map(name).collect(),
        },
        service: service
            .filter(|service| !service.name.is_empty())
            .map(|service| Service { namespace: service.namespace.clone(), name: service.name.clone() }),
        ..Party::default()
    };
    if let Some(endpoint) = endpoint {
        let number = usize::try_from(endpoint.identity).ok();
        party.identity = endpoint.identity;
        party.reserved = number.and_then(|number| RESERVED_IDENTITIES.get(number)).map(|name| (*name).to_owned());
        party.namespace.clone_from(&endpoint.namespace);
        party.pod.clone_from(&endpoint.pod_name);
        party.labels.clone_from(&endpoint.labels);
        party.cluster.clone_from(&endpoint.cluster_name);
        let first = endpoint.workloads.first();
        party.workload = first.map(|first| Workload { kind: first.kind.clone(), name: first.name.clone() });
    }
    party
}

fn unexplained(name: &str) -> Name {
    Name { name: name.to_owned(), source: NameSource::Unknown, confidence: Confidence::Unknown }
}

fn name(name: &v1::Name) -> Name {
    Name {
        name: name.name.clone(),
        source: match name.source() {
            v1::NameSource::Dns => NameSource::Dns,
            v1::NameSource::Sni => NameSource::Sni,
            v1::NameSource::HttpHost => NameSource::HttpHost,
            v1::NameSource::Ptr => NameSource::Ptr,
            v1::NameSource::Shared => NameSource::Shared,
            v1::NameSource::Unspecified => NameSource::Unknown,
        },
        confidence: match name.confidence() {
            v1::NameConfidence::High => Confidence::High,
            v1::NameConfidence::Medium => Confidence::Medium,
            v1::NameConfidence::Low => Confidence::Low,
            v1::NameConfidence::Unspecified => Confidence::Unknown,
        },
    }
}

/// What we know, else the one field that Hubble has for it.
fn egress(message: &wire::Flow, info: &FlowInfo) -> Option<Egress> {
    let text = |ours: &str, theirs: &str| match ours.is_empty() {
        true => Some(theirs.to_owned()).filter(|text| !text.is_empty()),
        false => Some(ours.to_owned()),
    };
    let ip = text(&info.egress_ip, message.ip.as_ref().map_or("", |ip| &ip.source_xlated));
    if ip.is_none() && info.policy.is_empty() && info.gateway.is_empty() {
        return None;
    }
    Some(Egress {
        ip,
        port: u16::try_from(info.egress_port).ok().filter(|port| *port != 0),
        policy: info.policy.clone(),
        gateway: info.gateway.clone(),
        gateway_ip: info.gateway_ip.clone(),
    })
}

fn drop(message: &wire::Flow, info: &FlowInfo) -> Option<Drop> {
    let by_event = message.event_type.is_some_and(|event| event.r#type == DROP);
    if !by_event && message.verdict() != Verdict::Dropped {
        return None;
    }
    // As on the command line: of the event, which older nodes send alone.
    let number = message.event_type.filter(|_| by_event).map_or(message.drop_reason_desc, |event| event.sub_type);
    let text = match number {
        0 => "Unknown reason".into(),
        number => drop_reason::text(number.cast_unsigned()),
    };
    let reason = reason_name(message.drop_reason_desc);
    Some(Drop { reason, text: text.into_owned(), cause: Some(info.cause.clone()).filter(|cause| !cause.is_empty()) })
}

fn dns(message: &wire::Flow) -> Option<Dns> {
    let l7 = message.l7.as_ref()?;
    let Some(Record::Dns(dns)) = &l7.record else { return None };
    let response = l7.r#type() == wire::L7FlowType::Response;
    let plain = |name: &String| name.strip_suffix('.').unwrap_or(name).to_owned();
    Some(Dns {
        query: plain(&dns.query),
        types: dns.qtypes.clone(),
        rcode: dns.rcode,
        rcode_name: rcode_name(dns.rcode),
        ips: dns.ips.clone(),
        cnames: dns.cnames.iter().map(plain).collect(),
        ttl: dns.ttl,
        latency_ms: (response && l7.latency_ns > 0).then(|| Duration::from_nanos(l7.latency_ns).as_secs_f64() * 1e3),
        response,
    })
}

/// The names are those that the filter's key takes.
fn rcode_name(code: u32) -> String {
    let names = match find("dns-rcode").map(|key| key.shape) {
        Some(Shape::Number(names)) => names,
        _ => &[],
    };
    let name = usize::try_from(code).ok().and_then(|code| names.get(code));
    name.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

fn connection(info: &FlowInfo) -> Option<Connection> {
    let counted = info.start.is_some() || info.packets > 0 || info.reply_packets > 0;
    counted.then(|| Connection {
        start: Time::of(info.start.as_ref()),
        end: Time::of(info.end.as_ref()),
        packets: info.packets,
        bytes: info.bytes,
        reply_packets: info.reply_packets,
        reply_bytes: info.reply_bytes,
    })
}

/// The value's name as in the protocol; the number of a value that is newer than this program.
fn named<E: TryFrom<i32>>(number: i32, name: fn(E) -> &'static str) -> String {
    E::try_from(number).map_or_else(|_| number.to_string(), |value| name(value).to_owned())
}

fn reason_name(number: i32) -> String {
    named(number, |reason: DropReason| reason.as_str_name())
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
