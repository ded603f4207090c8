//! How the sources are: relay, nodes, store. Asked for by many, so an answer is shared for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_proto::observer::Node;
use tidegate_proto::relay::NodeState as WireState;
use tidegate_proto::v1::{RecordedNode, StatsResponse};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::answer::{NodeState, NodeStatus, RelayStatus, Status, StoreStatus};
use crate::failure::Failure;
use crate::relay::Relay;
use crate::time::Time;

/// The least time over which a rate of flows is taken.
const RATE_SPAN: Duration = Duration::from_secs(1);

/// Asks for the state, once for all who want to know at the same time.
#[derive(Debug)]
pub(crate) struct Board {
    relay: Relay,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    status: Option<(Instant, Arc<Status>)>,
    rates: HashMap<String, Rate>,
}

/// Flows per second of a node, from its counter.
#[derive(Clone, Copy, Debug)]
struct Rate {
    at: Instant,
    seen: u64,
    per_second: Option<f64>,
}

impl Board {
    pub(crate) fn new(relay: Relay) -> Self {
        Self { relay, last: Mutex::new(Last::default()) }
    }

    /// The state, as it was asked for after `fresh`. What cannot be asked is said in it.
    pub(crate) async fn status(&self, fresh: Instant) -> Arc<Status> {
        let mut last = self.last.lock().await;
        if let Some((asked, status)) = &last.status
            && *asked >= fresh
        {
            return status.clone();
        }
        let asked = Instant::now();
        let (nodes, stats, cluster) =
            tokio::join!(self.relay.nodes(), self.relay.stats(), self.relay.setting("cluster-name"));
        let (relay, nodes) = match nodes {
            Ok(Some(answer)) => (None, answer.nodes),
            Ok(None) => (Some("it is no relay: it knows of no nodes".to_owned()), Vec::new()),
            Err(failure) => (Some(words(&failure)), Vec::new()),
        };
        last.count(&nodes, asked);
        let (stats, store_message) = match stats {
            Ok(stats) => {
                let trouble = trouble(&stats.nodes);
                (Some(stats), trouble)
            }
            Err(failure) => (None, Some(words(&failure))),
        };
        let recorded = stats.as_ref().map_or(&[][..], |stats| &stats.nodes);
        let status = Arc::new(Status {
            cluster: cluster.unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            relay: RelayStatus { connected: relay.is_none(), message: relay, address: self.relay.address.to_string() },
            nodes: last.nodes(&nodes, recorded),
            store: stats.as_ref().map(store),
            store_message,
        });
        last.status = Some((asked, status.clone()));
        status
    }
}

impl Last {
    /// Takes in the counters of the nodes.
    fn count(&mut self, nodes: &[Node], now: Instant) {
        self.rates.retain(|name, _| nodes.iter().any(|node| node.name == *name));
        for node in nodes.iter().filter(|node| node.seen_flows > 0) {
            let seen = node.seen_flows;
            let before = self.rates.get(&node.name).copied();
            let rate = match before {
                Some(before) if now - before.at < RATE_SPAN => before,
                // A collector that started again counts from zero.
                Some(before) if before.seen <= seen => {
                    let flows = u32::try_from(seen - before.seen).map_or(f64::MAX, f64::from);
                    Rate { at: now, seen, per_second: Some(flows / (now - before.at).as_secs_f64()) }
                }
                _ => Rate { at: now, seen, per_second: None },
            };
            self.rates.insert(node.name.clone(), rate);
        }
    }

