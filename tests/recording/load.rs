//! Connections without end from some pods.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tidegate_lab::process::wait_until;
use tidegate_lab::{World, zone};

const PATIENCE: Duration = Duration::from_secs(60);

/// A thread per pod that opens and closes connections until the value goes.
pub(crate) struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    opened: AtomicU64,
}

impl Load {
    /// Starts in these pods, with `pause` between two connections of one pod.
    pub(crate) fn start(world: &World, pods: &[&str], pause: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let web = SocketAddr::from((zone::IFCONFIG, 80));
        let spawn = || {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                while !shared.stop.load(Ordering::Relaxed) {
                    // One that fails is a flow as well.
                    if TcpStream::connect_timeout(&web, PATIENCE).is_ok() {
                        shared.opened.fetch_add(1, Ordering::Relaxed);
                    }
                    thread::sleep(pause);
                }
            })
        };
        let threads = pods.iter().map(|pod| world.in_netns(pod, spawn).unwrap()).collect();
        Self { shared, threads }
    }

    /// Waits until `more` connections were opened from now on.
    pub(crate) fn goes_on(&self, more: u64) {
        let before = self.shared.opened.load(Ordering::Relaxed);
        let opened = || self.shared.opened.load(Ordering::Relaxed) >= before + more;
        wait_until(&format!("{more} more connections"), PATIENCE, opened).unwrap();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said why.
            let _ = thread.join();
        }
    }
}
