//! What a condition means in one segment: which ids its columns may have.
//!
//! Whether a condition holds is never decided here. It is asked of flows that are made of what a
//! dictionary has and of nothing else, so that the answer is that of `tidegate_flow::filter`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate_flow::filter::{Condition, Side};
use tidegate_flow::flow::{Counters, Direction, Dns, Event, Flow, L4, Party, Point, Verdict};
use tidegate_flow::{Confidence, FlowId, Fqdn, Name, Source};

use super::block::Column;
use super::dictionary::Dictionary;
use super::uuid;
use crate::sqlite::values::{PartyIds, TranslationIds};

/// Numbers of 16 bits there are, such as ports.
const PORTS: usize = 1 << 16;

/// Holds for flows whose value in a column is in a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) column: Column,
    pub(super) set: Set,
}

/// Some of the values of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// Whether a value is in it, by value.
    Values(Vec<bool>),
    /// Of the column [`Column::Id`]: these, in order.
    Ids(Vec<i64>),
}

impl Set {
    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Values(values) => !values.contains(&true),
            Self::Ids(ids) => ids.is_empty(),
        }
    }

    /// How many of a thousand values are in it, if they were equally frequent.
    pub(super) fn share(&self) -> usize {
        match self {
            Self::Values(values) => values.iter().filter(|is_in| **is_in).count() * 1_000 / values.len(),
            Self::Ids(_) => 0,
        }
    }

    /// Leaves what is also in the other, which is of the same column.
    pub(super) fn intersect(&mut self, other: &Self) {
        match (self, other) {
            (Self::Values(values), Self::Values(others)) => {
                values.iter_mut().zip(others).for_each(|(is_in, other)| *is_in &= other);
            }
            (Self::Ids(ids), Self::Ids(others)) => ids.retain(|id| others.binary_search(id).is_ok()),
            (set, _) => *set = Self::Ids(Vec::new()),
        }
    }
}

/// A condition, until nobody wants to know any more: it may have more values than can be tried in a
/// moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) condition: &'a Condition,
    /// Set when the answer is no longer waited for; then it is of no meaning.
    pub(super) stop: &'a AtomicBool,
}

impl Asked<'_> {
    fn holds(self, flow: &Flow) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.condition.holds(flow)
    }
}

/// Whether a flow may meet the condition, going by the dictionaries of [`super::tables::Tables::to_begin`] alone.
pub(super) fn is_possible(asked: Asked<'_>, all: &Dictionary) -> bool {
    values(asked, all).is_none_or(|holds| holds.contains(&true))
}

/// For each address, name or endpoint, whichever the condition is about, whether it holds for a
/// side that has it; none: it is about something else.
fn values(asked: Asked<'_>, all: &Dictionary) -> Option<Vec<bool>> {
    let mut flow = nothing();
    match asked.condition {
        Condition::Address(..) => Some(all.ips.set(false, |ip| {
            flow.source.address = *ip;
            flow.destination.address = *ip;
            asked.holds(&flow)
        })),
        Condition::Fqdn(..) => {
            flow.source.names.push(name(""));
            flow.destination.names.push(name(""));
            Some(all.fqdns.set(false, |fqdn| {
                flow.source.names[0].fqdn = fqdn.clone();
                flow.destination.names[0].fqdn = fqdn.clone();
                asked.holds(&flow)
            }))
        }
        Condition::Pod(..)
        | Condition::Label(..)
        | Condition::Identity(..)
        | Condition::Workload(..)
        | Condition::Cluster(..) => Some(all.endpoints.set(false, |endpoint| {
            flow.source.endpoint = endpoint.clone();
            flow.destination.endpoint = endpoint.clone();
            asked.holds(&flow)
        })),
        _ => None,
    }
}

