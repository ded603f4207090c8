//! Filters: built once from what a request asks, run on flows. A filter is a list of conditions
//! that must all hold; a condition holds if one of its values does.
//!
//! Matching rules are those of Hubble's `FlowFilter`: what a stock client asks for, it gets. What
//! `tidegate.v1.Filter` asks for beyond it stands at the end of [`Condition`].

mod address;
mod pattern;
mod pod;

use std::ops::RangeInclusive;

use crate::{
    flow::{Event, Flow, L7Kind, Outcome, Verdict},
    label::{Selector, SelectorError},
};

pub use address::AddressSet;
pub use pattern::{Pattern, PatternError};
pub use pod::PodPattern;

/// Which side of a flow a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The sender.
    Source,
    /// The receiver.
    Destination,
}

/// All conditions must hold; with none, everything matches.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// One condition; any of its values suffices.
#[derive(Clone, Debug)]
pub enum Condition {
    /// The address is in the set.
    Address(Side, AddressSet),
    /// The address that the source was translated to is in the set.
    Egress(AddressSet),
    /// The pod has one of these names.
    Pod(Side, Vec<PodPattern>),
    /// The service has one of these names.
    Service(Side, Vec<PodPattern>),
    /// One of the names matches one of the patterns.
    Fqdn(Side, Vec<Pattern>),
    /// The labels satisfy one of the selectors.
    Label(Side, Vec<Selector>),
    /// The port is one of these.
    Port(Side, Vec<u16>),
    /// The identity is one of these.
    Identity(Side, Vec<u32>),
    /// The workload is one of these (name, kind), each empty for any.
    Workload(Side, Vec<(String, String)>),
    /// The cluster is one of these.
    Cluster(Side, Vec<String>),
    /// The verdict number is one of these.
    Verdict(Vec<i32>),
    /// The event type is one of these; 0 is any, the subtype counts if given.
    EventType(Vec<(i32, Option<i32>)>),
    /// The protocol is one of these names.
    Protocol(Vec<Protocol>),
    /// The packet's direction within its connection is one of these.
    Reply(Vec<bool>),
    /// All bits of one of these are set in the TCP flags.
    TcpFlags(Vec<u8>),
    /// The node's name matches one of the patterns.
    NodeName(Vec<Pattern>),
    /// The node's labels satisfy one of the selectors.
    NodeLabel(Vec<Selector>),
    /// The IP version is one of these: 4 or 6.
    IpVersion(Vec<u8>),
    /// The direction number is one of these.
    Direction(Vec<i32>),
    /// The drop reason is one of these.
    DropReason(Vec<i32>),
    /// The uuid is one of these.
    Uuid(Vec<String>),
    /// The device is one of these (index, name), 0 and empty for any.
    Interface(Vec<(u32, String)>),
    /// The name asked for in a DNS message matches one of the expressions.
    DnsQuery(Vec<regex::Regex>),
    /// Whether the packet was encrypted on the way; ours never are.
    Encrypted(Vec<bool>),
    /// Asks for something that no flow of ours has (HTTP, traces).
    Never,
    /// The policy that translates the connection has one of these names.
    EgressPolicy(Vec<String>),
    /// The node that translates the connection has one of these names, without its cluster.
    EgressGateway(Vec<String>),
    /// The port that the source was translated to is one of these.
    SnatPort(Vec<u16>),
    /// Whether the destination is outside ([`crate::identity::OUTSIDE`]) and has no name.
    Unresolved(bool),
    /// The flow is a DNS answer with one of these response codes.
    DnsRcode(Vec<u16>),
    /// The outcome is one of these.
    Outcome(Vec<Outcome>),
    /// The port is in one of these ranges.
    PortRange(Side, Vec<RangeInclusive<u16>>),
}

/// Protocols that a filter may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A transport protocol, by the name that [`crate::flow::L4::protocol`] gives.
    L4(&'static str),
    /// Either ICMP.
    Icmp,
    /// DNS messages.
    Dns,
    /// A message protocol that no flow of ours has.
    Absent,
}

