//! What names a connection.

use crate::record;

/// IP protocol numbers the datapath translates (IANA).
pub const ICMP: u8 = 1;
/// TCP.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;

/// One direction of a connection, IPv4. ICMP echo puts its identifier into the port
/// of the asking side and 0 into the other, so that the answer is the reversed tuple.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Source address, network byte order.
    pub source: u32,
    /// Destination address, network byte order.
    pub destination: u32,
    /// Source port or ICMP identifier, network byte order.
    pub source_port: u16,
    /// Destination port, network byte order.
    pub destination_port: u16,
    /// IP protocol.
    pub protocol: u8,
    /// Always 0: a map key must have no undefined byte.
    pub pad: [u8; 3],
}
record!(Tuple, 16);

impl Tuple {
    /// The tuple of the opposite direction.
    #[inline(always)]
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            protocol: self.protocol,
            pad: [0; 3],
        }
    }
}

/// TCP flag bits as in byte 13 of the header (RFC 9293).
pub mod tcp_flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// Acknowledgement field is significant.
    pub const ACK: u8 = 0x10;
    /// Flags whose first sight in a direction is an event.
    pub const REPORTED: u8 = FIN | SYN | RST;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversing_twice_gives_the_tuple_back() {
        let tuple =
            Tuple { source: 1, destination: 2, source_port: 3, destination_port: 4, protocol: TCP, pad: [0; 3] };
        assert_ne!(tuple.reversed(), tuple);
        assert_eq!(tuple.reversed().reversed(), tuple);
    }

    #[test]
    fn too_few_bytes_are_no_tuple() {
        assert!(Tuple::from_bytes(&[0; 15]).is_none());
        assert_eq!(Tuple::from_bytes(&[0; 17]), Some(Tuple::default()));
    }
}
