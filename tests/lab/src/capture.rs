//! What arrives at a link: who sent it, to which address and port, how many packets.
//!
//! This is the witness of a leak, so it must not lose packets in silence: the kernel's own
//! count of what did not fit is part of every answer.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, GetSockOpt as _, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recv, recvmsg, setsockopt,
    socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::netns::Netns;

/// Room for a burst of small packets while the reading thread is not scheduled.
const BUFFER_BYTES: usize = 64 << 20;
/// Enough for an IPv4 header with options and the ports behind it.
const SNAP_BYTES: usize = 128;

/// A kind of packet that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    pub source: Ipv4Addr,
    /// IP protocol number: 1 ICMP, 6 TCP, 17 UDP.
    pub protocol: u8,
    pub destination: Ipv4Addr,
    /// Destination port of TCP and UDP; 0 for everything else and for fragments that carry none.
    pub port: u16,
}

/// A running record of the IPv4 packets that arrive at one link.
#[derive(Debug)]
pub struct Capture {
    tap: Arc<Tap>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Tap {
    socket: OwnedFd,
    link: usize,
    stop: AtomicBool,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    packets: BTreeMap<Seen, u64>,
    /// The kernel's count; reading it sets it back, so it is summed here.
    dropped: u64,
    error: Option<Errno>,
}

impl Capture {
    /// Starts recording what arrives at `link` in `netns`. Packets that arrive after this
    /// returns are counted.
    pub fn start(netns: &Netns, link: &str) -> Result<Self> {
        let (socket, link) = netns.run(|| open(link))??;
        let tap = Arc::new(Tap { socket, link, stop: AtomicBool::new(false), record: Mutex::default() });
        let reader = Arc::clone(&tap);
        let thread = thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || reader.read())
            .context("cannot start the capture's thread")?;
        Ok(Self { tap, thread: Some(thread) })
    }

    /// Everything that has arrived up to this call, with packet counts.
    pub fn packets(&self) -> BTreeMap<Seen, u64> {
        self.tap.up_to_date().packets.clone()
    }

    /// The distinct source addresses.
    pub fn sources(&self) -> BTreeSet<Ipv4Addr> {
        self.tap.up_to_date().packets.keys().map(|seen| seen.source).collect()
    }

    /// The distinct source addresses of packets to `destination`.
    pub fn sources_to(&self, destination: Ipv4Addr) -> BTreeSet<Ipv4Addr> {
        let record = self.tap.up_to_date();
        let matching = record.packets.keys().filter(|seen| seen.destination == destination);
        matching.map(|seen| seen.source).collect()
    }

    /// The packets that came from `source`.
    pub fn packets_from(&self, source: Ipv4Addr) -> u64 {
        self.count(|seen| seen.source == source)
    }

    /// The packets of every kind that `wanted` accepts.
    pub fn count(&self, wanted: impl Fn(&Seen) -> bool) -> u64 {
        let record = self.tap.up_to_date();
        let matching = record.packets.iter().filter(|(seen, _)| wanted(seen));
        matching.map(|(_, count)| count).sum()
    }

    /// Packets that arrived and could not be recorded. Any other answer is complete only while
    /// this is 0.
    ///
    /// # Errors
    /// When the socket failed, so that nothing is known from some moment on.
    pub fn dropped(&self) -> Result<u64> {
        let record = self.tap.up_to_date();
        match record.error {
            Some(error) => Err(error).context("the capture's socket failed"),
            None => Ok(record.dropped),
        }
    }

    /// Forgets what was recorded, drops included.
    pub fn clear(&self) {
        let mut record = self.tap.up_to_date();
        *record = Record { error: record.error, ..Record::default() };
    }

    /// Ends the recording and returns it; fails if a packet was lost on the way.
    pub fn stop(mut self) -> Result<BTreeMap<Seen, u64>> {
        let dropped = self.dropped()?;
        let packets = self.packets();
        self.end();
        anyhow::ensure!(dropped == 0, "the capture lost {dropped} packets; its record is not complete");
        Ok(packets)
    }

    fn end(&mut self) {
        self.tap.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the reader has been printed; there is nothing left to save.
            drop(thread.join());
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.end();
    }
}

