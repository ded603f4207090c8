//! The end of connections: a thread of its own looks through the tables for those that have been
//! silent for too long, or whose device is gone, and ends them. Reading large tables takes long,
//! and the rings must not wait for it.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc::SyncSender,
    },
    time::{Duration, Instant},
};

use tidegate_ebpf_abi::event::Event;

use crate::{clock, enrich::Context, kernel::Connections};

/// Least pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// The pause is at least so many times as long as the look before it.
const SHARE: u32 = 20;
/// How often the pause asks whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// Sweeps until `stop` is set; the ends go to `ended`, with their final counters.
pub fn run(mut connections: Connections, context: &RwLock<Arc<Context>>, ended: &SyncSender<Event>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let context = Arc::clone(&context.read().unwrap_or_else(PoisonError::into_inner));
        sweep(&mut connections, &context, ended);
        let next = Instant::now() + PAUSE.max(began.elapsed() * SHARE);
        while Instant::now() < next && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
        }
    }
}

fn sweep(connections: &mut Connections, context: &Context, ended: &SyncSender<Event>) {
    let now = clock::monotonic();
    let over: Vec<_> = connections
        .iter()
        .filter(|connection| connection.expired(now) || !context.devices.contains_key(&connection.flow.ifindex))
        .collect();
    for connection in over {
        match connections.remove(&connection) {
            // A full queue waits: an end that is not told is a connection without a total.
            Ok(true) if ended.send(connection.end(clock::monotonic())).is_err() => return,
            Ok(_) => {}
            Err(error) => tracing::debug!("a connection was not ended: {error:#}"),
        }
    }
}
