//! The uplink: replies to translated connections go back by their entry, with no policy asked.
//! The rest is the stack's; of it the node's own connections are observed.

use crate::{
    dns, flow, host,
    maps::REVERSE,
    nat::{self, Side},
    packet::{Kind, Packet},
    route, Outcome,
};
use aya_ebpf::programs::TcContext;
use tidegate_ebpf_abi::reason::{self, cause};

/// A packet from the network; nothing but replies is ours to handle.
#[inline(always)]
pub fn inbound(ctx: &TcContext, packet: &Packet) -> Outcome {
    if packet.kind != Kind::Tracked {
        return Outcome::Next;
    }
    let Some(reverse) = REVERSE.get_ptr_mut(packet.tuple) else {
        host::inbound(ctx, packet);
        return Outcome::Next;
    };
    // SAFETY: a map value, valid for the run of the program.
    let reverse = unsafe { &mut *reverse };
    let local = reverse.node == 0;
    // A reply that expires here is dropped, as a router would; nobody learns from its answer.
    if local && packet.ttl <= 1 {
        return Outcome::Drop(reason::FIB_LOOKUP_FAILED, cause::EXPIRED);
    }
    flow::translated_reply(reverse, packet);
    let hops = local as u8;
    if !nat::rewrite(ctx, packet, Side::Destination, reverse.endpoint, reverse.endpoint_port, hops) {
        return Outcome::Drop(reason::INVALID_HEADER, cause::NONE);
    }
    if !local {
        return route::tunnel(ctx, reverse.node);
    }
    let mut delivered = Packet { ..*packet };
    delivered.tuple.destination = reverse.endpoint;
    delivered.tuple.destination_port = reverse.endpoint_port;
    dns::answer(ctx, &delivered);
    route::deliver(ctx, reverse.ifindex, &reverse.header)
}
