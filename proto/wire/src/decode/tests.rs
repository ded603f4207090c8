use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value as DynamicValue};
use prost_types::Any;
use tidegate_flow::flow::L7Kind;

use super::*;
use crate::{sample::Dice, schema};

#[test]
fn every_flow_is_read_as_it_was_written() {
    let mut decoder = Decoder::new();
    for seed in 0..20_000 {
        let flow = Dice::new(seed).flow();
        let uuid = flow.id.number(&flow.node.name);
        let decoded = decoder.decode(&encode::whole(&flow)).unwrap();
        assert_eq!(decoded, Decoded { flow, uuid, original: false }, "flow {seed}");
    }
}

/// What `original` promises, told by the generated code: whether the flow, encoded again, is the
/// same message.
fn is_lossless(bytes: &[u8], flow: &Flow) -> bool {
    let said = wire::Flow::decode(bytes).unwrap();
    said == wire::Flow::decode(encode::whole(flow).as_slice()).unwrap()
}

/// Every message that is `base` but for one field at any depth: absent, or set to something else.
fn variants(base: &DynamicMessage) -> Vec<(String, DynamicMessage)> {
    let mut all = Vec::new();
    for field in base.descriptor().fields() {
        let mut other = base.clone();
        other.clear_field(&field);
        all.push((format!("{} cleared", field.name()), other));
        for value in values(&field) {
            let mut other = base.clone();
            other.set_field(&field, value);
            all.push((field.name().to_owned(), other));
        }
        if let (Kind::Message(_), false) = (field.kind(), field.is_list())
            && let Some(inner) = base.get_field(&field).as_message()
        {
            for (name, inner) in variants(inner) {
                let mut other = base.clone();
                other.set_field(&field, DynamicValue::Message(inner));
                all.push((format!("{}.{name}", field.name()), other));
            }
        }
    }
    all
}

/// Values of a field that ours rarely has.
fn values(field: &FieldDescriptor) -> Vec<DynamicValue> {
    let one =
        |value: DynamicValue| if field.is_list() { DynamicValue::List(vec![value.clone(), value]) } else { value };
    let all: Vec<_> = match field.kind() {
        Kind::Message(inner) => vec![DynamicValue::Message(DynamicMessage::new(inner))],
        Kind::Enum(_) => [0, 1, 2, 3, 77, -1].map(DynamicValue::EnumNumber).into(),
        Kind::String => ["", "x.", "X", "10.0.0.1", "010.0.0.1", "::FFFF:10.0.0.1"]
            .map(|text| DynamicValue::String(text.into()))
            .into(),
        Kind::Bytes => vec![DynamicValue::Bytes(vec![0xff].into())],
        Kind::Bool => vec![DynamicValue::Bool(true)],
        Kind::Uint32 => [1, 256, 65_536, u32::MAX].map(DynamicValue::U32).into(),
        Kind::Uint64 => [1, u64::MAX].map(DynamicValue::U64).into(),
        Kind::Int32 => [1, 1_000_000_000, -1].map(DynamicValue::I32).into(),
        Kind::Int64 => [1, i64::MAX, -1].map(DynamicValue::I64).into(),
        kind => panic!("flow.Flow has a field of kind {kind:?}"),
    };
    all.into_iter().map(one).collect()
}

#[test]
fn a_difference_in_any_field_is_in_the_flow_or_keeps_the_original() {
    let descriptor = schema::POOL.get_message_by_name("flow.Flow").unwrap();
    let mut decoder = Decoder::new();
    let (mut lossless, mut original) = (0, 0);
    for seed in 0..40 {
        let base =
            DynamicMessage::decode(descriptor.clone(), encode::whole(&Dice::new(seed).flow()).as_slice()).unwrap();
        for (name, message) in variants(&base) {
            let bytes = message.encode_to_vec();
            // An enumerator or text in the wrong place is still one; so each of them is a message.
            let decoded = decoder.decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(decoded.original, !is_lossless(&bytes, &decoded.flow), "{name} of flow {seed}");
            match decoded.original {
                true => original += 1,
                false => lossless += 1,
            }
        }
    }
    assert!(lossless > 500 && original > 5_000, "{lossless} {original}");
}

