//! The collectors that the relay asks, and whether they can be asked. One small task per peer
//! probes it; everything else reads the result.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidegate_ops::settings::{self, Address};
use tidegate_ops::stop;
use tidegate_proto::FrameKind;
use tidegate_proto::observer::observer_client::ObserverClient;
use tidegate_proto::observer::{GetFlowsRequest, ServerStatusRequest, ServerStatusResponse};
use tidegate_proto::v1::egress_client::EgressClient;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;

use crate::call::Call;
use crate::connect::{self, Backoff};

/// How long one peer may take to answer a unary call.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two probes of a peer that answers.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Largest message taken from a peer; a flow is some hundred bytes, a large egress table more.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// Whether a peer can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Its first probe has not ended.
    Untried,
    /// The last probe was answered.
    Usable,
    /// The last probe failed for this reason.
    Unavailable(String),
}

/// An end of what a node remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The oldest flow.
    Oldest,
    /// The newest flow.
    Newest,
}

/// What the probes found.
#[derive(Clone, Debug)]
struct Probed {
    reach: Reach,
    /// Probes that ended, well or not.
    ended: u64,
    /// Probes that failed since the last one that did not.
    failures: u32,
}

/// One collector.
#[derive(Debug)]
pub(crate) struct Peer {
    /// `node`, or `cluster/node` unless the cluster is `default`.
    pub(crate) name: String,
    /// Where it is called.
    pub(crate) address: Address,
    /// Streams and unary calls have connections of their own: a server limits the streams of a
    /// connection, and a probe must not queue behind them.
    streams: Channel,
    calls: Channel,
    probed: watch::Sender<Probed>,
    suspected: Notify,
    /// The node name in its flows, once seen.
    own_name: OnceLock<String>,
    /// Capacity of its history as of the last probe; 0 when unknown.
    capacity: AtomicU64,
}

impl Peer {
    /// The client for flow streams.
    pub(crate) fn streams(&self) -> ObserverClient<Channel> {
        ObserverClient::new(self.streams.clone()).max_decoding_message_size(LARGEST_MESSAGE)
    }

    /// The client for unary calls to its Observer.
    pub(crate) fn observer(&self) -> ObserverClient<Channel> {
        ObserverClient::new(self.calls.clone())
    }

    /// The client for its egress state.
    pub(crate) fn egress(&self) -> EgressClient<Channel> {
        EgressClient::new(self.calls.clone()).max_decoding_message_size(LARGEST_MESSAGE)
    }

    /// Whether it can be asked, by the last probe.
    pub(crate) fn reach(&self) -> Reach {
        self.probed.borrow().reach.clone()
    }

    /// Capacity of its history in events; 0 when unknown.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    /// The names under which its flows may be filtered; none while its own name is unknown.
    pub(crate) fn names(&self) -> Option<[&str; 2]> {
        Some([self.name.as_str(), self.own_name.get()?.as_str()])
    }

    /// Learns the node name from a flow of this peer; only the first one counts.
    pub(crate) fn seen_as(&self, node_name: &str) {
        if self.own_name.set(node_name.to_owned()).is_ok() && node_name != self.name {
            tracing::warn!(
                peer = self.name,
                node = node_name,
                "the peer's flows carry another node name; give it that name in `peers`"
            );
        }
    }

    /// Has the peer probed at once, because a call to it failed.
    pub(crate) fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// A wait until a probe that ends after this call finds the peer usable. Cancel-safe.
    pub(crate) fn found_usable(&self) -> impl Future<Output = ()> + use<> {
        self.probed_with(|probed| probed.reach == Reach::Usable)
    }

    /// A wait until two probes in a row have failed: one may fail because a machine is busy, and
    /// a stream that still works should not be given up for that. Cancel-safe.
    pub(crate) fn found_lost(&self) -> impl Future<Output = ()> + use<> {
        self.probed_with(|probed| probed.failures >= 2)
    }

    /// A wait until a probe that ends after this call leaves the peer as `wanted`.
    fn probed_with(&self, wanted: fn(&Probed) -> bool) -> impl Future<Output = ()> + use<> {
        let mut probed = self.probed.subscribe();
        let before = probed.borrow_and_update().ended;
        async move {
            // It fails only when the peer is gone, with the whole relay.
            let _ = probed.wait_for(|probed| probed.ended > before && wanted(probed)).await;
        }
    }

    /// Time of the oldest or newest flow that the node remembers; none if it has none or does not
    /// answer in time. Nanoseconds since 1970.
    pub(crate) async fn edge(self: &Arc<Self>, edge: Edge) -> Option<u64> {
        let request = GetFlowsRequest { first: edge == Edge::Oldest, number: 1, ..GetFlowsRequest::default() };
        let ask = async {
            let mut call = Call::open(self, request).await.ok()?;
            loop {
                let frame = call.next().await.ok()?;
                if frame.kind() == FrameKind::Flow {
                    return frame.time_ns();
                }
            }
        };
        timeout(CALL_TIMEOUT, ask).await.ok()?.map(|time| u64::try_from(time).unwrap_or(0))
    }

