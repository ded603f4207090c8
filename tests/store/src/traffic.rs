//! What a cluster does: an endless series of flows in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bytes::Bytes;
use tidegate_flow::FlowId;
use tidegate_store::Record;

use crate::cluster::{Cluster, Shape};
use crate::connection::{Connection, Planned, Seen};
use crate::random::Random;

/// Flows that a collector numbers before it is started anew.
const FLOWS_OF_A_START: u64 = 200_000;
/// Flows of a connection, about.
const FLOWS_OF_A_CONNECTION: u64 = 3;

/// Flows of a cluster, the same for the same arguments.
#[derive(Debug)]
pub struct Traffic {
    cluster: Cluster,
    random: Random,
    /// When the next connection opens.
    clock: u64,
    /// Nanoseconds between two connections.
    pace: u64,
    /// What is going to be seen, earliest first; the number tells those of one instant apart.
    planned: BinaryHeap<Reverse<(u64, u64)>>,
    flows: Vec<Option<Planned>>,
    free: Vec<usize>,
    planned_ever: u64,
    /// The last number of each node.
    numbers: Vec<FlowId>,
}

impl Traffic {
    /// From `start` on, nanoseconds since the Unix epoch, about so many flows per second.
    #[must_use]
    pub fn new(shape: &Shape, start: u64, rate: u64) -> Self {
        let cluster = Cluster::new(shape);
        let mut random = Random::new(shape.seed ^ start);
        let numbers = cluster.nodes.iter().map(|_| FlowId { boot: boot(&mut random), sequence: 0 }).collect();
        Self {
            cluster,
            random,
            clock: start,
            pace: 1_000_000_000 * FLOWS_OF_A_CONNECTION / rate.max(1),
            planned: BinaryHeap::new(),
            flows: Vec::new(),
            free: Vec::new(),
            planned_ever: 0,
            numbers,
        }
    }

    /// The cluster whose flows these are.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn open(&mut self) {
        let connection = Connection { cluster: &self.cluster, random: &mut self.random, start: self.clock };
        for planned in connection.flows() {
            let time = planned.flow.time;
            let slot = self.free.pop().unwrap_or(self.flows.len());
            if slot == self.flows.len() {
                self.flows.push(None);
            }
            self.flows[slot] = Some(planned);
            self.planned_ever += 1;
            self.planned.push(Reverse((time, self.planned_ever << 24 | slot as u64)));
        }
        self.clock += self.random.below(2 * self.pace + 1);
    }

    fn record(&mut self, planned: Planned) -> Record {
        let Planned { mut flow, seen } = planned;
        match seen {
            Seen::ByNode(node) => {
                let number = &mut self.numbers[node];
                if number.sequence == FLOWS_OF_A_START {
                    *number = FlowId { boot: boot(&mut self.random), sequence: 0 };
                }
                number.sequence += 1;
                flow.id = *number;
                Record { uuid: flow.id.number(&flow.node.name), flow, original: None }
            }
            Seen::Elsewhere => {
                let uuid = u128::from(self.random.number()) << 64 | u128::from(self.random.number());
                let original = (0..40 + self.random.below(200)).map(|_| self.random.number() as u8);
                let original = Some(Bytes::from_iter(original));
                Record { uuid, flow, original }
            }
        }
    }
}

impl Iterator for Traffic {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(Reverse((time, at))) = self.planned.peek().copied()
                && time < self.clock
            {
                self.planned.pop();
                let slot = (at & 0xff_ffff) as usize;
                self.free.push(slot);
                let planned = self.flows[slot].take().expect("what is planned is kept until it is seen");
                return Some(self.record(planned));
            }
            self.open();
        }
    }
}

fn boot(random: &mut Random) -> u64 {
    random.number() | 1
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tidegate_flow::flow::{Flow, L4, Outcome};

    use super::*;

    const START: u64 = 1_700_000_000_000_000_000;

    #[test]
    fn flows_are_in_order_and_each_has_a_number_of_its_own() {
        let flows: Vec<_> = Traffic::new(&Shape::SMALL, START, 1_000).take(20_000).collect();
        assert!(flows.is_sorted_by_key(|record| record.flow.time));
        assert_eq!(flows.iter().map(|record| record.uuid).collect::<HashSet<_>>().len(), flows.len());
    }

    #[test]
    fn the_same_arguments_yield_the_same_flows() {
        let flows = || Traffic::new(&Shape::SMALL, START, 1_000).take(500).map(|record| format!("{record:?}"));
        assert!(flows().eq(flows()));
    }

    #[test]
    fn the_rate_is_about_what_was_asked_for() {
        let last = Traffic::new(&Shape::SMALL, START, 1_000).nth(60_000).unwrap().flow.time;
        assert!((45..80).contains(&((last - START) / 1_000_000_000)), "{}", last - START);
    }

    #[test]
    fn there_is_some_of_everything() {
        let flows: Vec<_> = Traffic::new(&Shape::SMALL, START, 1_000).take(50_000).collect();
        let some = |what: &dyn Fn(&Flow) -> bool| flows.iter().any(|record| what(&record.flow));
        for outcome in Outcome::ALL {
            assert!(some(&|flow| flow.outcome() == outcome), "{outcome:?}");
        }
        assert!(some(&|flow| flow.dns.is_some() && flow.reply == Some(true)));
        assert!(some(&|flow| flow.source.address.is_ipv6()));
        assert!(some(&|flow| flow.destination.names.len() > 1));
        assert!(some(&|flow| flow.destination.service.is_some()));
        assert!(some(&|flow| flow.translation.as_ref().is_some_and(|translation| translation.egress.is_none())));
        assert!(some(&|flow| !flow.cause.is_empty()));
        assert!(some(&|flow| flow.reply.is_none()));
        assert!(some(&|flow| matches!(flow.l4, L4::IcmpV4 { .. })));
        assert!(some(&|flow| matches!(flow.l4, L4::Other(_))));
        assert!(flows.iter().any(|record| record.original.is_some() && record.flow.id == FlowId::default()));
    }
}
