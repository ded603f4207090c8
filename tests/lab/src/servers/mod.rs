//! The programs inside a world that are not Tidegate: the outside's servers, `kube-dns`, and
//! the traffic of pods.
//!
//! The same code runs as threads of a test and as child processes of a world that stays.

mod dns;
mod echo;
mod forwarder;
mod http;
mod traffic;

use std::future::{Future, pending};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sched::{CloneFlags, setns};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::netns::Netns;
use crate::zone;

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
const DNS_PORT: u16 = 53;
/// Ports that send back what they get, over TCP and UDP, on every address of the outside.
pub const ECHO_PORTS: [u16; 2] = [7, 9999];

/// Which servers to run.
#[derive(Clone, Debug)]
pub(crate) enum Servers {
    /// DNS, HTTP, HTTPS and echo on every address of the zone.
    Outside { certificate: PathBuf, key: PathBuf },
    /// The resolver pod: forwards to the outside's DNS.
    KubeDns,
    /// A pod that asks and fetches; `ca` is what it trusts.
    Traffic { ca: PathBuf },
}

impl Servers {
    /// A port that accepts connections once all of these servers are bound, if they have one.
    pub(crate) fn last_port(&self) -> Option<u16> {
        match self {
            Self::Outside { .. } => Some(HTTP_PORT),
            Self::KubeDns => Some(DNS_PORT),
            Self::Traffic { .. } => None,
        }
    }

    /// Binds everything in the thread's namespace. What is returned never ends.
    pub(crate) async fn bind(&self) -> Result<()> {
        match self {
            Self::Outside { certificate, key } => bind_outside(certificate, key).await,
            Self::KubeDns => forwarder::bind(DNS_PORT, SocketAddr::from((zone::RESOLVER, DNS_PORT)))
                .await
                .context("cannot serve DNS in the pod kube-dns"),
            Self::Traffic { ca } => traffic::start(ca),
        }
    }

    /// Serves in the thread's namespace until `stop` is ready.
    pub(crate) fn run(&self, bound: impl FnOnce(Result<()>), stop: impl Future<Output = ()>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime for servers")?;
        runtime.block_on(async {
            let result = self.bind().await;
            let failed = result.is_err();
            bound(result);
            if !failed {
                stop.await;
            }
        });
        // Connections still open end with the runtime.
        runtime.shutdown_background();
        Ok(())
    }

    /// Serves in the thread's namespace until the process is told to end.
    pub(crate) fn run_to_the_end(&self) -> Result<()> {
        let mut outcome = Ok(());
        self.run(|result| outcome = result, pending())?;
        outcome
    }
}

/// Servers on a thread of this process; they end with the value.
#[derive(Debug)]
pub(crate) struct ServerThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    /// Starts the servers inside `netns` and returns when all of them are bound.
    pub(crate) fn start(netns: &Netns, servers: Servers) -> Result<Self> {
        let namespace = netns.open()?;
        let (stop, stopped) = oneshot::channel();
        let (bound, is_bound) = mpsc::channel();
        let name = netns.name().to_owned();
        let thread = thread::Builder::new()
            .name(format!("servers {name}"))
            .spawn(move || {
                let report = bound.clone();
                let outcome = setns(&namespace, CloneFlags::CLONE_NEWNET)
                    .with_context(|| format!("cannot enter network namespace {name}"))
                    .and_then(|()| {
                        // An open descriptor would keep the namespace alive.
                        drop(namespace);
                        servers.run(move |result| drop(bound.send(result)), async {
                            drop(stopped.await);
                        })
                    });
                if let Err(error) = outcome {
                    drop(report.send(Err(error)));
                }
            })
            .context("cannot start a thread for servers")?;
        let started = Self { stop: Some(stop), thread: Some(thread) };
        is_bound
            .recv_timeout(Duration::from_secs(30))
            .context("the servers of the lab did not start within 30 s")??;
        Ok(started)
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by the thread.
            drop(thread.join());
        }
    }
}

async fn bind_outside(certificate: &std::path::Path, key: &std::path::Path) -> Result<()> {
    for port in ECHO_PORTS {
        for address in zone::addresses() {
            echo::bind_udp(SocketAddr::from((address, port)))
                .await
                .with_context(|| format!("cannot serve UDP echo on {address}:{port}"))?;
        }
        echo::serve_tcp(listen(port).await?);
    }
    for address in zone::addresses() {
        dns::bind_udp(SocketAddr::from((address, DNS_PORT)))
            .await
            .with_context(|| format!("cannot serve DNS on {address}"))?;
    }
    dns::serve_tcp(listen(DNS_PORT).await?);
    http::serve_tls(listen(HTTPS_PORT).await?, http::acceptor(certificate, key)?);
    // Last, since its port is the sign that all the others are there.
    http::serve(listen(HTTP_PORT).await?);
    Ok(())
}

async fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .with_context(|| format!("cannot listen on port {port} of the lab's outside"))
}

/// Accepts connections for ever and starts `serve` for each.
fn accept_each<F>(listener: TcpListener, serve: impl Fn(tokio::net::TcpStream, SocketAddr) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // A latency that is not the lab's own shows in no measurement.
                    drop(stream.set_nodelay(true));
                    tokio::spawn(serve(stream, peer));
                }
                // Out of descriptors, or a connection that died while waiting: others go on.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
}

/// Reads one length-prefixed DNS message; `None` at the end of the stream.
async fn read_framed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    use tokio::io::AsyncReadExt as _;
    let length = match stream.read_u16().await {
        Ok(length) => usize::from(length),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}

/// Writes one length-prefixed DNS message in one piece.
async fn write_framed(stream: &mut (impl tokio::io::AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    use tokio::io::AsyncWriteExt as _;
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}
