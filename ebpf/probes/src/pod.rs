//! The host side of an endpoint's veth: where egress is decided.

use crate::{
    dns, flow,
    maps::{config, ENDPOINTS, FLOWS, INSIDE, LOCATIONS, RULES},
    nat::{self, Side},
    packet::{ifindex, read, Kind, Packet},
    route::{self, Way},
    Outcome,
};
use aya_ebpf::{maps::lpm_trie::Key, programs::TcContext};
use tidegate_ebpf_abi::{
    conn::{kind, Flow, Reverse},
    event::point,
    policy::{inside, rule_kind, Config, Location, Rule, RuleKey},
    reason::{self, cause},
    tuple::TCP,
};

/// A packet from the endpoint.
#[inline(always)]
pub fn from(ctx: &TcContext, packet: &Packet) -> Outcome {
    if packet.kind != Kind::Tracked {
        return untracked(packet);
    }
    dns::query(ctx, packet);
    if let Some(flow) = FLOWS.get_ptr_mut(packet.tuple) {
        // SAFETY: a map value, valid for the run of the program.
        let flow = unsafe { &mut *flow };
        if !flow::reopened(flow, packet) {
            return resume(ctx, packet, flow);
        }
        flow::end(&packet.tuple, flow);
    }
    let opened_by_other = packet.tuple.reversed();
    if let Some(flow) = FLOWS.get_ptr_mut(opened_by_other) {
        // SAFETY: as above.
        let flow = unsafe { &mut *flow };
        if flow.point == point::TO_ENDPOINT {
            flow::reply(&opened_by_other, flow, packet, point::FROM_ENDPOINT);
        }
        return Outcome::Next;
    }
    open(ctx, packet)
}

/// A packet to the endpoint that came through the node's stack.
#[inline(always)]
pub fn to(ctx: &TcContext, packet: &Packet) {
    if packet.kind != Kind::Tracked {
        return;
    }
    dns::answer(ctx, packet);
    let opened_by_endpoint = packet.tuple.reversed();
    if let Some(flow) = FLOWS.get_ptr_mut(opened_by_endpoint) {
        // SAFETY: a map value, valid for the run of the program.
        let flow = unsafe { &mut *flow };
        if flow.point == point::FROM_ENDPOINT {
            flow::reply(&opened_by_endpoint, flow, packet, point::TO_ENDPOINT);
        }
        return;
    }
    match FLOWS.get_ptr_mut(packet.tuple) {
        Some(flow) => {
            // SAFETY: as above.
            let flow = unsafe { &mut *flow };
            // Counted where it was opened: a local pair of endpoints is one connection.
            if flow.point == point::TO_ENDPOINT {
                flow::forward(&packet.tuple, flow, packet);
            }
        }
        None => flow::observe(packet, point::TO_ENDPOINT, ifindex(ctx)),
    }
}

/// What cannot be tracked cannot be translated: it passes unless it would leave untranslated.
#[inline(always)]
fn untracked(packet: &Packet) -> Outcome {
    let Some((_, rule)) = rule_for(packet) else {
        return Outcome::Next;
    };
    if rule.kind == rule_kind::EXCLUDED {
        return Outcome::Next;
    }
    match packet.kind {
        Kind::Fragment => Outcome::Drop(reason::FRAGMENT_NOT_FOUND, cause::NONE),
        _ => Outcome::Drop(reason::UNKNOWN_L4_PROTOCOL, cause::NONE),
    }
}

/// Ruleset and rule for the packet, if its source is selected and its destination outside.
#[inline(always)]
fn rule_for(packet: &Packet) -> Option<(u32, Rule)> {
    if config().flags & Config::EGRESS == 0 {
        return None;
    }
    // SAFETY: a map value; it is copied at once.
    let endpoint = unsafe { *ENDPOINTS.get_ptr(packet.tuple.source)? };
    if endpoint.ruleset == 0 || is_inside(packet.tuple.destination) != 0 {
        return None;
    }
    let rule = rule(endpoint.ruleset, packet.tuple.destination)?;
    Some((endpoint.ruleset, rule))
}

/// The rule of a ruleset for a destination.
#[inline(always)]
pub fn rule(ruleset: u32, destination: u32) -> Option<Rule> {
    RULES.get(Key::new(64, RuleKey { ruleset, destination })).copied()
}

/// What the address is inside the cluster, 0 if it is outside.
#[inline(always)]
fn is_inside(address: u32) -> u32 {
    INSIDE.get(Key::new(32, address)).copied().unwrap_or(0)
}

/// A live connection does what it did before, whatever the rules say meanwhile.
#[inline(always)]
fn resume(ctx: &TcContext, packet: &Packet, flow: &mut Flow) -> Outcome {
    match flow.kind {
        kind::TRANSLATED => {
            // An expiring packet is the stack's to answer, and it does so before it forwards.
            if packet.ttl <= 1 {
                return Outcome::Next;
            }
            flow::forward(&packet.tuple, flow, packet);
            let way = route::lookup(ctx, packet, flow.egress);
            leave(ctx, packet, way, flow.egress, flow.egress_port)
        }
        kind::TUNNELLED => {
            if packet.ttl <= 1 {
                return Outcome::Next;
            }
            flow::forward(&packet.tuple, flow, packet);
            carry(ctx, packet, flow.peer)
        }
        _ => {
            flow::forward(&packet.tuple, flow, packet);
            Outcome::Next
        }
    }
}

