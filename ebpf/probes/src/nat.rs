//! Source translation: taking a port, and editing headers.
//!
//! The reverse tuple is the scarce thing, so it is taken first, with "must not exist" as the
//! lock between CPUs. The endpoint's own port is kept when free; then up to [`TRIES`] ports
//! of the range are tried. If all are taken, the last one is taken over if its connection has
//! expired, so that tables do not fill up while no collector runs.

use crate::{
    flow::{self, Refused, EEXIST, NOEXIST},
    maps::{config, count, CONNECTIONS, REVERSE},
    packet::{skb, Packet, ETH},
    report::now,
    socket,
};
use aya_ebpf::{
    bindings::{BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR},
    helpers::{bpf_get_prandom_u32, bpf_l4_csum_replace, bpf_skb_store_bytes},
    programs::TcContext,
};
use core::ffi::c_void;
use tidegate_ebpf_abi::{
    checksum,
    conn::{timeout, Flow, Reverse},
    counter,
    reason::cause,
    tuple::{Tuple, ICMP, TCP, UDP},
};

/// Ports tried after the endpoint's own.
const TRIES: u32 = 32;
/// Far enough apart that neighbours in the table are not tried one after another; prime.
const STRIDE: u32 = 7919;

/// Takes a port for the connection, enters both halves, and reports it. `flow.egress` is set by
/// the caller, `flow.egress_port` here. The error is a [`cause`].
#[inline(always)]
pub fn open(ctx: &TcContext, packet: &Packet, flow: &mut Flow, reverse: &Reverse) -> Result<(), u8> {
    take_port(ctx, packet, flow, reverse)?;
    match flow::open(packet, flow) {
        Ok(()) => Ok(()),
        Err(refused) => {
            let _ = REVERSE.remove(flow.reply_key(&packet.tuple));
            if let Refused::Full = refused {
                return Err(cause::FLOW_TABLE_FULL);
            }
            // Another CPU entered the same connection first: its port is the connection's.
            let Some(winner) = CONNECTIONS.get_ptr(packet.tuple) else {
                return Err(cause::NO_CONNECTION);
            };
            // SAFETY: a map value, valid for the run of the program.
            let winner = unsafe { &*winner };
            flow.egress = winner.egress;
            flow.egress_port = winner.egress_port;
            Ok(())
        }
    }
}

#[inline(always)]
fn take_port(ctx: &TcContext, packet: &Packet, flow: &mut Flow, reverse: &Reverse) -> Result<(), u8> {
    let config = config();
    let range = config.port_max as u32 - config.port_min as u32 + 1;
    // SAFETY: the helper has no preconditions.
    let start = unsafe { bpf_get_prandom_u32() };
    let mut port = packet.tuple.source_port;
    let mut tried = 0;
    while tried <= TRIES {
        flow.egress_port = port;
        let key = flow.reply_key(&packet.tuple);
        if !socket::receives(ctx, &key) {
            match REVERSE.insert(key, reverse, NOEXIST) {
                Ok(()) => return Ok(()),
                Err(EEXIST) => {}
                // No room; other ports would not help.
                Err(_) => return Err(cause::REVERSE_TABLE_FULL),
            }
        }
        tried += 1;
        count(counter::PORT_RETRIES);
        if range == 0 {
            break;
        }
        port = ((config.port_min as u32 + start.wrapping_add(tried * STRIDE) % range) as u16).to_be();
    }
    let key = flow.reply_key(&packet.tuple);
    if expired(&key) && REVERSE.insert(key, reverse, NOEXIST).is_ok() {
        count(counter::TAKEN_OVER);
        return Ok(());
    }
    Err(cause::PORTS_EXHAUSTED)
}