#[test]
fn our_facts_are_compared_field_by_field_too() {
    let descriptor = schema::POOL.get_message_by_name("tidegate.v1.FlowInfo").unwrap();
    let mut decoder = Decoder::new();
    for seed in 0..40 {
        let flow = Dice::new(seed).flow();
        let base = DynamicMessage::decode(descriptor.clone(), encode::info(&flow).encode_to_vec().as_slice()).unwrap();
        for (name, facts) in variants(&base) {
            let any = Any { type_url: encode::FLOW_INFO_URL.into(), value: facts.encode_to_vec() };
            let bytes = wire::Flow { extensions: Some(any), ..encode::message(&flow) }.encode_to_vec();
            let decoded = decoder.decode(&bytes).unwrap();
            assert_eq!(decoded.original, !is_lossless(&bytes, &decoded.flow), "{name} of flow {seed}");
        }
    }
}

#[test]
fn no_bytes_make_it_panic_and_what_it_admits_is_a_message() {
    let mut decoder = Decoder::new();
    let mut admitted = 0;
    for seed in 0..20_000 {
        let mut dice = Dice::new(seed);
        let mut bytes = encode::whole(&dice.flow());
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len());
            match dice.below(4) {
                0 => bytes[at] ^= 1 << dice.below(8),
                1 => bytes[at] = dice.any() as u8,
                2 => bytes.truncate(at + 1),
                _ => bytes.insert(at, dice.any() as u8),
            }
        }
        let Ok(decoded) = decoder.decode(&bytes) else { continue };
        admitted += 1;
        let message = wire::Flow::decode(bytes.as_slice()).expect("what is admitted is a message");
        if !decoded.original {
            assert_eq!(message.encode_to_vec(), bytes);
            assert!(is_lossless(&bytes, &decoded.flow));
        }
    }
    assert!(admitted > 1_000, "{admitted}");
}

#[test]
fn a_field_of_a_newer_interface_keeps_the_original() {
    let flow = Dice::new(1).flow();
    let mut bytes = encode::whole(&flow);
    bytes.extend_from_slice(&[0x82, 0xf1, 0x04, 0x01, b'x']);
    let decoded = Decoder::new().decode(&bytes).unwrap();
    assert_eq!((decoded.flow, decoded.original), (flow, true));
}

