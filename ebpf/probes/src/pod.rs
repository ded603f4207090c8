//! The host side of an endpoint's veth: where egress is decided.

use crate::{
    dns, flow,
    maps::{config, CONNECTIONS, ENDPOINTS, FLOWS, INSIDE, LOCATIONS, OWNERS, RULES},
    nat::{self, Side},
    packet::{ifindex, read, skb, Kind, Packet},
    route::{self, Way},
    Outcome,
};
use aya_ebpf::{maps::lpm_trie::Key, programs::TcContext};
use tidegate_ebpf_abi::{
    conn::{kind, Flow, Reverse},
    event::point,
    policy::{inside, rule_kind, Config, Location, Rule, RuleKey, PASS_MARK},
    reason::{self, cause},
    tuple::TCP,
};

/// A packet from the endpoint.
#[inline(always)]
pub fn from(ctx: &TcContext, packet: &Packet) -> Outcome {
    if packet.kind != Kind::Tracked {
        return untracked(ctx, packet);
    }
    dns::query(ctx, packet);
    if let Some(flow) = CONNECTIONS.get_ptr_mut(packet.tuple) {
        // SAFETY: a map value, valid for the run of the program.
        let flow = unsafe { &mut *flow };
        let moved = flow.ifindex != ifindex(ctx);
        if moved && learn(ctx, packet).is_none() {
            return Outcome::Drop(reason::INVALID_SOURCE_IP, cause::NONE);
        }
        if !moved && !flow::reopened(flow, packet) && !overtaken(flow, packet) {
            return resume(ctx, packet, flow);
        }
        flow::end(&packet.tuple, flow);
    } else if let Some(flow) = FLOWS.get_ptr_mut(packet.tuple) {
        // SAFETY: as above.
        let flow = unsafe { &mut *flow };
        if flow.ifindex == ifindex(ctx) && !flow::reopened(flow, packet) && !overtaken(flow, packet) {
            flow::forward(&packet.tuple, flow, packet);
            return pass(ctx, flow.open != 0);
        }
        flow::end(&packet.tuple, flow);
    }
    let opened_by_other = packet.tuple.reversed();
    if let Some(flow) = FLOWS.get_ptr_mut(opened_by_other) {
        // SAFETY: as above.
        let flow = unsafe { &mut *flow };
        if flow.point == point::TO_ENDPOINT {
            if flow.ifindex != ifindex(ctx) {
                return open(ctx, packet);
            }
            flow::reply(&opened_by_other, flow, packet, point::FROM_ENDPOINT);
        }
        return pass(ctx, flow.open != 0);
    }
    open(ctx, packet)
}

/// On to the stack; `is_open` if it was decided that this packet may leave untranslated.
#[inline(always)]
fn pass(ctx: &TcContext, is_open: bool) -> Outcome {
    if is_open {
        // SAFETY: the context is valid while the program runs.
        unsafe { (*skb(ctx)).mark |= PASS_MARK };
    }
    Outcome::Next
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
        // Replies to connections from outside may leave.
        None => flow::observe(packet, point::TO_ENDPOINT, ifindex(ctx), true),
    }
}

/// What cannot be tracked cannot be translated: it passes unless it would leave untranslated.
#[inline(always)]
fn untracked(ctx: &TcContext, packet: &Packet) -> Outcome {
    match rule_for(packet) {
        Some(rule) if rule.kind != rule_kind::EXCLUDED => match packet.kind {
            Kind::Fragment => Outcome::Drop(reason::FRAGMENT_NOT_FOUND, cause::NONE),
            _ => Outcome::Drop(reason::UNKNOWN_L4_PROTOCOL, cause::NONE),
        },
        _ => pass(ctx, may_leave(packet)),
    }
}

/// Whether an endpoint's packet that no rule concerns may leave. A selected endpoint's packet to a
/// service may not: the service's backend could be outside.
#[inline(always)]
fn may_leave(packet: &Packet) -> bool {
    let Some(endpoint) = ENDPOINTS.get_ptr(packet.tuple.source) else {
        return false;
    };
    // SAFETY: a map value, valid for the run of the program.
    let selected = unsafe { (*endpoint).ruleset != 0 };
    !selected || is_inside(packet.tuple.destination) == 0
}

/// The rule for the packet, if its source is selected and its destination outside.
#[inline(always)]
fn rule_for(packet: &Packet) -> Option<Rule> {
    if config().flags & Config::EGRESS == 0 {
        return None;
    }
    // SAFETY: a map value; it is copied at once.
    let endpoint = unsafe { *ENDPOINTS.get_ptr(packet.tuple.source)? };
    if endpoint.ruleset == 0 || is_inside(packet.tuple.destination) != 0 {
        return None;
    }
    rule(endpoint.ruleset, packet.tuple.destination)
}

/// The rule of a ruleset for a destination.
#[inline(always)]
pub fn rule(ruleset: u32, destination: u32) -> Option<Rule> {
    RULES.get(Key::new(64, RuleKey { ruleset, destination })).copied()
}

