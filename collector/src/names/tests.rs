use std::net::Ipv4Addr;

use hickory_proto::{
    op::{Message as Wire, MessageType, OpCode, Query},
    rr::{
        Name as DnsName, RData, Record, RecordType,
        rdata::{A, CNAME},
    },
};

use super::*;

const POD: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 244, 1, 5));
const DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 10));

fn domain(text: &str) -> DnsName {
    DnsName::from_ascii(text).unwrap()
}

fn query(id: u16, name: &str) -> Wire {
    let mut wire = Wire::new(id, MessageType::Query, OpCode::Query);
    wire.add_query(Query::query(domain(name), RecordType::A));
    wire
}

/// An answer whose records are (owner, address or canonical name).
fn answer(id: u16, name: &str, records: &[(&str, &str)]) -> Wire {
    let mut wire = query(id, name);
    wire.metadata.message_type = MessageType::Response;
    for (owner, value) in records {
        let data = match value.parse::<Ipv4Addr>() {
            Ok(address) => RData::A(A(address)),
            Err(_) => RData::CNAME(CNAME(domain(value))),
        };
        wire.add_answer(Record::from_rdata(domain(owner), 60, data));
    }
    wire
}

fn read(wire: &Wire) -> Message {
    message::read(&wire.to_vec().unwrap()).unwrap()
}

/// Sends query and answer, and returns what was learned.
fn exchange(names: &mut Names, id: u16, name: &str, records: &[(&str, &str)], time: u64) -> Vec<Learned> {
    names.hear((POD, 40_000), DNS, &read(&query(id, name)), time - 1000);
    names.hear((POD, 40_000), DNS, &read(&answer(id, name, records)), time).learned
}

fn texts(names: &Names, address: &str, start: u64) -> Vec<String> {
    names.of(POD, address.parse().unwrap(), start).into_iter().map(|name| name.fqdn.to_string()).collect()
}

#[test]
fn an_address_is_named_by_what_was_asked_not_by_the_canonical_name() {
    let mut names = Names::default();
    let records = [("Www.Example.com.", "edge.cdn.net."), ("edge.cdn.net.", "203.0.113.1")];
    exchange(&mut names, 1, "www.example.COM.", &records, 10 * SECOND);
    assert_eq!(texts(&names, "203.0.113.1", 11 * SECOND), ["www.example.com"]);
}

#[test]
fn records_outside_the_chain_name_nothing() {
    let mut names = Names::default();
    exchange(&mut names, 1, "a.com.", &[("a.com.", "203.0.113.1"), ("evil.net.", "203.0.113.9")], SECOND);
    assert!(texts(&names, "203.0.113.9", 2 * SECOND).is_empty());
}

#[test]
fn an_answer_that_nobody_asked_for_names_nothing() {
    let mut names = Names::default();
    let heard = names.hear((POD, 40_000), DNS, &read(&answer(7, "a.com.", &[("a.com.", "203.0.113.1")])), SECOND);
    assert!(heard.learned.is_empty());
    names.hear((POD, 40_000), DNS, &read(&query(8, "a.com.")), SECOND);
    let other = read(&answer(8, "b.com.", &[("b.com.", "203.0.113.1")]));
    assert!(names.hear((POD, 40_000), DNS, &other, 2 * SECOND).learned.is_empty());
    assert_eq!(names.unsolicited, 2);
}

#[test]
fn a_connection_keeps_the_name_of_its_start_when_another_name_gets_the_address() {
    let mut names = Names::default();
    exchange(&mut names, 1, "a.com.", &[("a.com.", "203.0.113.1")], 10 * SECOND);
    exchange(&mut names, 2, "b.com.", &[("b.com.", "203.0.113.1")], 100 * SECOND);
    assert_eq!(texts(&names, "203.0.113.1", 11 * SECOND), ["a.com"]);
    assert_eq!(texts(&names, "203.0.113.1", 101 * SECOND), ["b.com"]);
    assert!(texts(&names, "203.0.113.1", 5 * SECOND).is_empty());
}

#[test]
fn two_fresh_names_for_one_address_are_both_told_with_less_confidence() {
    let mut names = Names::default();
    exchange(&mut names, 1, "a.com.", &[("a.com.", "203.0.113.1")], 100 * SECOND);
    exchange(&mut names, 2, "b.com.", &[("b.com.", "203.0.113.1")], 101 * SECOND);
    let found = names.of(POD, "203.0.113.1".parse().unwrap(), 101 * SECOND + 1);
    let confidences: Vec<_> = found.iter().map(|name| name.confidence).collect();
    assert_eq!(confidences, [Confidence::Medium, Confidence::Low]);
    assert_eq!(found[0].fqdn.as_str(), "b.com");
}

#[test]
fn a_connection_keeps_its_name_however_often_its_endpoint_asks_again() {
    let mut names = Names::default();
    for n in 1..1000 {
        exchange(&mut names, 1, "a.com.", &[("a.com.", "203.0.113.1")], n * 10 * SECOND);
    }
    assert!(texts(&names, "203.0.113.1", 10 * SECOND - 1).is_empty());
    for start in [10 * SECOND, 15 * SECOND, 5_000 * SECOND, 20_000 * SECOND] {
        let found = names.of(POD, "203.0.113.1".parse().unwrap(), start);
        let found: Vec<_> = found.iter().map(|name| (name.fqdn.as_str(), name.confidence)).collect();
        assert_eq!(found, [("a.com", Confidence::High)]);
    }
    assert_eq!(names.forgotten, 0);
}