/// The tests that hold together exactly if the condition holds. `ids` are those of the flows whose
/// UUIDs are asked for, as far as they are in the segment.
pub(super) fn tests(asked: Asked<'_>, all: &Dictionary, ids: &HashMap<u128, i64>) -> Vec<Test> {
    let test = |column, values| Test { column, set: Set::Values(values) };
    let mut flow = nothing();
    match asked.condition {
        Condition::Address(side, _) => {
            let holds = values(asked, all).unwrap_or_default();
            vec![test(column(*side), parties(all, |party| at(&holds, party.ip)))]
        }
        Condition::Pod(side, _)
        | Condition::Label(side, _)
        | Condition::Identity(side, _)
        | Condition::Workload(side, _)
        | Condition::Cluster(side, _) => {
            let holds = values(asked, all).unwrap_or_default();
            vec![test(column(*side), parties(all, |party| at(&holds, party.endpoint)))]
        }
        Condition::Fqdn(side, _) => {
            let one = values(asked, all).unwrap_or_default();
            // Any of a party's names will do.
            let holds = all.names.set(|list| list.iter().any(|name| at(&one, name.fqdn)));
            vec![test(column(*side), parties(all, |party| at(&holds, party.names)))]
        }
        Condition::Service(side, _) => {
            let none = asked.holds(&flow);
            let holds = all.services.set(none, |service| {
                flow.source.service = Some(service.clone());
                flow.destination.service = Some(service.clone());
                asked.holds(&flow)
            });
            vec![test(column(*side), parties(all, |party| at(&holds, party.service)))]
        }
        Condition::Unresolved(_) => {
            let holds = |party: &PartyIds| {
                all.endpoints.get(party.endpoint).is_some_and(|endpoint| {
                    flow.destination.endpoint = endpoint.clone();
                    flow.destination.names = if party.names == 0 { Vec::new() } else { vec![name("")] };
                    asked.holds(&flow)
                })
            };
            vec![test(Column::Destination, parties(all, holds))]
        }
        Condition::Port(side, ports) => with_ports(all, *side, ports.iter().map(|port| *port..=*port)),
        Condition::PortRange(side, ranges) => with_ports(all, *side, ranges.iter().cloned()),
        Condition::Verdict(_)
        | Condition::EventType(_)
        | Condition::Protocol(_)
        | Condition::Reply(_)
        | Condition::TcpFlags(_)
        | Condition::IpVersion(_)
        | Condition::Direction(_)
        | Condition::DropReason(_)
        | Condition::DnsRcode(_)
        | Condition::Encrypted(_)
        | Condition::Never => vec![test(Column::Kind, kinds(all, |flow| asked.holds(flow)))],
        Condition::Outcome(outcomes) => {
            vec![test(Column::Outcome, set(outcomes.iter().map(|outcome| *outcome as u16..=*outcome as u16)))]
        }
        Condition::Egress(_) => {
            flow.reply = Some(false);
            let address = |ip| all.ips.get(ip).copied();
            vec![
                test(Column::Kind, kinds(all, is_no_reply)),
                test(Column::Translation, translations(all, flow, asked, address)),
            ]
        }
        Condition::SnatPort(ports) => {
            let has_port = |ids: &TranslationIds| ids.egress_ip != 0;
            vec![
                test(Column::Kind, kinds(all, is_no_reply)),
                test(Column::Translation, all.translations.set(false, has_port)),
                test(Column::EgressPort, set(ports.iter().map(|port| *port..=*port))),
            ]
        }
        Condition::EgressPolicy(_) | Condition::EgressGateway(_) => {
            // It is about names; the dictionary of addresses need not be there.
            let address = |_| Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            vec![test(Column::Translation, translations(all, flow, asked, address))]
        }
        Condition::NodeName(_) | Condition::NodeLabel(_) => {
            let holds = all.nodes.set(false, |node| {
                flow.node = node.clone();
                asked.holds(&flow)
            });
            vec![test(Column::Origin, all.origins.set(false, |(node, _)| at(&holds, *node)))]
        }
        Condition::Interface(_) => {
            let none = asked.holds(&flow);
            let holds = all.interfaces.set(none, |interface| {
                flow.interface = Some(interface.clone());
                asked.holds(&flow)
            });
            vec![test(Column::Interface, holds)]
        }
        Condition::DnsQuery(_) => {
            let none = asked.holds(&flow);
            let holds = all.fqdns.set(none, |fqdn| {
                flow.dns = Some(message(fqdn, 0));
                asked.holds(&flow)
            });
            vec![test(Column::Query, holds)]
        }
        Condition::Uuid(texts) => {
            let wanted = texts.iter().filter_map(|text| ids.get(&uuid::number(text)?));
            let mut ids: Vec<_> = wanted.copied().collect();
            ids.sort_unstable();
            vec![Test { column: Column::Id, set: Set::Ids(ids) }]
        }
    }
}

