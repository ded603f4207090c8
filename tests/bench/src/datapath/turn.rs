//! One way's turn in a round: every measure once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::client;
use super::server::{self, SINK, SOURCE};
use super::site::{Site, at};
use crate::cpu;
use crate::ratio::quantile;

/// Clients of the measures in parallel.
const CLIENTS: usize = 8;
/// A bulk transfer is counted from here on, with its window open.
const RUN_UP: Duration = Duration::from_millis(100);

/// What is measured, and what it may come to.
#[derive(Debug)]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    /// The goal of [`super::Way::Tidegate`], as a ratio to plain forwarding.
    pub(crate) goal: &'static str,
    /// The goal of [`super::Way::Observing`].
    pub(crate) observing: &'static str,
}

/// Units of absolute values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Microseconds,
    PerSecond,
    BitsPerSecond,
}

/// In the order of [`Turn::values`]. rr: requests on an open connection; crr: a connection for
/// each request.
pub(crate) const MEASURES: [Measure; 13] = [
    measure("rr p5", Unit::Microseconds, "", ""),
    measure("rr p25", Unit::Microseconds, "", ""),
    measure("rr p50", Unit::Microseconds, "<= 1.00", ""),
    measure("rr requests/s", Unit::PerSecond, "", ">= 0.98"),
    measure("rr CPU per request", Unit::Microseconds, "", ""),
    measure("crr p5", Unit::Microseconds, "", ""),
    measure("crr p25", Unit::Microseconds, "<= 1.03", ""),
    measure("crr p50", Unit::Microseconds, "<= 1.03", ""),
    measure("crr CPU per connection", Unit::Microseconds, "<= 1.03", ""),
    measure("connections/s, 8 clients", Unit::PerSecond, ">= 0.98", ">= 0.98"),
    measure("CPU per connection, 8 clients", Unit::Microseconds, "<= 1.03", ""),
    measure("bulk TCP out", Unit::BitsPerSecond, ">= 1.00", ">= 0.98"),
    measure("bulk TCP in", Unit::BitsPerSecond, ">= 1.00", ">= 0.98"),
];

const fn measure(name: &'static str, unit: Unit, goal: &'static str, observing: &'static str) -> Measure {
    Measure { name, unit, goal, observing }
}

/// What one way's turn came to.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// In the order and the units of [`MEASURES`].
    pub(crate) values: [f64; MEASURES.len()],
    /// All that the collector did from the beginning of the turn to its end, with the ends of
    /// the turn before, in microseconds per connection of this turn.
    pub(crate) collector: f64,
}

/// Takes the turn of round number `round`.
///
/// # Errors
/// When a connection breaks or takes another way.
pub(crate) fn take(site: &Site, round: usize, slice: Duration) -> Result<Turn> {
    let before = site.collector_cpu()?;
    site.resume()?;
    let server = at(server::lone(round));
    let rr = timed(site, || site.in_pod(|| client::alone(|| client::requests(server, slice))))?;
    let crr = timed(site, || site.in_pod(|| client::alone(|| client::connections(server, slice))))?;
    let clients = round * CLIENTS..(round + 1) * CLIENTS;
    let servers: Vec<SocketAddr> = clients.map(|client| at(server::shared(client))).collect();
    let parallel = timed(site, || site.in_pod(|| client::connections_in_parallel(&servers, slice)))?;
    let out = bits(bulk_out(site, slice)?);
    let back = bits(site.in_pod(|| client::receive(at(SOURCE), RUN_UP, slice))?);
    site.settle()?;
    site.pause()?;
    let [rr_p5, rr_p25, rr_p50] = quantiles(&rr.value)?;
    let [crr_p5, crr_p25, crr_p50] = quantiles(&crr.value)?;
    let values = [
        rr_p5,
        rr_p25,
        rr_p50,
        rr.value.len() as f64 / rr.elapsed.as_secs_f64(),
        rr.cpu_per(rr.value.len()),
        crr_p5,
        crr_p25,
        crr_p50,
        crr.cpu_per(crr.value.len()),
        parallel.value as f64 / parallel.elapsed.as_secs_f64(),
        parallel.cpu_per(parallel.value),
        out,
        back,
    ];
    let connections = crr.value.len() + parallel.value;
    let collector = (site.collector_cpu()? - before).as_secs_f64() * 1e6 / connections as f64;
    Ok(Turn { values, collector })
}

/// A value, how long it took, and what the whole machine spent on it.
struct Timed<T> {
    value: T,
    elapsed: Duration,
    cpu: Duration,
}

impl<T> Timed<T> {
    /// Microseconds of CPU time for each of `count`.
    fn cpu_per(&self, count: usize) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count as f64
    }
}

/// Does `work`, then waits until the collector has caught up: what it still did counts as spent on
/// the work, and is not in the way of what is measured next.
fn timed<T>(site: &Site, work: impl FnOnce() -> Result<T>) -> Result<Timed<T>> {
    let (began, before) = (Instant::now(), cpu::of_machine()?);
    let value = work()?;
    let (elapsed, machine) = (began.elapsed(), cpu::of_machine()? - before);
    let behind = site.collector_cpu()?;
    site.settle()?;
    Ok(Timed { value, elapsed, cpu: machine + (site.collector_cpu()? - behind) })
}

/// Bytes per second that arrive at the server.
fn bulk_out(site: &Site, slice: Duration) -> Result<f64> {
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| site.in_pod(|| client::send(at(SINK), &end)));
        thread::sleep(RUN_UP);
        let (began, before) = (Instant::now(), site.servers.taken());
        thread::sleep(slice);
        let (took, bytes) = (began.elapsed(), site.servers.taken() - before);
        end.store(true, Ordering::Relaxed);
        sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
        Ok(bytes as f64 / took.as_secs_f64())
    })
}

fn bits(bytes: f64) -> f64 {
    bytes * 8.0
}

/// The 5th, 25th and 50th percentile, in microseconds.
fn quantiles(nanoseconds: &[u64]) -> Result<[f64; 3]> {
    ensure!(nanoseconds.len() >= 20, "only {} samples; give --slice more time", nanoseconds.len());
    let mut sorted: Vec<f64> = nanoseconds.iter().map(|&time| time as f64 / 1_000.0).collect();
    sorted.sort_by(f64::total_cmp);
    Ok([0.05, 0.25, 0.5].map(|q| quantile(&sorted, q)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_microseconds() {
        let times: Vec<u64> = (0..=100).rev().map(|n| n * 1_000).collect();
        assert_eq!(quantiles(&times).unwrap(), [5.0, 25.0, 50.0]);
        assert!(quantiles(&times[..10]).is_err());
    }

    #[test]
    fn cpu_time_is_shared_out_evenly() {
        let timed = Timed { value: (), elapsed: Duration::ZERO, cpu: Duration::from_millis(500) };
        assert_eq!(timed.cpu_per(5_000), 100.0);
    }
}
