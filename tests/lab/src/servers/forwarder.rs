//! `kube-dns`: hands each query to the outside's DNS server and its answer back, unread.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{accept_each, read_framed, write_framed};

const TRY: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(30);

/// Serves DNS over UDP and TCP on `port` of every address of the pod.
pub(super) async fn bind(port: u16, upstream: SocketAddr) -> io::Result<()> {
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?);
    tokio::spawn(async move {
        let mut buffer = vec![0; 4096];
        loop {
            // An error is the ICMP answer to an earlier datagram: its sender has gone.
            let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
                continue;
            };
            let (query, socket) = (buffer[..length].to_vec(), Arc::clone(&socket));
            tokio::spawn(async move {
                // No answer: the client asks again, as it would of any resolver.
                if let Ok(answer) = forward(&query, upstream).await {
                    drop(socket.send_to(&answer, peer).await);
                }
            });
        }
    });
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    accept_each(listener, move |stream, _| async move {
        // A reset ends this connection only.
        drop(relay_stream(stream, upstream).await);
    });
    Ok(())
}

/// Asks upstream, from a fresh port each time, twice if need be.
async fn forward(query: &[u8], upstream: SocketAddr) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; 4096];
    for _ in 0..2 {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.connect(upstream).await?;
        socket.send(query).await?;
        if let Ok(length) = timeout(TRY, socket.recv(&mut answer)).await {
            answer.truncate(length?);
            return Ok(answer);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn relay_stream(mut client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    while let Some(query) = timeout(IDLE, read_framed(&mut client)).await?? {
        let mut server = timeout(TRY, TcpStream::connect(upstream)).await??;
        write_framed(&mut server, &query).await?;
        let Some(answer) = timeout(TRY, read_framed(&mut server)).await?? else {
            return Ok(());
        };
        write_framed(&mut client, &answer).await?;
    }
    Ok(())
}
