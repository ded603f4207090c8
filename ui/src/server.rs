//! The port: connections in, requests to the routes, and an end to both.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{setsockopt, sockopt};
use tidegate_ops::stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::api::{self, App};
use crate::assets;
use crate::guard::{self, Guard};

/// Connections at once; more wait in the listener's queue.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send the head of a request, also of the next one.
const HEAD: Duration = Duration::from_secs(30);
/// Longest head, bytes; the query is limited further.
const HEAD_MAX: usize = 64 << 10;
/// A client that takes nothing of what is sent for so long is cut off.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long clients may take to notice that the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// All that can be asked.
pub(crate) fn router(app: Arc<App>, guard: Guard) -> Router {
    let layer = middleware::from_fn_with_state(Arc::new(guard), guard::pass);
    api::router().with_state(app).fallback(assets::serve).layer(layer)
}

/// Serves until `stop` is set.
pub(crate) async fn serve(listener: TcpListener, router: Router, patience: Duration, stop: stop::Signal) {
    let shutdown = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.wait() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone(), patience, shutdown.watcher()));
                }
                // Out of file descriptors, or a client that left already.
                Err(error) => {
                    tracing::debug!("a connection was not accepted: {error}");
                    sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    if timeout(FAREWELL, shutdown.shutdown()).await.is_err() {
        tracing::info!("browsers that did not hang up are cut off");
    }
    // What is left ends with the set.
}

async fn connection(stream: TcpStream, router: Router, patience: Duration, watcher: Watcher) {
    // The kernel ends a connection whose other side takes nothing for so long: also one that
    // lives on and reads no more, which no timer of the protocol would notice.
    let millis = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) =
        setsockopt(&stream, sockopt::TcpUserTimeout, &millis).and(setsockopt(&stream, sockopt::TcpNoDelay, &true))
    {
        tracing::debug!("a connection without time limit: {error}");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection ended: {error}");
    }
}
