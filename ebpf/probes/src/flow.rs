//! Accounting: one entry per connection, totals in it, events at its turning points.

use crate::{
    maps::{config, count, CONNECTIONS, FLOWS, REVERSE},
    packet::Packet,
    report::{self, now, Seen},
};
use aya_ebpf::maps::HashMap;
use core::arch::asm;
use tidegate_ebpf_abi::{
    conn::{kind as flow_kind, Flow, Reverse},
    counter,
    event::{kind, point},
    policy::Config,
    tuple::{tcp_flag, Tuple},
};

/// BPF_NOEXIST, `include/uapi/linux/bpf.h`.
pub const NOEXIST: u64 = 1;
/// -EEXIST.
pub const EEXIST: i32 = -17;

/// A new connection's entry, its first packet counted.
#[inline(always)]
pub fn first(packet: &Packet, kind: u8, point: u8, ifindex: u32) -> Flow {
    let now = now();
    Flow {
        first: now,
        last: now,
        reported: now,
        packets: 1,
        bytes: packet.length as u64,
        reply_packets: 0,
        reply_bytes: 0,
        egress: 0,
        peer: 0,
        policy: 0,
        ifindex,
        egress_port: 0,
        kind,
        point,
        flags: packet.flags,
        reply_flags: 0,
        open: 0,
        spare: [0; 9],
    }
}

/// Why an entry could not be made.
pub enum Refused {
    /// Another CPU made the entry first.
    Exists,
    /// The table is full.
    Full,
}

/// Enters a connection and reports it.
#[inline(always)]
pub fn open(packet: &Packet, flow: &Flow) -> Result<(), Refused> {
    match table(flow).insert(packet.tuple, flow, NOEXIST) {
        Ok(()) => {}
        Err(EEXIST) => return Err(Refused::Exists),
        Err(_) => return Err(Refused::Full),
    }
    report::connection(
        &packet.tuple,
        flow,
        None,
        Seen { kind: kind::NEW, point: flow.point, reply: false, flags: packet.flags, icmp: packet.icmp },
    );
    Ok(())
}

/// Enters a connection that is only observed, `is_open` if the guard shall let it through; a full
/// table is counted and stops nothing.
#[inline(always)]
pub fn observe(packet: &Packet, point: u8, ifindex: u32, is_open: bool) {
    let mut flow = first(packet, flow_kind::PLAIN, point, ifindex);
    flow.open = is_open as u8;
    if let Err(Refused::Full) = open(packet, &flow) {
        count(counter::UNTRACKED);
    }
}

/// Counts a packet of the side that opened the connection.
#[inline(always)]
pub fn forward(key: &Tuple, flow: &mut Flow, packet: &Packet) {
    add(&mut flow.packets, 1);
    add(&mut flow.bytes, packet.length as u64);
    let now = now();
    flow.last = now;
    let fresh = packet.flags & !flow.flags;
    flow.flags |= packet.flags;
    if let Some(kind) = due(fresh, true, &mut flow.reported, now) {
        // A translated connection's reply counters are in its other entry; this is the rare path.
        let reverse = if flow.kind == flow_kind::TRANSLATED { reverse_of(key, flow) } else { None };
        let seen = Seen { kind, point: flow.point, reply: false, flags: packet.flags, icmp: packet.icmp };
        report::connection(key, flow, reverse, seen);
    }
}

/// Counts a reply in the connection's own entry. `key` is the connection's, not the packet's.
#[inline(always)]
pub fn reply(key: &Tuple, flow: &mut Flow, packet: &Packet, point: u8) {
    let answered = flow.reply_packets != 0;
    add(&mut flow.reply_packets, 1);
    add(&mut flow.reply_bytes, packet.length as u64);
    let now = now();
    flow.last = now;
    let fresh = packet.flags & !flow.reply_flags;
    flow.reply_flags |= packet.flags;
    if let Some(kind) = due(fresh, answered, &mut flow.reported, now) {
        let seen = Seen { kind, point, reply: true, flags: packet.flags, icmp: packet.icmp };
        report::connection(key, flow, None, seen);
    }
}

/// Counts a reply in the reverse entry of a translated connection.
#[inline(always)]
pub fn translated_reply(reverse: &mut Reverse, packet: &Packet) {
    let answered = reverse.packets != 0;
    add(&mut reverse.packets, 1);
    add(&mut reverse.bytes, packet.length as u64);
    let now = now();
    reverse.last = now;
    let fresh = packet.flags & !reverse.flags;
    reverse.flags |= packet.flags;
    if let Some(kind) = due(fresh, answered, &mut reverse.reported, now) {
        let key = reverse.flow_key(&packet.tuple);
        if let Some(flow) = CONNECTIONS.get_ptr_mut(key) {
            // SAFETY: a map value, valid for the run of the program.
            let flow = unsafe { &mut *flow };
            flow.reply_flags |= packet.flags;
            let seen = Seen { kind, point: point::FROM_NETWORK, reply: true, flags: packet.flags, icmp: packet.icmp };
            report::connection(&key, flow, Some(reverse), seen);
        }
    }
}

/// A new connection on the ports of one that is closing: the old one ends here.
#[inline(always)]
pub fn reopened(flow: &Flow, packet: &Packet) -> bool {
    (flow.flags | flow.reply_flags) & (tcp_flag::FIN | tcp_flag::RST) != 0 && packet.opens()
}

/// Ends a connection from within the kernel: final counters, both entries gone.
#[inline(always)]
pub fn end(key: &Tuple, flow: &Flow) {
    let reverse = if flow.kind == flow_kind::TRANSLATED { reverse_of(key, flow) } else { None };
    let seen = Seen { kind: kind::END, point: flow.point, reply: false, flags: 0, icmp: (0, 0) };
    report::connection(key, flow, reverse, seen);
    if flow.kind == flow_kind::TRANSLATED {
        let _ = REVERSE.remove(flow.reply_key(key));
    }
    let _ = table(flow).remove(key);
}

/// Where connections of this kind are kept.
#[inline(always)]
fn table(flow: &Flow) -> &'static HashMap<Tuple, Flow> {
    match flow.kind {
        flow_kind::PLAIN => &FLOWS,
        _ => &CONNECTIONS,
    }
}

#[inline(always)]
fn reverse_of<'a>(key: &Tuple, flow: &Flow) -> Option<&'a Reverse> {
    // SAFETY: a map value, valid for the run of the program.
    REVERSE.get_ptr(flow.reply_key(key)).map(|reverse| unsafe { &*reverse })
}

/// Which event is due, if any: a flag seen first, the first answer, a packet where all are asked
/// for, an interval over.
#[inline(always)]
fn due(fresh: u8, answered: bool, reported: &mut u64, now: u64) -> Option<u8> {
    if fresh & tcp_flag::REPORTED != 0 || !answered {
        *reported = now;
        return Some(kind::FLAGS);
    }
    let config = config();
    if config.flags & Config::PER_PACKET != 0 {
        return Some(kind::PACKET);
    }
    if now - *reported >= config.active_interval && config.active_interval != 0 {
        *reported = now;
        return Some(kind::ACTIVE);
    }
    None
}

/// Atomic add. The target's `core` has no atomic read-modify-write, the machine has.
#[inline(always)]
fn add(value: &mut u64, amount: u64) {
    // SAFETY: `value` is an aligned u64 of a map value.
    unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) value as *mut u64, in(reg) amount) };
}
