//! Questions that somebody might ask: about flows that are there, and about some that are not.

use tidegate_flow::filter::{AddressSet, Condition, Filter, Pattern, PodPattern, Protocol, Side};
use tidegate_flow::flow::{Event, Flow, L4, Outcome, Party, uuid_text};
use tidegate_flow::label::Selector;
use tidegate_store::{Query, Record, Span};

use crate::random::Random;

/// A question about some of these flows.
pub fn query(records: &[Record], random: &mut Random) -> Query {
    let filters = |random: &mut Random| {
        let count = [0, 0, 1, 1, 1, 2, 3][random.below(7) as usize];
        (0..count).map(|_| filter(records, random)).collect::<Vec<_>>()
    };
    let allow = filters(random);
    let deny = if random.once_in(2) { vec![] } else { filters(random) };
    Query { span: span(records, random), allow, deny }
}

/// All of time, or a part of it that begins and ends with flows.
fn span(records: &[Record], random: &mut Random) -> Span {
    if random.once_in(3) {
        return Span::ALL;
    }
    let (one, other) = (random.pick(records).flow.time, random.pick(records).flow.time);
    Span { since: one.min(other), until: one.max(other) + random.below(2) }
}

/// One to three conditions, most of which one flow meets.
fn filter(records: &[Record], random: &mut Random) -> Filter {
    let record = random.pick(records);
    let conditions = (0..1 + random.below(3)).map(|_| {
        let record = if random.once_in(8) { random.pick(records) } else { record };
        condition(record, random.below(KINDS), random)
    });
    Filter { conditions: conditions.collect() }
}

/// Kinds of conditions.
pub const KINDS: u64 = 31;

/// A condition of this kind that the flow meets, or might.
pub fn condition(record: &Record, kind: u64, random: &mut Random) -> Condition {
    let flow = &record.flow;
    let side = if random.once_in(2) { Side::Source } else { Side::Destination };
    let party = match side {
        Side::Source => &flow.source,
        Side::Destination => &flow.destination,
    };
    let (source, destination) = flow.l4.ports().unwrap_or((9, 9));
    let port = if side == Side::Source { source } else { destination };
    let translation = flow.translation.as_ref();
    match kind {
        0 => Condition::Address(side, network(party, random)),
        1 => Condition::Egress(match flow.translated_source() {
            Some((address, _)) => addresses(&address.to_string()),
            None => addresses("203.0.113.0/26"),
        }),
        2 => Condition::Pod(side, pods(party, random)),
        3 => Condition::Service(
            side,
            vec![match &party.service {
                Some(service) => pod(&format!("{}/{}", service.namespace, service.name)),
                None => pod("payments/"),
            }],
        ),
        4 => Condition::Fqdn(side, names(party, random)),
        5 => Condition::Label(side, vec![selector(&party.endpoint.labels, random)]),
        6 => Condition::Port(side, vec![port, 8080]),
        7 => Condition::Identity(side, vec![party.endpoint.identity]),
        8 => Condition::Workload(
            side,
            vec![match party.endpoint.workloads.last() {
                Some(workload) if random.once_in(2) => (workload.name.clone(), String::new()),
                Some(workload) => (workload.name.clone(), workload.kind.clone()),
                None => (String::new(), "Job".to_owned()),
            }],
        ),
        9 => Condition::Cluster(side, vec![party.endpoint.cluster.clone()]),
        10 => Condition::Verdict(vec![flow.verdict as i32]),
        11 => Condition::EventType(vec![match (flow.event.numbers(), random.below(3)) {
            ((kind, _), 0) => (kind, None),
            ((kind, sub), 1) => (kind, Some(sub)),
            ((_, sub), _) => (0, Some(sub)),
        }]),
        12 => Condition::Protocol(vec![protocol(flow), Protocol::Absent]),
        13 => Condition::Reply(vec![flow.reply.unwrap_or(false)]),
        14 => Condition::TcpFlags(vec![match flow.l4 {
            L4::Tcp { flags, .. } => flags,
            _ => 0x10,
        }]),
        15 => Condition::NodeName(vec![match random.below(3) {
            0 => Pattern::node("west/").expect("a pattern"),
            1 => Pattern::node("work*-0*").expect("a pattern"),
            _ => Pattern::node(&flow.node.name).expect("a pattern"),
        }]),
        16 => Condition::NodeLabel(vec![selector(&flow.node.labels, random)]),
        17 => Condition::IpVersion(vec![if flow.source.address.is_ipv4() { 4 } else { 6 }]),
        18 => Condition::Direction(vec![flow.direction as i32]),
        19 => Condition::DropReason(vec![match flow.event {
            Event::Drop(reason) => i32::from(reason),
            _ => 194,
        }]),
        20 => Condition::Uuid(vec![uuid_text(record.uuid), "none".to_owned()]),
        21 => Condition::Interface(vec![match &flow.interface {
            Some(interface) if random.once_in(2) => (interface.index, String::new()),
            Some(interface) => (0, interface.name.to_string()),
            None => (10, String::new()),
        }]),
        22 => Condition::DnsQuery(vec![expression(match &flow.dns {
            Some(dns) => dns.query.as_str(),
            None => "^api",
        })]),
        23 => Condition::Encrypted(vec![random.once_in(2)]),
        24 => Condition::Never,
        25 => {
            Condition::EgressPolicy(vec![translation.map_or("egress-media".to_owned(), |one| one.policy.to_string())])
        }
        26 => Condition::EgressGateway(vec![translation.map_or("worker-00".to_owned(), |one| one.gateway.to_string())]),
        27 => Condition::SnatPort(vec![flow.translated_source().map_or(443, |(_, port)| port)]),
        28 => Condition::Unresolved(flow.is_unresolved()),
        29 => match &flow.dns {
            Some(dns) => Condition::DnsRcode(vec![dns.rcode]),
            None => Condition::Outcome(vec![flow.outcome(), Outcome::Audit]),
        },
        _ => Condition::PortRange(side, vec![port..=port.saturating_add(1000), port..=port - port.min(1)]),
    }
}

