//! What a pod does: ask a mirror who it is, fetch, send, echo, ping. To be called on a thread
//! inside the pod's namespace.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::linger;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, bind, connect, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use no_check::NoCheck;

/// How long an answer may take that has to come.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);

/// An open connection to a mirror.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(to: SocketAddr) -> io::Result<Self> {
        Self::open_from(0, to, ANSWER)
    }

    /// Connects from a local port (0: any), waiting at most `patience` for it and for each answer.
    pub(crate) fn open_from(port: u16, to: SocketAddr, patience: Duration) -> io::Result<Self> {
        let socket = stream_socket(patience)?;
        if port != 0 {
            setsockopt(&socket, sockopt::ReuseAddr, &true)?;
            bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)))?;
        }
        connect_when_free(&socket, to, patience)?;
        Ok(Self { stream: BufReader::new(TcpStream::from(socket)) })
    }

    /// The address and port that the mirror sees this connection come from.
    pub(crate) fn ask(&mut self) -> io::Result<SocketAddr> {
        self.stream.get_mut().write_all(b"?")?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        line.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::UnexpectedEof, format!("answer {line:?}")))
    }

    /// Ends it with a reset, so that its port is free at once.
    pub(crate) fn abort(self) -> io::Result<()> {
        setsockopt(&self.stream.into_inner(), sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 })?;
        Ok(())
    }
}

/// The address that a mirror sees a new connection come from.
pub(crate) fn who(to: SocketAddr, patience: Duration) -> io::Result<SocketAddr> {
    let mut connection = Connection::open_from(0, to, patience)?;
    let seen = connection.ask()?;
    connection.abort()?;
    Ok(seen)
}

/// The address that a mirror sees a datagram come from.
pub(crate) fn who_by_datagram(to: SocketAddr, patience: Duration) -> io::Result<SocketAddr> {
    who_by_datagram_from(0, to, patience)
}

/// The same from a local port (0: any).
pub(crate) fn who_by_datagram_from(port: u16, to: SocketAddr, patience: Duration) -> io::Result<SocketAddr> {
    parsed(&exchange(&datagram_socket(port, to, patience)?, b"?")?)
}

/// The same from one port, asked again and again until there is an answer.
pub(crate) fn who_by_repeated_datagram(to: SocketAddr, patience: Duration) -> io::Result<SocketAddr> {
    let socket = datagram_socket(0, to, Duration::from_millis(100))?;
    let end = Instant::now() + patience;
    loop {
        match exchange(&socket, b"?") {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < end => {}
            answer => return parsed(&answer?),
        }
    }
}

/// Sends a datagram of `size` bytes to an echo server; the answer must be its equal.
pub(crate) fn echo(to: SocketAddr, size: usize, checksum: bool) -> io::Result<()> {
    let socket = datagram_socket(0, to, ANSWER)?;
    if !checksum {
        setsockopt(&socket, NoCheck, &true)?;
    }
    let sent = filler(0, size);
    let answer = exchange(&socket, &sent)?;
    if answer == sent { Ok(()) } else { Err(io::Error::other(format!("{size} bytes came back changed"))) }
}

/// One ICMP echo; the answer must be its equal.
pub(crate) fn ping(to: Ipv4Addr, patience: Duration) -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp)?;
    bound_waits(&socket, patience)?;
    connect(socket.as_raw_fd(), &ipv4(SocketAddr::from((to, 0))))?;
    // Type 8, code 0; the kernel fills in checksum and identifier.
    let mut request = vec![8, 0, 0, 0, 0, 0, 0, 1];
    request.extend(filler(0, 56));
    send(socket.as_raw_fd(), &request, MsgFlags::empty())?;
    let mut answer = [0; 128];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let equal = length == request.len() && answer[0] == 0 && answer[8..length] == request[8..];
    if equal { Ok(()) } else { Err(io::Error::other("the echo came back changed")) }
}

