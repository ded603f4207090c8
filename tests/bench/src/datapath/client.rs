//! The pod's end: requests on one connection, a connection for each request, bytes without end.
//! Everything here is called on a thread inside the pod's namespace, and stays on it.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::pin;
use super::server::{CHUNK, MESSAGE};

/// How long a connection or an answer may take before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address that the server sees a new connection come from.
pub(crate) fn seen_as(server: SocketAddr) -> io::Result<Ipv4Addr> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(&mut stream)
}

/// Does what a lone client does on the CPU of its server.
pub(crate) fn alone<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    pin::to_first_cpu().map_err(io::Error::other)?;
    work()
}

/// Requests on one connection for as long as `slice`; how long each took, in nanoseconds.
pub(crate) fn requests(server: SocketAddr, slice: Duration) -> io::Result<Vec<u64>> {
    let mut stream = connect(server)?;
    let mut times = Vec::with_capacity(1 << 16);
    let end = Instant::now() + slice;
    let mut began = Instant::now();
    while began < end {
        exchange(&mut stream)?;
        let now = Instant::now();
        times.push(nanoseconds(now - began));
        began = now;
    }
    Ok(times)
}

/// Connections with one request each for as long as `slice`; how long each took from connect to
/// close, in nanoseconds.
pub(crate) fn connections(server: SocketAddr, slice: Duration) -> io::Result<Vec<u64>> {
    let mut times = Vec::with_capacity(1 << 15);
    let end = Instant::now() + slice;
    let mut began = Instant::now();
    while began < end {
        exchange(&mut connect(server)?)?;
        let now = Instant::now();
        times.push(nanoseconds(now - began));
        began = now;
    }
    Ok(times)
}

/// The same by as many clients at once as there are servers; the number of all connections.
pub(crate) fn connections_in_parallel(servers: &[SocketAddr], slice: Duration) -> io::Result<usize> {
    // Threads of a thread are where it is.
    thread::scope(|scope| {
        let client = |server: SocketAddr| scope.spawn(move || connections(server, slice));
        let clients: Vec<_> = servers.iter().copied().map(client).collect();
        let counted = clients.into_iter().map(|client| {
            let times = client.join().map_err(|_| io::Error::other("a client panicked"))??;
            Ok(times.len())
        });
        counted.sum()
    })
}

/// Sends until told to end.
pub(crate) fn send(server: SocketAddr, end: &AtomicBool) -> io::Result<()> {
    let mut stream = connect(server)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let chunk = vec![0; CHUNK];
    while !end.load(Ordering::Relaxed) {
        stream.write_all(&chunk)?;
    }
    Ok(())
}

/// Bytes received per second over `slice`, after a short run-up.
pub(crate) fn receive(server: SocketAddr, run_up: Duration, slice: Duration) -> io::Result<f64> {
    let mut stream = connect(server)?;
    let mut chunk = vec![0; CHUNK];
    let mut read_until = |end: Instant| -> io::Result<u64> {
        let mut bytes = 0;
        while Instant::now() < end {
            match stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => bytes += length as u64,
            }
        }
        Ok(bytes)
    };
    read_until(Instant::now() + run_up)?;
    let began = Instant::now();
    let bytes = read_until(began + slice)?;
    Ok(bytes as f64 / began.elapsed().as_secs_f64())
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    // What is sent is never more than one request ahead of its answer, so Nagle's algorithm holds
    // nothing back and needs no setting.
    setsockopt(&stream, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE.as_secs().cast_signed()))?;
    Ok(stream)
}

/// One request and its answer: the address that the server sees.
fn exchange(stream: &mut TcpStream) -> io::Result<Ipv4Addr> {
    stream.write_all(&[b'?'; MESSAGE])?;
    let mut answer = [0; MESSAGE];
    stream.read_exact(&mut answer)?;
    Ok(Ipv4Addr::new(answer[0], answer[1], answer[2], answer[3]))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