    /// What relay and store know of each node, by name.
    fn nodes(&self, nodes: &[Node], recorded: &[RecordedNode]) -> Vec<NodeStatus> {
        let message = |one: &RecordedNode| Some(one.message.clone()).filter(|message| !message.is_empty());
        let mut all: Vec<_> = (nodes.iter())
            .map(|node| {
                let stored = recorded.iter().find(|one| one.node == node.name);
                let state = state(node.state());
                NodeStatus {
                    name: node.name.clone(),
                    state,
                    message: stored.and_then(message).filter(|_| state != NodeState::Connected),
                    version: node.version.clone(),
                    flows_per_second: self.rates.get(&node.name).and_then(|rate| rate.per_second),
                    recorded_until: stored.and_then(|one| Time::of(one.time.as_ref())),
                }
            })
            .collect();
        let gone = recorded.iter().filter(|one| nodes.iter().all(|node| node.name != one.node));
        all.extend(gone.map(|one| NodeStatus {
            name: one.node.clone(),
            state: NodeState::Gone,
            message: message(one),
            version: String::new(),
            flows_per_second: None,
            recorded_until: Time::of(one.time.as_ref()),
        }));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

impl Status {
    /// Whether two states differ in more than their numbers.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let nodes = |status: &Self| -> Vec<_> {
            status.nodes.iter().map(|node| (node.name.clone(), node.state, node.version.clone())).collect()
        };
        self.relay == other.relay
            && self.cluster == other.cluster
            && self.store.is_some() == other.store.is_some()
            && self.store_message == other.store_message
            && nodes(self) == nodes(other)
    }
}

/// Why the store takes no flows, if it does not: then that is said of nodes that it is connected to.
fn trouble(recorded: &[RecordedNode]) -> Option<String> {
    recorded.iter().find(|node| node.connected && !node.message.is_empty()).map(|node| node.message.clone())
}

fn words(failure: &Failure) -> String {
    match &failure.hint {
        Some(hint) => format!("{}; {hint}", failure.error),
        None => failure.error.clone(),
    }
}

fn state(state: WireState) -> NodeState {
    match state {
        WireState::NodeConnected => NodeState::Connected,
        WireState::NodeGone => NodeState::Gone,
        WireState::NodeError => NodeState::Error,
        WireState::NodeUnavailable | WireState::UnknownNodeState => NodeState::Unavailable,
    }
}

fn store(stats: &StatsResponse) -> StoreStatus {
    StoreStatus {
        url: stats.store.clone(),
        flows: stats.flows,
        bytes: stats.bytes,
        oldest: Time::of(stats.oldest.as_ref()),
        newest: Time::of(stats.newest.as_ref()),
        retention_age_seconds: stats.retention_age_s,
        retention_bytes: stats.retention_bytes,
        segments: stats.segments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, seen: u64) -> Node {
        Node { name: name.into(), seen_flows: seen, state: WireState::NodeConnected.into(), ..Node::default() }
    }

    fn rate(last: &Last) -> Option<f64> {
        last.nodes(&[node("a", 0)], &[])[0].flows_per_second
    }

    #[test]
    fn a_rate_is_taken_between_two_counts_and_a_restart_is_no_rate() {
        let mut last = Last::default();
        let start = Instant::now();
        last.count(&[node("a", 100)], start);
        assert_eq!(rate(&last), None);
        last.count(&[node("a", 150)], start + RATE_SPAN / 2);
        assert_eq!(rate(&last), None);
        last.count(&[node("a", 300)], start + 2 * RATE_SPAN);
        assert_eq!(rate(&last), Some(100.0));
        last.count(&[node("a", 5)], start + 4 * RATE_SPAN);
        assert_eq!(rate(&last), None);
    }

    #[test]
    fn a_node_that_is_only_in_the_store_is_gone() {
        let time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
        let stored =
            |name: &str| RecordedNode { node: name.into(), time, connected: false, message: "no route".into() };
        let nodes = Last::default().nodes(&[node("b", 1)], &[stored("b"), stored("a")]);
        let seen: Vec<_> = nodes.iter().map(|node| (node.name.as_str(), node.state, node.message.as_deref())).collect();
        assert_eq!(seen, [("a", NodeState::Gone, Some("no route")), ("b", NodeState::Connected, None)]);
        assert!(nodes.iter().all(|node| node.recorded_until.is_some()));
    }
}