impl Tap {
    /// Waits for packets and records them until told to stop.
    fn read(&self) {
        let mut byte = [0u8; 1];
        while !self.stop.load(Ordering::Relaxed) {
            // Peeking waits without taking, so that whoever asks may drain as well.
            match recv(self.socket.as_raw_fd(), &mut byte, MsgFlags::MSG_PEEK) {
                Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => {
                    self.lock().error = Some(error);
                    return;
                }
            }
            drop(self.up_to_date());
        }
    }

    /// Takes everything that waits in the socket, and returns the record.
    fn up_to_date(&self) -> std::sync::MutexGuard<'_, Record> {
        let mut record = self.lock();
        // The buffer is finite, but a sender could keep it from running empty.
        for _ in 0..1_000_000 {
            match self.take_one() {
                Ok(Some(seen)) => *record.packets.entry(seen).or_default() += 1,
                Ok(None) => {}
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(error) => {
                    record.error = Some(error);
                    break;
                }
            }
        }
        match PacketStatistics.get(&self.socket) {
            Ok(statistics) => record.dropped += u64::from(statistics.tp_drops),
            Err(error) => record.error = Some(error),
        }
        record
    }

    fn take_one(&self) -> nix::Result<Option<Seen>> {
        let mut packet = [0u8; SNAP_BYTES];
        let mut parts = [IoSliceMut::new(&mut packet)];
        let message = recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut parts, None, MsgFlags::MSG_DONTWAIT)?;
        let arrived =
            message.address.is_some_and(|from| from.ifindex() == self.link && from.pkttype() != libc::PACKET_OUTGOING);
        let length = message.bytes;
        Ok(arrived.then(|| parse(&packet[..length.min(SNAP_BYTES)])).flatten())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A packet socket of the thread's namespace without link headers, and the link's index.
fn open(link: &str) -> Result<(OwnedFd, usize)> {
    let index = nix::net::if_::if_nametoindex(link).with_context(|| format!("link {link} does not exist"))?;
    let socket = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)
        .context("cannot open a packet socket (is this root?)")?;
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES).context("cannot size the packet socket's buffer")?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(20))
        .context("cannot bound the packet socket's wait")?;
    Ok((socket, usize::try_from(index).map_err(io::Error::other)?))
}

/// Reads addresses and ports of an IPv4 packet; `None` for anything else.
fn parse(packet: &[u8]) -> Option<Seen> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    if packet[0] >> 4 != 4 || header < 20 || packet.len() < 20 {
        return None;
    }
    let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
    let protocol = packet[9];
    let later_fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff != 0;
    let ports = packet.get(header..header + 4).filter(|_| !later_fragment);
    let port = match (protocol, ports) {
        (6 | 17, Some(ports)) => u16::from_be_bytes([ports[2], ports[3]]),
        _ => 0,
    };
    Some(Seen { source: address(12), protocol, destination: address(16), port })
}

mod statistics {
    use nix::{getsockopt_impl, libc};

    /// Reads and resets the kernel's counts of a packet socket.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct PacketStatistics;

    // The kernel fills exactly one `tpacket_stats` for a version 1 packet socket, which every
    // packet socket is that was not told otherwise; the macro checks the length.
    getsockopt_impl!(
        PacketStatistics,
        libc::SOL_PACKET,
        libc::PACKET_STATISTICS,
        libc::tpacket_stats,
        nix::sys::socket::sockopt::GetStruct<libc::tpacket_stats>
    );
}
use statistics::PacketStatistics;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(protocol: u8, fragment: u16) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 28, 0, 1];
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, protocol, 0, 0, 10, 244, 1, 10, 34, 160, 111, 145]);
        bytes.extend([0x9c, 0x40, 0x01, 0xbb, 0, 8, 0, 0]);
        bytes
    }

    #[test]
    fn ports_are_read_where_a_packet_has_them() {
        let seen = parse(&packet(6, 0)).unwrap();
        assert_eq!(seen.source, Ipv4Addr::new(10, 244, 1, 10));
        assert_eq!(seen.destination, Ipv4Addr::new(34, 160, 111, 145));
        assert_eq!((seen.protocol, seen.port), (6, 443));
        assert_eq!(parse(&packet(1, 0)).unwrap().port, 0);
        assert_eq!(parse(&packet(17, 185)).unwrap().port, 0, "a later fragment has no ports");
    }

    #[test]
    fn short_and_foreign_packets_are_passed_over() {
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&packet(6, 0)[..19]), None);
        assert_eq!(parse(&[0x60; 40]), None);
    }
}
