//! The node's own connections, at its uplinks, and its DNS messages, also those to a resolver of
//! its own: observed, never touched.
//!
//! Which packets are the node's own? On the way out, those that came in nowhere: what is forwarded,
//! translated or not, still carries the device that it entered by. On the way in, those of a
//! connection that is known, and those that a socket of the node takes: replies to what the node
//! masquerades for others are neither. Traffic within the cluster is not looked at.

use crate::{
    dns, flow,
    maps::FLOWS,
    packet::{ifindex, skb, Kind, Packet, ECHO_REQUEST, PACKET_HOST},
    pod::is_inside,
    socket,
};
use aya_ebpf::programs::TcContext;
use tidegate_ebpf_abi::{
    event::point,
    tuple::{tcp_flag, Tuple, ICMP, TCP, UDP},
};

/// 224.0.0.0: from here on addresses are groups, or everybody.
const GROUPS: u32 = 0xe000_0000;

/// Whether the packet was made on this node.
#[inline(always)]
pub fn made_here(ctx: &TcContext) -> bool {
    // SAFETY: the context is valid while the program runs.
    unsafe { (*skb(ctx)).ingress_ifindex == 0 }
}

/// A packet that was made here, on its way out.
#[inline(always)]
pub fn outbound(ctx: &TcContext, packet: &Packet) {
    let tuple = &packet.tuple;
    if packet.kind != Kind::Tracked || u32::from_be(tuple.destination) >= GROUPS || is_inside(tuple.destination) != 0 {
        return;
    }
    dns::query(ctx, packet);
    if let Some(flow) = FLOWS.get_ptr_mut(tuple) {
        // SAFETY: a map value, valid for the run of the program.
        let flow = unsafe { &mut *flow };
        if flow.point != point::FROM_HOST {
            return;
        }
        if !flow::reopened(flow, packet) {
            flow::forward(tuple, flow, packet);
            return;
        }
        flow::end(tuple, flow);
    }
    let opened_by_other = tuple.reversed();
    if let Some(flow) = FLOWS.get_ptr_mut(opened_by_other) {
        // SAFETY: as above.
        let flow = unsafe { &mut *flow };
        if flow.point == point::TO_HOST {
            flow::reply(&opened_by_other, flow, packet, point::FROM_HOST);
        }
        return;
    }
    if opens(ctx, packet) {
        flow::observe(packet, point::FROM_HOST, ifindex(ctx), false);
    }
}

/// A packet from the network that is no reply to a translated one.
#[inline(always)]
pub fn inbound(ctx: &TcContext, packet: &Packet) {
    let tuple = &packet.tuple;
    // SAFETY: the context is valid while the program runs.
    let is_for_us = unsafe { (*skb(ctx)).pkt_type == PACKET_HOST };
    if packet.kind != Kind::Tracked || !is_for_us || is_inside(tuple.source) != 0 {
        return;
    }
    let opened_here = tuple.reversed();
    if let Some(flow) = FLOWS.get_ptr_mut(opened_here) {
        // SAFETY: a map value, valid for the run of the program.
        let flow = unsafe { &mut *flow };
        if flow.point == point::FROM_HOST {
            dns::answer(ctx, packet);
            flow::reply(&opened_here, flow, packet, point::TO_HOST);
        }
        return;
    }
    if let Some(flow) = FLOWS.get_ptr_mut(tuple) {
        // SAFETY: as above.
        let flow = unsafe { &mut *flow };
        if flow.point != point::TO_HOST {
            return;
        }
        if !flow::reopened(flow, packet) {
            flow::forward(tuple, flow, packet);
            return;
        }
        flow::end(tuple, flow);
    }
    if (tuple.protocol == UDP || packet.opens()) && socket::receives(ctx, tuple) {
        flow::observe(packet, point::TO_HOST, ifindex(ctx), false);
    }
}

/// A packet between two processes of this node.
#[inline(always)]
pub fn local(ctx: &TcContext, packet: &Packet) {
    if packet.kind == Kind::Tracked {
        dns::exchange(ctx, packet);
    }
}

/// Whether an unknown packet of the node belongs to a connection that the node opened.
#[inline(always)]
fn opens(ctx: &TcContext, packet: &Packet) -> bool {
    match packet.tuple.protocol {
        TCP if packet.flags & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST) != 0 => packet.opens(),
        // Amid a connection that is older than the probe: where somebody listens, he was called.
        TCP => !socket::receives(ctx, &Tuple { source_port: 0, ..packet.tuple.reversed() }),
        ICMP => packet.icmp.0 == ECHO_REQUEST,
        _ => true,
    }
}
