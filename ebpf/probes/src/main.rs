//! The eBPF programs of Tidegate, all on TCX: `pod_from` and `pod_to` at the host side of
//! every endpoint's veth pair, `overlay_in` at the overlay device, `uplink_in` and `uplink_out` at
//! the uplinks, `loopback_in` at the loopback device.
//!
//! Each hook decides what becomes of a packet ([`Outcome`]); [`verdict`] is the one table
//! from outcomes to what the kernel does. Translation happens before netfilter: a packet that
//! is ours never meets the node's own rules, one that is not goes on untouched.
#![no_std]
#![no_main]
// Atomic adds and register bounds for the verifier; the stable language has neither for this target.
#![feature(asm_experimental_arch)]

mod dns;
mod flow;
mod host;
mod maps;
mod nat;
mod overlay;
mod packet;
mod pod;
mod report;
mod route;
mod socket;
mod uplink;

use aya_ebpf::{macros::classifier, programs::TcContext};
use maps::count;
use packet::Packet;
use tidegate_ebpf_abi::counter;

/// What becomes of a packet.
pub enum Outcome {
    /// Not ours, or the stack has to answer it: on to the next program and the stack.
    Next,
    /// A helper has queued it for another device; its return code.
    Redirect(i32),
    /// Dropped: the reason (Hubble's number) and the cause.
    Drop(u8, u8),
}

/// TCX return codes, `include/uapi/linux/bpf.h` (`enum tcx_action_base`).
const TCX_NEXT: i32 = -1;
const TCX_DROP: i32 = 2;

#[classifier]
pub fn pod_from(ctx: TcContext) -> i32 {
    let Some(packet) = packet::parse(&ctx) else {
        return TCX_NEXT;
    };
    verdict(&ctx, &packet, tidegate_ebpf_abi::event::point::FROM_ENDPOINT, pod::from(&ctx, &packet))
}

#[classifier]
pub fn pod_to(ctx: TcContext) -> i32 {
    if let Some(packet) = packet::parse(&ctx) {
        pod::to(&ctx, &packet);
    }
    TCX_NEXT
}

#[classifier]
pub fn overlay_in(ctx: TcContext) -> i32 {
    // The overlay carries nothing but translated traffic: what cannot be read is nobody's.
    let Some(packet) = packet::parse(&ctx) else {
        return TCX_DROP;
    };
    verdict(&ctx, &packet, tidegate_ebpf_abi::event::point::FROM_OVERLAY, overlay::inbound(&ctx, &packet))
}

#[classifier]
pub fn uplink_in(ctx: TcContext) -> i32 {
    let Some(packet) = packet::parse(&ctx) else {
        return TCX_NEXT;
    };
    verdict(&ctx, &packet, tidegate_ebpf_abi::event::point::FROM_NETWORK, uplink::inbound(&ctx, &packet))
}

#[classifier]
pub fn uplink_out(ctx: TcContext) -> i32 {
    if host::made_here(&ctx) {
        if let Some(packet) = packet::parse(&ctx) {
            host::outbound(&ctx, &packet);
        }
    }
    TCX_NEXT
}

#[classifier]
pub fn loopback_in(ctx: TcContext) -> i32 {
    if let Some(packet) = packet::parse(&ctx) {
        host::local(&ctx, &packet);
    }
    TCX_NEXT
}

/// From outcome to the kernel's verdict; a drop is always an event.
#[inline(always)]
fn verdict(ctx: &TcContext, packet: &Packet, point: u8, outcome: Outcome) -> i32 {
    match outcome {
        Outcome::Next => TCX_NEXT,
        Outcome::Redirect(code) => code,
        Outcome::Drop(reason, cause) => {
            count(counter::DROPPED);
            report::dropped(ctx, packet, point, reason, cause);
            TCX_DROP
        }
    }
}

// Some helpers are for programs under a GPL-compatible licence only; the kernel knows no word for
// "Apache-2.0 or GPL-2.0", so the one that it asks for is named.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
