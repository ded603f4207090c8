//! The cluster's view on 4245: one Observer over the collectors of all nodes. It exists so that a
//! client asks one address and gets one ordered answer that says which nodes are missing from it.
//!
//! In reading order, from the wire to the order:
//! * [`serve`]: the port, its services, health and reflection;
//! * [`observer`]: Hubble's Observer; [`status`]: its sums; [`egress`], [`history`]: our own
//!   interface;
//! * [`peers`], [`connect`]: the collectors, and whether they can be asked;
//! * [`route`]: which of them can match; [`call`]: one request to one node; [`feed`]: one node's
//!   part in one stream, with [`position`] to go on after a break;
//! * [`fanout`], [`input`]: one client's stream; [`merge`]: the order; [`quota`]: the count;
//!   [`node_status`]: the relay's own messages;
//! * [`recorder`]: what puts every flow into the store; [`archive`]: what the store adds to an
//!   answer.
//!
//! Invariants: a flow of a node is forwarded as the bytes it came in and decoded for the store
//! alone. Every queue is bounded, and a client that does not read stops its own stream and no
//! other. The relay keeps no flows but in the store; two relays never know of each other.

mod archive;
mod call;
mod connect;
mod egress;
mod fanout;
mod feed;
mod history;
mod input;
mod merge;
mod node_status;
mod observer;
mod peers;
mod position;
mod quota;
mod recorder;
mod route;
mod serve;
mod status;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod fake_store;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tidegate_ops::settings::{Peer, Settings, Shown, Store};
use tidegate_ops::stop;
use tidegate_proto::v1::Setting;
use tidegate_store::sqlite::Sqlite;
use tokio::net::TcpListener;

use crate::peers::Pool;
pub use crate::recorder::Keep;
use crate::recorder::Recorder;

/// What the relay needs of the settings.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// The name of the node that the relay runs on, for its own messages.
    pub node_name: String,
    /// The cluster's name; put before the peers' names unless it is `default`.
    pub cluster_name: String,
    /// Where to listen; port 0 means any free port.
    pub listen: SocketAddr,
    /// The collectors.
    pub peers: Vec<Peer>,
    /// Where their flows are stored.
    pub store: Store,
    /// What is kept of them.
    pub keep: Keep,
    /// All effective settings, redacted, for those who ask.
    pub view: Vec<Shown>,
}

impl From<&Settings> for RelaySettings {
    fn from(settings: &Settings) -> Self {
        Self {
            node_name: settings.node_name.clone(),
            cluster_name: settings.cluster_name.clone(),
            listen: settings.relay_listen,
            peers: settings.peers.clone(),
            store: settings.store.clone(),
            keep: Keep { age: settings.retention_age, bytes: settings.retention_size },
            view: settings.view(),
        }
    }
}

/// A relay that has its port and serves nothing yet.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    node_name: String,
    pool: Pool,
    recorder: Option<Recorder>,
    view: Vec<Setting>,
}

/// Opens the store and takes the port.
///
/// # Errors
/// When the store cannot be opened, the address is taken or not ours, or a peer's address is no
/// URI.
pub async fn bind(settings: RelaySettings) -> anyhow::Result<Relay> {
    let recorder = match &settings.store {
        Store::None => None,
        Store::Sqlite(folder) => {
            let store = Sqlite::open(folder).await.context("cannot open the store")?;
            Some(Recorder::new(Arc::new(store), settings.store.to_string(), settings.keep))
        }
    };
    bind_with(settings, recorder).await
}

async fn bind_with(settings: RelaySettings, recorder: Option<Recorder>) -> anyhow::Result<Relay> {
    let pool = Pool::new(&settings.cluster_name, &settings.peers)?;
    let listen = settings.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; stop what uses it or set another relay-listen"))?;
    let address = listener.local_addr().context("cannot read the bound address")?;
    let view = (settings.view.into_iter())
        .map(|shown| Setting { key: shown.key.to_owned(), value: shown.value, origin: shown.origin.to_string() })
        .collect();
    Ok(Relay { listener, address, node_name: settings.node_name, pool, recorder, view })
}

impl Relay {
    /// The bound address, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is set; open streams end with Unavailable.
    ///
    /// # Errors
    /// When the server cannot go on.
    pub async fn serve(self, stop: stop::Signal) -> anyhow::Result<()> {
        let Self { listener, address, node_name, pool, recorder, view } = self;
        let store = recorder.as_ref().map_or("none", |recorder| recorder.url());
        tracing::info!(peers = pool.all().len(), store, "relay listening on {address}");
        let (end, ended) = stop::Signal::manual();
        let recording = recorder.clone().map(|recorder| tokio::spawn(recorder.run(pool.clone(), ended)));
        let served = serve::serve(listener, node_name, pool, recorder, view, stop).await;
        end.stop();
        if let Some(recording) = recording {
            recording.await.context("the recorder failed")?;
        }
        served
    }
}

/// Binds and serves.
///
/// # Errors
/// As [`bind`] and [`Relay::serve`].
pub async fn run(settings: RelaySettings, stop: stop::Signal) -> anyhow::Result<()> {
    bind(settings).await?.serve(stop).await
}
