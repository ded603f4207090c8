//! The far end: answers requests with their sender's address, takes bytes, gives bytes.
//!
//! Every port has a thread that serves one connection after the other, so that a connection
//! costs the server no thread.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use nix::sys::socket::{Shutdown, setsockopt, shutdown, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::pin;

/// Bytes of a request and of its answer.
pub(crate) const MESSAGE: usize = 32;
/// Ports that answer a lone client, on its CPU. A client's used ports rest for a minute (TIME_WAIT),
/// so connections are spread over the rounds: a port is not used again before that.
const LONE: u16 = 16;
/// Ports that answer clients in parallel, on any CPU.
const SHARED: u16 = 32;
const FIRST_PORT: u16 = 7000;
const FIRST_SHARED: u16 = FIRST_PORT + LONE;
/// The port that takes bytes.
pub(crate) const SINK: u16 = FIRST_SHARED + SHARED;
/// The port that gives bytes.
pub(crate) const SOURCE: u16 = SINK + 1;
/// What bulk transfers read and write at once.
pub(crate) const CHUNK: usize = 256 << 10;

/// Running servers; they end on drop.
#[derive(Debug)]
pub(crate) struct Servers {
    listeners: Vec<Arc<TcpListener>>,
    threads: Vec<JoinHandle<()>>,
    taken: Arc<AtomicU64>,
}

/// The port number `index` for a lone client, counted round.
pub(crate) fn lone(index: usize) -> u16 {
    FIRST_PORT + (index % usize::from(LONE)) as u16
}

/// The port number `index` for one of many clients, counted round.
pub(crate) fn shared(index: usize) -> u16 {
    FIRST_SHARED + (index % usize::from(SHARED)) as u16
}

impl Servers {
    /// Listens on `address` in the namespace of the calling thread.
    ///
    /// # Errors
    /// When a port is taken.
    pub(crate) fn start(address: Ipv4Addr) -> Result<Self> {
        let mut servers = Self { listeners: Vec::new(), threads: Vec::new(), taken: Arc::default() };
        for port in FIRST_PORT..=SOURCE {
            let address = SocketAddr::from((address, port));
            let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
            // Accepted sockets inherit both. A client that vanished must not hold a port for ever.
            setsockopt(&listener, sockopt::TcpNoDelay, &true)?;
            setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::seconds(30))?;
            let listener = Arc::new(listener);
            servers.listeners.push(Arc::clone(&listener));
            let taken = Arc::clone(&servers.taken);
            let serve = move || match port {
                SINK => take(&listener, &taken),
                SOURCE => give(&listener),
                FIRST_SHARED.. => answer(&listener),
                // A refusal shows at the other end, which is refused the same.
                _ => pin::to_first_cpu().map_or((), |()| answer(&listener)),
            };
            servers.threads.push(thread::Builder::new().name(format!("port {port}")).spawn(serve)?);
        }
        Ok(servers)
    }

    /// Bytes that arrived at [`SINK`] so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for listener in &self.listeners {
            // Ends the wait for the next connection with an error.
            let _ = shutdown(listener.as_raw_fd(), Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// Answers each request with the four bytes of its sender's address as seen here.
fn answer(listener: &TcpListener) {
    while let Some((mut stream, peer)) = next(listener) {
        let mut reply = [0; MESSAGE];
        if let SocketAddr::V4(peer) = peer {
            reply[..4].copy_from_slice(&peer.ip().octets());
        }
        let mut request = [0; MESSAGE];
        while stream.read_exact(&mut request).is_ok() && stream.write_all(&reply).is_ok() {}
    }
}

fn take(listener: &TcpListener, taken: &AtomicU64) {
    let mut chunk = vec![0; CHUNK];
    while let Some((mut stream, _)) = next(listener) {
        while let Ok(length @ 1..) = stream.read(&mut chunk) {
            taken.fetch_add(length as u64, Ordering::Relaxed);
        }
    }
}

fn give(listener: &TcpListener) {
    let chunk = vec![0; CHUNK];
    while let Some((mut stream, _)) = next(listener) {
        while stream.write_all(&chunk).is_ok() {}
    }
}

/// The next connection; none once the listener is shut down.
fn next(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept() {
            Ok(connection) => return Some(connection),
            // The time limit of reads is also that of this wait.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_port_waits_for_its_next_connection_however_long_it_is_idle() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::milliseconds(1)).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| next(&listener).is_some());
            // Many times the limit that reads have.
            thread::sleep(Duration::from_millis(20));
            let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            assert!(waiting.join().unwrap());
        });
        shutdown(listener.as_raw_fd(), Shutdown::Both).unwrap();
        assert!(next(&listener).is_none());
    }
}
