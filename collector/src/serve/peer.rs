//! Hubble's Peer service: which nodes there are, for relays that ask a node.

use std::collections::BTreeMap;

use tidegate_proto::peer::{ChangeNotification, ChangeNotificationType, NotifyRequest, peer_server::Peer};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::Sources;
use crate::reconcile::qualified;

/// Notifications that may wait for a slow client before it is cut off.
const QUEUE: usize = 1024;

pub(super) struct Peers {
    sources: Sources,
}

impl Peers {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources }
    }
}

/// Node name -> address.
type Known = BTreeMap<String, String>;

#[tonic::async_trait]
impl Peer for Peers {
    type NotifyStream = ReceiverStream<Result<ChangeNotification, Status>>;

    async fn notify(&self, _: Request<NotifyRequest>) -> Result<Response<Self::NotifyStream>, Status> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let sources = self.sources.clone();
        tokio::spawn(async move {
            let mut state = sources.state.clone();
            let mut known = Known::new();
            loop {
                let now = peers(&sources);
                for change in changes(&known, &now) {
                    if sender.try_send(Ok(change)).is_err() {
                        return;
                    }
                }
                known = now;
                tokio::select! {
                    () = sender.closed() => return,
                    changed = state.changed() => if changed.is_err() { return },
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// Every node, this one included, at the port where this one listens.
fn peers(sources: &Sources) -> Known {
    let settings = &sources.settings;
    let port = settings.collector_listen.port();
    let name = |node: &str| qualified(&settings.cluster_name, node);
    let mut known: Known =
        sources.state.borrow().nodes.iter().map(|(node, address)| (name(node), format!("{address}:{port}"))).collect();
    known.entry(name(&settings.node_name)).or_insert_with(|| settings.collector_listen.to_string());
    known
}

fn changes(before: &Known, now: &Known) -> Vec<ChangeNotification> {
    let change = |name: &String, address: &String, kind: ChangeNotificationType| ChangeNotification {
        name: name.clone(),
        address: address.clone(),
        r#type: kind as i32,
        tls: None,
    };
    let mut changes = Vec::new();
    for (name, address) in before.iter().filter(|(name, _)| !now.contains_key(*name)) {
        changes.push(change(name, address, ChangeNotificationType::PeerDeleted));
    }
    for (name, address) in now {
        match before.get(name) {
            None => changes.push(change(name, address, ChangeNotificationType::PeerAdded)),
            Some(old) if old != address => changes.push(change(name, address, ChangeNotificationType::PeerUpdated)),
            Some(_) => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_moved_and_gone_nodes_are_told_apart() {
        let known = |list: &[(&str, &str)]| -> Known {
            list.iter().map(|(name, address)| ((*name).to_owned(), (*address).to_owned())).collect()
        };
        let found =
            changes(&known(&[("a", "1"), ("b", "1"), ("c", "1")]), &known(&[("b", "2"), ("c", "1"), ("d", "1")]));
        let found: Vec<_> = found.iter().map(|change| (change.name.as_str(), change.r#type)).collect();
        assert_eq!(found, [("a", 2), ("b", 3), ("d", 1)]);
    }
}
