//! The cluster in numbers: what each node answers, put together.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use tidegate_proto::observer::{GetNamespacesRequest, Namespace, Node, ServerStatusResponse, Tls};
use tidegate_proto::relay::NodeState;
use tokio::time::timeout;

use crate::peers::{CALL_TIMEOUT, Peer, Pool, Reach};

/// What the stock relay calls itself in this place is "hubble-relay v…".
pub(crate) const VERSION: &str = concat!("tidegate-relay v", env!("CARGO_PKG_VERSION"));

/// Unavailable nodes that are named; the stock relay stops at ten.
const MOST_NAMED: usize = 10;

/// The sums of all nodes. Numbers of nodes that do not answer are missing from the sums, and the
/// nodes are counted as unavailable.
pub(crate) async fn cluster(pool: &Pool) -> ServerStatusResponse {
    let mut sum = ServerStatusResponse { version: VERSION.to_owned(), ..Default::default() };
    let (mut connected, mut unavailable) = (0, 0);
    for (peer, answer) in statuses(pool).await {
        let Answer::Status(status) = answer else {
            unavailable += 1;
            if sum.unavailable_nodes.len() < MOST_NAMED {
                sum.unavailable_nodes.push(peer.name.clone());
            }
            continue;
        };
        connected += 1;
        sum.num_flows += status.num_flows;
        sum.max_flows += status.max_flows;
        sum.seen_flows += status.seen_flows;
        sum.uptime_ns = sum.uptime_ns.max(status.uptime_ns);
        sum.flows_rate += status.flows_rate;
    }
    sum.num_connected_nodes = Some(connected);
    sum.num_unavailable_nodes = Some(unavailable);
    sum
}

/// All nodes with their own numbers, sorted by name.
pub(crate) async fn nodes(pool: &Pool) -> Vec<Node> {
    let described = statuses(pool).await.into_iter().map(|(peer, answer)| {
        let (state, status) = match answer {
            Answer::Status(status) => (NodeState::NodeConnected, *status),
            Answer::Unavailable => (NodeState::NodeUnavailable, ServerStatusResponse::default()),
            Answer::Failed => (NodeState::NodeError, ServerStatusResponse::default()),
        };
        Node {
            name: peer.name.clone(),
            version: status.version,
            address: peer.address.to_string(),
            state: state.into(),
            tls: Some(Tls { enabled: false, server_name: String::new() }),
            uptime_ns: status.uptime_ns,
            num_flows: status.num_flows,
            max_flows: status.max_flows,
            seen_flows: status.seen_flows,
        }
    });
    described.collect()
}

/// Namespaces that any node has seen, sorted by cluster, then name. Nodes that do not answer are
/// left out.
pub(crate) async fn namespaces(pool: &Pool) -> Vec<Namespace> {
    pool.settle().await;
    let calls = pool.all().iter().filter(|peer| peer.reach() == Reach::Usable).map(|peer| async {
        let mut observer = peer.observer();
        match timeout(CALL_TIMEOUT, observer.get_namespaces(GetNamespacesRequest {})).await {
            Ok(Ok(response)) => response.into_inner().namespaces,
            Ok(Err(error)) => {
                tracing::debug!(peer = peer.name, %error, "the peer lists no namespaces");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!(peer = peer.name, "the peer did not list its namespaces in time");
                Vec::new()
            }
        }
    });
    let union: BTreeSet<(String, String)> = (join_all(calls).await.into_iter().flatten())
        .map(|namespace| (namespace.cluster, namespace.namespace))
        .collect();
    union.into_iter().map(|(cluster, namespace)| Namespace { cluster, namespace }).collect()
}

/// A node's answer to ServerStatus.
enum Answer {
    Status(Box<ServerStatusResponse>),
    /// It could not be reached.
    Unavailable,
    /// It could be reached before and did not answer this time.
    Failed,
}

async fn statuses(pool: &Pool) -> Vec<(Arc<Peer>, Answer)> {
    pool.settle().await;
    let calls = pool.all().iter().map(|peer| async {
        let answer = match peer.reach() {
            Reach::Usable => match peer.status().await {
                Ok(status) => Answer::Status(Box::new(status)),
                Err(reason) => {
                    tracing::warn!(peer = peer.name, reason, "the peer did not tell its status");
                    peer.suspect();
                    Answer::Failed
                }
            },
            Reach::Untried | Reach::Unavailable(_) => Answer::Unavailable,
        };
        (peer.clone(), answer)
    });
    join_all(calls).await
}
