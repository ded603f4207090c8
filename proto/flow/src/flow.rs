//! A flow: one observation of one connection (or dropped packet, or DNS message) at one point.
//!
//! Numbers of event types, observation points, verdicts and drop reasons are Hubble's
//! (`flow.proto`, `pkg/monitor/api`), so that stock tools tell the truth about our flows.

mod event;
mod id;

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use crate::{
    identity,
    name::{Fqdn, Name},
};

pub use event::{Direction, Event, L7Kind, Outcome, Point, Verdict};
pub use id::{FlowId, uuid_number, uuid_text};

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The DNS message, if this is one; only with [`Event::L7`].
    pub dns: Option<Box<Dns>>,
    /// Totals of the connection so far.
    pub counters: Counters,
    /// Precise cause of a drop, in words; empty if there is nothing more to say.
    pub cause: Cow<'static, str>,
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

    /// The egress address and port of the packet that carries them, the one on its way out;
    /// `None` for a reply, whose destination is the pod again.
    #[must_use]
    pub fn translated_source(&self) -> Option<(IpAddr, u16)> {
        self.translation.as_ref().filter(|_| self.reply == Some(false))?.egress
    }

    /// Whether the destination is outside of the cluster and nobody knows its name.
    #[must_use]
    pub fn is_unresolved(&self) -> bool {
        identity::is_outside(self.destination.endpoint.identity) && self.destination.names.is_empty()
    }
}

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Name, with the cluster before it unless that is "default": `worker`, `west/worker`.
    pub name: String,
    /// Labels as `key=value`, sorted.
    pub labels: Vec<String>,
    /// The program that makes its flows.
    pub emitter: Emitter,
}

/// A program. Said by the flow and not by its encoder, so that a stored flow stays as it was when
/// the program that reads it is another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emitter {
    /// Its name; empty if nobody said.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One side of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// SCTP with its ports, as other programs report it.
    Sctp { source: u16, destination: u16 },
    /// ICMP for IPv4.
    IcmpV4 { kind: u8, code: u8 },
    /// ICMP for IPv6.
    IcmpV6 { kind: u8, code: u8 },
    /// Another protocol, by its number; 0 if nobody said.
    Other(u8),
}

impl L4 {
    /// Source and destination port, if the protocol has ports and they were read.
    #[must_use]
    pub fn ports(self) -> Option<(u16, u16)> {
        match self {
            Self::Tcp { source, destination, .. }
            | Self::Udp { source, destination }
            | Self::Sctp { source, destination } => Some((source, destination)),
            Self::IcmpV4 { .. } | Self::IcmpV6 { .. } | Self::Other(_) => None,
        }
    }

    /// Protocol name as filters use it; empty if they have none for it.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Tcp { .. } => "tcp",
            Self::Udp { .. } => "udp",
            Self::IcmpV4 { .. } => "icmpv4",
            Self::IcmpV6 { .. } => "icmpv6",
            Self::Sctp { .. } | Self::Other(132) => "sctp",
            Self::Other(112) => "vrrp",
            Self::Other(2) => "igmp",
            Self::Other(_) => "",
        }
    }
}

/// Translation of a connection. Something of it is known, or there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
