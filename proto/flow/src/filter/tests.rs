use std::{net::IpAddr, sync::Arc};

use super::*;
use crate::{
    flow::*,
    name::{Confidence, Fqdn, Name, Source},
};

fn party(address: &str, endpoint: Endpoint, names: &[&str]) -> Party {
    let name = |name: &&str| Name { fqdn: Fqdn::new(name), source: Source::Dns, confidence: Confidence::High };
    Party {
        address: address.parse().unwrap(),
        endpoint: Arc::new(endpoint),
        names: names.iter().map(name).collect(),
        service: None,
    }
}

fn flow() -> Flow {
    let client = Endpoint {
        identity: 41395,
        namespace: "shop".into(),
        pod: "cart-7d9f4-x2x1z".into(),
        labels: vec!["k8s:app=cart".into()],
        ..Endpoint::default()
    };
    let world = Endpoint { identity: 2, labels: vec!["reserved:world".into()], ..Endpoint::default() };
    Flow {
        time: 0,
        id: FlowId { boot: 1, sequence: 1 },
        node: Arc::new(Node { name: "worker".into(), ..Node::default() }),
        event: Event::Trace(Point::ToNetwork),
        verdict: Verdict::Forwarded,
        direction: Direction::Egress,
        reply: Some(false),
        source: party("10.244.1.5", client, &[]),
        destination: party("34.160.111.145", world, &["ifconfig.me"]),
        l4: L4::Tcp { source: 51000, destination: 443, flags: 0x12 },
        translation: Some(Translation {
            egress: Some(("172.19.0.11".parse::<IpAddr>().unwrap(), 51000)),
            policy: "egress-worker".into(),
            gateway: "worker".into(),
            gateway_address: None,
        }),
        interface: None,
        dns: None,
        counters: Counters::default(),
        cause: "".into(),
    }
}

fn check(condition: Condition, expected: bool) {
    let filter = Filter { conditions: vec![condition.clone()] };
    assert_eq!(filter.matches(&flow()), expected, "{condition:?}");
}

fn set(text: &str) -> AddressSet {
    AddressSet::parse([text]).unwrap()
}

#[test]
fn each_condition_finds_the_flow_it_describes_and_no_other() {
    use Side::{Destination, Source};
    check(Condition::Address(Source, set("10.244.0.0/16")), true);
    check(Condition::Address(Destination, set("10.244.0.0/16")), false);
    check(Condition::Egress(set("172.19.0.11")), true);
    check(Condition::Egress(set("172.19.0.12")), false);
    check(Condition::Pod(Source, vec![PodPattern::parse("shop/cart").unwrap()]), true);
    check(Condition::Pod(Source, vec![PodPattern::parse("cart").unwrap()]), false);
    check(Condition::Pod(Source, vec![PodPattern::parse("/cart").unwrap()]), true);
    check(Condition::Pod(Destination, vec![PodPattern::parse("/").unwrap()]), false);
    check(Condition::Fqdn(Destination, vec![Pattern::fqdn("*.me").unwrap()]), true);
    check(Condition::Fqdn(Source, vec![Pattern::fqdn("*.me").unwrap()]), false);
    check(Condition::Label(Destination, vec![Selector::parse("reserved:world").unwrap()]), true);
    check(Condition::Port(Destination, vec![443]), true);
    check(Condition::Port(Source, vec![443]), false);
    check(Condition::Identity(Destination, vec![2]), true);
    check(Condition::EventType(vec![(4, Some(11))]), true);
    check(Condition::EventType(vec![(4, Some(5))]), false);
    check(Condition::EventType(vec![(4, None)]), true);
    check(Condition::TcpFlags(vec![0x02]), true);
    check(Condition::TcpFlags(vec![0x06]), false);
    check(Condition::Protocol(vec![Protocol::parse("TCP").unwrap()]), true);
    check(Condition::Protocol(vec![Protocol::Icmp]), false);
    check(Condition::Reply(vec![true]), false);
    check(Condition::NodeName(vec![Pattern::node("work*").unwrap()]), true);
    check(Condition::Direction(vec![2]), true);
    check(Condition::DropReason(vec![0]), false);
    check(Condition::Verdict(vec![2]), false);
    check(Condition::IpVersion(vec![4]), true);
    check(Condition::EgressPolicy(vec!["other".into(), "egress-worker".into()]), true);
    check(Condition::EgressPolicy(vec!["egress".into()]), false);
    check(Condition::EgressGateway(vec!["worker".into()]), true);
    check(Condition::EgressGateway(vec!["worker2".into()]), false);
    check(Condition::SnatPort(vec![51000]), true);
    check(Condition::SnatPort(vec![443]), false);
    check(Condition::Outcome(vec![Outcome::Translated]), true);
    check(Condition::Outcome(vec![Outcome::Forwarded, Outcome::Dropped]), false);
    check(Condition::PortRange(Destination, vec![1..=10, 443..=443]), true);
    check(Condition::PortRange(Source, vec![1..=50999, 51001..=65535]), false);
    check(Condition::Unresolved(false), true);
    check(Condition::Unresolved(true), false);
    check(Condition::DnsRcode(vec![0]), false);
}