/// Fetches `length` bytes over HTTP, checks each, and says after every piece how many there
/// are; `false` ends it.
pub(crate) fn download(to: SocketAddr, length: u64, mut progress: impl FnMut(u64) -> bool) -> io::Result<()> {
    let mut stream = http(to, &format!("GET /bytes/{length} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"))?;
    let head = head(&mut stream)?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(head));
    }
    let mut piece = vec![0; 256 * 1024];
    let mut at = 0;
    loop {
        let got = stream.read(&mut piece)?;
        if got == 0 {
            break;
        }
        if piece[..got] != filler(at, got) {
            return Err(io::Error::other(format!("wrong bytes after byte {at}")));
        }
        at += got as u64;
        if !progress(at) {
            return Ok(());
        }
    }
    if at == length { Ok(()) } else { Err(io::Error::other(format!("{at} of {length} bytes"))) }
}

/// Sends `length` bytes over HTTP; the server must have counted all of them.
pub(crate) fn upload(to: SocketAddr, length: usize) -> io::Result<()> {
    let request = format!("POST / HTTP/1.1\r\nHost: lab\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let mut stream = http(to, &request)?;
    stream.get_mut().write_all(&filler(0, length))?;
    head(&mut stream)?;
    let mut counted = String::new();
    stream.read_to_string(&mut counted)?;
    if counted.trim() == length.to_string() {
        return Ok(());
    }
    Err(io::Error::other(format!("the server counted {counted:?} of {length} bytes")))
}

fn http(to: SocketAddr, request: &str) -> io::Result<BufReader<TcpStream>> {
    let socket = stream_socket(ANSWER)?;
    connect(socket.as_raw_fd(), &ipv4(to))?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(request.as_bytes())?;
    Ok(BufReader::new(stream))
}

/// Status line and headers of an answer.
fn head(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, head));
        }
    }
    Ok(head)
}

/// Connects. A connection between the same ports that has just ended may still be there: a process
/// that another thread has forked holds a copy of its descriptor until it executes its program.
fn connect_when_free(socket: &OwnedFd, to: SocketAddr, patience: Duration) -> io::Result<()> {
    let end = Instant::now() + patience;
    loop {
        match connect(socket.as_raw_fd(), &ipv4(to)) {
            Err(Errno::EADDRNOTAVAIL) if Instant::now() < end => thread::sleep(Duration::from_millis(1)),
            done => return Ok(done?),
        }
    }
}

fn stream_socket(patience: Duration) -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bound_waits(&socket, patience)?;
    Ok(socket)
}

fn datagram_socket(port: u16, to: SocketAddr, patience: Duration) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    socket.set_read_timeout(Some(patience))?;
    socket.connect(to)?;
    Ok(socket)
}

fn exchange(socket: &UdpSocket, datagram: &[u8]) -> io::Result<Vec<u8>> {
    socket.send(datagram)?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

fn parsed(answer: &[u8]) -> io::Result<SocketAddr> {
    String::from_utf8_lossy(answer).trim().parse().map_err(io::Error::other)
}

/// Bounds connecting, sending and receiving alike.
fn bound_waits(socket: &OwnedFd, patience: Duration) -> io::Result<()> {
    let patience = TimeVal::milliseconds(i64::try_from(patience.as_millis()).map_err(io::Error::other)?);
    setsockopt(socket, sockopt::SendTimeout, &patience)?;
    setsockopt(socket, sockopt::ReceiveTimeout, &patience)?;
    Ok(())
}

/// The lab's filler from offset `at`: byte `n` is `n % 251`.
fn filler(at: u64, length: usize) -> Vec<u8> {
    (at..at + length as u64).map(|n| (n % 251) as u8).collect()
}

fn ipv4(address: SocketAddr) -> SockaddrIn {
    match address {
        SocketAddr::V4(address) => SockaddrIn::from(address),
        SocketAddr::V6(address) => panic!("{address} is no IPv4 address"),
    }
}

mod no_check {
    use nix::sys::socket::sockopt::SetBool;
    use nix::{libc, setsockopt_impl};

    /// Sends datagrams without a checksum.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct NoCheck;

    setsockopt_impl!(NoCheck, libc::SOL_SOCKET, libc::SO_NO_CHECK, bool, SetBool);
}
