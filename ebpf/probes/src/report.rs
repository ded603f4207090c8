//! Writing events. No record wakes the reader: a wake-up costs several times a record, so
//! the collector polls instead. What finds the ring full is counted, never waited for.

use crate::{
    maps::{count, EVENTS},
    packet::{self, Packet},
};
use aya_ebpf::{bindings::BPF_RB_NO_WAKEUP, helpers::bpf_ktime_get_ns, programs::TcContext};
use tidegate_ebpf_abi::{
    conn::{Flow, Reverse},
    counter,
    event::{kind, Event},
    tuple::Tuple,
    LAYOUT,
};

/// What of the reported packet enters the event.
pub struct Seen {
    pub kind: u8,
    pub point: u8,
    pub reply: bool,
    pub flags: u8,
    pub icmp: (u8, u8),
}

/// Reports the state of a connection. `reverse` holds the reply counters of a translated one.
#[inline(always)]
pub fn connection(key: &Tuple, flow: &Flow, reverse: Option<&Reverse>, seen: Seen) {
    let (reply_packets, reply_bytes) = match reverse {
        Some(reverse) => (reverse.packets, reverse.bytes),
        None => (flow.reply_packets, flow.reply_bytes),
    };
    write(Event {
        time: now(),
        first: flow.first,
        packets: flow.packets,
        bytes: flow.bytes,
        reply_packets,
        reply_bytes,
        tuple: *key,
        egress: flow.egress,
        peer: flow.peer,
        policy: flow.policy,
        ifindex: flow.ifindex,
        egress_port: flow.egress_port,
        layout: LAYOUT as u8,
        kind: seen.kind,
        point: seen.point,
        flags: seen.flags,
        reply: seen.reply as u8,
        reason: 0,
        cause: 0,
        icmp_type: seen.icmp.0,
        icmp_code: seen.icmp.1,
        pad: [0; 5],
    });
}

/// Reports a dropped packet.
#[inline(always)]
pub fn dropped(ctx: &TcContext, packet: &Packet, point: u8, reason: u8, cause: u8) {
    write(Event {
        time: now(),
        first: 0,
        packets: 1,
        bytes: packet.length as u64,
        reply_packets: 0,
        reply_bytes: 0,
        tuple: packet.tuple,
        egress: 0,
        peer: 0,
        policy: 0,
        ifindex: packet::ifindex(ctx),
        egress_port: 0,
        layout: LAYOUT as u8,
        kind: kind::DROP,
        point,
        flags: packet.flags,
        reply: 0,
        reason,
        cause,
        icmp_type: packet.icmp.0,
        icmp_code: packet.icmp.1,
        pad: [0; 5],
    });
}

#[inline(always)]
fn write(event: Event) {
    let Some(mut entry) = EVENTS.reserve::<Event>(0) else {
        count(counter::EVENTS_LOST);
        return;
    };
    entry.write(event);
    entry.submit(BPF_RB_NO_WAKEUP as u64);
    count(counter::EVENTS_EMITTED);
}

/// Monotonic nanoseconds.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}
