//! What holds for every flow: options, layouts, and input that is strange or hostile.

use super::*;

#[test]
fn dict_blocks_are_separated_and_may_name_the_node() {
    let options = Options { node_name: true, ..Options::default() };
    let (text, _) = printed(Printer::Dict(Dict::new(options)), &flows([syn(), syn()]));
    let blocks: Vec<_> = text.split("------------\n").collect();
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks[0], blocks[1]);
    assert!(blocks[0].starts_with("  TIMESTAMP: Nov 23 07:00:00.006\n       NODE: default/node-a\n"), "{text}");
}

#[test]
fn a_table_is_aligned_and_does_not_swap_replies() {
    let reply = Flow { is_reply: Some(true), ..syn() };
    let (text, _) = printed(Printer::Table(Table::new(Options::default(), false)), &flows([syn(), reply]));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0],
        "TIMESTAMP             SOURCE                        DESTINATION       TYPE            \
         VERDICT     SUMMARY"
    );
    assert_eq!(
        lines[1],
        "Nov 23 07:00:00.006   shop/cart-7d9f4-x2x1z:51000   ifconfig.me:443   from-endpoint   \
         FORWARDED   TCP Flags: SYN"
    );
    assert_eq!(lines[1], lines[2]);
}

#[test]
fn the_node_follows_the_time() {
    let options = Options { node_name: true, ..Options::default() };
    let line = compact_with(options, syn());
    assert!(line.starts_with("Nov 23 07:00:00.006 [default/node-a]: shop/cart"), "{line}");
}

#[test]
fn numeric_shows_addresses_with_ipv6_in_brackets() {
    let options = Options { numeric: true, ..Options::default() };
    let six = Flow { ip: ip("fd00::1", "2001:db8::9"), ..syn() };
    let line = compact_with(options, six.clone());
    assert!(line.contains(": [fd00::1]:51000 (ID:41395) -> [2001:db8::9]:443 (world) "), "{line}");
    let portless = Flow { l4: None, ..six };
    let line = compact_with(options, portless);
    assert!(line.contains(": fd00::1 (ID:41395) -> 2001:db8::9 (world) "), "{line}");
}

#[test]
fn services_come_after_pods_and_before_names() {
    let service = Some(flow::Service { name: "cart".to_owned(), namespace: "shop".to_owned() });
    let flow = Flow {
        source: None,
        source_service: service,
        destination_names: vec!["a.example".to_owned(), "b.example".to_owned()],
        ..syn()
    };
    let line = compact(flow);
    assert!(line.contains(": shop/cart:51000 (unknown) -> a.example,b.example:443 (world) "), "{line}");
}

#[test]
fn a_hostile_name_cannot_reach_the_terminal() {
    let options = Options { style: Style { color: false, escape: true }, ..Options::default() };
    let flow = Flow {
        destination_names: vec!["evil\x1b]0;owned\x07.example".to_owned()],
        summary: "\r\x1b[2K".to_owned(),
        ..syn()
    };
    let line = compact_with(options, flow);
    assert!(line.trim_end().chars().all(|char| !char.is_control()), "{line:?}");
    assert!(line.contains("evil\\u{1b}]0;owned\\u{7}.example:443"), "{line:?}");
}

#[test]
fn a_flow_without_facts_is_printed_and_values_newer_than_us_are_numbers() {
    assert_eq!(compact(Flow::default()), "N/A:  (unknown) <>  (unknown) UNKNOWN VERDICT_UNKNOWN ()\n");
    let newer = Flow { verdict: 99, event_type: event(4, 99), auth_type: 1, ..syn() };
    let line = compact(newer);
    assert!(line.ends_with(" 99 99 (TCP Flags: SYN; Auth: SPIRE)\n"), "{line}");
}

#[test]
fn our_own_facts_follow_the_line_when_the_flow_carries_them() {
    let info = tidegate_proto::v1::FlowInfo {
        egress_ip: "172.19.0.12".to_owned(),
        egress_port: 40012,
        gateway: "worker2".to_owned(),
        policy: "egress-sample".to_owned(),
        bytes: 120,
        reply_bytes: 60,
        ..Default::default()
    };
    let flow = Flow { extensions: Some(prost_types::Any::from_msg(&info).unwrap()), ..syn() };
    let line = compact(flow.clone());
    let facts = " egress=172.19.0.12:40012 gateway=worker2 policy=egress-sample bytes=120/60\n";
    assert!(line.ends_with(&format!("(TCP Flags: SYN){facts}")), "{line}");
    let dict = printed(Printer::Dict(Dict::new(Options::default())), &flows([flow])).0;
    assert!(dict.contains("     EGRESS: 172.19.0.12:40012\n"), "{dict}");

    let foreign = prost_types::Any { type_url: "type.googleapis.com/acme.Extra".to_owned(), value: vec![1] };
    let flow = Flow { extensions: Some(foreign), ..syn() };
    assert_eq!(compact(flow), compact(syn()));
}

#[test]
fn json_is_one_line_per_event() {
    let (text, _) = printed(Printer::Json(Json), &flows([syn(), syn()]));
    assert_eq!(text.lines().count(), 2);
    assert!(text.starts_with("{\"flow\":{\"time\":\"2026-11-23T07:00:00.006Z\","), "{text}");
}
