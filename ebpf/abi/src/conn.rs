//! What the probes remember of a live connection.
//!
//! One entry per connection, keyed by the tuple of its first packet as the endpoint sent (or
//! received) it: in `CONNECTIONS` if it is translated or carried to a gateway, in `FLOWS` if it is
//! only observed, so that a flood of observed ones leaves room for the others. A translated
//! connection has a second entry in `REVERSE`, keyed by the tuple its replies carry at the
//! uplink; it counts the replies, so that each packet costs one lookup. The collector ends them.

use crate::{record, tuple::Tuple};

/// Value of the maps `CONNECTIONS` and `FLOWS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// First packet.
    pub first: u64,
    /// Last packet seen by this entry.
    pub last: u64,
    /// Last report to the collector.
    pub reported: u64,
    /// Packets from the side that opened the connection.
    pub packets: u64,
    /// Bytes (IP length) from that side.
    pub bytes: u64,
    /// Packets of the other side; 0 where `REVERSE` counts them.
    pub reply_packets: u64,
    /// Bytes of the other side; 0 where `REVERSE` counts them.
    pub reply_bytes: u64,
    /// Egress address, network byte order; 0 unless translated here.
    pub egress: u32,
    /// Underlay address of the gateway that this flow is carried to, or of the node that it came from.
    pub peer: u32,
    /// Policy number; 0 = none.
    pub policy: u32,
    /// Host side of the endpoint's veth, or the device the flow entered by.
    pub ifindex: u32,
    /// Egress port or ICMP identifier, network byte order.
    pub egress_port: u16,
    /// One of [`kind`].
    pub kind: u8,
    /// Hook that made the entry, one of [`crate::event::point`].
    pub point: u8,
    /// TCP flags seen from the opening side.
    pub flags: u8,
    /// TCP flags seen from the other side.
    pub reply_flags: u8,
    /// 1 if packets that are left to the stack are marked for the guard ([`crate::policy::PASS_MARK`]).
    pub open: u8,
    /// Room for later layouts, 0.
    pub spare: [u8; 9],
}
record!(Flow, 88);

/// Kinds of [`Flow`]: what is done with its packets, pinned at the first one.
pub mod kind {
    /// Observed only.
    pub const PLAIN: u8 = 1;
    /// Translated on this node.
    pub const TRANSLATED: u8 = 2;
    /// Carried to a gateway.
    pub const TUNNELLED: u8 = 3;
}

/// Value of map `REVERSE`: where a reply goes, with no policy asked.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reverse {
    /// Last reply.
    pub last: u64,
    /// Replies.
    pub packets: u64,
    /// Bytes (IP length) of replies.
    pub bytes: u64,
    /// Last report to the collector.
    pub reported: u64,
    /// The endpoint's address, network byte order.
    pub endpoint: u32,
    /// Underlay address of the endpoint's node, network byte order; 0 = this node.
    pub node: u32,
    /// Host side of the endpoint's veth pair; 0 if the endpoint is on another node.
    pub ifindex: u32,
    /// The endpoint's own port or ICMP identifier, network byte order.
    pub endpoint_port: u16,
    /// TCP flags seen in replies.
    pub flags: u8,
    /// 0.
    pub pad: u8,
    /// Destination and source MAC of a frame to a local endpoint.
    pub header: [u8; 12],
    /// Room for later layouts, 0.
    pub spare: [u8; 4],
}
record!(Reverse, 64);

impl Flow {
    /// Key in `REVERSE` of the replies to this translated connection with key `key`.
    #[inline(always)]
    #[must_use]
    pub const fn reply_key(&self, key: &Tuple) -> Tuple {
        Tuple {
            source: key.destination,
            destination: self.egress,
            source_port: key.destination_port,
            destination_port: self.egress_port,
            protocol: key.protocol,
            pad: [0; 3],
        }
    }
}

impl Reverse {
    /// Key in `CONNECTIONS` of the connection whose replies carry the tuple `reply`.
    #[inline(always)]
    #[must_use]
    pub const fn flow_key(&self, reply: &Tuple) -> Tuple {
        Tuple {
            source: self.endpoint,
            destination: reply.source,
            source_port: self.endpoint_port,
            destination_port: reply.source_port,
            protocol: reply.protocol,
            pad: [0; 3],
        }
    }
}

/// How long a silent connection is kept, in nanoseconds: one rule for the collector that ends
/// entries and for the probe that takes over an expired one.
///
/// `flags` and `reply_flags` are the TCP flags seen from either side, `answered` tells whether the
/// other side has spoken.
#[inline(always)]
#[must_use]
pub const fn timeout(protocol: u8, flags: u8, reply_flags: u8, answered: bool) -> u64 {
    use crate::tuple::{ICMP, TCP, tcp_flag};
    const SECOND: u64 = 1_000_000_000;
    if protocol == TCP {
        if (flags | reply_flags) & tcp_flag::RST != 0 || flags & reply_flags & tcp_flag::FIN != 0 {
            10 * SECOND
        } else if !answered {
            60 * SECOND
        } else if (flags | reply_flags) & tcp_flag::FIN != 0 {
            // One side may still speak; RFC 5382 asks for 4 minutes.
            240 * SECOND
        } else {
            // RFC 5382 asks for at least 2 h 4 min.
            8000 * SECOND
        }
    } else if protocol == ICMP {
        30 * SECOND
    } else if answered {
        // RFC 4787 asks for at least 2 minutes.
        180 * SECOND
    } else {
        60 * SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuple::{TCP, UDP, tcp_flag};

    #[test]
    fn an_idle_established_connection_outlives_two_hours() {
        assert!(timeout(TCP, tcp_flag::SYN, tcp_flag::SYN, true) > 7440 * 1_000_000_000);
    }

    #[test]
    fn a_finished_connection_is_soon_forgotten() {
        assert!(timeout(TCP, tcp_flag::SYN, tcp_flag::RST, true) < timeout(UDP, 0, 0, false));
    }

    #[test]
    fn a_half_closed_connection_has_minutes_left() {
        let half = timeout(TCP, tcp_flag::FIN, 0, true);
        assert!(half >= 240 * 1_000_000_000);
        assert!(timeout(TCP, tcp_flag::FIN, tcp_flag::FIN, true) < half);
    }

    #[test]
    fn a_reply_leads_back_to_the_key_of_its_flow() {
        let reverse = Reverse { endpoint: 10, endpoint_port: 11, ..Reverse::default() };
        let reply =
            Tuple { source: 20, destination: 30, source_port: 21, destination_port: 31, protocol: TCP, pad: [0; 3] };
        let key = reverse.flow_key(&reply);
        assert_eq!((key.source, key.source_port), (10, 11));
        assert_eq!((key.destination, key.destination_port), (20, 21));
    }
}