/// A flow as Hubble's own agents send it.
fn foreign() -> wire::Flow {
    let pod = wire::Endpoint {
        id: 12,
        identity: 4711,
        namespace: "shop".into(),
        pod_name: "cart".into(),
        ..wire::Endpoint::default()
    };
    let tcp = wire::Tcp { source_port: 40_000, destination_port: 443, flags: None };
    wire::Flow {
        time: Some(prost_types::Timestamp { seconds: 7, nanos: 5 }),
        uuid: "0198aaaa-bbbb-4ccc-8ddd-eeeeffff0001".into(),
        verdict: wire::Verdict::Redirected as i32,
        ip: Some(wire::Ip {
            source: "2001:db8::1".into(),
            destination: "2001:DB8::2".into(),
            ip_version: wire::IpVersion::IPv6 as i32,
            encrypted: true,
            source_xlated: "2001:db8::3".into(),
        }),
        l4: Some(wire::Layer4 { protocol: Some(wire::layer4::Protocol::Tcp(tcp)) }),
        source: Some(pod),
        r#type: wire::FlowType::L7 as i32,
        node_name: "kind/worker".into(),
        destination_names: vec!["api.example.com".into(), "b.example.com.".into()],
        l7: Some(wire::Layer7 {
            r#type: wire::L7FlowType::Response as i32,
            latency_ns: 3,
            record: Some(wire::layer7::Record::Http(wire::Http { code: 200, ..wire::Http::default() })),
        }),
        event_type: Some(wire::CiliumEventType { r#type: 129, sub_type: 0 }),
        traffic_direction: wire::TrafficDirection::Ingress as i32,
        is_reply: Some(false),
        ..wire::Flow::default()
    }
}

#[test]
fn a_foreign_flow_says_what_it_can_and_keeps_the_original() {
    let Decoded { flow, uuid, original } = Decoder::new().decode(&foreign().encode_to_vec()).unwrap();
    assert!(original);
    assert_eq!(uuid, 0x0198_aaaa_bbbb_4ccc_8ddd_eeee_ffff_0001);
    assert_eq!((flow.time, flow.id, flow.verdict), (7_000_000_005, FlowId::default(), Verdict::Redirected));
    assert_eq!(
        (flow.source.address, flow.destination.address),
        ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap())
    );
    assert_eq!(flow.translated_source(), Some(("2001:db8::3".parse().unwrap(), 0)));
    assert_eq!((flow.source.endpoint.id, flow.source.endpoint.pod.as_str()), (12, "cart"));
    assert_eq!(*flow.destination.endpoint, Endpoint::default());
    assert_eq!((flow.event, flow.dns), (Event::L7(L7Kind::Response { latency: 3 }), None));
    assert_eq!(flow.l4, L4::Tcp { source: 40_000, destination: 443, flags: 0 });
    assert_eq!((flow.direction, flow.reply, flow.node.name.as_str()), (Direction::Ingress, Some(false), "kind/worker"));
    let names: Vec<_> = flow.destination.names.iter().map(|name| (name.fqdn.as_str(), name.source)).collect();
    assert_eq!(names, [("api.example.com", Source::Unknown), ("b.example.com", Source::Unknown)]);
}

#[test]
fn what_is_missing_or_out_of_range_is_the_nearest_that_can_be_said() {
    let read = |message: wire::Flow| Decoder::new().decode(&message.encode_to_vec()).unwrap();
    let empty = read(wire::Flow::default());
    assert_eq!((empty.flow.time, empty.flow.source.address.to_string().as_str()), (0, "0.0.0.0"));
    assert_eq!((empty.flow.event, empty.flow.l4), (Event::Other { kind: 0, sub: 0 }, L4::Other(0)));
    assert!(empty.original);
    for (seconds, nanos, ns) in [(-1, 5, 0), (i64::MAX, 0, u64::MAX), (0, -5, 0), (1, i32::MAX, 3_147_483_647)] {
        let time = Some(prost_types::Timestamp { seconds, nanos });
        assert_eq!(read(wire::Flow { time, ..foreign() }).flow.time, ns);
    }
    let tcp = wire::Tcp { source_port: 70_000, destination_port: 1, flags: None };
    let l4 = Some(wire::Layer4 { protocol: Some(wire::layer4::Protocol::Tcp(tcp)) });
    assert_eq!(read(wire::Flow { l4, ..foreign() }).flow.l4, L4::Tcp { source: 0, destination: 1, flags: 0 });
    let sample = wire::Layer7 { r#type: wire::L7FlowType::Sample as i32, ..wire::Layer7::default() };
    let sampled = read(wire::Flow { l7: Some(sample), ..foreign() }).flow;
    assert_eq!(sampled.event, Event::Other { kind: 129, sub: 0 });
}

#[test]
fn a_flow_without_a_uuid_is_named_by_its_bytes() {
    let uuid = |text: &str, node: &str| {
        let message = wire::Flow { uuid: text.into(), node_name: node.into(), ..foreign() };
        Decoder::new().decode(&message.encode_to_vec()).unwrap().uuid
    };
    assert_eq!(uuid("", "a"), uuid("", "a"));
    assert_ne!(uuid("", "a"), uuid("", "b"));
    assert_ne!(uuid("no uuid", "a"), uuid("", "a"));
    // Stored, so it must never change.
    assert_eq!(content(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
}

#[test]
fn flows_share_what_is_the_same() {
    let mut decoder = Decoder::new();
    let mut read = |seed| decoder.decode(&encode::whole(&Dice::new(seed).flow())).unwrap().flow;
    let (one, other) = (read(7), read(7));
    assert!(Arc::ptr_eq(&one.node, &other.node));
    assert!(Arc::ptr_eq(&one.source.endpoint, &other.source.endpoint));
    assert!(!Arc::ptr_eq(&one.node, &read(8).node));
}
