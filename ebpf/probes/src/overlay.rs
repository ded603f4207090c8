//! The overlay between nodes: it carries endpoints' packets to their gateway, and replies back.

use crate::{
    dns, flow,
    maps::{count, CONNECTIONS, ENDPOINTS, LOCATIONS, NODES},
    nat::{self, Side},
    packet::{ifindex, skb, Kind, Packet, PACKET_HOST},
    pod,
    route::{self, Way},
    Outcome,
};
use aya_ebpf::{helpers::bpf_skb_change_type, programs::TcContext};
use tidegate_ebpf_abi::{
    conn::{kind, Flow, Reverse},
    counter,
    event::point,
    policy::rule_kind,
    reason::{self, cause},
    tuple::TCP,
};

/// A packet out of the overlay. Whatever is not provably ours is dropped.
#[inline(always)]
pub fn inbound(ctx: &TcContext, packet: &Packet) -> Outcome {
    let Some(node) = route::tunnel_source(ctx) else {
        return Outcome::Drop(reason::UNKNOWN_SENDER, cause::NONE);
    };
    if NODES.get_ptr(node).is_none() {
        return Outcome::Drop(reason::UNKNOWN_SENDER, cause::NONE);
    }
    if packet.kind != Kind::Tracked {
        return Outcome::Drop(reason::UNKNOWN_L4_PROTOCOL, cause::NONE);
    }
    let outward = packet.tuple.reversed();
    if let Some(flow) = CONNECTIONS.get_ptr_mut(outward) {
        // SAFETY: a map value, valid for the run of the program.
        let flow = unsafe { &mut *flow };
        if flow.kind == kind::TUNNELLED && flow.peer == node {
            return reply(ctx, packet, flow);
        }
    }
    request(ctx, packet, node)
}

/// At the endpoint's node: a reply that the gateway sent back.
#[inline(always)]
fn reply(ctx: &TcContext, packet: &Packet, flow: &mut Flow) -> Outcome {
    let Some(location) = LOCATIONS.get_ptr(packet.tuple.destination) else {
        return Outcome::Drop(reason::ENDPOINT_NOT_READY, cause::NO_CONNECTION);
    };
    // SAFETY: a map value; it is copied at once.
    let location = unsafe { *location };
    if packet.ttl <= 1 {
        return Outcome::Drop(reason::FIB_LOOKUP_FAILED, cause::EXPIRED);
    }
    dns::answer(ctx, packet);
    flow::reply(&packet.tuple.reversed(), flow, packet, point::OVERLAY_REPLY);
    if !nat::hop(ctx, packet) {
        return Outcome::Drop(reason::INVALID_HEADER, cause::NONE);
    }
    route::deliver(ctx, location.ifindex, &location.header)
}

/// At the gateway: a packet of another node's endpoint on its way out.
#[inline(always)]
fn request(ctx: &TcContext, packet: &Packet, node: u32) -> Outcome {
    if let Some(flow) = CONNECTIONS.get_ptr_mut(packet.tuple) {
        // SAFETY: a map value, valid for the run of the program.
        let flow = unsafe { &mut *flow };
        if flow.kind == kind::TRANSLATED && flow.peer == node && !flow::reopened(flow, packet) {
            flow::forward(&packet.tuple, flow, packet);
            let way = route::lookup(ctx, packet, flow.egress);
            return leave(ctx, packet, way, flow.egress, flow.egress_port);
        }
        if !flow::reopened(flow, packet) {
            return Outcome::Drop(reason::UNKNOWN_SENDER, cause::NOT_THAT_NODES_ENDPOINT);
        }
        flow::end(&packet.tuple, flow);
    }
    open(ctx, packet, node)
}

#[inline(always)]
fn open(ctx: &TcContext, packet: &Packet, node: u32) -> Outcome {
    let Some(endpoint) = ENDPOINTS.get_ptr(packet.tuple.source) else {
        return Outcome::Drop(reason::ENDPOINT_NOT_READY, cause::NOT_THAT_NODES_ENDPOINT);
    };
    // SAFETY: a map value; it is copied at once.
    let endpoint = unsafe { *endpoint };
    if endpoint.node != node {
        return Outcome::Drop(reason::UNKNOWN_SENDER, cause::NOT_THAT_NODES_ENDPOINT);
    }
    let Some(rule) = pod::rule(endpoint.ruleset, packet.tuple.destination) else {
        return Outcome::Drop(reason::NO_EGRESS_GATEWAY, cause::NOT_THE_GATEWAY);
    };
    match rule.kind {
        rule_kind::TRANSLATE => {}
        rule_kind::NO_EGRESS_IP => return Outcome::Drop(reason::NO_EGRESS_IP, cause::NONE),
        _ => return Outcome::Drop(reason::NO_EGRESS_GATEWAY, cause::NOT_THE_GATEWAY),
    }
    if packet.tuple.protocol == TCP && !packet.opens() {
        return Outcome::Drop(reason::NO_MAPPING_FOR_NAT, cause::NO_CONNECTION);
    }
    let way = route::lookup(ctx, packet, rule.egress);
    if let Way::None = way {
        return Outcome::Drop(reason::FIB_LOOKUP_FAILED, cause::NONE);
    }
    let mut flow = flow::first(packet, kind::TRANSLATED, point::FROM_OVERLAY, ifindex(ctx));
    flow.egress = rule.egress;
    flow.policy = rule.policy;
    flow.peer = node;
    let reverse = Reverse {
        last: flow.first,
        packets: 0,
        bytes: 0,
        reported: flow.first,
        endpoint: packet.tuple.source,
        node,
        ifindex: 0,
        endpoint_port: packet.tuple.source_port,
        flags: 0,
        pad: 0,
        header: [0; 12],
        spare: [0; 4],
    };
    match nat::open(ctx, packet, &mut flow, &reverse) {
        Ok(()) => leave(ctx, packet, way, flow.egress, flow.egress_port),
        Err(cause) => {
            count(counter::TRANSLATIONS_FAILED);
            Outcome::Drop(reason::NO_MAPPING_FOR_NAT, cause)
        }
    }
}

#[inline(always)]
fn leave(ctx: &TcContext, packet: &Packet, way: Way, egress: u32, port: u16) -> Outcome {
    match way {
        Way::Out { ifindex, next_hop } => {
            if !nat::rewrite(ctx, packet, Side::Source, egress, port, 0) {
                return Outcome::Drop(reason::INVALID_HEADER, cause::NONE);
            }
            route::send(ifindex, &next_hop)
        }
        Way::TooBig if packet.df => {
            // The inner frame is addressed to the endpoint's own gateway; the stack would not
            // take it, and it is the stack that answers "fragmentation needed".
            // SAFETY: the helper has no preconditions.
            unsafe { bpf_skb_change_type(skb(ctx), PACKET_HOST) };
            Outcome::Next
        }
        Way::TooBig => Outcome::Drop(reason::FIB_LOOKUP_FAILED, cause::TOO_BIG),
        Way::None => Outcome::Drop(reason::FIB_LOOKUP_FAILED, cause::NONE),
    }
}
