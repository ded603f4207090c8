use prost_types::{Any, Timestamp};

use super::*;

fn message() -> wire::Flow {
    wire::Flow {
        time: Some(Timestamp { seconds: 1_795_417_200, nanos: 7 }),
        uuid: "u".to_owned(),
        verdict: Verdict::Forwarded.into(),
        ip: Some(wire::Ip { source: "10.0.1.15".into(), destination: "192.0.2.7".into(), ..wire::Ip::default() }),
        l4: Some(wire::Layer4 {
            protocol: Some(Protocol::Tcp(wire::Tcp {
                source_port: 40001,
                destination_port: 443,
                flags: Some(wire::TcpFlags { syn: true, ack: true, ..wire::TcpFlags::default() }),
            })),
        }),
        source: Some(wire::Endpoint {
            identity: 41395,
            namespace: "shop".into(),
            pod_name: "cart-1".into(),
            workloads: vec![wire::Workload { name: "cart".into(), kind: "Deployment".into() }],
            ..wire::Endpoint::default()
        }),
        destination: Some(wire::Endpoint { identity: 2, ..wire::Endpoint::default() }),
        destination_names: vec!["ifconfig.me".into()],
        event_type: Some(wire::CiliumEventType { r#type: TRACE, sub_type: 11 }),
        traffic_direction: TrafficDirection::Egress.into(),
        is_reply: Some(false),
        ..wire::Flow::default()
    }
}

fn with_info(info: &FlowInfo) -> wire::Flow {
    let any = Any { type_url: FLOW_INFO_URL.to_owned(), value: info.encode_to_vec() };
    wire::Flow { extensions: Some(any), ..message() }
}

#[test]
fn a_flow_of_a_stock_server_says_what_its_message_says() {
    let row = flow(&message());
    assert_eq!(row.time.to_string(), "2026-11-23T07:00:00.000000007Z");
    assert_eq!((row.verdict.as_str(), row.outcome, row.reply), ("FORWARDED", Outcome::Forwarded, Some(false)));
    assert_eq!((row.protocol.as_str(), row.tcp_flags), ("TCP", vec!["SYN", "ACK"]));
    assert_eq!((row.event.name.as_str(), row.event.subtype), ("to-network", 11));
    assert_eq!((row.source.pod.as_str(), row.source.port, row.source.reserved), ("cart-1", Some(40001), None));
    assert_eq!(row.source.workload, Some(Workload { kind: "Deployment".into(), name: "cart".into() }));
    assert_eq!(row.destination.reserved.as_deref(), Some("world"));
    assert_eq!(row.destination.names, [unexplained("ifconfig.me")]);
    assert_eq!((row.egress, row.drop, row.dns, row.connection), (None, None, None, None));
}

#[test]
fn its_egress_address_alone_makes_it_translated() {
    let mut stock = message();
    stock.ip.as_mut().expect("there is one").source_xlated = "203.0.113.10".into();
    let row = flow(&stock);
    assert_eq!(row.outcome, Outcome::Translated);
    let egress = row.egress.expect("an egress");
    assert_eq!((egress.ip.as_deref(), egress.port, egress.policy.as_str()), (Some("203.0.113.10"), None, ""));
}

#[test]
fn our_facts_come_first() {
    let info = FlowInfo {
        egress_ip: "203.0.113.10".into(),
        egress_port: 41822,
        policy: "p".into(),
        gateway: "worker2".into(),
        packets: 3,
        destination_names: vec![v1::Name {
            name: "api.example".into(),
            source: v1::NameSource::Shared.into(),
            confidence: v1::NameConfidence::High.into(),
        }],
        ..FlowInfo::default()
    };
    let row = flow(&with_info(&info));
    assert_eq!(row.outcome, Outcome::Translated);
    assert_eq!(row.egress.expect("an egress").port, Some(41822));
    assert_eq!(row.destination.names.len(), 1);
    assert_eq!(row.destination.names[0].source, NameSource::Shared);
    assert_eq!(row.connection.expect("counted").packets, 3);
}

#[test]
fn on_the_pods_node_the_gateway_is_known_and_the_address_is_not() {
    let row = flow(&with_info(&FlowInfo { gateway: "worker2".into(), policy: "p".into(), ..FlowInfo::default() }));
    let egress = row.egress.expect("an egress");
    assert_eq!((row.outcome, egress.ip, egress.port), (Outcome::Forwarded, None, None));
}

#[test]
fn a_drop_has_its_reason_and_its_cause() {
    let dropped = wire::Flow {
        verdict: Verdict::Dropped.into(),
        drop_reason_desc: DropReason::NoEgressGateway.into(),
        event_type: Some(wire::CiliumEventType { r#type: DROP, sub_type: 194 }),
        ..with_info(&FlowInfo { cause: "no node has the address".into(), ..FlowInfo::default() })
    };
    let row = flow(&dropped);
    assert_eq!((row.outcome, row.event.name.as_str()), (Outcome::Dropped, "no-egress-gateway"));
    let drop = row.drop.expect("a drop");
    assert_eq!((drop.reason.as_str(), drop.text.as_str()), ("NO_EGRESS_GATEWAY", "No egress gateway found"));
    assert_eq!(drop.cause.as_deref(), Some("no node has the address"));
}

#[test]
fn a_drop_is_told_in_the_words_of_the_command_line() {
    let text = |desc: i32, event: Option<(i32, i32)>| {
        let event_type = event.map(|(kind, sub)| wire::CiliumEventType { r#type: kind, sub_type: sub });
        let message = wire::Flow { verdict: Verdict::Dropped.into(), drop_reason_desc: desc, event_type, ..message() };
        flow(&message).drop.expect("a drop").text
    };
    assert_eq!(text(133, Some((DROP, 133))), "Policy denied");
    assert_eq!(text(0, Some((DROP, 181))), "Policy denied by denylist");
    assert_eq!(text(194, None), "No egress gateway found");
    assert_eq!(text(250, Some((DROP, 250))), "250");
    assert_eq!(text(0, Some((L7, 0))), "Unknown reason");
}

#[test]
fn numbers_newer_than_this_program_stay_numbers() {
    let newer = wire::Flow {
        verdict: 99,
        drop_reason_desc: 250,
        event_type: Some(wire::CiliumEventType { r#type: 77, sub_type: -3 }),
        ..message()
    };
    let row = flow(&newer);
    assert_eq!((row.verdict.as_str(), row.event.name.as_str(), row.outcome), ("99", "77", Outcome::Forwarded));
}

#[test]
fn a_dns_answer_is_read() {
    let answer = wire::Flow {
        event_type: Some(wire::CiliumEventType { r#type: L7, sub_type: 0 }),
        l7: Some(wire::Layer7 {
            r#type: wire::L7FlowType::Response.into(),
            latency_ns: 1_500_000,
            record: Some(Record::Dns(wire::Dns {
                query: "nope.example.".into(),
                rcode: 3,
                qtypes: vec!["A".into()],
                ..wire::Dns::default()
            })),
        }),
        ..message()
    };
    let row = flow(&answer);
    assert_eq!(row.event.name, "dns-response");
    let dns = row.dns.expect("a message");
    assert_eq!((dns.query.as_str(), dns.rcode_name.as_str(), dns.response), ("nope.example", "NXDOMAIN", true));
    assert_eq!(dns.latency_ms, Some(1.5));
}

#[test]
fn an_empty_message_is_a_row_too() {
    let row = flow(&wire::Flow::default());
    assert_eq!((row.uuid.as_str(), row.source.ip.as_str(), row.source.port), ("", "", None));
}
