//! What others may ask this node: Hubble's Observer and Peer, our Egress, Names and Config,
//! health and reflection, on a Unix socket and a TCP address.

mod egress;
mod names;
mod observer;
mod peer;
mod query;

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Instant};

use anyhow::Context as _;
use tidegate_ops::{settings::Settings, stop};
use tidegate_proto::{
    DESCRIPTORS,
    observer::observer_server::ObserverServer,
    peer::peer_server::PeerServer,
    v1::{config_server::ConfigServer, egress_server::EgressServer, names_server::NamesServer},
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    codegen::http::{HeaderName, HeaderValue, Response},
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::ServingStatus;
use tower::util::MapResponseLayer;

use crate::{
    history::History,
    kernel::Tables,
    names::share::Shared,
    reconcile::{State, qualified},
};

/// Names under which health is asked: the whole server, the one that the stock command line uses,
/// and the service.
const HEALTH_NAMES: [&str; 3] = ["", "hubble.server.Observer", "observer.Observer"];

/// The response header by which clients know a node's server and its version.
const VERSION_HEADER: HeaderName = HeaderName::from_static("hubble-server-version");

/// What the services read.
#[derive(Clone)]
pub struct Sources {
    /// Settings in force.
    pub settings: Arc<Settings>,
    /// Finished flows.
    pub history: Arc<History>,
    /// Kernel maps.
    pub tables: Arc<std::sync::Mutex<Tables>>,
    /// Names for gateways.
    pub shared: Arc<Shared>,
    /// What the reconciler last found.
    pub state: watch::Receiver<Arc<State>>,
    /// When the collector started.
    pub started: Instant,
}

/// The port, taken.
pub struct Port(TcpListener);

/// Listeners that are bound and serve nothing yet.
pub struct Listeners {
    socket: UnixListener,
    tcp: TcpListener,
}

impl Port {
    /// Takes the port, and looks whether the socket can be had.
    pub async fn take(settings: &Settings) -> anyhow::Result<Self> {
        let path = &settings.collector_socket;
        anyhow::ensure!(
            tokio::net::UnixStream::connect(path).await.is_err(),
            "collector-socket {}: another collector serves it; stop that one, or set another collector-socket",
            path.display()
        );
        let listen = settings.collector_listen;
        let tcp = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}: stop what uses it or set another collector-listen"))?;
        Ok(Self(tcp))
    }
}

impl Listeners {
    /// Binds both. A socket file that nobody serves is replaced; one that answers is an error.
    pub async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        Self::with(Port::take(settings).await?, settings)
    }

    /// Binds the socket beside the port: who finds it finds a collector at work.
    pub fn with(port: Port, settings: &Settings) -> anyhow::Result<Self> {
        let path = &settings.collector_socket;
        let socket = bind_socket(path).with_context(|| format!("collector-socket {}", path.display()))?;
        Ok(Self { socket, tcp: port.0 })
    }

    /// The bound TCP address.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

fn bind_socket(path: &Path) -> anyhow::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    if path.exists() {
        fs::remove_file(path).context("cannot replace the stale socket")?;
    }
    let listener = UnixListener::bind(path).context("cannot bind")?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).context("cannot restrict the socket to its owner")?;
    Ok(listener)
}

/// Serves until `stop` is set.
pub async fn serve(listeners: Listeners, sources: Sources, stop: stop::Signal) -> anyhow::Result<()> {
    let observer = observer::NodeObserver {
        node: qualified(&sources.settings.cluster_name, &sources.settings.node_name),
        history: Arc::clone(&sources.history),
        started: sources.started,
    };
    let routes = Routes::new(ObserverServer::new(observer))
        .add_service(PeerServer::new(peer::Peers::new(sources.clone())))
        .add_service(EgressServer::new(egress::NodeEgress::new(sources.clone())))
        .add_service(NamesServer::new(names::NameService::new(sources.clone())))
        .add_service(ConfigServer::new(egress::NodeConfig::new(sources)));
    serve_routes(listeners, routes, stop).await
}

/// Serves the history of `node` alone, with no kernel below it, until `stop` is set.
pub async fn serve_history(
    listeners: Listeners,
    node: String,
    history: Arc<History>,
    stop: stop::Signal,
) -> anyhow::Result<()> {
    let observer = observer::NodeObserver { node, history, started: Instant::now() };
    serve_routes(listeners, Routes::new(ObserverServer::new(observer)), stop).await
}

/// Adds health and reflection, and serves on both listeners.
async fn serve_routes(listeners: Listeners, routes: Routes, stop: stop::Signal) -> anyhow::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in HEALTH_NAMES {
        reporter.set_service_status(name, ServingStatus::Serving).await;
    }
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = routes
        .add_service(health)
        .add_service(reflection().build_v1().context("cannot serve reflection v1")?)
        .add_service(reflection().build_v1alpha().context("cannot serve reflection v1alpha")?);
    let version = HeaderValue::from_static(env!("CARGO_PKG_VERSION"));
    let stamp = move |mut response: Response<_>| {
        response.headers_mut().insert(VERSION_HEADER, version.clone());
        response
    };
    let layer = MapResponseLayer::new(stamp);
    let tcp = Server::builder()
        .layer(layer.clone())
        .add_routes(routes.clone())
        .serve_with_incoming(TcpIncoming::from(listeners.tcp).with_nodelay(Some(true)));
    let unix = Server::builder()
        .layer(layer)
        .add_routes(routes)
        .serve_with_incoming(UnixListenerStream::new(listeners.socket));
    tokio::select! {
        // Streams that follow would never end by themselves: clients see the connection close.
        () = stop.wait() => Ok(()),
        served = tcp => served.context("the server on collector-listen failed"),
        served = unix => served.context("the server on collector-socket failed"),
    }
}