/// Why a filter could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Not an address and not a CIDR.
    #[error("invalid IP address {0:?} in filter: give an address or a CIDR")]
    Address(String),
    /// Not a port number.
    #[error("invalid port {0:?}: give a number from 0 to 65535")]
    Port(String),
    /// Not a range of ports.
    #[error("invalid port range {0}-{1}: give two ports from 0 to 65535, the lower one first")]
    PortRange(u32, u32),
    /// Not a response code.
    #[error("invalid DNS response code {0}: give a number from 0 to 65535")]
    DnsRcode(u32),
    /// Not an outcome.
    #[error("unknown outcome {0}")]
    Outcome(i32),
    /// Not a protocol.
    #[error("invalid protocol filter: unknown protocol: {0:?}")]
    Protocol(String),
    /// Not a pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Not a pod or service name.
    #[error("invalid filter {0:?}: give namespace/name, namespace/, /name or name")]
    Pod(String),
    /// Not a selector.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// Not a regular expression.
    #[error("invalid regular expression {0:?}")]
    Regex(String),
    /// Part of the interface, but not of this program.
    #[error("filter {0} is not supported by this server")]
    Unsupported(&'static str),
}

impl Protocol {
    /// Reads a protocol name, any case.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "icmp" => Self::Icmp,
            "icmpv4" => Self::L4("icmpv4"),
            "icmpv6" => Self::L4("icmpv6"),
            "tcp" => Self::L4("tcp"),
            "udp" => Self::L4("udp"),
            "sctp" => Self::L4("sctp"),
            "vrrp" => Self::L4("vrrp"),
            "igmp" => Self::L4("igmp"),
            "dns" => Self::Dns,
            "http" | "kafka" => Self::Absent,
            _ => return Err(FilterError::Protocol(text.to_owned())),
        })
    }
}

impl Filter {
    /// Whether the flow satisfies every condition.
    #[must_use]
    pub fn matches(&self, flow: &Flow) -> bool {
        self.conditions.iter().all(|condition| condition.holds(flow))
    }

    /// The request's two lists: some filter of `allow` matches (or there is none), and no filter
    /// of `deny` does.
    #[must_use]
    pub fn admits(allow: &[Self], deny: &[Self], flow: &Flow) -> bool {
        (allow.is_empty() || allow.iter().any(|filter| filter.matches(flow)))
            && !deny.iter().any(|filter| filter.matches(flow))
    }
}

