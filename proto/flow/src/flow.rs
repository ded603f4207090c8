//! A flow: one observation of one connection (or dropped packet, or DNS message) at one point.
//!
//! Numbers of event types, observation points, verdicts and drop reasons are Hubble's
//! (`flow.proto`, `pkg/monitor/api`), so that stock tools tell the truth about our flows.

use std::{net::IpAddr, sync::Arc};

use crate::name::{Fqdn, Name};

/// One observation.
#[derive(Clone, Debug)]
pub struct Flow {
    /// When it was seen, nanoseconds since the Unix epoch.
    pub time: u64,
    /// Its number, the same everywhere.
    pub id: FlowId,
    /// The node that saw it.
    pub node: Arc<Node>,
    /// What kind of observation, and where.
    pub event: Event,
    /// What became of the packet.
    pub verdict: Verdict,
    /// Seen from the endpoint.
    pub direction: Direction,
    /// Whether the packet goes to the side that opened the connection; `None` if unknown.
    pub reply: Option<bool>,
    /// Sender of the packet.
    pub source: Party,
    /// Receiver of the packet.
    pub destination: Party,
    /// Transport header.
    pub l4: L4,
    /// Translation of the connection, on the node that does it.
    pub translation: Option<Translation>,
    /// Device at the point.
    pub interface: Option<Interface>,
    /// The DNS message, if this is one.
    pub dns: Option<Box<Dns>>,
    /// Totals of the connection so far.
    pub counters: Counters,
    /// Precise cause of a drop, in words; empty if there is nothing more to say.
    pub cause: &'static str,
}

impl Flow {
    /// UUID of the flow: version 8 (RFC 9562), made of boot, node and sequence.
    #[must_use]
    pub fn uuid(&self) -> String {
        self.id.uuid(&self.node.name)
    }

    /// Source port, if the protocol has ports.
    #[must_use]
    pub fn source_port(&self) -> Option<u16> {
        self.l4.ports().map(|(source, _)| source)
    }

    /// Destination port, if the protocol has ports.
    #[must_use]
    pub fn destination_port(&self) -> Option<u16> {
        self.l4.ports().map(|(_, destination)| destination)
    }

    /// What became of it, in one word.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let egress = self.translation.as_ref().and_then(|translation| translation.egress);
        match self.verdict {
            Verdict::Dropped => Outcome::Dropped,
            Verdict::Audit => Outcome::Audit,
            Verdict::Error => Outcome::Error,
            _ if egress.is_some() => Outcome::Translated,
            _ => Outcome::Forwarded,
        }
    }

    /// The egress address of the packet that carries it, the one on its way out; `None` for a
    /// reply, whose destination is the pod again.
    #[must_use]
    pub fn translated_source(&self) -> Option<IpAddr> {
        let translation = self.translation.as_ref().filter(|_| self.reply == Some(false))?;
        translation.egress.map(|(address, _)| address)
    }
}

/// Number of a flow: dense per start of a collector, given when it is finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowId {
    /// Random number of the collector's start.
    pub boot: u64,
    /// Dense number within it, from 1.
    pub sequence: u64,
}

impl FlowId {
    /// The UUID text of this number on `node`.
    #[must_use]
    pub fn uuid(&self, node: &str) -> String {
        let node = fnv(node.as_bytes());
        let high = self.boot;
        let (a, b) = ((high >> 32) as u32, (high >> 16) as u16);
        let c = 0x8000 | (high as u16 & 0x0fff);
        let d = 0x8000 | ((node ^ (node >> 16)) as u16 & 0x3fff);
        format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{:012x}", self.sequence & 0xffff_ffff_ffff)
    }
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Name, with the cluster before it unless that is "default": `worker`, `west/worker`.
    pub name: String,
    /// Labels as `key=value`, sorted.
    pub labels: Vec<String>,
}

/// What kind of observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A packet was dropped for this reason (Hubble's number).
    Drop(u8),
    /// A packet passed a point.
    Trace(Point),
    /// A message was understood.
    L7(L7Kind),
}

impl Event {
    /// Hubble's event type and subtype.
    #[must_use]
    pub fn numbers(self) -> (i32, i32) {
        match self {
            Self::Drop(reason) => (1, i32::from(reason)),
            Self::Trace(point) => (4, point.subtype()),
            Self::L7(_) => (129, 0),
        }
    }
}

/// Observation points of trace events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// To the endpoint.
    ToEndpoint,
    /// To the node's stack.
    ToStack,
    /// Into the overlay.
    ToOverlay,
    /// From the endpoint.
    FromEndpoint,
    /// Out of the overlay.
    FromOverlay,
    /// In from the network.
    FromNetwork,
    /// Out to the network.
    ToNetwork,
}

impl Point {
    /// Subtype number of a trace event at this point.
    #[must_use]
    pub fn subtype(self) -> i32 {
        match self {
            Self::ToEndpoint => 0,
            Self::ToStack => 3,
            Self::ToOverlay => 4,
            Self::FromEndpoint => 5,
            Self::FromOverlay => 9,
            Self::FromNetwork => 10,
            Self::ToNetwork => 11,
        }
    }
}

/// Whether a message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L7Kind {
    /// A query.
    Request,
    /// Its answer, with the time it took in nanoseconds (0 = the query was not seen).
    Response { latency: u64 },
}

