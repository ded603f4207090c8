//! The cluster's view on 4245: one Observer over the collectors of all nodes. It exists so that a
//! client asks one address and gets one ordered answer that says which nodes are missing from it.
//!
//! In reading order, from the wire to the order:
//! * [`serve`]: the port, its services, health and reflection;
//! * [`observer`]: Hubble's Observer; [`status`]: its sums; [`egress`]: our own interface;
//! * [`peers`], [`connect`]: the collectors, and whether they can be asked;
//! * [`route`]: which of them can match; [`call`]: one request to one node; [`feed`]: one node's
//!   part in one stream, with [`position`] to go on after a break;
//! * [`fanout`], [`input`]: one client's stream; [`merge`]: the order; [`quota`]: the count;
//!   [`node_status`]: the relay's own messages.
//!
//! Invariants: a flow is forwarded as the bytes it came in and never decoded here. Every queue is
//! bounded, and a client that does not read stops its own stream and no other. The relay keeps no
//! flows; two relays never know of each other.

mod call;
mod connect;
mod egress;
mod fanout;
mod feed;
mod input;
mod merge;
mod node_status;
mod observer;
mod peers;
mod position;
mod quota;
mod route;
mod serve;
mod status;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use anyhow::Context;
use tidegate_ops::settings::{Peer, Settings, Shown};
use tidegate_ops::stop;
use tidegate_proto::v1::Setting;
use tokio::net::TcpListener;

use crate::peers::Pool;

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
    view: Vec<Setting>,
}

/// Takes the port.
///
/// # Errors
/// When the address is taken or not ours, or a peer's address is no URI.
pub async fn bind(settings: RelaySettings) -> anyhow::Result<Relay> {
    let pool = Pool::new(&settings.cluster_name, &settings.peers)?;
    let listen = settings.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; stop what uses it or set another relay-listen"))?;
    let address = listener.local_addr().context("cannot read the bound address")?;
    let view = (settings.view.into_iter())
        .map(|shown| Setting { key: shown.key.to_owned(), value: shown.value, origin: shown.origin.to_string() })
        .collect();
    Ok(Relay { listener, address, node_name: settings.node_name, pool, view })
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
        tracing::info!(peers = self.pool.all().len(), "relay listening on {}", self.address);
        serve::serve(self.listener, self.node_name, self.pool, self.view, stop).await
    }
}

/// Binds and serves.
///
/// # Errors
/// As [`bind`] and [`Relay::serve`].
pub async fn run(settings: RelaySettings, stop: stop::Signal) -> anyhow::Result<()> {
    bind(settings).await?.serve(stop).await
}