impl Condition {
    /// Whether it holds for the flow.
    #[must_use]
    pub fn holds(&self, flow: &Flow) -> bool {
        let party = |side: &Side| match side {
            Side::Source => &flow.source,
            Side::Destination => &flow.destination,
        };
        let port = |side| match side {
            Side::Source => flow.source_port(),
            Side::Destination => flow.destination_port(),
        };
        let translation = flow.translation.as_ref();
        match self {
            Self::Address(side, set) => set.contains(party(side).address),
            Self::Egress(set) => flow.translated_source().is_some_and(|(address, _)| set.contains(address)),
            Self::Pod(side, pods) => {
                let endpoint = &party(side).endpoint;
                pods.iter().any(|pod| pod.matches_pod(&endpoint.namespace, &endpoint.pod))
            }
            Self::Service(side, services) => party(side)
                .service
                .as_ref()
                .is_some_and(|service| services.iter().any(|one| one.matches_pod(&service.namespace, &service.name))),
            Self::Fqdn(side, patterns) => {
                let names = &party(side).names;
                patterns.iter().any(|pattern| names.iter().any(|name| pattern.matches(name.fqdn.as_str())))
            }
            Self::Label(side, selectors) => {
                let labels = &party(side).endpoint.labels;
                selectors.iter().any(|selector| selector.matches_list(labels))
            }
            Self::Port(side, ports) => port(*side).is_some_and(|port| ports.contains(&port)),
            Self::Identity(side, numbers) => numbers.contains(&party(side).endpoint.identity),
            Self::Workload(side, wanted) => party(side).endpoint.workloads.iter().any(|workload| {
                let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
                wanted.iter().any(|(name, kind)| fits(name, &workload.name) && fits(kind, &workload.kind))
            }),
            Self::Cluster(side, clusters) => clusters.contains(&party(side).endpoint.cluster),
            Self::Verdict(verdicts) => verdicts.contains(&(flow.verdict as i32)),
            Self::EventType(types) => {
                let (kind, sub) = flow.event.numbers();
                types.iter().any(|(want, want_sub)| {
                    (*want == 0 || *want == kind) && want_sub.is_none_or(|want_sub| want_sub == sub)
                })
            }
            Self::Protocol(protocols) => protocols.iter().any(|protocol| match protocol {
                Protocol::L4(name) => flow.l4.protocol() == *name,
                Protocol::Icmp => flow.l4.protocol().starts_with("icmp"),
                Protocol::Dns => flow.dns.is_some(),
                Protocol::Absent => false,
            }),
            // A dropped packet never reached its connection; it counts as no reply.
            Self::Reply(wanted) => match (flow.reply, flow.verdict) {
                (Some(reply), _) => wanted.contains(&reply),
                (None, Verdict::Dropped) => wanted.contains(&false),
                (None, _) => false,
            },
            Self::TcpFlags(wanted) => match flow.l4 {
                crate::flow::L4::Tcp { flags, .. } => wanted.iter().any(|want| flags & want == *want),
                _ => false,
            },
            Self::NodeName(patterns) => patterns.iter().any(|pattern| {
                let name = &flow.node.name;
                if name.contains('/') { pattern.matches(name) } else { pattern.matches(&format!("default/{name}")) }
            }),
            Self::NodeLabel(selectors) => selectors.iter().any(|selector| selector.matches_list(&flow.node.labels)),
            Self::IpVersion(versions) => versions.contains(&if flow.source.address.is_ipv4() { 4 } else { 6 }),
            Self::Direction(directions) => directions.contains(&(flow.direction as i32)),
            Self::DropReason(reasons) => match flow.event {
                Event::Drop(reason) => reasons.contains(&i32::from(reason)),
                _ => false,
            },
            Self::Uuid(uuids) => uuids.contains(&flow.uuid()),
            Self::Interface(wanted) => flow.interface.as_ref().is_some_and(|interface| {
                wanted.iter().any(|(index, name)| {
                    (*index == 0 || *index == interface.index) && (name.is_empty() || **name == *interface.name)
                })
            }),
            Self::DnsQuery(expressions) => flow.dns.as_ref().is_some_and(|dns| {
                let query = format!("{}.", dns.query);
                expressions.iter().any(|expression| expression.is_match(&query))
            }),
            Self::Encrypted(wanted) => wanted.contains(&false),
            Self::Never => false,
            Self::EgressPolicy(names) => translation.is_some_and(|one| names.iter().any(|name| **name == *one.policy)),
            Self::EgressGateway(names) => {
                translation.is_some_and(|one| names.iter().any(|name| **name == *one.gateway))
            }
            Self::SnatPort(ports) => flow.translated_source().is_some_and(|(_, port)| ports.contains(&port)),
            Self::Unresolved(wanted) => flow.is_unresolved() == *wanted,
            Self::DnsRcode(codes) => match (flow.event, &flow.dns) {
                (Event::L7(L7Kind::Response { .. }), Some(dns)) => codes.contains(&dns.rcode),
                _ => false,
            },
            Self::Outcome(outcomes) => outcomes.contains(&flow.outcome()),
            Self::PortRange(side, ranges) => {
                port(*side).is_some_and(|port| ranges.iter().any(|range| range.contains(&port)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
