//! Copying DNS messages to the collector, once each: at the node of the endpoint that asks. A
//! query is taken from the asking endpoint's device, an answer on its way to it; the same
//! messages at the resolver's own pod are not taken again. What the node itself asks is taken at
//! its uplink, and at its loopback device.

use crate::{
    maps::{config, count, DNS},
    packet::{ifindex, skb, Packet},
    report::now,
};
use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    helpers::{bpf_ringbuf_output, bpf_skb_load_bytes},
    macros::map,
    maps::PerCpuArray,
    programs::TcContext,
};
use core::{arch::asm, ffi::c_void};
use tidegate_ebpf_abi::{
    counter,
    event::{DnsHead, DNS_CAPTURE},
    policy::Config,
    tuple::UDP,
};

const PORT: u16 = 53u16.to_be();
const UDP_HEADER: u32 = 8;
const DNS_HEADER: u32 = 12;

/// One record under construction; too large for the stack.
#[repr(C)]
struct Record {
    head: DnsHead,
    message: [u8; DNS_CAPTURE],
}

#[map]
static DNS_SCRATCH: PerCpuArray<Record> = PerCpuArray::with_max_entries(1, 0);

/// Copies the message of a packet from an endpoint if it goes to a resolver.
#[inline(always)]
pub fn query(ctx: &TcContext, packet: &Packet) {
    if packet.tuple.protocol == UDP && packet.tuple.destination_port == PORT {
        copy(ctx, packet);
    }
}

/// Copies the message of a packet to an endpoint if it comes from a resolver.
#[inline(always)]
pub fn answer(ctx: &TcContext, packet: &Packet) {
    if packet.tuple.protocol == UDP && packet.tuple.source_port == PORT {
        copy(ctx, packet);
    }
}

/// Copies the message of a packet between a resolver and whoever asks it.
#[inline(always)]
pub fn exchange(ctx: &TcContext, packet: &Packet) {
    let tuple = &packet.tuple;
    if tuple.protocol == UDP && (tuple.destination_port == PORT || tuple.source_port == PORT) {
        copy(ctx, packet);
    }
}

#[inline(always)]
fn copy(ctx: &TcContext, packet: &Packet) {
    if config().flags & Config::CAPTURE_DNS == 0 {
        return;
    }
    let start = packet.l4 + UDP_HEADER;
    let end = ctx.len();
    if end < start + DNS_HEADER {
        return;
    }
    let length = (end - start) as u64;
    let Some(record) = DNS_SCRATCH.get_ptr_mut(0) else {
        return;
    };
    // The verifier must see the bounds on the very register that the helper gets.
    let mut captured = length;
    // SAFETY: register arithmetic only.
    unsafe {
        asm!(
            "if {0} <= 1536 goto +1",
            "{0} = 1536",
            "if {0} != 0 goto +1",
            "{0} = 1",
            inout(reg) captured,
        );
    }
    // SAFETY: the scratch record is this CPU's own; the copy stays within its message.
    unsafe {
        (*record).head = DnsHead {
            time: now(),
            tuple: packet.tuple,
            ifindex: ifindex(ctx),
            length: length as u16,
            captured: captured as u16,
        };
        let message = (&raw mut (*record).message).cast::<c_void>();
        if bpf_skb_load_bytes(skb(ctx).cast::<c_void>(), start, message, captured as u32) != 0 {
            return;
        }
        let written = bpf_ringbuf_output(
            (&raw const DNS).cast_mut().cast::<c_void>(),
            record.cast::<c_void>(),
            captured + DnsHead::SIZE as u64,
            BPF_RB_NO_WAKEUP as u64,
        );
        count(if written == 0 { counter::DNS_EMITTED } else { counter::DNS_LOST });
    }
}
