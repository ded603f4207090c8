//! The dashboard's server: stored and live flows as JSON and server-sent events, and the page that
//! shows them. It exists so that a browser needs no gRPC: it holds no data, and asks the relay for
//! everything.
//!
//! In reading order, from the port to the answers:
//! * [`server`]: the port; [`guard`]: what every request passes; [`assets`]: the page;
//! * [`routes`]: the interface as data; [`params`]: what a request asks, checked by it; [`openapi`]:
//!   its description;
//! * [`api`]: the handlers, one module per kind of answer;
//! * [`answer`], [`row`]: the answers; [`read`]: from a flow's message to its row; [`failure`]: why
//!   there is no answer;
//! * [`relay`]: the calls behind all that; [`state`]: how relay, nodes and store are.
//!
//! Invariants: only GET, and nothing of a request reaches the relay that the table of routes does
//! not know. What a browser no longer waits for is no longer asked. A slow browser stops its own
//! stream and no other.

mod answer;
mod api;
mod assets;
mod failure;
mod guard;
mod lost;
pub mod openapi;
mod params;
mod read;
mod relay;
mod routes;
mod row;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod time;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tidegate_ops::settings::{Address, Settings};
use tidegate_ops::stop;
use tokio::net::TcpListener;

use crate::api::App;
use crate::guard::Guard;
use crate::relay::Relay;

/// What the dashboard needs of the settings.
#[derive(Clone, Debug)]
pub struct UiSettings {
    /// Where to listen; port 0 means any free port.
    pub listen: SocketAddr,
    /// The relay that is asked.
    pub relay: Address,
    /// Names that lead to a dashboard on loopback, beside `localhost`: those of a proxy in front
    /// of it that passes them on.
    pub names: Vec<String>,
}

impl From<&Settings> for UiSettings {
    fn from(settings: &Settings) -> Self {
        Self { listen: settings.ui_listen, relay: settings.server.clone(), names: Vec::new() }
    }
}

/// A dashboard that has its port and serves nothing yet.
#[derive(Debug)]
pub struct Ui {
    listener: TcpListener,
    address: SocketAddr,
    relay: Relay,
    names: Vec<String>,
}

/// Takes the port.
///
/// # Errors
/// When the address is taken or not ours, or the relay's is no URI.
pub async fn bind(settings: UiSettings) -> anyhow::Result<Ui> {
    let UiSettings { listen, relay, names } = settings;
    let relay = Relay::at(relay)?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; stop what uses it or set another ui-listen"))?;
    let address = listener.local_addr().context("cannot read the bound address")?;
    Ok(Ui { listener, address, relay, names })
}

impl Ui {
    /// The bound address, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is set; open streams end.
    ///
    /// # Errors
    /// None today; the other roles have some.
    pub async fn serve(self, stop: stop::Signal) -> anyhow::Result<()> {
        tracing::info!(relay = %self.relay.address, "dashboard on http://{}", self.address);
        let guard = Guard::new(self.address, &self.names);
        let router = server::router(Arc::new(App::new(self.relay, stop.clone())), guard);
        server::serve(self.listener, router, server::PATIENCE, stop).await;
        Ok(())
    }
}

/// Binds and serves.
///
/// # Errors
/// As [`bind`] and [`Ui::serve`].
pub async fn run(settings: UiSettings, stop: stop::Signal) -> anyhow::Result<()> {
    bind(settings).await?.serve(stop).await
}
