//! What the collector tells the probes: who is an endpoint, what is inside the
//! cluster, and where an endpoint's traffic to the outside shall leave.

use crate::record;

/// Run-time settings of the probes, entry 0 of map `CONFIG`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Nanoseconds between two reports of an active connection.
    pub active_interval: u64,
    /// Interface index of the overlay device; 0 while there is none.
    pub overlay_ifindex: u32,
    /// VXLAN network identifier.
    pub vni: u32,
    /// [`Config::PER_PACKET`] and other bits.
    pub flags: u32,
    /// Lowest port handed out when an endpoint's own port is taken, host byte order.
    pub port_min: u16,
    /// Highest such port, inclusive, host byte order.
    pub port_max: u16,
}
record!(Config, 24);

impl Config {
    /// Report every packet (`monitor-aggregation: none`).
    pub const PER_PACKET: u32 = 1;
    /// Copy DNS messages to the `DNS` ring.
    pub const CAPTURE_DNS: u32 = 2;
    /// The egress gateway is enabled; without it the probes only observe.
    pub const EGRESS: u32 = 4;
}

/// Bit of the packet mark by which the probe tells the guard: this packet of a known endpoint
/// goes on untranslated because that was decided. The kernel clears marks between network
/// namespaces, so no pod can set it. kube-proxy uses 0xc000, Cilium 0x0f00 and the upper half,
/// Calico the upper half.
pub const PASS_MARK: u32 = 0x2000;

/// Value of map `ENDPOINTS`, keyed by the endpoint's address (network byte order).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Which rules apply; 0 selects nothing.
    pub ruleset: u32,
    /// Underlay address of the endpoint's node, network byte order; 0 = this node.
    pub node: u32,
}
record!(Endpoint, 8);

/// Key data of the trie `INSIDE`: one address, network byte order.
pub type InsideKey = u32;

/// What an inside prefix is; value of the trie `INSIDE`.
pub mod inside {
    /// Pod addresses of the cluster.
    pub const PODS: u32 = 1;
    /// Service, load balancer and external addresses.
    pub const SERVICE: u32 = 2;
    /// Addresses of nodes.
    pub const NODE: u32 = 3;
}

/// Key data of the trie `RULES`; the prefix length is 32 + that of the destination.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleKey {
    /// Ruleset of the endpoint.
    pub ruleset: u32,
    /// Destination network, network byte order.
    pub destination: u32,
}
record!(RuleKey, 8);

/// What to do with a new connection; value of the trie `RULES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// One of [`rule_kind`].
    pub kind: u32,
    /// Number of the policy, as the collector knows it; 0 = none.
    pub policy: u32,
    /// Underlay address of the gateway, network byte order; 0 = this node, or none.
    pub gateway: u32,
    /// Egress address, network byte order; 0 where this node is not the gateway.
    pub egress: u32,
}
record!(Rule, 16);

/// Kinds of [`Rule`].
pub mod rule_kind {
    /// This node is the gateway: translate to `egress`.
    pub const TRANSLATE: u32 = 1;
    /// Another node is the gateway: carry to `gateway`.
    pub const TUNNEL: u32 = 2;
    /// Excluded destination: leave the packet alone.
    pub const EXCLUDED: u32 = 3;
    /// No node can be the gateway: drop.
    pub const NO_GATEWAY: u32 = 4;
    /// The gateway has no usable egress address: drop.
    pub const NO_EGRESS_IP: u32 = 5;
}

/// Value of map `LOCATIONS`, keyed by a local endpoint's address: how to hand it a frame.
/// Written by the probe that sees the endpoint's own packets, so that nothing about the CNI
/// has to be known; `ifindex` may be set before by the collector from a host route.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Host side of the endpoint's veth pair.
    pub ifindex: u32,
    /// Destination and source MAC of a frame to the endpoint.
    pub header: [u8; 12],
}
record!(Location, 16);