fn network(party: &Party, random: &mut Random) -> AddressSet {
    let address = party.address;
    let length = match (address.is_ipv4(), random.below(3)) {
        (true, 0) => 32,
        (true, 1) => 24,
        (true, _) => 10,
        (false, 0) => 128,
        (false, _) => 64,
    };
    addresses(&format!("{address}/{length}"))
}

fn addresses(text: &str) -> AddressSet {
    AddressSet::parse([text]).expect("an address")
}

fn pods(party: &Party, random: &mut Random) -> Vec<PodPattern> {
    let endpoint = &party.endpoint;
    let prefix: String = endpoint.pod.chars().take(random.below(12) as usize).collect();
    vec![match (endpoint.namespace.is_empty(), random.below(3)) {
        (true, _) => pod("/"),
        (false, 0) => pod(&format!("{}/", endpoint.namespace)),
        (false, 1) => pod(&format!("{}/{}", endpoint.namespace, endpoint.pod)),
        (false, _) => pod(&format!("/{prefix}")),
    }]
}

fn pod(text: &str) -> PodPattern {
    PodPattern::parse(text).expect("a pod")
}

fn names(party: &Party, random: &mut Random) -> Vec<Pattern> {
    let text = match party.names.last() {
        None => "*.example.com".to_owned(),
        Some(name) => match (name.fqdn.as_str().split_once('.'), random.below(3)) {
            (Some((_, domain)), 0) => format!("*.{domain}"),
            (Some((host, _)), 1) => format!("{host}.*"),
            _ => name.fqdn.to_string(),
        },
    };
    vec![Pattern::fqdn(&text).expect("a pattern"), Pattern::fqdn("nowhere.test").expect("a pattern")]
}

fn selector(labels: &[String], random: &mut Random) -> Selector {
    let text = match labels.first() {
        None => "!k8s:app".to_owned(),
        Some(label) => match (label.split_once('='), random.below(3)) {
            (Some((key, value)), 0) => format!("{key} notin ({value},other)"),
            (Some((key, value)), _) => format!("{key}={value}"),
            (None, _) => label.clone(),
        },
    };
    Selector::parse(&text).expect("a selector")
}

fn protocol(flow: &Flow) -> Protocol {
    match flow.l4.protocol() {
        _ if flow.dns.is_some() => Protocol::Dns,
        name if name.starts_with("icmp") => Protocol::Icmp,
        "" => Protocol::L4("udp"),
        name => Protocol::L4(name),
    }
}

fn expression(text: &str) -> regex::Regex {
    regex::Regex::new(text).expect("an expression")
}