    /// One ServerStatus call.
    pub(crate) async fn status(&self) -> Result<ServerStatusResponse, String> {
        let mut observer = self.observer();
        let call = observer.server_status(ServerStatusRequest {});
        match timeout(CALL_TIMEOUT, call).await {
            Ok(Ok(response)) => {
                let status = response.into_inner();
                self.capacity.store(status.max_flows, Ordering::Relaxed);
                Ok(status)
            }
            Ok(Err(status)) => Err(connect::reason(&status)),
            Err(_) => Err(format!("no answer within {} s", CALL_TIMEOUT.as_secs())),
        }
    }
}

/// All peers.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    peers: Arc<[Arc<Peer>]>,
    usable: Arc<watch::Sender<usize>>,
}

impl Pool {
    /// The peers of the settings, sorted by name; none of them is called before [`Pool::watch`].
    ///
    /// # Errors
    /// When an address cannot be turned into a URI.
    pub(crate) fn new(cluster: &str, peers: &[settings::Peer]) -> anyhow::Result<Self> {
        let mut all = Vec::with_capacity(peers.len());
        for peer in peers {
            let name = match cluster {
                "default" => peer.name.clone(),
                _ if peer.name.contains('/') => peer.name.clone(),
                cluster => format!("{cluster}/{}", peer.name),
            };
            let (probed, _) = watch::channel(Probed { reach: Reach::Untried, ended: 0, failures: 0 });
            all.push(Arc::new(Peer {
                streams: connect::channel(&name, &peer.address)?,
                calls: connect::channel(&name, &peer.address)?,
                address: peer.address.clone(),
                probed,
                suspected: Notify::new(),
                own_name: OnceLock::new(),
                capacity: AtomicU64::new(0),
                name,
            }));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { peers: all.into(), usable: Arc::new(watch::Sender::new(0)) })
    }

    /// Starts the probes; they end with `stop`.
    pub(crate) fn watch(&self, stop: &stop::Signal) {
        for peer in self.peers.iter() {
            tokio::spawn(watch_peer(peer.clone(), self.usable.clone(), stop.clone()));
        }
    }

    /// All peers, sorted by name.
    pub(crate) fn all(&self) -> &[Arc<Peer>] {
        &self.peers
    }

    /// How many peers are usable, as it changes.
    pub(crate) fn usable(&self) -> watch::Receiver<usize> {
        self.usable.subscribe()
    }

    /// Has peers that are not usable probed once more and waits a little for the outcome, so that
    /// a collector started a moment ago is not reported as unavailable.
    pub(crate) async fn settle(&self) {
        let outcomes = self.peers.iter().filter_map(|peer| {
            let patience = match peer.reach() {
                Reach::Usable => return None,
                Reach::Untried => CALL_TIMEOUT,
                Reach::Unavailable(_) => Duration::from_millis(300),
            };
            let probed_again = timeout(patience, peer.probed_with(|_| true));
            peer.suspect();
            Some(probed_again)
        });
        futures_util::future::join_all(outcomes).await;
    }
}

async fn watch_peer(peer: Arc<Peer>, usable: Arc<watch::Sender<usize>>, stop: stop::Signal) {
    let mut backoff = Backoff::new();
    loop {
        let found = tokio::select! {
            found = peer.status() => found,
            () = stop.wait() => return,
        };
        let reach = match found {
            Ok(_) => Reach::Usable,
            Err(reason) => Reach::Unavailable(reason),
        };
        let pause = match reach {
            Reach::Usable => {
                backoff.reset();
                PROBE_INTERVAL
            }
            _ => backoff.pause(),
        };
        conclude(&peer, &usable, reach);
        tokio::select! {
            () = sleep(pause) => {}
            () = peer.suspected.notified() => {}
            () = stop.wait() => return,
        }
    }
}

/// Publishes the outcome of a probe and logs it when something changed.
fn conclude(peer: &Peer, usable: &watch::Sender<usize>, reach: Reach) {
    let before = peer.reach();
    let (was, is) = (before == Reach::Usable, reach == Reach::Usable);
    match &reach {
        Reach::Usable if !was => {
            tracing::info!(peer = peer.name, address = %peer.address, "peer is connected");
        }
        Reach::Unavailable(reason) if was || before == Reach::Untried => {
            tracing::warn!(peer = peer.name, address = %peer.address, reason, "peer is unavailable");
        }
        _ => {}
    }
    match (was, is) {
        (false, true) => usable.send_modify(|count| *count += 1),
        (true, false) => usable.send_modify(|count| *count -= 1),
        _ => {}
    }
    peer.probed.send_modify(|probed| {
        probed.failures = if is { 0 } else { probed.failures.saturating_add(1) };
        probed.reach = reach;
        probed.ended += 1;
    });
}
