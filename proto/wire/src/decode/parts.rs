//! The messages inside of a flow. What is malformed reads as absent.

use std::net::IpAddr;

use tidegate_flow::{
    Fqdn,
    flow::{Dns, Emitter, Endpoint, L4, L7Kind, Node, ServiceName, Workload},
    name::{Confidence, Source},
};

use crate::{
    flow::L7FlowType,
    numbers::flow as messages,
    scan::{Field, Fields, Value},
    v1::{NameConfidence, NameSource},
};

/// The fields of a message as far as it is well-formed.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    Fields::new(message).map_while(Result::ok)
}

pub(super) fn number(value: Value<'_>) -> u64 {
    value.varint().unwrap_or_default()
}

/// An `int32` or an enumerator.
pub(super) fn signed(value: Value<'_>) -> i32 {
    number(value) as i32
}

/// A number that the interface gives more bits than it needs; 0 if it uses them.
pub(super) fn narrow<T: TryFrom<u64> + Default>(value: Value<'_>) -> T {
    T::try_from(number(value)).unwrap_or_default()
}

pub(super) fn message(value: Value<'_>) -> &[u8] {
    value.bytes().unwrap_or_default()
}

pub(super) fn text(value: Value<'_>) -> &str {
    str::from_utf8(message(value)).unwrap_or_default()
}

fn owned(value: Value<'_>) -> String {
    text(value).to_owned()
}

/// A `google.protobuf.Timestamp`, in nanoseconds; the nearest that can be said.
pub(super) fn time(message: &[u8]) -> u64 {
    let (mut seconds, mut nanos) = (0, 0);
    for field in fields(message) {
        match field.number {
            1 => seconds = number(field.value).cast_signed(),
            2 => nanos = signed(field.value),
            _ => {}
        }
    }
    let ns = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
}

/// A `google.protobuf.BoolValue`.
pub(super) fn truth(message: &[u8]) -> bool {
    fields(message).filter(|field| field.number == 1).last().is_some_and(|field| number(field.value) != 0)
}

/// A `flow.CiliumEventType`: type and subtype.
pub(super) fn event_type(bytes: &[u8]) -> (i32, i32) {
    use messages::cilium_event_type as n;
    let (mut kind, mut sub) = (0, 0);
    for field in fields(bytes) {
        match field.number {
            n::TYPE => kind = signed(field.value),
            n::SUB_TYPE => sub = signed(field.value),
            _ => {}
        }
    }
    (kind, sub)
}

/// The bytes of our facts in a `google.protobuf.Any`, if that is what it holds.
pub(super) fn flow_info(any: &[u8]) -> Option<&[u8]> {
    let (mut url, mut facts) = ("", &[][..]);
    for field in fields(any) {
        match field.number {
            1 => url = text(field.value),
            2 => facts = message(field.value),
            _ => {}
        }
    }
    url.ends_with("/tidegate.v1.FlowInfo").then_some(facts)
}

/// A `flow.Layer4`.
pub(super) fn l4(message: &[u8]) -> L4 {
    let mut l4 = L4::Other(0);
    for field in fields(message) {
        l4 = header(field).unwrap_or(l4);
    }
    l4
}

fn header(field: Field<'_>) -> Option<L4> {
    use messages::{layer4, tcp};
    let (mut first, mut second, mut flags) = (Value::Varint(0), Value::Varint(0), 0);
    for inner in fields(message(field.value)) {
        match inner.number {
            // Type and code of ICMP have the numbers that ports have elsewhere.
            tcp::SOURCE_PORT => first = inner.value,
            tcp::DESTINATION_PORT => second = inner.value,
            tcp::FLAGS => flags = tcp_flags(message(inner.value)),
            _ => {}
        }
    }
    let (source, destination) = (narrow(first), narrow(second));
    Some(match field.number {
        layer4::TCP => L4::Tcp { source, destination, flags },
        layer4::UDP => L4::Udp { source, destination },
        layer4::SCTP => L4::Sctp { source, destination },
        layer4::ICMPV4 => L4::IcmpV4 { kind: narrow(first), code: narrow(second) },
        layer4::ICMPV6 => L4::IcmpV6 { kind: narrow(first), code: narrow(second) },
        layer4::VRRP => L4::Other(112),
        layer4::IGMP => L4::Other(2),
        _ => return None,
    })
}

/// Numbered as the bits of the header, from 1; the ninth is not among ours.
fn tcp_flags(message: &[u8]) -> u8 {
    let set = fields(message).filter(|field| (1..=8).contains(&field.number) && number(field.value) != 0);
    set.fold(0, |flags, field| flags | 1 << (field.number - 1))
}