/// Whether an id is in a set; what is damaged is not.
fn at(set: &[bool], id: i64) -> bool {
    usize::try_from(id).ok().and_then(|id| set.get(id)).is_some_and(|is_in| *is_in)
}

/// For each party, whether it is in a set.
fn parties(all: &Dictionary, holds: impl FnMut(&PartyIds) -> bool) -> Vec<bool> {
    all.parties.set(false, holds)
}

/// For each translation, whether the condition holds for `flow` with it.
fn translations(
    all: &Dictionary,
    mut flow: Flow,
    asked: Asked<'_>,
    address: impl Fn(i64) -> Option<IpAddr>,
) -> Vec<bool> {
    let none = asked.holds(&flow);
    all.translations.set(none, |ids| {
        flow.translation = ids.translation(&address);
        asked.holds(&flow)
    })
}

/// For each kind of observation, whether something holds for a flow of that kind.
fn kinds(all: &Dictionary, holds: impl Fn(&Flow) -> bool) -> Vec<bool> {
    let mut flow = nothing();
    all.kinds.set(false, |kind| {
        flow.event = kind.event;
        flow.verdict = kind.verdict;
        flow.direction = kind.direction;
        flow.reply = kind.reply;
        flow.source.address = match kind.ip_version {
            4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        flow.l4 = kind.l4(0, 0);
        flow.dns = kind.rcode.map(|rcode| message(&Fqdn::new(""), rcode));
        flow.cause.clone_from(&kind.cause);
        holds(&flow)
    })
}

fn is_no_reply(flow: &Flow) -> bool {
    flow.reply == Some(false)
}

/// Flows with ports, of which that of a side is in one of the ranges.
fn with_ports(all: &Dictionary, side: Side, ranges: impl Iterator<Item = RangeInclusive<u16>>) -> Vec<Test> {
    let column = match side {
        Side::Source => Column::SourcePort,
        Side::Destination => Column::DestinationPort,
    };
    let has_ports = kinds(all, |flow| flow.l4.ports().is_some());
    vec![Test { column: Column::Kind, set: Set::Values(has_ports) }, Test { column, set: Set::Values(set(ranges)) }]
}

/// The set of the numbers in some ranges.
fn set(ranges: impl Iterator<Item = RangeInclusive<u16>>) -> Vec<bool> {
    let mut set = vec![false; PORTS];
    for range in ranges.filter(|range| !range.is_empty()) {
        set[usize::from(*range.start())..=usize::from(*range.end())].fill(true);
    }
    set
}

fn column(side: Side) -> Column {
    match side {
        Side::Source => Column::Source,
        Side::Destination => Column::Destination,
    }
}

/// A flow of which nothing is known.
fn nothing() -> Flow {
    let nobody = || Party {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        endpoint: Arc::default(),
        names: Vec::new(),
        service: None,
    };
    Flow {
        time: 0,
        id: FlowId::default(),
        node: Arc::default(),
        event: Event::Trace(Point::ToEndpoint),
        verdict: Verdict::Unknown,
        direction: Direction::Unknown,
        reply: None,
        source: nobody(),
        destination: nobody(),
        l4: L4::Other(0),
        translation: None,
        interface: None,
        dns: None,
        counters: Counters::default(),
        cause: "".into(),
    }
}

fn name(text: &str) -> Name {
    Name { fqdn: Fqdn::new(text), source: Source::Unknown, confidence: Confidence::Unknown }
}

fn message(query: &Fqdn, rcode: u16) -> Box<Dns> {
    Box::new(Dns {
        query: query.clone(),
        types: Vec::new(),
        rcode,
        addresses: Vec::new(),
        ttl: 0,
        cnames: Vec::new(),
        answer_types: Vec::new(),
    })
}
