//! Sends back what it gets: for connections and datagrams whose content must survive.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::accept_each;

/// A connection that says nothing for this long is closed.
const IDLE: Duration = Duration::from_secs(300);

/// Echoes datagrams on one address: a wildcard socket would answer from another one.
pub(super) async fn bind_udp(address: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind(address).await?;
    tokio::spawn(async move {
        let mut buffer = vec![0; 65536];
        loop {
            // An error is the ICMP answer to an earlier datagram: its sender has gone.
            if let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                drop(socket.send_to(&buffer[..length], peer).await);
            }
        }
    });
    Ok(())
}

pub(super) fn serve_tcp(listener: TcpListener) {
    accept_each(listener, |stream, _| async {
        // A reset ends this connection only.
        drop(echo(stream).await);
    });
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 65536];
    loop {
        let length = timeout(IDLE, stream.read(&mut buffer)).await??;
        if length == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..length]).await?;
    }
}
