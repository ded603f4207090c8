//! Why a packet was dropped: the number that Hubble's `DropReason` gives it, and the
//! precise cause in our own words.

/// Source address is not the endpoint's own.
pub const INVALID_SOURCE_IP: u8 = 132;
/// Header cut short.
pub const INVALID_HEADER: u8 = 135;
/// A protocol that cannot be translated.
pub const UNKNOWN_L4_PROTOCOL: u8 = 142;
/// No port left, or no room in the tables.
pub const NO_MAPPING_FOR_NAT: u8 = 167;
/// No route for the translated packet.
pub const FIB_LOOKUP_FAILED: u8 = 169;
/// The overlay packet came from no known node.
pub const UNKNOWN_SENDER: u8 = 172;
/// A fragment whose first one was not seen.
pub const FRAGMENT_NOT_FOUND: u8 = 175;
/// No node can be the gateway.
pub const NO_EGRESS_GATEWAY: u8 = 194;
/// The endpoint is not known yet.
pub const ENDPOINT_NOT_READY: u8 = 203;
/// The gateway has no usable egress address.
pub const NO_EGRESS_IP: u8 = 204;

/// Causes; each belongs to one reason, several may share one.
pub mod cause {
    /// Nothing more to say than the reason.
    pub const NONE: u8 = 0;
    /// Every probed port is taken for this remote address and port.
    pub const PORTS_EXHAUSTED: u8 = 1;
    /// The flow table is full.
    pub const FLOW_TABLE_FULL: u8 = 2;
    /// The reverse table is full.
    pub const REVERSE_TABLE_FULL: u8 = 3;
    /// Packet of an address in a pod network that no object names.
    pub const UNKNOWN_ENDPOINT: u8 = 4;
    /// At the gateway: the endpoint is not announced for the node that sent it.
    pub const NOT_THAT_NODES_ENDPOINT: u8 = 5;
    /// At the gateway: this node's rules do not make it the gateway.
    pub const NOT_THE_GATEWAY: u8 = 6;
    /// The overlay device does not exist.
    pub const NO_OVERLAY: u8 = 7;
    /// The packet is larger than the way out and may not be fragmented by us.
    pub const TOO_BIG: u8 = 8;
    /// A reply in the overlay that belongs to no connection of this node.
    pub const NO_CONNECTION: u8 = 9;
    /// The packet would expire at the gateway.
    pub const EXPIRED: u8 = 10;

    /// The cause in words, empty for [`NONE`] and unknown numbers.
    #[must_use]
    pub const fn text(cause: u8) -> &'static str {
        match cause {
            PORTS_EXHAUSTED => "every probed port of the egress address is taken for this remote",
            FLOW_TABLE_FULL => "flow table full",
            REVERSE_TABLE_FULL => "reverse translation table full",
            UNKNOWN_ENDPOINT => "address in a pod network that no object names",
            NOT_THAT_NODES_ENDPOINT => "endpoint is not known on the node that sent it",
            NOT_THE_GATEWAY => "this node is not the gateway of the endpoint for that destination",
            NO_OVERLAY => "overlay device missing",
            TOO_BIG => "packet larger than the way out",
            NO_CONNECTION => "reply to no known connection",
            EXPIRED => "time to live used up",
            _ => "",
        }
    }
}
