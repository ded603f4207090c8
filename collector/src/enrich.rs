//! From kernel events to flows: who, by which name, translated how, at which points.
//!
//! One event may be two flows: the same packet from the endpoint and on its way out. A flow is
//! finished when it leaves here, and encoded once.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use tidegate_ebpf_abi::{
    event::{Event as KernelEvent, kind, point},
    reason::cause,
    tuple::{ICMP, TCP, UDP},
};
use tidegate_flow::{
    flow::{
        Counters, Direction, Dns, Event, Flow, FlowId, Interface, L4, L7Kind, Node, Party, Point, Translation, Verdict,
    },
    name::Name,
};

use crate::{clock::Offset, inventory::Inventory, names::Names};

/// What enrichment reads besides names: replaced as a whole when the cluster changes.
#[derive(Debug, Default)]
pub struct Context {
    /// This node.
    pub node: Arc<Node>,
    /// Name of this node as gateways are called, without the cluster.
    pub gateway: Arc<str>,
    /// Who is who.
    pub inventory: Inventory,
    /// Policy number -> name.
    pub policies: HashMap<u32, Arc<str>>,
    /// Interface index -> name.
    pub devices: HashMap<u32, Arc<str>>,
}

/// Gives numbers to finished flows.
#[derive(Debug)]
pub struct Numbering {
    boot: u64,
    next: u64,
}

impl Numbering {
    /// Numbers of a collector start, which `boot` must tell from all others.
    #[must_use]
    pub fn new(boot: u64) -> Self {
        Self { boot, next: 1 }
    }

    fn take(&mut self) -> FlowId {
        let id = FlowId { boot: self.boot, sequence: self.next };
        self.next += 1;
        id
    }
}

/// Whether the event is the first of a connection of another node's endpoint to the outside, or the
/// only one of a packet that was dropped: its name comes from that node, perhaps a moment later.
#[must_use]
pub fn may_wait(event: &KernelEvent) -> bool {
    matches!(event.kind, kind::NEW | kind::DROP) && event.point == point::FROM_OVERLAY
}

/// Both sides of an event's connection: who opened it, and who was called.
#[must_use]
pub fn sides(event: &KernelEvent) -> (IpAddr, IpAddr) {
    (address(event.tuple.source), address(event.tuple.destination))
}

/// When the connection of an event started, nanoseconds since the Unix epoch.
#[must_use]
pub fn start(event: &KernelEvent, offset: Offset) -> u64 {
    offset.wall(if event.first == 0 { event.time } else { event.first })
}

/// The flows of an event, in the order of the packet's way.
pub fn flows(
    event: &KernelEvent,
    context: &Context,
    names: &Names,
    offset: Offset,
    numbering: &mut Numbering,
    mut each: impl FnMut(Flow),
) {
    let base = flow(event, context, names, offset);
    let (first, second) = points(event);
    if let Some(first) = first {
        let mut flow = base.clone();
        flow.event = first;
        // Before the decision a packet is not translated yet.
        if second.is_some() && matches!(first, Event::Trace(Point::FromEndpoint | Point::FromOverlay)) {
            flow.translation = None;
        }
        flow.id = numbering.take();
        each(flow);
    }
    if let Some(second) = second {
        let mut flow = base;
        flow.event = second;
        flow.id = numbering.take();
        each(flow);
    }
}

/// Where the packet was seen, and where it went. The end of a connection is seen once.
fn points(event: &KernelEvent) -> (Option<Event>, Option<Event>) {
    use Point::{FromEndpoint, FromNetwork, FromOverlay, ToEndpoint, ToNetwork, ToOverlay, ToStack};
    if event.kind == kind::DROP {
        return (Some(Event::Drop(event.reason)), None);
    }
    let trace = |point| Some(Event::Trace(point));
    let way_out = match (event.egress != 0, event.peer != 0) {
        (true, _) => ToNetwork,
        (false, true) => ToOverlay,
        (false, false) => ToStack,
    };
    if event.kind == kind::END {
        let last = match event.point {
            point::TO_ENDPOINT => ToEndpoint,
            point::FROM_HOST => ToNetwork,
            point::TO_HOST => FromNetwork,
            _ => way_out,
        };
        return (trace(last), None);
    }
    match (event.point, event.reply != 0) {
        (point::FROM_ENDPOINT, false) => (trace(FromEndpoint), trace(way_out)),
        (point::FROM_ENDPOINT, true) => (trace(FromEndpoint), trace(ToStack)),
        (point::FROM_OVERLAY, _) => (trace(FromOverlay), trace(ToNetwork)),
        (point::FROM_NETWORK, _) => (trace(FromNetwork), trace(if event.peer == 0 { ToEndpoint } else { ToOverlay })),
        (point::FROM_HOST, _) => (trace(ToNetwork), None),
        (point::TO_HOST, _) => (trace(FromNetwork), None),
        (point::OVERLAY_REPLY, _) => (trace(FromOverlay), trace(ToEndpoint)),
        _ => (trace(ToEndpoint), None),
    }
}