/// Ends the connection whose replies carry `key` if it has been silent for too long.
#[inline(always)]
fn expired(key: &Tuple) -> bool {
    let Some(reverse) = REVERSE.get_ptr(key) else {
        // Not a connection but a socket of this node holds the port.
        return false;
    };
    // SAFETY: a map value, valid for the run of the program.
    let reverse = unsafe { &*reverse };
    let flow_key = reverse.flow_key(key);
    let mut last = reverse.last;
    let mut flags = 0;
    let flow = CONNECTIONS.get_ptr(flow_key);
    if let Some(flow) = flow {
        // SAFETY: as above.
        let flow = unsafe { &*flow };
        if flow.last > last {
            last = flow.last;
        }
        flags = flow.flags;
    }
    let limit = timeout(key.protocol, flags, reverse.flags, reverse.packets != 0);
    if now().saturating_sub(last) <= limit {
        return false;
    }
    if let Some(flow) = flow {
        // SAFETY: as above.
        flow::end(&flow_key, unsafe { &*flow });
    }
    let _ = REVERSE.remove(key);
    true
}

/// Which end of the packet is edited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Source,
    Destination,
}

/// Writes `address` and `port` (network byte order) to one side and takes `hops` from the time
/// to live. `false` if the packet could not be written.
#[inline(always)]
pub fn rewrite(ctx: &TcContext, packet: &Packet, side: Side, address: u32, port: u16, hops: u8) -> bool {
    let tuple = &packet.tuple;
    let (old, old_port) = match side {
        Side::Source => (tuple.source, tuple.source_port),
        Side::Destination => (tuple.destination, tuple.destination_port),
    };
    let ttl = packet.ttl - hops;
    let check = checksum::replace16(
        checksum::replace32(packet.check, old, address),
        u16::from_ne_bytes([packet.ttl, tuple.protocol]),
        u16::from_ne_bytes([ttl, tuple.protocol]),
    );
    let (source, destination) = match side {
        Side::Source => (address, tuple.destination),
        Side::Destination => (tuple.source, address),
    };
    let (c, s, d) = (check.to_ne_bytes(), source.to_ne_bytes(), destination.to_ne_bytes());
    // From the time to live to the end of the fixed header, in one write.
    let fields = [ttl, tuple.protocol, c[0], c[1], s[0], s[1], s[2], s[3], d[0], d[1], d[2], d[3]];
    if !store(ctx, ETH as u32 + 8, &fields) {
        return false;
    }
    // Offsets of checksum and port in the layer 4 header.
    let (check_at, port_at) = match tuple.protocol {
        TCP => (16, port_offset(side)),
        UDP => (6, port_offset(side)),
        _ => (2, 4),
    };
    let check_at = packet.l4 + check_at;
    // A UDP checksum of 0 means "none" (RFC 768) and stays 0.
    let keep_zero = if tuple.protocol == UDP { BPF_F_MARK_MANGLED_0 as u64 } else { 0 };
    if tuple.protocol != ICMP && old != address {
        let flags = BPF_F_PSEUDO_HDR as u64 | keep_zero | 4;
        // SAFETY: the helper checks the offset.
        if unsafe { bpf_l4_csum_replace(skb(ctx), check_at, old as u64, address as u64, flags) } != 0 {
            return false;
        }
    }
    if old_port != port {
        // SAFETY: as above.
        let replaced = unsafe { bpf_l4_csum_replace(skb(ctx), check_at, old_port as u64, port as u64, keep_zero | 2) };
        return replaced == 0 && store(ctx, packet.l4 + port_at, &port.to_ne_bytes());
    }
    true
}

/// Takes one from the time to live and changes nothing else.
#[inline(always)]
pub fn hop(ctx: &TcContext, packet: &Packet) -> bool {
    let ttl = packet.ttl - 1;
    let check = checksum::replace16(
        packet.check,
        u16::from_ne_bytes([packet.ttl, packet.tuple.protocol]),
        u16::from_ne_bytes([ttl, packet.tuple.protocol]),
    );
    let c = check.to_ne_bytes();
    store(ctx, ETH as u32 + 8, &[ttl, packet.tuple.protocol, c[0], c[1]])
}

#[inline(always)]
fn port_offset(side: Side) -> u32 {
    match side {
        Side::Source => 0,
        Side::Destination => 2,
    }
}

#[inline(always)]
fn store<const N: usize>(ctx: &TcContext, offset: u32, bytes: &[u8; N]) -> bool {
    // SAFETY: N bytes are read from the array; the helper checks the offset.
    unsafe { bpf_skb_store_bytes(skb(ctx), offset, bytes.as_ptr().cast::<c_void>(), N as u32, 0) == 0 }
}