#[test]
fn a_flow_is_unresolved_if_its_destination_is_outside_and_nameless() {
    let unresolved = |flow: &Flow| Condition::Unresolved(true).holds(flow);
    let mut nameless = flow();
    nameless.destination.names.clear();
    assert!(unresolved(&nameless));
    // A reply goes to the pod, which is not outside.
    std::mem::swap(&mut nameless.source, &mut nameless.destination);
    assert!(!unresolved(&nameless));
}

#[test]
fn a_response_code_is_that_of_an_answer() {
    let dns = |kind, rcode| Flow {
        event: Event::L7(kind),
        dns: Some(Box::new(Dns {
            query: Fqdn::new("ifconfig.me"),
            types: vec!["A".into()],
            rcode,
            addresses: Vec::new(),
            ttl: 0,
            cnames: Vec::new(),
            answer_types: Vec::new(),
        })),
        ..flow()
    };
    let answer = L7Kind::Response { latency: 0 };
    let wanted = Condition::DnsRcode(vec![0, 3]);
    assert!(wanted.holds(&dns(answer, 3)));
    assert!(wanted.holds(&dns(answer, 0)));
    assert!(!wanted.holds(&dns(answer, 2)));
    assert!(!wanted.holds(&dns(L7Kind::Request, 0)));
}

#[test]
fn a_port_range_asks_for_a_port() {
    let all = Condition::PortRange(Side::Source, vec![0..=65535]);
    assert!(!all.holds(&Flow { l4: L4::IcmpV6 { kind: 128, code: 0 }, ..flow() }));
    assert!(all.holds(&Flow { l4: L4::Sctp { source: 0, destination: 0 }, ..flow() }));
}

#[test]
fn a_dropped_flow_of_unknown_direction_counts_as_no_reply() {
    let mut dropped = flow();
    dropped.reply = None;
    dropped.verdict = Verdict::Dropped;
    let filter = Filter { conditions: vec![Condition::Reply(vec![false])] };
    assert!(filter.matches(&dropped));
    dropped.verdict = Verdict::Forwarded;
    assert!(!filter.matches(&dropped));
}

#[test]
fn a_denied_flow_is_out_even_if_allowed() {
    let everything = [Filter::default()];
    assert!(Filter::admits(&everything, &[], &flow()));
    assert!(Filter::admits(&[], &[], &flow()));
    assert!(!Filter::admits(&everything, &everything, &flow()));
}

#[test]
fn garbage_values_name_themselves() {
    assert!(AddressSet::parse(["1.2.3"]).unwrap_err().to_string().contains("1.2.3"));
    assert!(Protocol::parse("foo").unwrap_err().to_string().contains("foo"));
    assert!(PodPattern::parse("a/b/c").is_err());
}

#[test]
fn a_reply_has_no_translated_source() {
    let mut reply = flow();
    reply.reply = Some(true);
    for condition in [Condition::Egress(set("172.19.0.11")), Condition::SnatPort(vec![51000])] {
        assert!(!condition.holds(&reply));
    }
}
