use prost_types::Any;
use tidegate_flow::flow::Verdict;

use super::*;
use crate::sample::Dice;

/// 5000 flows, with the number that makes each.
fn flows() -> impl Iterator<Item = (u64, Flow)> {
    (0..5000).map(|seed| (seed, Dice::new(seed).flow()))
}

#[test]
fn the_bytes_are_those_of_the_generated_code() {
    for (seed, flow) in flows() {
        let bytes = whole(&flow);
        let message = wire::Flow::decode(bytes.as_slice()).unwrap();
        assert_eq!(message.encode_to_vec(), bytes, "flow {seed}");
        let any = message.extensions.as_ref().unwrap();
        let facts = v1::FlowInfo::decode(any.value.as_slice()).unwrap();
        assert_eq!(facts.encode_to_vec(), any.value, "facts of flow {seed}");
    }
}

#[test]
fn the_facts_are_apart_and_stand_where_the_generated_code_puts_them() {
    for (seed, flow) in flows().take(500) {
        let any = Any { type_url: FLOW_INFO_URL.into(), value: info(&flow).encode_to_vec() };
        let whole_message = wire::Flow { extensions: Some(any), ..message(&flow) };
        assert_eq!(whole_message.encode_to_vec(), whole(&flow), "flow {seed}");
        let encoded = Encoded::new(&flow);
        assert_eq!(encoded.frame(false).flow().unwrap(), message(&flow).encode_to_vec(), "flow {seed}");
        assert_eq!(encoded.frame(true).flow().unwrap(), whole(&flow), "flow {seed}");
        for with_info in [false, true] {
            let response = encoded.frame(with_info).decode().unwrap();
            assert_eq!(response.node_name, flow.node.name);
            assert_eq!(response.time, Some(timestamp(flow.time)));
        }
    }
}

/// A flow whose every field differs from the others.
fn translated() -> Flow {
    use tidegate_flow::flow::{Counters, Direction, FlowId, Interface, Node, Translation, Workload};
    use tidegate_flow::name::{Confidence, Fqdn, Name, Source};
    let cart = Endpoint {
        id: 77,
        identity: 41395,
        namespace: "shop".into(),
        pod: "cart-1".into(),
        labels: vec!["k8s:app=cart".into()],
        workloads: vec![Workload { kind: "Deployment".into(), name: "cart".into() }],
        cluster: "west".into(),
    };
    let world = Endpoint { identity: 2, labels: vec!["reserved:world".into()], ..Endpoint::default() };
    let name = Name { fqdn: Fqdn::new("ifconfig.me"), source: Source::Shared, confidence: Confidence::High };
    Flow {
        time: 1_763_000_000_000_000_005,
        id: FlowId { boot: 0x0123_4567_89ab_cdef, sequence: 9 },
        node: Node {
            name: "west/worker".into(),
            labels: vec!["arch=amd64".into()],
            emitter: tidegate_flow::flow::Emitter { name: "Tidegate".into(), version: "0.9".into() },
        }
        .into(),
        event: Event::Trace(Point::ToEndpoint),
        verdict: Verdict::Forwarded,
        direction: Direction::Egress,
        reply: Some(false),
        source: Party { address: [10, 244, 1, 5].into(), endpoint: cart.into(), names: vec![], service: None },
        destination: Party {
            address: [34, 160, 111, 145].into(),
            endpoint: world.into(),
            names: vec![name],
            service: Some(ServiceName { namespace: "ns".into(), name: "svc".into() }.into()),
        },
        l4: L4::Tcp { source: 51000, destination: 443, flags: 0x02 },
        translation: Some(Translation {
            egress: Some(([172, 19, 0, 11].into(), 51001)),
            policy: "by-node".into(),
            gateway: "worker2".into(),
            gateway_address: Some([172, 18, 0, 3].into()),
        }),
        interface: Some(Interface { index: 4, name: "eth0".into() }),
        dns: None,
        counters: Counters { start: 1, end: 2, packets: 3, bytes: 4, reply_packets: 5, reply_bytes: 6 },
        cause: "why".into(),
    }
}

