//! Lines of Hubble's own command line, reproduced from the flows behind them.

use super::*;

#[test]
fn a_dns_exchange_keeps_the_client_on_the_left() {
    let query = Flow {
        time: Some(at(0)),
        ip: ip("10.0.1.15", "10.0.2.10"),
        l4: udp(40001, 53),
        destination: coredns(),
        destination_names: Vec::new(),
        event_type: event(129, 0),
        l7: dns(flow::L7FlowType::Request),
        summary: "DNS Query ifconfig.me. A".to_owned(),
        ..syn()
    };
    let answer = Flow {
        time: Some(at(4)),
        l4: udp(53, 40001),
        source: coredns(),
        destination: cart(),
        is_reply: Some(true),
        l7: dns(flow::L7FlowType::Response),
        summary: "DNS Answer \"34.160.111.145\" TTL: 300 (Proxy ifconfig.me. A)".to_owned(),
        ..query.clone()
    };
    assert_eq!(
        compact(query),
        "Nov 23 07:00:00.000: shop/cart-7d9f4-x2x1z:40001 (ID:41395) -> \
         kube-system/coredns-668d6bf9bc-9vfqh:53 (ID:5128) dns-request proxy FORWARDED \
         (DNS Query ifconfig.me. A)\n"
    );
    assert_eq!(
        compact(answer),
        "Nov 23 07:00:00.004: shop/cart-7d9f4-x2x1z:40001 (ID:41395) <- \
         kube-system/coredns-668d6bf9bc-9vfqh:53 (ID:5128) dns-response proxy FORWARDED \
         (DNS Answer \"34.160.111.145\" TTL: 300 (Proxy ifconfig.me. A))\n"
    );
}

#[test]
fn an_outside_host_is_shown_by_its_name_and_else_by_its_address() {
    assert_eq!(
        compact(syn()),
        "Nov 23 07:00:00.006: shop/cart-7d9f4-x2x1z:51000 (ID:41395) -> ifconfig.me:443 (world) \
         from-endpoint FORWARDED (TCP Flags: SYN)\n"
    );
    let unnamed = Flow { time: Some(at(10)), destination_names: Vec::new(), event_type: event(4, 11), ..syn() };
    assert_eq!(
        compact(unnamed),
        "Nov 23 07:00:00.010: shop/cart-7d9f4-x2x1z:51000 (ID:41395) -> 34.160.111.145:443 \
         (world) to-network FORWARDED (TCP Flags: SYN)\n"
    );
}

#[test]
fn a_reply_is_swapped_and_carries_the_name_of_its_source() {
    let reply = Flow {
        time: Some(at(30)),
        ip: ip("34.160.111.145", "10.0.1.15"),
        l4: tcp(443, 51000),
        source: world(),
        destination: cart(),
        source_names: vec!["ifconfig.me".to_owned()],
        destination_names: Vec::new(),
        event_type: event(4, 0),
        is_reply: Some(true),
        summary: "TCP Flags: SYN, ACK".to_owned(),
        ..syn()
    };
    assert_eq!(
        compact(reply),
        "Nov 23 07:00:00.030: shop/cart-7d9f4-x2x1z:51000 (ID:41395) <- ifconfig.me:443 (world) \
         to-endpoint FORWARDED (TCP Flags: SYN, ACK)\n"
    );
}

#[test]
fn drops_show_their_reason_in_prose_and_no_direction() {
    let denied = Flow {
        time: Some(at(100)),
        verdict: flow::Verdict::Dropped.into(),
        l4: tcp(39000, 8080),
        source: front(),
        destination: cart(),
        destination_names: Vec::new(),
        event_type: event(1, 133),
        is_reply: None,
        ..syn()
    };
    let no_gateway = Flow {
        time: Some(at(120)),
        ip: ip("10.0.1.15", "198.51.100.9"),
        l4: tcp(51001, 25),
        source: cart(),
        destination: world(),
        event_type: event(1, 194),
        ..denied.clone()
    };
    assert_eq!(
        compact(denied),
        "Nov 23 07:00:00.100: shop/front-5c7bd-abcde:39000 (ID:30211) <> \
         shop/cart-7d9f4-x2x1z:8080 (ID:41395) Policy denied DROPPED (TCP Flags: SYN)\n"
    );
    assert_eq!(
        compact(no_gateway.clone()),
        "Nov 23 07:00:00.120: shop/cart-7d9f4-x2x1z:51001 (ID:41395) <> 198.51.100.9:25 (world) \
         No egress gateway found DROPPED (TCP Flags: SYN)\n"
    );
    let dict = Printer::Dict(Dict::new(Options::default()));
    assert_eq!(
        printed(dict, &flows([no_gateway])).0,
        "  TIMESTAMP: Nov 23 07:00:00.120\n     SOURCE: shop/cart-7d9f4-x2x1z:51001\n\
         DESTINATION: 198.51.100.9:25\n       TYPE: No egress gateway found\n    \
         VERDICT: DROPPED\n    SUMMARY: TCP Flags: SYN\n"
    );
}

