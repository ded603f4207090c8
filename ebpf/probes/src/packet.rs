//! Reading headers, by direct access to the packet.

use aya_ebpf::{bindings::__sk_buff, programs::TcContext};
use tidegate_ebpf_abi::tuple::{Tuple, ICMP, TCP, UDP};

/// Length of an Ethernet header; the datapath is for Ethernet devices.
pub const ETH: usize = 14;
const ETHERTYPE_IPV4: u16 = 0x0800u16.to_be();
/// Ethernet, IPv4 without options, TCP without options.
const PULL: u32 = 54;

/// PACKET_HOST, `include/uapi/linux/if_packet.h`.
pub const PACKET_HOST: u32 = 0;

const ECHO_REPLY: u8 = 0;
/// ICMP type, RFC 792.
pub const ECHO_REQUEST: u8 = 8;

/// What of a packet the datapath needs.
pub struct Packet {
    /// Addresses, ports, protocol; ports are 0 unless `kind` is [`Kind::Tracked`].
    pub tuple: Tuple,
    /// Offset of the layer 4 header.
    pub l4: u32,
    /// IP total length, bytes.
    pub length: u16,
    /// IPv4 header checksum as in the packet.
    pub check: u16,
    /// Time to live.
    pub ttl: u8,
    /// "Don't fragment" is set.
    pub df: bool,
    /// What can be done with it.
    pub kind: Kind,
    /// TCP flags.
    pub flags: u8,
    /// Length of the TCP header; 0 for other protocols.
    pub transport: u8,
    /// ICMP type and code.
    pub icmp: (u8, u8),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// TCP, UDP or ICMP echo with its ports.
    Tracked,
    /// A fragment, the first one included.
    Fragment,
    /// A protocol without ports, or an ICMP message that is no echo.
    Other,
}

impl Packet {
    /// A connection's first TCP packet.
    #[inline(always)]
    pub fn opens(&self) -> bool {
        use tidegate_ebpf_abi::tuple::tcp_flag::{ACK, FIN, RST, SYN};
        self.flags & (SYN | ACK | RST | FIN) == SYN
    }
}

/// The raw context, for helpers that aya has no method for.
#[inline(always)]
pub fn skb(ctx: &TcContext) -> *mut __sk_buff {
    ctx.skb.skb
}

#[inline(always)]
pub fn ifindex(ctx: &TcContext) -> u32 {
    // SAFETY: the context is valid while the program runs.
    unsafe { (*skb(ctx)).ifindex }
}

/// Reads the headers; `None` if it is no IPv4 packet or is cut short.
#[inline(always)]
pub fn parse(ctx: &TcContext) -> Option<Packet> {
    if ctx.data() + PULL as usize > ctx.data_end() {
        let length = ctx.len();
        let _ = ctx.pull_data(if length < PULL { length } else { PULL });
    }
    if read::<u16>(ctx, 12)? != ETHERTYPE_IPV4 {
        return None;
    }
    let ip: [u8; 20] = read(ctx, ETH)?;
    if ip[0] >> 4 != 4 {
        return None;
    }
    let l4 = ETH + ((ip[0] & 0xf) as usize) * 4;
    let mut packet = Packet {
        tuple: Tuple {
            source: u32::from_ne_bytes([ip[12], ip[13], ip[14], ip[15]]),
            destination: u32::from_ne_bytes([ip[16], ip[17], ip[18], ip[19]]),
            source_port: 0,
            destination_port: 0,
            protocol: ip[9],
            pad: [0; 3],
        },
        l4: l4 as u32,
        length: u16::from_be_bytes([ip[2], ip[3]]),
        check: u16::from_ne_bytes([ip[10], ip[11]]),
        ttl: ip[8],
        df: ip[6] & 0x40 != 0,
        kind: Kind::Other,
        flags: 0,
        transport: 0,
        icmp: (0, 0),
    };
    // More fragments to come, or an offset: the first one has ports, but the others would not
    // follow it.
    if ip[6] & 0x3f != 0 || ip[7] != 0 {
        packet.kind = Kind::Fragment;
        return Some(packet);
    }
    match packet.tuple.protocol {
        TCP => {
            let tcp: [u8; 14] = read(ctx, l4)?;
            packet.flags = tcp[13];
            packet.transport = (tcp[12] >> 4) * 4;
            ports(&mut packet, tcp[0], tcp[1], tcp[2], tcp[3]);
        }
        UDP => {
            let udp: [u8; 4] = read(ctx, l4)?;
            ports(&mut packet, udp[0], udp[1], udp[2], udp[3]);
        }
        ICMP => {
            let icmp: [u8; 8] = read(ctx, l4)?;
            packet.icmp = (icmp[0], icmp[1]);
            match icmp[0] {
                ECHO_REQUEST => ports(&mut packet, icmp[4], icmp[5], 0, 0),
                ECHO_REPLY => ports(&mut packet, 0, 0, icmp[4], icmp[5]),
                _ => {}
            }
        }
        _ => {}
    }
    Some(packet)
}

#[inline(always)]
fn ports(packet: &mut Packet, a: u8, b: u8, c: u8, d: u8) {
    packet.tuple.source_port = u16::from_ne_bytes([a, b]);
    packet.tuple.destination_port = u16::from_ne_bytes([c, d]);
    packet.kind = Kind::Tracked;
}

/// The one bounds-checked cast: `T` at `offset`, or `None` if the linear part ends before.
#[inline(always)]
pub fn read<T: Copy>(ctx: &TcContext, offset: usize) -> Option<T> {
    let start = ctx.data() + offset;
    if start + core::mem::size_of::<T>() > ctx.data_end() {
        return None;
    }
    // SAFETY: start..start+size lies within the packet, checked above; T is plain bytes.
    Some(unsafe { core::ptr::read_unaligned(start as *const T) })
}