fn flow(event: &KernelEvent, context: &Context, names: &Names, offset: Offset) -> Flow {
    let dropped = event.kind == kind::DROP;
    let reply = event.reply != 0;
    let (opener, called) = sides(event);
    let start = start(event, offset);
    // The side that looked the other one up: whoever opened the connection.
    let inbound = matches!(event.point, point::TO_ENDPOINT | point::TO_HOST) != reply;
    let opener_party = party(context, opener, Vec::new());
    let called_party = party(context, called, names.of(context.inventory.asker(opener), called, start));
    let l4 = l4(event);
    let (source, destination, l4) =
        if reply { (called_party, opener_party, swapped(l4)) } else { (opener_party, called_party, l4) };
    Flow {
        time: offset.wall(event.time),
        id: FlowId::default(),
        node: Arc::clone(&context.node),
        event: Event::Trace(Point::FromEndpoint),
        verdict: if dropped { Verdict::Dropped } else { Verdict::Forwarded },
        direction: if inbound { Direction::Ingress } else { Direction::Egress },
        reply: (!dropped).then_some(reply),
        source,
        destination,
        l4,
        translation: translation(event, context),
        interface: Some(Interface {
            index: event.ifindex,
            name: context.devices.get(&event.ifindex).cloned().unwrap_or_default(),
        }),
        dns: None,
        counters: Counters {
            start: offset.wall(event.first),
            end: if event.kind == kind::END { offset.wall(event.time) } else { 0 },
            packets: event.packets,
            bytes: event.bytes,
            reply_packets: event.reply_packets,
            reply_bytes: event.reply_bytes,
        },
        cause: cause::text(event.cause).into(),
    }
}

/// The flow of a DNS message that an endpoint sent or got.
pub fn dns_flow(
    packet: &tidegate_ebpf_abi::event::DnsHead,
    dns: Box<Dns>,
    kind: L7Kind,
    context: &Context,
    offset: Offset,
    numbering: &mut Numbering,
) -> Flow {
    let (source, destination) = (address(packet.tuple.source), address(packet.tuple.destination));
    let reply = matches!(kind, L7Kind::Response { .. });
    Flow {
        time: offset.wall(packet.time),
        id: numbering.take(),
        node: Arc::clone(&context.node),
        event: Event::L7(kind),
        verdict: Verdict::Forwarded,
        direction: Direction::Egress,
        reply: Some(reply),
        source: party(context, source, Vec::new()),
        destination: party(context, destination, Vec::new()),
        l4: L4::Udp {
            source: u16::from_be(packet.tuple.source_port),
            destination: u16::from_be(packet.tuple.destination_port),
        },
        translation: None,
        interface: Some(Interface {
            index: packet.ifindex,
            name: context.devices.get(&packet.ifindex).cloned().unwrap_or_default(),
        }),
        dns: Some(dns),
        counters: Counters::default(),
        cause: "".into(),
    }
}

fn party(context: &Context, address: IpAddr, names: Vec<Name>) -> Party {
    Party { address, endpoint: context.inventory.endpoint(address), names, service: context.inventory.service(address) }
}

fn translation(event: &KernelEvent, context: &Context) -> Option<Translation> {
    if event.egress == 0 && (event.policy == 0 || event.peer == 0) {
        return None;
    }
    // Where this node translates it is the gateway; else the peer is.
    let (gateway, gateway_address) = if event.egress != 0 {
        (Arc::clone(&context.gateway), None)
    } else {
        let peer = Ipv4Addr::from(event.peer.to_ne_bytes());
        (context.inventory.node_at(peer).unwrap_or_default().into(), Some(IpAddr::V4(peer)))
    };
    Some(Translation {
        egress: (event.egress != 0).then(|| (address(event.egress), u16::from_be(event.egress_port))),
        policy: context.policies.get(&event.policy).cloned().unwrap_or_default(),
        gateway,
        gateway_address,
    })
}

fn l4(event: &KernelEvent) -> L4 {
    let tuple = &event.tuple;
    let (source, destination) = (u16::from_be(tuple.source_port), u16::from_be(tuple.destination_port));
    match tuple.protocol {
        TCP => L4::Tcp { source, destination, flags: event.flags },
        UDP => L4::Udp { source, destination },
        ICMP => L4::IcmpV4 { kind: event.icmp_type, code: event.icmp_code },
        other => L4::Other(other),
    }
}

fn swapped(l4: L4) -> L4 {
    match l4 {
        L4::Tcp { source, destination, flags } => L4::Tcp { source: destination, destination: source, flags },
        L4::Udp { source, destination } => L4::Udp { source: destination, destination: source },
        other => other,
    }
}