#[test]
fn an_http_response_is_named_by_protocol_and_kind() {
    let l7 = flow::Layer7 {
        r#type: flow::L7FlowType::Response.into(),
        record: Some(Record::Http(flow::Http::default())),
        ..Default::default()
    };
    let http = Flow {
        time: Some(at(213)),
        l4: tcp(80, 40100),
        source: cart(),
        destination: front(),
        destination_names: Vec::new(),
        event_type: event(129, 0),
        l7: Some(l7),
        is_reply: Some(true),
        summary: "HTTP/1.1 503 13ms (GET http://cart.shop/items/42?x=1)".to_owned(),
        ..syn()
    };
    assert_eq!(
        compact(http),
        "Nov 23 07:00:00.213: shop/front-5c7bd-abcde:40100 (ID:30211) <- \
         shop/cart-7d9f4-x2x1z:80 (ID:41395) http-response FORWARDED \
         (HTTP/1.1 503 13ms (GET http://cart.shop/items/42?x=1))\n"
    );
}

#[test]
fn policy_verdicts_have_words_of_their_own() {
    let allowed = Flow { time: Some(at(7)), event_type: event(5, 0), policy_match_type: 2, ..syn() };
    assert_eq!(
        compact(allowed.clone()),
        "Nov 23 07:00:00.007: shop/cart-7d9f4-x2x1z:51000 (ID:41395) -> ifconfig.me:443 (world) \
         policy-verdict:L3-L4 EGRESS ALLOWED (TCP Flags: SYN)\n"
    );
    let audited = Flow {
        time: Some(at(310)),
        verdict: flow::Verdict::Audit.into(),
        ip: ip("10.0.1.15", "192.0.2.44"),
        l4: udp(5000, 123),
        destination_names: Vec::new(),
        policy_match_type: 0,
        summary: "UDP".to_owned(),
        ..allowed.clone()
    };
    assert_eq!(
        compact(audited),
        "Nov 23 07:00:00.310: shop/cart-7d9f4-x2x1z:5000 (ID:41395) -> 192.0.2.44:123 (world) \
         policy-verdict:none EGRESS AUDITED (UDP)\n"
    );
    let policy =
        flow::Policy { name: "allow-web".to_owned(), kind: "CiliumNetworkPolicy".to_owned(), ..Default::default() };
    let named = Flow { egress_allowed_by: vec![policy], ..allowed };
    let options = Options { policy_names: true, ..Options::default() };
    let line = compact_with(options, named);
    assert!(line.contains("ALLOWED BY allow-web (CiliumNetworkPolicy) (TCP Flags: SYN)"), "{line}");
}

#[test]
fn a_socket_translation_has_no_source_port() {
    let translated = Flow {
        time: Some(at(320)),
        verdict: flow::Verdict::Translated.into(),
        l4: udp(0, 53),
        destination: coredns(),
        destination_names: Vec::new(),
        event_type: event(7, 2),
        sock_xlate_point: flow::SocketTranslationPoint::SockXlatePointPostDirectionFwd.into(),
        is_reply: None,
        summary: "UDP".to_owned(),
        ..syn()
    };
    assert_eq!(
        compact(translated),
        "Nov 23 07:00:00.320: shop/cart-7d9f4-x2x1z (ID:41395) <> \
         kube-system/coredns-668d6bf9bc-9vfqh:53 (ID:5128) post-xlate-fwd TRANSLATED (UDP)\n"
    );
}

#[test]
fn lost_events_have_no_colon_after_the_time() {
    let lost = LostEvent {
        source: flow::LostEventSource::HubbleRingBuffer.into(),
        num_events_lost: 17,
        cpu: Some(0),
        first: Some(at(330)),
        last: Some(at(340)),
    };
    let event = response(ResponseTypes::LostEvents(lost), 341);
    let compact = Printer::Compact(Compact::new(Options::default()));
    assert_eq!(
        printed(compact, std::slice::from_ref(&event)).0,
        "Nov 23 07:00:00.341 EVENTS LOST: HUBBLE_RING_BUFFER CPU(0) 17 \
         (first: Nov 23 07:00:00.330, last: Nov 23 07:00:00.340)\n"
    );
    let table = Printer::Table(Table::new(Options::default(), false));
    let (table, _) = printed(table, &[event]);
    assert!(table.contains("EVENTS LOST             CPU(0) - 17\n"), "{table}");
}

#[test]
fn news_about_nodes_goes_to_the_other_stream() {
    let status = |state: NodeState, message: &str, node: &str| {
        ResponseTypes::NodeStatus(NodeStatusEvent {
            state_change: state.into(),
            node_names: vec![node.to_owned()],
            message: message.to_owned(),
        })
    };
    let events = [
        response(status(NodeState::NodeConnected, "", "default/node-a"), 343),
        response(status(NodeState::NodeUnavailable, "", "default/node-c"), 344),
        response(status(NodeState::NodeError, "boom", "default/node-b"), 345),
    ];
    let compact = Printer::Compact(Compact::new(Options::default()));
    let expected = "Nov 23 07:00:00.344 [relay-0]: 1 nodes are unavailable: default/node-c\n\
         Nov 23 07:00:00.345 [relay-0]: Error \"boom\" on 1 nodes: default/node-b\n";
    assert_eq!(printed(compact, &events), (String::new(), expected.to_owned()));
    let (out, news) = printed(Printer::Json(Json), &events);
    assert_eq!((out.as_str(), news.lines().count()), ("", 2));
    assert!(news.contains("{\"node_status\":{\"state_change\":\"NODE_UNAVAILABLE\""), "{news}");
}