/// What the address is inside the cluster, 0 if it is outside.
#[inline(always)]
pub fn is_inside(address: u32) -> u32 {
    INSIDE.get(Key::new(32, address)).copied().unwrap_or(0)
}

/// Nobody has answered yet and the rules have changed since: nothing is open that could break, and
/// what the guard has stopped meanwhile would stay stopped. So it is decided anew.
#[inline(always)]
fn overtaken(flow: &Flow, packet: &Packet) -> bool {
    if flow.reply_packets != 0 || (packet.tuple.protocol == TCP && !packet.opens()) {
        return false;
    }
    match flow.kind {
        kind::PLAIN => matches!(rule_for(packet), Some(rule) if rule.kind != rule_kind::EXCLUDED),
        kind::TUNNELLED if packet.opens() => match rule_for(packet) {
            Some(rule) => rule.kind != rule_kind::TUNNEL || rule.gateway != flow.peer,
            None => true,
        },
        _ => false,
    }
}

/// A live connection does what it did before, whatever the rules say meanwhile.
#[inline(always)]
fn resume(ctx: &TcContext, packet: &Packet, flow: &mut Flow) -> Outcome {
    // An expiring packet is the stack's to answer, and it does so before it forwards.
    if packet.ttl <= 1 {
        return Outcome::Next;
    }
    flow::forward(&packet.tuple, flow, packet);
    if flow.kind == kind::TUNNELLED {
        return carry(ctx, packet, flow.peer);
    }
    let way = route::lookup(ctx, packet, flow.egress);
    leave(ctx, packet, way, flow.egress, flow.egress_port)
}

/// First packet of a connection that the endpoint opens.
#[inline(always)]
fn open(ctx: &TcContext, packet: &Packet) -> Outcome {
    let sender = sender(ctx, packet);
    if sender.refused != 0 {
        return Outcome::Drop(sender.refused, sender.cause);
    }
    let Sender { header, ruleset, .. } = sender;
    if config().flags & Config::EGRESS == 0 || ruleset == 0 || is_inside(packet.tuple.destination) != 0 {
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

/// Who sends a packet. Every field always has a value: of a union the compiler copies bytes that
/// were never written, and the verifier refuses to read those.
struct Sender {
    /// Ruleset of a local endpoint, 0 for anybody else.
    ruleset: u32,
    /// Header of a frame to a local endpoint.
    header: [u8; 12],
    /// Why the packet cannot be from whom it says, 0 if it can; without policies it always can.
    refused: u8,
    cause: u8,
}

#[inline(always)]
fn sender(ctx: &TcContext, packet: &Packet) -> Sender {
    let mut sender = Sender { ruleset: 0, header: [0; 12], refused: 0, cause: cause::NONE };
    let enforced = config().flags & Config::EGRESS != 0;
    if let Some(known) = ENDPOINTS.get_ptr(packet.tuple.source) {
        // SAFETY: a map value; it is copied at once.
        let known = unsafe { *known };
        let header = if known.node == 0 { learn(ctx, packet) } else { None };
        match header {
            Some(header) => {
                sender.header = header;
                sender.ruleset = known.ruleset;
            }
            _ if enforced => sender.refused = reason::INVALID_SOURCE_IP,
            _ => {}
        }
    } else if enforced && is_inside(packet.tuple.destination) == 0 {
        if is_inside(packet.tuple.source) == inside::PODS {
            sender.refused = reason::ENDPOINT_NOT_READY;
            sender.cause = cause::UNKNOWN_ENDPOINT;
        } else if OWNERS.get_ptr(ifindex(ctx)).is_some() {
            // A device that is an endpoint's speaks for that endpoint only.
            sender.refused = reason::INVALID_SOURCE_IP;
        }
    }
    sender
}

#[inline(always)]
fn observe(ctx: &TcContext, packet: &Packet) -> Outcome {
    let is_open = may_leave(packet);
    flow::observe(packet, point::FROM_ENDPOINT, ifindex(ctx), is_open);
    pass(ctx, is_open)
}

/// This node is the gateway of one of its own endpoints.
#[inline(always)]
fn translate(ctx: &TcContext, packet: &Packet, rule: &Rule, header: &[u8; 12]) -> Outcome {
    let way = route::lookup(ctx, packet, rule.egress);
    if let Way::None = way {
        return Outcome::Drop(reason::FIB_LOOKUP_FAILED, cause::NONE);
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
        Ok(()) => leave(ctx, packet, way, flow.egress, flow.egress_port),
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
        Way::None => Outcome::Drop(reason::FIB_LOOKUP_FAILED, cause::NONE),
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

/// Learns how a frame reaches the endpoint, from one that it sent. `None` if its address is known
/// to live behind another device: the packet is not the endpoint's own.
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
    let _ = OWNERS.insert(device, packet.tuple.source, 0);
    let _ = LOCATIONS.insert(packet.tuple.source, Location { ifindex: device, header }, 0);
    Some(header)
}
