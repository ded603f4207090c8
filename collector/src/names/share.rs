//! Names for gateways: the node of an endpoint sees its DNS answers, the gateway sees its
//! translated packets. The endpoint's node sends what it learned to the gateway's collector.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, PoisonError},
};

use tidegate_flow::Fqdn;
use tokio::sync::broadcast;

use super::Learned;

/// Records that a slow gateway may be behind before it misses some (which it is told).
const BACKLOG: usize = 16_384;
/// Answers kept for gateways that connect later.
const REPLAY: usize = 65_536;

/// What was learned for endpoints whose gateway is another node.
#[derive(Debug)]
pub struct Shared {
    live: broadcast::Sender<Learned>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Local endpoint -> underlay addresses of its gateways.
    gateways: HashMap<IpAddr, HashSet<Ipv4Addr>>,
    /// Newest answer of each (endpoint, address, name).
    recent: HashMap<(IpAddr, IpAddr, Fqdn), Learned>,
    /// Their keys, first learned first.
    order: VecDeque<(IpAddr, IpAddr, Fqdn)>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { live: broadcast::channel(BACKLOG).0, inner: Mutex::default() }
    }
}

impl Shared {
    /// Sets which gateways may know about which local endpoints.
    pub fn set_gateways(&self, gateways: HashMap<IpAddr, HashSet<Ipv4Addr>>) {
        self.lock().gateways = gateways;
    }

    /// Publishes an answer to whoever watches.
    pub fn publish(&self, learned: &Learned) {
        let mut inner = self.lock();
        // Kept for every endpoint: one that is selected later may hold its addresses already.
        let key = (learned.endpoint, learned.address, learned.fqdn.clone());
        if inner.recent.insert(key.clone(), learned.clone()).is_none() {
            inner.order.push_back(key);
        }
        if inner.order.len() > REPLAY
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.recent.remove(&oldest);
        }
        drop(inner);
        // No watcher is no error.
        let _ = self.live.send(learned.clone());
    }

    /// What is known now for a gateway, and what will be.
    pub fn watch(&self, gateway: Ipv4Addr) -> (Vec<Learned>, broadcast::Receiver<Learned>) {
        let live = self.live.subscribe();
        let inner = self.lock();
        let mut known: Vec<_> =
            inner.recent.values().filter(|learned| inner.serves(learned.endpoint, gateway)).cloned().collect();
        known.sort_by_key(|learned| learned.learned);
        (known, live)
    }

    /// Whether the gateway may know about the endpoint.
    pub fn serves(&self, endpoint: IpAddr, gateway: Ipv4Addr) -> bool {
        self.lock().serves(endpoint, gateway)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn serves(&self, endpoint: IpAddr, gateway: Ipv4Addr) -> bool {
        self.gateways.get(&endpoint).is_some_and(|gateways| gateways.contains(&gateway))
    }
}
