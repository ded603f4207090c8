//! One connection of a cluster, and what its nodes see of it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tidegate_flow::flow::{Counters, Direction, Dns, Event, Flow, L4, L7Kind, Party, Point, Translation, Verdict};
use tidegate_flow::name::{Confidence, Name, Source};
use tidegate_flow::{FlowId, Fqdn};

use crate::cluster::{Cluster, Outside, Pod};
use crate::random::Random;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN: u8 = 0x01;
const MILLISECOND: u64 = 1_000_000;

/// Reasons as Hubble counts them, with our causes.
const DROPS: [(u8, &str); 5] = [
    (194, ""),
    (204, ""),
    (167, "every probed port of the egress address is taken for this remote"),
    (203, "address in a pod network that no object names"),
    (133, ""),
];

/// A flow that is going to be seen.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Without its number.
    pub(crate) flow: Flow,
    /// By whom.
    pub(crate) seen: Seen,
}

/// Who sees a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    /// Our collector on the node of this index.
    ByNode(usize),
    /// Another program.
    Elsewhere,
}

/// A connection to be.
#[derive(Debug)]
pub(crate) struct Connection<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) random: &'a mut Random,
    /// When it opens.
    pub(crate) start: u64,
}

impl Connection<'_> {
    /// What is seen of it.
    pub(crate) fn flows(self) -> Vec<Planned> {
        let cluster = self.cluster;
        let pod = self.random.favour(&cluster.pods);
        let outside = self.random.favour(&cluster.names);
        match self.random.below(20) {
            0..5 => self.lookup(pod, outside),
            5..13 => self.leaves(pod, outside),
            13..17 => self.stays(pod),
            17 => self.dropped(pod, outside),
            18 => self.without_ports(pod),
            _ => self.elsewhere(pod, outside),
        }
    }

    /// A DNS query and its answer.
    fn lookup(self, pod: &Pod, outside: &Outside) -> Vec<Planned> {
        let server = &self.cluster.pods[0];
        let failed = self.random.once_in(12);
        let dns = Dns {
            query: outside.name.clone(),
            types: vec![if outside.addresses[0].is_ipv4() { "A" } else { "AAAA" }.to_owned()],
            rcode: 0,
            addresses: vec![],
            ttl: 0,
            cnames: vec![],
            answer_types: vec![],
        };
        let answer = match failed {
            true => Dns { rcode: 3, ..dns.clone() },
            false => Dns {
                addresses: outside.addresses.clone(),
                ttl: 30 + self.random.below(270) as u32,
                cnames: outside.rivals.first().map(|_| Fqdn::new("edge.cloud.example.com")).into_iter().collect(),
                answer_types: dns.types.clone(),
                ..dns.clone()
            },
        };
        let latency = 100_000 + self.random.below(8 * MILLISECOND);
        let ports = (32_768 + self.random.below(28_000) as u16, 53);
        let (source, destination) = (party(pod, 0), party(server, 0));
        let mut query = self.flow(pod, source, destination, L4::Udp { source: ports.0, destination: ports.1 });
        query.event = Event::L7(L7Kind::Request);
        query.dns = Some(Box::new(dns));
        let mut response = answer_of(&query, latency);
        response.event = Event::L7(L7Kind::Response { latency });
        response.dns = Some(Box::new(answer));
        vec![seen(pod.node, query), seen(pod.node, response)]
    }

    /// To a name outside, by an egress address if a policy selects the pod.
    fn leaves(mut self, pod: &Pod, outside: &Outside) -> Vec<Planned> {
        let address = *self.random.pick(&outside.addresses);
        let source = party(pod, usize::from(address.is_ipv6()));
        let destination = self.outside(address, outside);
        let port = *self.random.pick(&[443, 443, 443, 443, 80, 8443, 5432, 587]);
        let ephemeral = 32_768 + self.random.below(28_000) as u16;
        let l4 = L4::Tcp { source: ephemeral, destination: port, flags: SYN };
        let mut first = self.flow(pod, source, destination, l4);
        let Some(policy) = pod.policy.map(|policy| &self.cluster.policies[policy]) else {
            return self.exchange(pod.node, &first);
        };
        let at_gateway = policy.gateway == pod.node;
        first.translation = Some(Translation {
            egress: at_gateway.then_some((policy.egress, ephemeral ^ 1)),
            policy: Arc::clone(&policy.name),
            gateway: self.cluster.nodes[policy.gateway].name.as_str().into(),
            gateway_address: Some(policy.gateway_address),
        });
        let mut seen = self.exchange(pod.node, &first);
        if !at_gateway {
            let mut there = first;
            there.time += MILLISECOND / 4;
            there.node = Arc::clone(&self.cluster.nodes[policy.gateway]);
            there.interface = None;
            if let Some(translation) = &mut there.translation {
                translation.egress = Some((policy.egress, ephemeral ^ 1));
            }
            seen.extend(self.exchange(policy.gateway, &there));
        }
        seen
    }

    /// To another pod.
    fn stays(mut self, pod: &Pod) -> Vec<Planned> {
        let other = self.random.favour(&self.cluster.pods);
        let version = usize::from(self.random.once_in(6));
        let port = *self.random.pick(&[8080, 8080, 9090, 6379, 5432]);
        let l4 = L4::Tcp { source: 32_768 + self.random.below(28_000) as u16, destination: port, flags: SYN };
        let first = self.flow(pod, party(pod, version), party(other, version), l4);
        let mut seen = self.exchange(pod.node, &first);
        if other.node != pod.node {
            let mut there = first;
            there.time += MILLISECOND / 8;
            there.node = Arc::clone(&self.cluster.nodes[other.node]);
            there.direction = Direction::Ingress;
            there.event = Event::Trace(Point::ToEndpoint);
            there.interface = Some(other.interface.clone());
            seen.extend(self.exchange(other.node, &there));
        }
        seen
    }

    fn dropped(mut self, pod: &Pod, outside: &Outside) -> Vec<Planned> {
        let (reason, cause) = *self.random.pick(&DROPS);
        let address = *self.random.pick(&outside.addresses);
        let source = party(pod, usize::from(address.is_ipv6()));
        let destination = self.outside(address, outside);
        let l4 = L4::Tcp { source: 32_768 + self.random.below(28_000) as u16, destination: 443, flags: SYN };
        let mut flow = self.flow(pod, source, destination, l4);
        flow.event = Event::Drop(reason);
        flow.verdict = Verdict::Dropped;
        flow.reply = None;
        flow.cause = cause.into();
        flow.counters = Counters::default();
        vec![seen(pod.node, flow)]
    }

    /// Something that is neither TCP nor UDP.
    fn without_ports(self, pod: &Pod) -> Vec<Planned> {
        let host = Party {
            address: Ipv4Addr::from([172, 19, 0, 10 + pod.node as u8]).into(),
            endpoint: Arc::clone(&self.cluster.host),
            names: vec![],
            service: None,
        };
        let l4 = *self.random.pick(&[
            L4::IcmpV4 { kind: 8, code: 0 },
            L4::IcmpV6 { kind: 128, code: 0 },
            L4::Other(132),
            L4::Other(253),
        ]);
        let mut flow = self.flow(pod, party(pod, 0), host, l4);
        flow.event = Event::Trace(Point::ToStack);
        flow.counters = Counters::default();
        let mut answer = answer_of(&flow, MILLISECOND);
        answer.l4 = match l4 {
            L4::IcmpV4 { .. } => L4::IcmpV4 { kind: 0, code: 0 },
            L4::IcmpV6 { .. } => L4::IcmpV6 { kind: 129, code: 0 },
            other => other,
        };
        vec![seen(pod.node, flow), seen(pod.node, answer)]
    }

    /// What another program saw: verdicts and gaps in knowledge that we do not have.
    fn elsewhere(mut self, pod: &Pod, outside: &Outside) -> Vec<Planned> {
        let address = *self.random.pick(&outside.addresses);
        let mut destination = self.outside(address, outside);
        destination.names.truncate(1);
        let l4 = L4::Udp { source: 40_000 + self.random.below(20_000) as u16, destination: 443 };
        let source = party(pod, usize::from(address.is_ipv6()));
        let mut flow = self.flow(pod, source, destination, l4);
        flow.node = Arc::clone(self.random.pick(&self.cluster.foreign));
        let verdicts = [
            Verdict::Error,
            Verdict::Audit,
            Verdict::Redirected,
            Verdict::Traced,
            Verdict::Translated,
            Verdict::Unknown,
        ];
        flow.verdict = *self.random.pick(&verdicts);
        flow.direction = *self.random.pick(&[Direction::Unknown, Direction::Ingress, Direction::Egress]);
        flow.reply = *self.random.pick(&[None, Some(true), Some(false)]);
        flow.event = *self.random.pick(&[Event::Other { kind: 5, sub: 2 }, Event::Other { kind: 7, sub: 3 }]);
        flow.interface = None;
        flow.counters = Counters::default();
        vec![Planned { flow, seen: Seen::Elsewhere }]
    }

    /// A connection's life: opened, answered, used, closed.
    fn exchange(&mut self, node: usize, first: &Flow) -> Vec<Planned> {
        let round_trip = MILLISECOND / 2 + self.random.below(40 * MILLISECOND);
        let mut flows = vec![first.clone(), answer_of(first, round_trip)];
        with_flags(&mut flows[1], SYN | ACK);
        if self.random.once_in(2) {
            let mut last = first.clone();
            last.time += 2 * round_trip + self.random.below(30_000 * MILLISECOND);
            last.counters = Counters {
                start: first.time,
                end: last.time,
                packets: 6 + self.random.below(90),
                bytes: 700 + self.random.below(50_000),
                reply_packets: 5 + self.random.below(300),
                reply_bytes: 900 + self.random.below(2_000_000),
            };
            with_flags(&mut last, FIN | ACK);
            flows.push(last);
        }
        flows.into_iter().map(|flow| seen(node, flow)).collect()
    }

    /// The first packet of `pod`, on its node.
    fn flow(&self, pod: &Pod, source: Party, destination: Party, l4: L4) -> Flow {
        Flow {
            time: self.start,
            id: FlowId::default(),
            node: Arc::clone(&self.cluster.nodes[pod.node]),
            event: Event::Trace(Point::FromEndpoint),
            verdict: Verdict::Forwarded,
            direction: Direction::Egress,
            reply: Some(false),
            source,
            destination,
            l4,
            translation: None,
            interface: Some(pod.interface.clone()),
            dns: None,
            counters: Counters { start: self.start, packets: 1, bytes: 60, ..Counters::default() },
            cause: "".into(),
        }
    }

    /// An address outside, as a pod that asked for this name knows it; some never asked.
    fn outside(&mut self, address: IpAddr, outside: &Outside) -> Party {
        let certain = if outside.rivals.is_empty() { Confidence::High } else { Confidence::Medium };
        let source = if self.random.once_in(4) { Source::Shared } else { Source::Dns };
        let mut names = vec![Name { fqdn: outside.name.clone(), source, confidence: certain }];
        let rival = |fqdn: &Fqdn| Name { fqdn: fqdn.clone(), source, confidence: Confidence::Low };
        names.extend(outside.rivals.iter().map(rival));
        if self.random.once_in(8) {
            names.clear();
        }
        Party { address, endpoint: Arc::clone(&self.cluster.world), names, service: None }
    }
}

fn party(pod: &Pod, version: usize) -> Party {
    Party {
        address: pod.addresses[version],
        endpoint: Arc::clone(&pod.endpoint),
        names: vec![],
        service: pod.service.clone(),
    }
}

fn seen(node: usize, flow: Flow) -> Planned {
    Planned { flow, seen: Seen::ByNode(node) }
}

/// The packet the other way, `after` nanoseconds later.
fn answer_of(flow: &Flow, after: u64) -> Flow {
    let mut answer = flow.clone();
    answer.time += after;
    answer.reply = Some(true);
    answer.event = Event::Trace(Point::ToEndpoint);
    std::mem::swap(&mut answer.source, &mut answer.destination);
    answer.l4 = match flow.l4 {
        L4::Tcp { source, destination, flags } => L4::Tcp { source: destination, destination: source, flags },
        L4::Udp { source, destination } => L4::Udp { source: destination, destination: source },
        other => other,
    };
    answer
}

fn with_flags(flow: &mut Flow, set: u8) {
    if let L4::Tcp { flags, .. } = &mut flow.l4 {
        *flags = set;
    }
}
