//! Which flows a question is about.

use tidegate_flow::Filter;
use tidegate_flow::filter::{AddressSet, Condition, Pattern, PodPattern, Protocol, Side};
use tidegate_flow::flow::uuid_text;
use tidegate_store::{Order, Query, Span, StoreError};

use super::walk::{agree, same_flows, walk};
use super::{Engine, Given, everything};
use crate::question::{KINDS, condition, query};
use crate::{Expected, Random};

/// Each condition, alone, wanted and unwanted, also as the first question of all.
pub async fn every_condition_means_what_it_means_elsewhere(engine: &dyn Engine) {
    let mut given = Given::flows(engine, 1_500).await;
    let expected = given.expected();
    let mut random = Random::new(5);
    for kind in 0..KINDS {
        for n in 0..8 {
            if n < 2 {
                // What other questions had to read may not be known to this one.
                given.reopen().await;
            }
            let record = random.pick(expected.records());
            let filter = Filter { conditions: vec![condition(record, kind, &mut random)] };
            let wanted = Query { allow: vec![filter.clone()], ..everything() };
            let unwanted = Query { deny: vec![filter], ..everything() };
            for query in [wanted, unwanted] {
                let found = walk(&*given.store, &query, Order::NewestFirst, 5_000, None).await;
                same_flows(found, expected.matching(&query));
            }
        }
    }
}

/// Any conditions, in any combination, over any span.
pub async fn any_question_is_answered_exactly(engine: &dyn Engine) {
    let mut given = Given::flows(engine, 1_500).await;
    let mut random = Random::new(11);
    let mut found = 0;
    for n in 0..150 {
        if n == 50 {
            given.seal().await;
        }
        if n == 100 {
            given.reopen().await;
        }
        let expected = given.expected();
        let query = query(expected.records(), &mut random);
        agree(&*given.store, &expected, &query).await;
        found += usize::from(expected.matching(&query).next().is_some());
    }
    assert!(found > 50, "only {found} of the questions were about anything");
}

/// Filters that nobody would write by hand.
pub async fn hostile_filters_are_answered(engine: &dyn Engine) {
    let given = Given::flows(engine, 800).await;
    let expected = given.expected();
    let one = |condition| Query { allow: vec![Filter { conditions: vec![condition] }], ..everything() };
    let known = &expected.records()[400];
    let addresses: Vec<_> =
        (0..100_000_u32).map(|n| std::net::Ipv4Addr::from(0x0a00_0000 + n * 3).to_string()).collect();
    let mut uuids: Vec<_> = (0..100_000_u128).map(|n| uuid_text(n << 90 | n)).collect();
    uuids.push(uuid_text(known.uuid));
    let names: Vec<_> = (0..20_000).map(|n| Pattern::fqdn(&format!("a{n}.example.com")).expect("a pattern")).collect();
    let stars = Pattern::fqdn(&"*a".repeat(200)).expect("a pattern");
    let pods: Vec<_> = (0..20_000).map(|n| PodPattern::parse(&format!("payments/x{n}")).expect("a pod")).collect();
    let expression = regex::Regex::new("(a|aa|aaa|[a-z0-9-]+)+[.]example.*x?").expect("an expression");
    let questions = vec![
        one(Condition::Address(
            Side::Source,
            AddressSet::parse(addresses.iter().map(String::as_str)).expect("addresses"),
        )),
        one(Condition::Address(Side::Destination, AddressSet::parse([]).expect("no addresses"))),
        one(Condition::Uuid(uuids)),
        one(Condition::Uuid(vec![])),
        one(Condition::Uuid(vec![uuid_text(known.uuid).to_uppercase(), "'; DROP TABLE flow; --".to_owned()])),
        one(Condition::Port(Side::Source, (0..=u16::MAX).collect())),
        one(Condition::Port(Side::Source, vec![443; 100_000])),
        one(Condition::PortRange(Side::Destination, vec![0..=u16::MAX; 10_000])),
        one(Condition::Identity(Side::Source, (0..100_000).collect())),
        one(Condition::Verdict(vec![i32::MIN, -1, 2, 99])),
        one(Condition::DropReason((-50_000..50_000).collect())),
        one(Condition::EventType(vec![(0, Some(-1)), (i32::MAX, None)])),
        one(Condition::Fqdn(Side::Destination, names)),
        one(Condition::Fqdn(Side::Destination, vec![stars])),
        one(Condition::Fqdn(Side::Source, vec![])),
        one(Condition::Pod(Side::Source, pods)),
        one(Condition::Pod(Side::Destination, vec![])),
        one(Condition::Label(Side::Source, vec![Default::default()])),
        one(Condition::Workload(Side::Source, vec![(String::new(), String::new())])),
        one(Condition::Interface(vec![(0, String::new())])),
        one(Condition::Cluster(Side::Destination, vec!["\0'\"%_\\".to_owned()])),
        one(Condition::EgressPolicy(vec![String::new()])),
        one(Condition::DnsQuery(vec![expression])),
        one(Condition::Protocol(vec![Protocol::Absent; 1_000])),
        one(Condition::IpVersion(vec![])),
        Query { allow: vec![Filter::default(); 200], deny: vec![], ..everything() },
        Query { allow: vec![], deny: vec![Filter::default()], ..everything() },
        Query { allow: vec![Filter { conditions: vec![Condition::Never; 1_000] }; 100], ..everything() },
        Query { deny: (0..250).map(|n| port_or_proxy(n, &expected)).collect(), ..everything() },
    ];
    for query in questions {
        agree(&*given.store, &expected, &query).await;
    }
    // More filters than anybody needs may be refused, and must not bring the store down.
    let many = Query { allow: vec![port_or_proxy(0, &expected); 50_000], ..everything() };
    if let Err(error) = given.store.histogram(&many, 10, None).await {
        assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    }
}

fn port_or_proxy(n: usize, expected: &Expected) -> Filter {
    let record = &expected.records()[n];
    let ports = record.flow.source_port().into_iter().collect();
    Filter { conditions: vec![Condition::Port(Side::Source, ports), Condition::Encrypted(vec![false])] }
}

/// Names, pods and addresses that are in no flow, over spans without flows.
pub async fn what_nobody_has_is_not_found(engine: &dyn Engine) {
    let given = Given::flows(engine, 600).await;
    let expected = given.expected();
    let nobody = |text| PodPattern::parse(text).expect("a pod");
    let conditions = [
        Condition::Pod(Side::Source, vec![nobody("nowhere/")]),
        Condition::Fqdn(Side::Destination, vec![Pattern::fqdn("no.such.name").expect("a pattern")]),
        Condition::Address(Side::Source, AddressSet::parse(["192.0.2.0/24"]).expect("a network")),
        Condition::Uuid(vec![uuid_text(1)]),
    ];
    for condition in conditions {
        let filter = Filter { conditions: vec![condition] };
        agree(&*given.store, &expected, &Query { allow: vec![filter.clone()], ..everything() }).await;
        agree(&*given.store, &expected, &Query { deny: vec![filter], ..everything() }).await;
    }
    let before = Span { since: 0, until: expected.records()[0].flow.time };
    let after = Span { since: expected.records().last().expect("flows").flow.time + 1, until: Span::ALL.until };
    for span in [before, after] {
        assert_eq!(expected.matching(&Query { span, ..everything() }).count(), 0);
        agree(&*given.store, &expected, &Query { span, ..everything() }).await;
    }
}