/// First packet of a connection that the endpoint opens.
#[inline(always)]
fn open(ctx: &TcContext, packet: &Packet) -> Outcome {
    let enabled = config().flags & Config::EGRESS != 0;
    let to = is_inside(packet.tuple.destination);
    let header = match learn(ctx, packet) {
        Some(header) => header,
        None if enabled => return Outcome::Drop(reason::INVALID_SOURCE_IP, cause::NONE),
        None => [0; 12],
    };
    let ruleset = match ENDPOINTS.get_ptr(packet.tuple.source) {
        // SAFETY: a map value; it is copied at once.
        Some(endpoint) => match unsafe { *endpoint } {
            endpoint if endpoint.node != 0 && enabled => return Outcome::Drop(reason::INVALID_SOURCE_IP, cause::NONE),
            endpoint => endpoint.ruleset,
        },
        None => {
            if enabled && to == 0 && is_inside(packet.tuple.source) == inside::PODS {
                return Outcome::Drop(reason::ENDPOINT_NOT_READY, cause::UNKNOWN_ENDPOINT);
            }
            0
        }
    };
    if !enabled || to != 0 || ruleset == 0 {
        return observe(ctx, packet);
    }
    let Some(rule) = rule(ruleset, packet.tuple.destination) else {
        return observe(ctx, packet);
    };
    if rule.kind == rule_kind::EXCLUDED {
        return observe(ctx, packet);
    }
    // Amid a connection older than the policy, or of none at all: the stack and its guard decide.
    if packet.tuple.protocol == TCP && !packet.opens() {
        return Outcome::Next;
    }
    if packet.ttl <= 1 {
        return Outcome::Next;
    }
    match rule.kind {
        rule_kind::TRANSLATE => translate(ctx, packet, &rule, &header),
        rule_kind::TUNNEL => {
            let mut flow = flow::first(packet, kind::TUNNELLED, point::FROM_ENDPOINT, ifindex(ctx));
            flow.peer = rule.gateway;
            flow.policy = rule.policy;
            match flow::open(packet, &flow) {
                Err(flow::Refused::Full) => Outcome::Drop(reason::NO_MAPPING_FOR_NAT, cause::FLOW_TABLE_FULL),
                _ => carry(ctx, packet, rule.gateway),
            }
        }
        rule_kind::NO_EGRESS_IP => Outcome::Drop(reason::NO_EGRESS_IP, cause::NONE),
        _ => Outcome::Drop(reason::NO_EGRESS_GATEWAY, cause::NONE),
    }
}

#[inline(always)]
fn observe(ctx: &TcContext, packet: &Packet) -> Outcome {
    flow::observe(packet, point::FROM_ENDPOINT, ifindex(ctx));
    Outcome::Next
}

/// This node is the gateway of one of its own endpoints.
#[inline(always)]
fn translate(ctx: &TcContext, packet: &Packet, rule: &Rule, header: &[u8; 12]) -> Outcome {
    let way = route::lookup(ctx, packet, rule.egress);
    if let Way::None = way {
        return Outcome::Next;
    }
    let mut flow = flow::first(packet, kind::TRANSLATED, point::FROM_ENDPOINT, ifindex(ctx));
    flow.egress = rule.egress;
    flow.policy = rule.policy;
    let reverse = Reverse {
        last: flow.first,
        packets: 0,
        bytes: 0,
        reported: flow.first,
        endpoint: packet.tuple.source,
        node: 0,
        ifindex: flow.ifindex,
        endpoint_port: packet.tuple.source_port,
        flags: 0,
        pad: 0,
        header: *header,
        spare: [0; 4],
    };
    match nat::open(ctx, packet, &mut flow, &reverse) {
        Ok(_) => leave(ctx, packet, way, flow.egress, flow.egress_port),
        Err(cause) => {
            crate::maps::count(tidegate_ebpf_abi::counter::TRANSLATIONS_FAILED);
            Outcome::Drop(reason::NO_MAPPING_FOR_NAT, cause)
        }
    }
}

/// Out of the uplink as the egress address, past netfilter.
#[inline(always)]
fn leave(ctx: &TcContext, packet: &Packet, way: Way, egress: u32, port: u16) -> Outcome {
    match way {
        Way::Out { ifindex, next_hop } => {
            if !nat::rewrite(ctx, packet, Side::Source, egress, port, 1) {
                return Outcome::Drop(reason::INVALID_HEADER, cause::NONE);
            }
            route::send(ifindex, &next_hop)
        }
        // Untranslated to the stack, which answers "fragmentation needed" before it forwards.
        Way::TooBig if packet.df => Outcome::Next,
        Way::TooBig => Outcome::Drop(reason::FIB_LOOKUP_FAILED, cause::TOO_BIG),
        Way::None => Outcome::Next,
    }
}

/// Over the overlay to the gateway. The hop is taken here, so that the gateway is none.
#[inline(always)]
fn carry(ctx: &TcContext, packet: &Packet, gateway: u32) -> Outcome {
    if !nat::hop(ctx, packet) {
        return Outcome::Drop(reason::INVALID_HEADER, cause::NONE);
    }
    route::tunnel(ctx, gateway)
}

/// Learns how a frame reaches the endpoint, from one that it sent. `None` if the source address
/// is known to live behind another device: it is not the endpoint's own.
#[inline(always)]
fn learn(ctx: &TcContext, packet: &Packet) -> Option<[u8; 12]> {
    let sent: [u8; 12] = read(ctx, 0)?;
    let header =
        [sent[6], sent[7], sent[8], sent[9], sent[10], sent[11], sent[0], sent[1], sent[2], sent[3], sent[4], sent[5]];
    let device = ifindex(ctx);
    if let Some(known) = LOCATIONS.get_ptr(packet.tuple.source) {
        // SAFETY: a map value; it is copied at once.
        let known = unsafe { *known };
        if known.ifindex != device {
            return None;
        }
        if known.header == header {
            return Some(header);
        }
    }
    let _ = LOCATIONS.insert(packet.tuple.source, Location { ifindex: device, header }, 0);
    Some(header)
}
