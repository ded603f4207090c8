//! A server that answers everything with the address and port it sees the caller at.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tidegate_lab::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;

/// The port of every mirror, TCP and UDP.
pub(crate) const PORT: u16 = 7070;

/// A running mirror; it ends with the value.
pub(crate) struct Mirror {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Mirror {
    /// Starts one in `target` (a pod, a node, `outside`) on that address and returns when it
    /// is bound.
    pub(crate) fn start(world: &World, target: &str, address: Ipv4Addr) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, is_bound) = mpsc::channel();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                bound.send(bind(SocketAddr::from((address, PORT))).await).unwrap();
                drop(stopped.await);
            });
        };
        // A thread inherits the namespace of the one that starts it.
        let thread = world.in_netns(target, || thread::spawn(serve)).unwrap();
        let mirror = Self { stop: Some(stop), thread: Some(thread) };
        is_bound.recv().unwrap().unwrap_or_else(|error| panic!("no mirror on {address} in {target}: {error}"));
        mirror
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn bind(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let socket = UdpSocket::bind(address).await?;
    tokio::spawn(async move {
        loop {
            if let Ok((stream, peer)) = listener.accept().await {
                tokio::spawn(tell(stream, peer));
            }
        }
    });
    tokio::spawn(async move {
        let mut datagram = [0; 2048];
        loop {
            // An error is the ICMP answer to an earlier datagram: its sender has gone.
            if let Ok((_, peer)) = socket.recv_from(&mut datagram).await {
                drop(socket.send_to(line(peer).as_bytes(), peer).await);
            }
        }
    });
    Ok(())
}

/// One line for each piece that arrives.
async fn tell(mut stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
    let mut piece = [0; 2048];
    while stream.read(&mut piece).await? > 0 {
        stream.write_all(line(peer).as_bytes()).await?;
    }
    Ok(())
}

fn line(peer: SocketAddr) -> String {
    format!("{peer}\n")
}