#[test]
fn names_that_take_turns_are_told_apart_by_the_start() {
    let mut names = Names::default();
    let turns = |n: u64| if n.is_multiple_of(2) { "a.com" } else { "b.com" };
    for n in 1..=20 {
        exchange(&mut names, 1, turns(n), &[(turns(n), "203.0.113.1")], n * 10 * SECOND);
    }
    for n in 1..=20 {
        assert_eq!(texts(&names, "203.0.113.1", (n * 10 + 5) * SECOND), [turns(n)]);
    }
    // More than are kept: an old connection has both names, and what is new is still told apart.
    for n in 21..=1000 {
        exchange(&mut names, 1, turns(n), &[(turns(n), "203.0.113.1")], n * 10 * SECOND);
    }
    let mut old = texts(&names, "203.0.113.1", 505 * SECOND);
    old.sort();
    assert_eq!(old, ["a.com", "b.com"]);
    assert_eq!(texts(&names, "203.0.113.1", 15 * SECOND), ["b.com"]);
    assert_eq!(texts(&names, "203.0.113.1", 9_995 * SECOND), ["b.com"]);
    assert!(names.endpoints[&POD].values().all(|spells| spells.len() <= SPELLS_PER_ADDRESS));
}

#[test]
fn answers_that_come_late_find_their_place() {
    let mut names = Names::default();
    let address = "203.0.113.1".parse().unwrap();
    let mut learn = |fqdn: &str, seconds: u64| {
        let learned = seconds * SECOND;
        let one = Learned { endpoint: POD, address, fqdn: Fqdn::new(fqdn), learned, expires: learned };
        names.learn(&one, Source::Shared);
    };
    for (fqdn, seconds) in [("a.com", 50), ("b.com", 30), ("a.com", 10), ("a.com", 40), ("b.com", 20)] {
        learn(fqdn, seconds);
    }
    for (start, fqdn) in [(15, "a.com"), (25, "b.com"), (35, "b.com"), (45, "a.com"), (55, "a.com")] {
        assert_eq!(texts(&names, "203.0.113.1", start * SECOND), [fqdn], "at {start}");
    }
}

#[test]
fn another_endpoints_answer_is_not_ours() {
    let mut names = Names::default();
    exchange(&mut names, 1, "a.com.", &[("a.com.", "203.0.113.1")], SECOND);
    let other = IpAddr::V4(Ipv4Addr::new(10, 244, 1, 6));
    assert!(names.of(other, "203.0.113.1".parse().unwrap(), 2 * SECOND).is_empty());
}

#[test]
fn a_name_sent_by_another_node_may_be_a_little_in_the_future() {
    let mut names = Names::default();
    let learned = Learned {
        endpoint: POD,
        address: "203.0.113.1".parse().unwrap(),
        fqdn: Fqdn::new("a.com"),
        learned: 10 * SECOND,
        expires: 70 * SECOND,
    };
    names.learn(&learned, Source::Shared);
    assert_eq!(texts(&names, "203.0.113.1", 10 * SECOND - 5), ["a.com"]);
    assert!(texts(&names, "203.0.113.1", 8 * SECOND).is_empty());
}

#[test]
fn a_name_sent_by_another_node_after_the_start_is_no_better_than_one_before() {
    let mut names = Names::default();
    for (fqdn, learned) in [("a.com", 10 * SECOND), ("b.com", 20 * SECOND)] {
        let fqdn = Fqdn::new(fqdn);
        let address = "203.0.113.1".parse().unwrap();
        let learned = Learned { endpoint: POD, address, fqdn, learned, expires: learned };
        names.learn(&learned, Source::Shared);
    }
    assert_eq!(texts(&names, "203.0.113.1", 20 * SECOND - SECOND / 2), ["a.com"]);
    // So little is the clocks.
    assert_eq!(texts(&names, "203.0.113.1", 20 * SECOND - SECOND / 100), ["b.com"]);
}

#[test]
fn garbage_is_no_message() {
    assert!(message::read(&[]).is_none());
    assert!(message::read(&[0xff; 64]).is_none());
    let mut cut = answer(1, "a.com.", &[("a.com.", "203.0.113.1")]).to_vec().unwrap();
    cut.truncate(cut.len() - 2);
    assert!(message::read(&cut).is_none());
}

#[test]
fn queries_without_answers_do_not_pile_up() {
    let mut names = Names::default();
    let message = read(&query(1, "a.com."));
    for n in 0..(QUERIES as u64 + 1000) {
        names.hear((POD, n as u16), IpAddr::V4(Ipv4Addr::from(n as u32 / 65_536)), &message, SECOND + n);
    }
    assert!(names.queries.len() <= QUERIES);
    assert!(names.forgotten > 0);
}