#[test]
fn each_fact_is_in_the_field_that_clients_read_it_from() {
    let flow = translated();
    let endpoint = |wire: Option<wire::Endpoint>| wire.unwrap();
    let message = message(&flow);
    assert_eq!(message.time, Some(timestamp(flow.time)));
    assert_eq!(
        (message.verdict(), message.drop_reason, message.r#type()),
        (wire::Verdict::Forwarded, 0, wire::FlowType::L3L4)
    );
    let ip = message.ip.clone().unwrap();
    assert_eq!((ip.source.as_str(), ip.destination.as_str()), ("10.244.1.5", "34.160.111.145"));
    assert_eq!(
        (ip.ip_version(), ip.encrypted, ip.source_xlated.as_str()),
        (wire::IpVersion::IPv4, false, "172.19.0.11")
    );
    let Some(wire::layer4::Protocol::Tcp(tcp)) = message.l4.clone().unwrap().protocol else { panic!("no TCP") };
    assert_eq!((tcp.source_port, tcp.destination_port), (51000, 443));
    assert_eq!(tcp.flags, Some(wire::TcpFlags { syn: true, ..Default::default() }));
    let source = endpoint(message.source.clone());
    assert_eq!(
        (source.id, source.identity, source.namespace.as_str(), source.pod_name.as_str()),
        (77, 41395, "shop", "cart-1")
    );
    assert_eq!(source.workloads, [wire::Workload { name: "cart".into(), kind: "Deployment".into() }]);
    assert_eq!((source.labels, source.cluster_name.as_str()), (vec!["k8s:app=cart".to_owned()], "west"));
    assert_eq!(endpoint(message.destination.clone()).labels, ["reserved:world"]);
    assert_eq!((message.node_name.as_str(), &message.node_labels[..]), ("west/worker", &["arch=amd64".to_owned()][..]));
    assert_eq!((message.source_names.len(), &message.destination_names[..]), (0, &["ifconfig.me".to_owned()][..]));
    assert_eq!(
        (message.reply, message.is_reply, message.traffic_direction()),
        (false, Some(false), wire::TrafficDirection::Egress)
    );
    assert_eq!(message.event_type, Some(wire::CiliumEventType { r#type: 4, sub_type: 0 }));
    assert_eq!(message.trace_observation_point(), wire::TraceObservationPoint::ToEndpoint);
    assert_eq!(message.trace_reason(), wire::TraceReason::New);
    let service = wire::Service { name: "svc".into(), namespace: "ns".into() };
    assert_eq!((message.source_service.clone(), message.destination_service.clone()), (None, Some(service)));
    assert_eq!(message.interface, Some(wire::NetworkInterface { index: 4, name: "eth0".into() }));
    assert_eq!(message.emitter, Some(wire::Emitter { name: "Tidegate".into(), version: "0.9".into() }));
    assert_eq!((&message.uuid, message.summary.as_str()), (&flow.uuid(), "TCP Flags: SYN"));
    assert_eq!((message.l7.clone(), message.extensions.clone()), (None, None));
}

#[test]
fn each_fact_of_ours_is_in_its_field() {
    let name = v1::Name {
        name: "ifconfig.me".into(),
        source: v1::NameSource::Shared as i32,
        confidence: v1::NameConfidence::High as i32,
    };
    let expected = v1::FlowInfo {
        boot: 0x0123_4567_89ab_cdef,
        sequence: 9,
        start: Some(timestamp(1)),
        end: Some(timestamp(2)),
        packets: 3,
        bytes: 4,
        reply_packets: 5,
        reply_bytes: 6,
        egress_ip: "172.19.0.11".into(),
        egress_port: 51001,
        policy: "by-node".into(),
        gateway: "worker2".into(),
        gateway_ip: "172.18.0.3".into(),
        destination_names: vec![name.clone()],
        cause: "why".into(),
        source_names: vec![],
        connection_id: String::new(),
        ip_protocol: 0,
    };
    assert_eq!(info(&translated()), expected);
    let mut gre = translated();
    gre.l4 = L4::Other(47);
    std::mem::swap(&mut gre.source, &mut gre.destination);
    assert_eq!(
        info(&gre),
        v1::FlowInfo { ip_protocol: 47, source_names: vec![name], destination_names: vec![], ..expected }
    );
}

#[test]
fn a_drop_has_its_reason_in_both_fields() {
    let flow = Flow { event: Event::Drop(194), verdict: Verdict::Dropped, reply: None, ..translated() };
    let message = message(&flow);
    assert_eq!((message.drop_reason, message.drop_reason_desc()), (194, wire::DropReason::NoEgressGateway));
    assert_eq!((message.reply, message.is_reply, message.trace_observation_point), (false, None, 0));
}

#[test]
fn a_dns_answer_is_a_layer_7_record() {
    use tidegate_flow::Fqdn;
    let dns = Dns {
        query: Fqdn::new("ifconfig.me"),
        types: vec!["A".into()],
        rcode: 0,
        addresses: vec![[34, 160, 111, 145].into()],
        ttl: 300,
        cnames: vec![Fqdn::new("a.example")],
        answer_types: vec!["CNAME".into(), "A".into()],
    };
    let event = Event::L7(L7Kind::Response { latency: 7 });
    let mut flow = Flow { event, reply: Some(true), dns: Some(Box::new(dns)), ..translated() };
    let answered = message(&flow);
    let record = wire::Dns {
        query: "ifconfig.me.".into(),
        ips: vec!["34.160.111.145".into()],
        ttl: 300,
        cnames: vec!["a.example.".into()],
        observation_source: "agent".into(),
        rcode: 0,
        qtypes: vec!["A".into()],
        rrtypes: vec!["CNAME".into(), "A".into()],
    };
    assert_eq!(
        answered.l7,
        Some(wire::Layer7 {
            r#type: wire::L7FlowType::Response as i32,
            latency_ns: 7,
            record: Some(wire::layer7::Record::Dns(record)),
        })
    );
    assert_eq!(answered.r#type(), wire::FlowType::L7);
    assert_eq!(
        answered.summary,
        "DNS Answer \"34.160.111.145\" CNAMEs: \"a.example.\" TTL: 300 (Query ifconfig.me. A)"
    );
    flow.dns.as_mut().unwrap().rcode = 3;
    assert_eq!(message(&flow).summary, "DNS Answer RCode: Non-Existent Domain TTL: 300 (Query ifconfig.me. A)");
    flow.event = Event::L7(L7Kind::Request);
    assert_eq!(message(&flow).summary, "DNS Query ifconfig.me. A");
}

#[test]
fn every_protocol_has_its_header_and_its_summary() {
    let of = |l4| {
        let message = message(&Flow { l4, ..translated() });
        (message.l4.and_then(|l4| l4.protocol), message.summary)
    };
    use wire::layer4::Protocol;
    assert_eq!(
        of(L4::Udp { source: 1, destination: 2 }),
        (Some(Protocol::Udp(wire::Udp { source_port: 1, destination_port: 2 })), "UDP".into())
    );
    assert_eq!(
        of(L4::Sctp { source: 1, destination: 2 }),
        (Some(Protocol::Sctp(wire::Sctp { source_port: 1, destination_port: 2 })), "SCTP".into())
    );
    assert_eq!(
        of(L4::IcmpV4 { kind: 8, code: 1 }),
        (Some(Protocol::IcmPv4(wire::IcmPv4 { r#type: 8, code: 1 })), "ICMPv4 EchoRequest".into())
    );
    assert_eq!(
        of(L4::IcmpV6 { kind: 200, code: 0 }),
        (Some(Protocol::IcmPv6(wire::IcmPv6 { r#type: 200, code: 0 })), "ICMPv6 Type 200".into())
    );
    assert_eq!(of(L4::Other(47)), (None, "IPv4".into()));
    let (Some(Protocol::Tcp(tcp)), summary) = of(L4::Tcp { source: 0, destination: 0, flags: 0xff }) else {
        panic!("no TCP")
    };
    let flags = tcp.flags.unwrap();
    assert!(flags.fin && flags.syn && flags.rst && flags.psh && flags.ack && flags.urg && flags.ece && flags.cwr);
    assert!(!flags.ns);
    assert_eq!(summary, "TCP Flags: SYN, ACK, RST, FIN, PSH, URG, ECE, CWR");
}

#[test]
fn the_record_of_an_end_says_so_instead_of_flags() {
    let mut ended = translated();
    ended.counters.end = 0;
    ended.l4 = L4::Tcp { source: 1, destination: 2, flags: 0 };
    assert_eq!(message(&ended).summary, "TCP Flags: ");
    ended.counters.end = ended.time;
    assert_eq!(message(&ended).summary, "Connection ended");
}
