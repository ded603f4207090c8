//! Channels to collectors over TCP or a Unix socket, and what an error on them says to a person.

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use anyhow::Context;
use tidegate_ops::settings::Address;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// What one stream may have in flight, in bytes. A stalled stream keeps no more than this.
const STREAM_WINDOW: u32 = 512 * 1024;

/// The connection's window is as large as HTTP/2 allows, so that only the stream windows limit:
/// otherwise a few stalled streams would use it up and stop all others on the connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// A channel that connects when it is first used, and again after each break.
///
/// A dead machine is noticed by TCP keep-alive and by probes; HTTP/2 pings would make stock
/// servers, which allow one in five minutes, end the connection.
pub(crate) fn channel(name: &str, address: &Address) -> anyhow::Result<Channel> {
    let uri = match address {
        Address::Tcp(host_port) => format!("http://{host_port}"),
        Address::Unix(path) => format!("unix://{}", path.display()),
    };
    let endpoint = Endpoint::from_shared(uri)
        .and_then(|endpoint| endpoint.user_agent(concat!("tidegate-relay/", env!("CARGO_PKG_VERSION"))))
        .with_context(|| format!("peer {name} has an unusable address {address}"))?;
    Ok(endpoint
        .connect_timeout(Duration::from_secs(2))
        .tcp_keepalive(Some(Duration::from_secs(10)))
        .tcp_keepalive_interval(Some(Duration::from_secs(5)))
        .tcp_keepalive_retries(Some(3))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_lazy())
}

/// Whether the error was made on this side because the connection failed, and is no answer of
/// the server.
pub(crate) fn is_transport(status: &Status) -> bool {
    status.source().is_some()
}

/// The error in one line: its message and, for a failed connection, the system's reason.
pub(crate) fn reason(status: &Status) -> String {
    let mut innermost = status.source();
    while let Some(inner) = innermost.and_then(Error::source) {
        innermost = Some(inner);
    }
    match innermost.map(ToString::to_string) {
        Some(inner) if inner != status.message() => format!("{}: {inner}", status.message()),
        _ if status.message().is_empty() => status.code().description().to_owned(),
        _ => status.message().to_owned(),
    }
}

/// Waiting times that double from 250 ms to 10 s, each varied by up to a quarter so that many
/// relays do not knock in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(10);

    /// Starts with the shortest time.
    pub(crate) fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// Starts over after a success.
    pub(crate) fn reset(&mut self) {
        self.next = Self::FIRST;
    }

    /// How long to wait before the next attempt.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(Self::LONGEST);
        // A fresh hasher is seeded at random; 0 to 255 512ths are taken off.
        let random = RandomState::new().hash_one(0_u8) % 128;
        pause - pause * u32::try_from(random).expect("below 128") / 512
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_over() {
        let mut backoff = Backoff::new();
        let first = backoff.pause();
        assert!(first <= Backoff::FIRST && first > Backoff::FIRST / 2);
        for _ in 0..10 {
            backoff.pause();
        }
        let long = backoff.pause();
        assert!(long <= Backoff::LONGEST && long > Backoff::LONGEST / 2);
        backoff.reset();
        assert!(backoff.pause() <= Backoff::FIRST);
    }

    #[test]
    fn an_answer_of_the_server_is_told_from_a_failed_connection() {
        assert!(!is_transport(&Status::unknown("invalid filter")));
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let broken = Status::from_error(Box::new(refused));
        assert!(is_transport(&broken), "{broken:?}");
    }
}
