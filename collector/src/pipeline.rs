//! The one loop of observation: rings → names → flows → history, on a thread of its own.
//!
//! Events are taken from their ring before DNS messages are taken from theirs, so that every
//! answer older than an event is known when the event is named. An event of another node's
//! endpoint waits a bounded time for the name that its node sends ([`HOLD`]); events behind it
//! wait with it, so that order is kept.

use std::{
    collections::VecDeque,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::Receiver,
    },
    time::{Duration, Instant},
};

use tidegate_ebpf_abi::event::{DnsHead, Event as KernelEvent, kind};
use tidegate_flow::{flow::L7Kind, name::Source};
use tidegate_proto::encode::Encoded;

use crate::{
    clock::{self, Offset},
    enrich::{self, Context, Numbering},
    history::{Entry, History, Recorded},
    kernel::{Connections, rings::Rings},
    names::{Learned, Names, message, share::Shared},
};

/// Pause between two looks at the rings: the probes wake nobody.
const PAUSE: Duration = Duration::from_millis(5);
/// Most records taken at once from a ring.
const BATCH: usize = 16_384;
/// Longest wait of a gateway's event for a name from the endpoint's node, nanoseconds.
pub const HOLD: u64 = 250_000_000;
/// Events that may wait; beyond it they go on unnamed.
const HELD: usize = 262_144;
/// Least pause between two looks for expired connections.
const SWEEP: Duration = Duration::from_secs(2);
/// A look over large tables takes time; the pause is at least so many times as long.
const SWEEP_SHARE: u32 = 20;

/// What other threads see of the loop.
#[derive(Debug, Default)]
pub struct Figures {
    /// Events that had to wait for a name.
    pub held: AtomicU64,
    /// Of those, how many went on without.
    pub unnamed: AtomicU64,
    /// DNS messages that could not be read.
    pub unreadable: AtomicU64,
    /// Connections ended.
    pub ended: AtomicU64,
}

/// What the loop needs.
pub struct Pipeline {
    /// The rings; this thread is their only reader.
    pub rings: Rings,
    /// Live connections, for their end.
    pub connections: Connections,
    /// Where flows go.
    pub history: Arc<History>,
    /// Who is who; replaced by the reconciler.
    pub context: Arc<RwLock<Arc<Context>>>,
    /// What gateways are told.
    pub shared: Arc<Shared>,
    /// What other nodes told us.
    pub told: Receiver<Learned>,
    /// Random number of this start.
    pub boot: u64,
    /// Figures for status and metrics.
    pub figures: Arc<Figures>,
}

impl Pipeline {
    /// Runs until `stop` is set, then once more over what is left in the rings.
    pub fn run(mut self, stop: &AtomicBool) {
        let mut numbering = Numbering::new(self.boot);
        let mut names = Names::default();
        let mut waiting: VecDeque<(KernelEvent, bool)> = VecDeque::new();
        let mut sweep_at = Instant::now() + SWEEP;
        loop {
            let last = stop.load(Ordering::Relaxed);
            let offset = Offset::now();
            let context = Arc::clone(&self.context.read().unwrap_or_else(PoisonError::into_inner));
            let taken = self.rings.events(BATCH, |event| waiting.push_back((event, false)));
            let began = Instant::now();
            if began >= sweep_at {
                self.sweep(&mut waiting);
                sweep_at = Instant::now() + SWEEP.max(began.elapsed() * SWEEP_SHARE);
            }
            let mut out = Vec::new();
            self.hear(&mut names, &context, offset, &mut numbering, &mut out);
            for learned in self.told.try_iter() {
                names.learn(&learned, Source::Shared);
            }
            self.name_and_finish(&mut waiting, &names, &context, offset, &mut numbering, &mut out, last);
            if !out.is_empty() {
                // The two rings are each in order, together they are not.
                out.sort_by_key(Entry::time);
                self.history.append(out);
            }
            if last {
                return;
            }
            if taken < BATCH {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Reads the DNS ring: names are learned, messages become flows.
    fn hear(
        &mut self,
        names: &mut Names,
        context: &Context,
        offset: Offset,
        numbering: &mut Numbering,
        out: &mut Vec<Entry>,
    ) {
        let (shared, figures) = (&self.shared, &self.figures);
        self.rings.dns(BATCH, |head, bytes| {
            let Some(message) = message::read(bytes) else {
                figures.unreadable.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let (endpoint, server) = dns_sides(&head, message.response);
            let heard = names.hear(endpoint, server, &message, offset.wall(head.time));
            for learned in &heard.learned {
                shared.publish(learned);
            }
            let kind = if message.response { L7Kind::Response { latency: heard.latency } } else { L7Kind::Request };
            out.push(record(enrich::dns_flow(&head, message.dns, kind, context, offset, numbering)));
        });
    }

    /// Finishes the events that need not wait, in order.
    #[expect(clippy::too_many_arguments, reason = "the state of one loop, lent to one step of it")]
    fn name_and_finish(
        &self,
        waiting: &mut VecDeque<(KernelEvent, bool)>,
        names: &Names,
        context: &Context,
        offset: Offset,
        numbering: &mut Numbering,
        out: &mut Vec<Entry>,
        last: bool,
    ) {
        let now = clock::wall();
        let full = waiting.len() > HELD;
        while let Some((event, held)) = waiting.front_mut() {
            if enrich::is_gateways(event) && event.kind != kind::DROP {
                let (opener, called) = enrich::sides(event);
                let known = !names.of(opener, called, enrich::start(event, offset)).is_empty();
                let due = offset.wall(event.time) + HOLD <= now;
                if !known && !due && !full && !last {
                    if !std::mem::replace(held, true) {
                        self.figures.held.fetch_add(1, Ordering::Relaxed);
                    }
                    return;
                }
                if !known {
                    self.figures.unnamed.fetch_add(1, Ordering::Relaxed);
                }
            }
            let event = *event;
            waiting.pop_front();
            enrich::flows(&event, context, names, offset, numbering, |flow| out.push(record(flow)));
        }
    }

    /// Ends connections that have been silent for too long.
    fn sweep(&mut self, waiting: &mut VecDeque<(KernelEvent, bool)>) {
        let now = clock::monotonic();
        let expired: Vec<_> = self.connections.iter().filter(|connection| connection.expired(now)).collect();
        for connection in expired {
            if self.connections.remove(&connection).is_ok() {
                self.figures.ended.fetch_add(1, Ordering::Relaxed);
                waiting.push_back((connection.end(now), false));
            }
        }
    }
}

fn record(flow: tidegate_flow::Flow) -> Entry {
    let encoded = Encoded::new(&flow);
    Entry::Flow(Box::new(Recorded { flow, encoded }))
}

/// Endpoint (with its port) and server of a DNS packet.
fn dns_sides(head: &DnsHead, response: bool) -> ((std::net::IpAddr, u16), std::net::IpAddr) {
    let ip = |word: u32| std::net::IpAddr::from(word.to_ne_bytes());
    let tuple = &head.tuple;
    if response {
        ((ip(tuple.destination), u16::from_be(tuple.destination_port)), ip(tuple.source))
    } else {
        ((ip(tuple.source), u16::from_be(tuple.source_port)), ip(tuple.destination))
    }
}
