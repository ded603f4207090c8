//! Connections without end from one pod, of all three kinds, each new one from a new port.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tidegate_lab::World;
use tidegate_lab::process::wait_until;

use crate::client;
use crate::mirror;

/// Between two connections: enough of them, and time left for the rest of the machine.
const PAUSE: Duration = Duration::from_millis(2);

const KINDS: [&str; 3] = ["TCP", "UDP", "ICMP"];

/// Threads in a pod's namespace that open connections until the value goes.
pub(crate) struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// As [`KINDS`] are.
    answered: [AtomicU64; 3],
    failures: Mutex<Vec<String>>,
    seen_as: Mutex<BTreeSet<IpAddr>>,
}

impl Load {
    /// Starts against the mirror on `to`. An answer may take `patience`.
    pub(crate) fn start(world: &World, pod: &str, to: Ipv4Addr, patience: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let mirror = SocketAddr::from((to, mirror::PORT));
        let spawn = || {
            let kinds: [Box<dyn Fn() -> io::Result<Option<IpAddr>> + Send>; 3] = [
                Box::new(move || client::who(mirror, patience).map(|seen| Some(seen.ip()))),
                Box::new(move || client::who_by_datagram(mirror, patience).map(|seen| Some(seen.ip()))),
                Box::new(move || client::ping(to, patience).map(|()| None)),
            ];
            let started = kinds.into_iter().enumerate().map(|(kind, connect)| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.run(kind, connect))
            });
            started.collect()
        };
        let threads = world.in_netns(pod, spawn).unwrap();
        Self { shared, threads }
    }

    /// Waits until `more` new connections of each kind were answered.
    pub(crate) fn goes_on(&self, more: u64, when: &str) {
        for (kind, count) in KINDS.iter().zip(&self.shared.answered) {
            let wanted = count.load(Ordering::Relaxed) + more;
            let what = format!("{more} more answers over {kind} {when}");
            let waited = wait_until(&what, client::ANSWER * 2, || count.load(Ordering::Relaxed) >= wanted);
            waited.unwrap_or_else(|error| panic!("{error}; failures: {:?}", self.shared.failures.lock().unwrap()));
        }
    }

    /// Ends it.
    pub(crate) fn stop(mut self) -> Outcome {
        self.end();
        Outcome {
            failures: self.shared.failures.lock().unwrap().clone(),
            seen_as: self.shared.seen_as.lock().unwrap().clone(),
        }
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

/// What became of a load.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) failures: Vec<String>,
    /// Addresses that the mirror saw.
    pub(crate) seen_as: BTreeSet<IpAddr>,
}

impl Shared {
    fn run(&self, kind: usize, connect: impl Fn() -> io::Result<Option<IpAddr>>) {
        while !self.stop.load(Ordering::Relaxed) {
            match connect() {
                Ok(seen) => {
                    self.answered[kind].fetch_add(1, Ordering::Relaxed);
                    self.seen_as.lock().unwrap().extend(seen);
                }
                Err(error) => self.failures.lock().unwrap().push(format!("{}: {error}", KINDS[kind])),
            }
            thread::sleep(PAUSE);
        }
    }
}
