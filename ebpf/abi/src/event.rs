//! What the probes report.

use crate::{record, tuple::Tuple};

/// One record of the ring `EVENTS`: the state of one connection at one moment, seen from the
/// side that opened it. Counters are totals of the connection so far, so a lost record loses no bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// When the reported packet was seen.
    pub time: u64,
    /// First packet of the connection; 0 if it is not tracked.
    pub first: u64,
    /// Packets from the opening side.
    pub packets: u64,
    /// Bytes from the opening side.
    pub bytes: u64,
    /// Packets from the other side.
    pub reply_packets: u64,
    /// Bytes from the other side.
    pub reply_bytes: u64,
    /// Addresses and ports, opening side first, as the endpoint knows them.
    pub tuple: Tuple,
    /// Egress address, network byte order; 0 unless translated here.
    pub egress: u32,
    /// Underlay address of the other end of the overlay, network byte order; 0 if none.
    pub peer: u32,
    /// Policy number; 0 = none.
    pub policy: u32,
    /// Device of the endpoint or, at the gateway, of the overlay.
    pub ifindex: u32,
    /// Egress port, network byte order.
    pub egress_port: u16,
    /// [`LAYOUT`](crate::LAYOUT) of the writer, low byte.
    pub layout: u8,
    /// One of [`kind`].
    pub kind: u8,
    /// One of [`point`].
    pub point: u8,
    /// TCP flags of the reported packet.
    pub flags: u8,
    /// 1 if the reported packet goes to the side that opened the connection.
    pub reply: u8,
    /// Drop reason number as Hubble counts them ([`crate::reason`]); 0 = forwarded.
    pub reason: u8,
    /// Precise cause of a drop, one of [`crate::reason::cause`].
    pub cause: u8,
    /// ICMP type of the reported packet.
    pub icmp_type: u8,
    /// ICMP code of the reported packet.
    pub icmp_code: u8,
    /// 0.
    pub pad: [u8; 5],
}
record!(Event, 96);

/// Kinds of [`Event`].
pub mod kind {
    /// First packet of a connection.
    pub const NEW: u8 = 1;
    /// A TCP flag was seen for the first time in its direction, or the first answer.
    pub const FLAGS: u8 = 2;
    /// The connection is active; sent at most once an interval.
    pub const ACTIVE: u8 = 3;
    /// The connection ended; final counters.
    pub const END: u8 = 4;
    /// A packet was dropped.
    pub const DROP: u8 = 5;
    /// A packet was seen (`monitor-aggregation: none`).
    pub const PACKET: u8 = 6;
}

/// Where the packet was seen.
pub mod point {
    /// From an endpoint, at the host side of its veth.
    pub const FROM_ENDPOINT: u8 = 1;
    /// To an endpoint through the node's stack.
    pub const TO_ENDPOINT: u8 = 2;
    /// At the gateway: from the overlay, on its way out.
    pub const FROM_OVERLAY: u8 = 3;
    /// Reply at the uplink of the gateway.
    pub const FROM_NETWORK: u8 = 4;
    /// Reply at the endpoint's node, out of the overlay.
    pub const OVERLAY_REPLY: u8 = 5;
    /// From the node itself, at its uplink.
    pub const FROM_HOST: u8 = 6;
    /// To the node itself, at its uplink.
    pub const TO_HOST: u8 = 7;
}

/// Most bytes of a DNS message that are copied.
pub const DNS_CAPTURE: usize = 1536;

/// Head of one record of the ring `DNS`; `captured` bytes of the message follow it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsHead {
    /// When the packet was seen.
    pub time: u64,
    /// Addresses and ports of the packet itself.
    pub tuple: Tuple,
    /// Device at which it was seen.
    pub ifindex: u32,
    /// Bytes of the DNS message.
    pub length: u16,
    /// Bytes of it that follow.
    pub captured: u16,
}
record!(DnsHead, 32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_back_from_its_bytes() {
        let mut bytes = [0u8; Event::SIZE + 8];
        bytes[0] = 7;
        bytes[83] = kind::DROP;
        let event = Event::from_bytes(&bytes).unwrap();
        assert_eq!((event.time, event.kind), (7, kind::DROP));
        assert!(Event::from_bytes(&bytes[..Event::SIZE - 1]).is_none());
    }
}
