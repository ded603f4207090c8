//! Our descriptor set says what Hubble's published interface says: every number, name, type,
//! oneof and reserved range, in `hubble-1.19.4.txt` as one fact per line.

use std::collections::BTreeMap;

use prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind};
use prost_reflect::{MessageDescriptor, ServiceDescriptor};

const PUBLISHED: &str = include_str!("../hubble-1.19.4.txt");
const PACKAGES: [&str; 4] = ["observer", "peer", "relay", "flow"];

/// The members of each message, enum and service, sorted, under "message flow.Flow".
type Facts = BTreeMap<String, Vec<String>>;

#[test]
fn every_hubble_message_has_the_published_numbers_names_and_types() {
    let (published, ours) = (published(), ours());
    let names = |facts: &Facts| facts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&published));
    for (name, facts) in &published {
        assert_eq!(&ours[name], facts, "{name}");
    }
}

#[test]
fn the_fixture_holds_the_whole_interface() {
    let published = published();
    assert_eq!(published.len(), 86);
    assert_eq!(published["message flow.Flow"].len(), 46);
    assert_eq!(published["enum flow.DropReason"].len(), 76);
}

#[test]
fn reflection_can_resolve_every_import() {
    // The pool refuses a set in which a file imports one that is missing.
    let pool = pool();
    for name in ["google.protobuf.Timestamp", "google.protobuf.Any", "google.protobuf.FieldMask"] {
        assert!(pool.get_message_by_name(name).is_some(), "{name}");
    }
    for name in ["Egress", "Names", "Config"] {
        let name = format!("tidegate.v1.{name}");
        assert!(pool.get_service_by_name(&name).is_some(), "{name}");
    }
}

fn pool() -> DescriptorPool {
    DescriptorPool::decode(tidegate_proto::DESCRIPTORS).unwrap()
}

fn published() -> Facts {
    let mut facts = Facts::new();
    let mut current = String::new();
    for line in PUBLISHED.lines().filter(|line| !line.starts_with('#')) {
        if let Some(member) = line.strip_prefix("  ") {
            facts.get_mut(&current).unwrap().push(member.to_owned());
        } else {
            current = line.to_owned();
            facts.insert(current.clone(), Vec::new());
        }
    }
    facts.values_mut().for_each(|members| members.sort());
    facts
}

fn ours() -> Facts {
    let pool = pool();
    let mut facts: Facts = Facts::new();
    facts.extend(pool.all_messages().map(|m| (format!("message {}", m.full_name()), message(&m))));
    facts.extend(pool.all_enums().map(|e| (format!("enum {}", e.full_name()), values(&e))));
    facts.extend(pool.services().map(|s| (format!("service {}", s.full_name()), methods(&s))));
    facts.retain(|name, _| {
        let package = name.split([' ', '.']).nth(1).unwrap();
        PACKAGES.contains(&package)
    });
    facts.values_mut().for_each(|members| members.sort());
    facts
}

fn message(message: &MessageDescriptor) -> Vec<String> {
    let reserved: Vec<_> = message.reserved_ranges().map(|range| span(range.start, range.end - 1)).collect();
    let mut members: Vec<_> = message.fields().map(|field| describe(&field)).collect();
    if !reserved.is_empty() {
        members.push(format!("reserved {}", reserved.join(",")));
    }
    members
}

fn describe(field: &FieldDescriptor) -> String {
    let repeated = if field.cardinality() == Cardinality::Repeated { "repeated " } else { "" };
    let kind = match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(kind) => kind.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    let oneof = field.containing_oneof().map(|oneof| format!(" oneof {}", oneof.name()));
    let oneof = oneof.unwrap_or_default();
    format!("{} {} {repeated}{kind}{oneof}", field.number(), field.name())
}

fn values(descriptor: &EnumDescriptor) -> Vec<String> {
    let mut members: Vec<_> = descriptor.values().map(|value| format!("{} {}", value.number(), value.name())).collect();
    let reserved: Vec<_> = descriptor.reserved_ranges().map(|range| span(*range.start(), *range.end())).collect();
    if !reserved.is_empty() {
        members.push(format!("reserved {}", reserved.join(",")));
    }
    members
}

fn methods(service: &ServiceDescriptor) -> Vec<String> {
    let describe = |method: prost_reflect::MethodDescriptor| {
        let stream = if method.is_server_streaming() { "stream " } else { "" };
        let (input, output) = (method.input(), method.output());
        format!("{} {} {stream}{}", method.name(), input.full_name(), output.full_name())
    };
    service.methods().map(describe).collect()
}

fn span<N: PartialEq + std::fmt::Display>(first: N, last: N) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