/// What became of the packet; numbers as in `flow.Verdict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It went on.
    Forwarded = 1,
    /// It did not.
    Dropped = 2,
    /// It could not be judged. This and what follows comes from other programs only.
    Error = 3,
    /// It went on, and a policy in audit mode would have dropped it.
    Audit = 4,
    /// It was sent to a proxy.
    Redirected = 5,
    /// A point that says nothing about its fate saw it.
    Traced = 6,
    /// A socket's address was replaced.
    Translated = 7,
    /// Nobody said.
    Unknown = 0,
}

/// What became of a flow, in one word: its verdict, with our translation told apart. Numbers are
/// those of `tidegate.v1.Outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It went on as it was.
    Forwarded = 1,
    /// It went on by an egress address.
    Translated = 2,
    /// It did not go on.
    Dropped = 3,
    /// It went on, against a policy in audit mode.
    Audit = 4,
    /// It could not be judged.
    Error = 5,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Forwarded, Self::Translated, Self::Dropped, Self::Audit, Self::Error];

    /// Its name in filters and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Translated => "translated",
            Self::Dropped => "dropped",
            Self::Audit => "audit",
            Self::Error => "error",
        }
    }
}

/// Direction seen from the endpoint; numbers as in `flow.TrafficDirection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Not known.
    Unknown = 0,
    /// Opened towards the endpoint.
    Ingress = 1,
    /// Opened by the endpoint.
    Egress = 2,
}

/// One side of a flow.
#[derive(Clone, Debug)]
pub struct Party {
    /// Address as the endpoint knows it.
    pub address: IpAddr,
    /// Who has the address.
    pub endpoint: Arc<Endpoint>,
    /// Names the endpoint asked for to get this address; best first.
    pub names: Vec<Name>,
    /// Service that owns the address.
    pub service: Option<Arc<ServiceName>>,
}

/// Who has an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Number of the endpoint on its node; 0 for remote and outside ones.
    pub id: u32,
    /// Security identity, see [`crate::identity`].
    pub identity: u32,
    /// Namespace of the pod; empty if it is none.
    pub namespace: String,
    /// Name of the pod; empty if it is none.
    pub pod: String,
    /// Identity labels as `source:key=value`, sorted.
    pub labels: Vec<String>,
    /// Owners of the pod.
    pub workloads: Vec<Workload>,
    /// Cluster of the pod; empty for outside addresses.
    pub cluster: String,
}

/// An owner of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Transport header of the observed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L4 {
    /// TCP; `flags` as in byte 13 of the header.
    Tcp { source: u16, destination: u16, flags: u8 },
    /// UDP.
    Udp { source: u16, destination: u16 },
    /// ICMP for IPv4.
    IcmpV4 { kind: u8, code: u8 },
    /// Another protocol, by its number.
    Other(u8),
}

impl L4 {
    /// Source and destination port, if the protocol has ports.
    #[must_use]
    pub fn ports(self) -> Option<(u16, u16)> {
        match self {
            Self::Tcp { source, destination, .. } | Self::Udp { source, destination } => Some((source, destination)),
            Self::IcmpV4 { .. } | Self::Other(_) => None,
        }
    }

    /// Protocol name as filters use it.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Tcp { .. } => "tcp",
            Self::Udp { .. } => "udp",
            Self::IcmpV4 { .. } => "icmpv4",
            Self::Other(132) => "sctp",
            Self::Other(112) => "vrrp",
            Self::Other(2) => "igmp",
            Self::Other(_) => "",
        }
    }
}

/// Translation of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Egress address; `None` on the pod's node when another node translates.
    pub egress: Option<(IpAddr, u16)>,
    /// Name of the policy.
    pub policy: Arc<str>,
    /// Name of the gateway node.
    pub gateway: Arc<str>,
    /// Underlay address of the gateway node.
    pub gateway_address: Option<IpAddr>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Interface index.
    pub index: u32,
    /// Name; empty if the device is gone.
    pub name: Arc<str>,
}

/// Totals of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// First packet, nanoseconds since the Unix epoch; 0 if not tracked.
    pub start: u64,
    /// End, nanoseconds since the Unix epoch; 0 while it lives.
    pub end: u64,
    /// Packets from the opening side.
    pub packets: u64,
    /// Bytes from the opening side (IP length).
    pub bytes: u64,
    /// Packets from the other side.
    pub reply_packets: u64,
    /// Bytes from the other side.
    pub reply_bytes: u64,
}

/// A DNS message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Name asked for.
    pub query: Fqdn,
    /// Types asked for, such as `A`.
    pub types: Vec<String>,
    /// Response code (RFC 1035, RFC 6895).
    pub rcode: u16,
    /// Addresses answered.
    pub addresses: Vec<IpAddr>,
    /// Smallest time to live of the answers, seconds.
    pub ttl: u32,
    /// Canonical names on the way, in order.
    pub cnames: Vec<Fqdn>,
    /// Types answered.
    pub answer_types: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_number_is_a_version_8_uuid() {
        let uuid = FlowId { boot: 0x0123_4567_89ab_cdef, sequence: 1 }.uuid("worker");
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'8');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn nodes_and_sequences_tell_uuids_apart() {
        let id = FlowId { boot: 1, sequence: 1 };
        assert_ne!(id.uuid("worker"), id.uuid("worker2"));
        assert_ne!(id.uuid("worker"), FlowId { sequence: 2, ..id }.uuid("worker"));
    }
}