fn address(word: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(word.to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use tidegate_ebpf_abi::tuple::Tuple;

    use super::*;

    fn event(kind: u8, point: u8) -> KernelEvent {
        KernelEvent {
            time: 2_000_000_000,
            first: 1_000_000_000,
            tuple: Tuple {
                source: u32::from_ne_bytes([10, 244, 1, 5]),
                destination: u32::from_ne_bytes([34, 160, 111, 145]),
                source_port: 40_000u16.to_be(),
                destination_port: 443u16.to_be(),
                protocol: TCP,
                pad: [0; 3],
            },
            kind,
            point,
            ..KernelEvent::default()
        }
    }

    fn all(event: &KernelEvent) -> Vec<Flow> {
        let mut flows_seen = Vec::new();
        let mut numbering = Numbering::new(1);
        flows(event, &Context::default(), &Names::default(), Offset::now(), &mut numbering, |flow| {
            flows_seen.push(flow);
        });
        flows_seen
    }

    fn subtypes(event: &KernelEvent) -> Vec<i32> {
        all(event).iter().map(|flow| flow.event.numbers().1).collect()
    }

    #[test]
    fn a_packet_is_seen_where_it_comes_from_and_where_it_goes() {
        let mut seen = event(kind::NEW, point::FROM_ENDPOINT);
        assert_eq!(subtypes(&seen), [5, 3]);
        seen.peer = 1;
        assert_eq!(subtypes(&seen), [5, 4]);
        seen.egress = 1;
        assert_eq!(subtypes(&seen), [5, 11]);
        seen.point = point::FROM_OVERLAY;
        assert_eq!(subtypes(&seen), [9, 11]);
        seen.point = point::FROM_NETWORK;
        seen.reply = 1;
        assert_eq!(subtypes(&seen), [10, 4]);
    }

    #[test]
    fn what_the_node_itself_opens_is_seen_at_its_uplink_alone() {
        let directions = |event| all(event).iter().map(|flow| flow.direction).collect::<Vec<_>>();
        let (out, mut answer) = (event(kind::NEW, point::FROM_HOST), event(kind::FLAGS, point::TO_HOST));
        answer.reply = 1;
        assert_eq!((subtypes(&out), subtypes(&answer)), (vec![11], vec![10]));
        assert_eq!((directions(&out), directions(&answer)), (vec![Direction::Egress], vec![Direction::Egress]));
        let (called, ended) = (event(kind::NEW, point::TO_HOST), event(kind::END, point::TO_HOST));
        assert_eq!((subtypes(&called), subtypes(&ended)), (vec![10], vec![10]));
        assert_eq!(directions(&called), [Direction::Ingress]);
    }

    #[test]
    fn the_translation_stands_with_the_flow_on_its_way_out_alone() {
        let mut seen = event(kind::NEW, point::FROM_ENDPOINT);
        seen.egress = u32::from_ne_bytes([172, 19, 0, 11]);
        let flows = all(&seen);
        assert!(flows[0].translation.is_none());
        assert!(flows[1].translation.is_some());
    }

    #[test]
    fn a_reply_has_its_sides_swapped_and_the_direction_of_its_connection() {
        let mut seen = event(kind::FLAGS, point::TO_ENDPOINT);
        seen.reply = 1;
        let flow = &all(&seen)[0];
        assert_eq!(flow.source.address.to_string(), "34.160.111.145");
        assert_eq!(flow.source_port(), Some(443));
        assert_eq!(flow.direction, Direction::Egress);
        assert_eq!(flow.reply, Some(true));
    }

    #[test]
    fn a_connection_opened_towards_the_endpoint_is_ingress_both_ways() {
        assert_eq!(all(&event(kind::NEW, point::TO_ENDPOINT))[0].direction, Direction::Ingress);
        let mut answer = event(kind::FLAGS, point::FROM_ENDPOINT);
        answer.reply = 1;
        assert_eq!(all(&answer)[0].direction, Direction::Ingress);
    }

    #[test]
    fn a_drop_has_its_reason_and_no_reply() {
        let mut dropped = event(kind::DROP, point::FROM_ENDPOINT);
        dropped.reason = 194;
        let flow = &all(&dropped)[0];
        assert_eq!(flow.event.numbers(), (1, 194));
        assert_eq!((flow.verdict, flow.reply), (Verdict::Dropped, None));
    }

    #[test]
    fn what_is_encoded_here_is_read_back_whole() {
        let mut decoder = tidegate_proto::decode::Decoder::new();
        for kind in [kind::NEW, kind::FLAGS, kind::ACTIVE, kind::END, kind::DROP] {
            for protocol in [TCP, UDP, ICMP, 47, 132] {
                for peer in [0, 1] {
                    let mut seen = event(kind, point::FROM_ENDPOINT);
                    (seen.tuple.protocol, seen.peer, seen.egress, seen.cause) = (protocol, peer, 1 - peer, 1);
                    for flow in all(&seen) {
                        let frame = tidegate_proto::encode::Encoded::new(&flow).frame(true);
                        let decoded = decoder.decode(frame.flow().unwrap()).unwrap();
                        assert_eq!((decoded.flow, decoded.original), (flow, false));
                    }
                }
            }
        }
    }

    #[test]
    fn sequence_numbers_are_dense() {
        let sequences: Vec<_> =
            all(&event(kind::NEW, point::FROM_ENDPOINT)).iter().map(|flow| flow.id.sequence).collect();
        assert_eq!(sequences, [1, 2]);
    }
}