/// The fields of a `flow.Flow` that name its node.
pub(super) fn node(message_of_flow: &[u8]) -> Node {
    use messages::{emitter, flow as n};
    let mut node = Node::default();
    for field in fields(message_of_flow) {
        match field.number {
            n::NODE_NAME => node.name = owned(field.value),
            n::NODE_LABELS => node.labels.push(owned(field.value)),
            n::EMITTER => {
                node.emitter = Emitter::default();
                for field in fields(message(field.value)) {
                    match field.number {
                        emitter::NAME => node.emitter.name = owned(field.value),
                        emitter::VERSION => node.emitter.version = owned(field.value),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    node
}

/// A `flow.Endpoint`.
pub(super) fn endpoint(bytes: &[u8]) -> Endpoint {
    use messages::endpoint as n;
    let mut endpoint = Endpoint::default();
    for field in fields(bytes) {
        let value = field.value;
        match field.number {
            n::ID => endpoint.id = narrow(value),
            n::IDENTITY => endpoint.identity = narrow(value),
            n::NAMESPACE => endpoint.namespace = owned(value),
            n::LABELS => endpoint.labels.push(owned(value)),
            n::POD_NAME => endpoint.pod = owned(value),
            n::WORKLOADS => endpoint.workloads.push(workload(message(value))),
            n::CLUSTER_NAME => endpoint.cluster = owned(value),
            _ => {}
        }
    }
    endpoint
}

fn workload(bytes: &[u8]) -> Workload {
    use messages::workload as n;
    let mut workload = Workload { kind: String::new(), name: String::new() };
    for field in fields(bytes) {
        match field.number {
            n::NAME => workload.name = owned(field.value),
            n::KIND => workload.kind = owned(field.value),
            _ => {}
        }
    }
    workload
}

/// A `flow.Service`.
pub(super) fn service(bytes: &[u8]) -> ServiceName {
    use messages::service as n;
    let mut service = ServiceName { namespace: String::new(), name: String::new() };
    for field in fields(bytes) {
        match field.number {
            n::NAME => service.name = owned(field.value),
            n::NAMESPACE => service.namespace = owned(field.value),
            _ => {}
        }
    }
    service
}

/// A `flow.Layer7`: whether it asks or answers, and the DNS message. A sample is neither.
pub(super) fn layer7(bytes: &[u8]) -> (Option<L7Kind>, Option<Box<Dns>>) {
    use messages::layer7 as n;
    let (mut kind, mut latency, mut record) = (0, 0, None);
    for field in fields(bytes) {
        match field.number {
            n::TYPE => kind = signed(field.value),
            n::LATENCY_NS => latency = number(field.value),
            n::DNS => record = Some(Box::new(dns(message(field.value)))),
            _ => {}
        }
    }
    let kind = match L7FlowType::try_from(kind) {
        Ok(L7FlowType::Request) => Some(L7Kind::Request),
        Ok(L7FlowType::Response) => Some(L7Kind::Response { latency }),
        _ => None,
    };
    (kind, record)
}

fn dns(bytes: &[u8]) -> Dns {
    use messages::dns as n;
    let mut dns = Dns {
        query: Fqdn::new(""),
        types: Vec::new(),
        rcode: 0,
        addresses: Vec::new(),
        ttl: 0,
        cnames: Vec::new(),
        answer_types: Vec::new(),
    };
    for field in fields(bytes) {
        let value = field.value;
        match field.number {
            n::QUERY => dns.query = Fqdn::new(text(value)),
            n::IPS => dns.addresses.extend(text(value).parse::<IpAddr>().ok()),
            n::TTL => dns.ttl = narrow(value),
            n::CNAMES => dns.cnames.push(Fqdn::new(text(value))),
            n::RCODE => dns.rcode = narrow(value),
            n::QTYPES => dns.types.push(owned(value)),
            n::RRTYPES => dns.answer_types.push(owned(value)),
            _ => {}
        }
    }
    dns
}

pub(super) fn source(number: i32) -> Source {
    match NameSource::try_from(number) {
        Ok(NameSource::Dns) => Source::Dns,
        Ok(NameSource::Shared) => Source::Shared,
        Ok(NameSource::Sni) => Source::Sni,
        Ok(NameSource::HttpHost) => Source::HttpHost,
        Ok(NameSource::Ptr) => Source::Ptr,
        Ok(NameSource::Unspecified) | Err(_) => Source::Unknown,
    }
}

pub(super) fn confidence(number: i32) -> Confidence {
    match NameConfidence::try_from(number) {
        Ok(NameConfidence::Low) => Confidence::Low,
        Ok(NameConfidence::Medium) => Confidence::Medium,
        Ok(NameConfidence::High) => Confidence::High,
        Ok(NameConfidence::Unspecified) | Err(_) => Confidence::Unknown,
    }
}
