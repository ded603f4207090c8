//! The one loop of observation: rings → names → flows → history, on a thread of its own.
//!
//! Events are taken from their ring before DNS messages are taken from theirs, so that every
//! answer older than an event is known when the event is named; both go on in the order of their
//! times. The first event of a connection of another node's endpoint waits a bounded time for the
//! name that its node sends ([`HOLD`]); what is behind it waits with it, so that order is kept.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::Receiver,
    },
    time::Duration,
};

use tidegate_ebpf_abi::event::{DnsHead, Event as KernelEvent};
use tidegate_flow::{
    flow::{Dns, L7Kind},
    name::Source,
};
use tidegate_proto::encode::Encoded;

use crate::{
    clock::{self, Offset},
    enrich::{self, Context, Numbering},
    history::{Entry, History, Recorded},
    kernel::rings::Rings,
    names::{Learned, Names, message, share::Shared},
};

/// Pause between two looks at the rings: the probes wake nobody.
const PAUSE: Duration = Duration::from_millis(5);
/// Most records taken at once from a ring.
const BATCH: usize = 16_384;
/// Longest wait of a gateway's event for a name from the endpoint's node, nanoseconds.
pub const HOLD: u64 = 250_000_000;
/// Records that may wait; beyond it they go on unnamed.
const HELD: usize = 262_144;

/// What other threads see of the loop.
#[derive(Debug, Default)]
pub struct Figures {
    /// Events that had to wait for a name.
    pub held: AtomicU64,
    /// Of those, how many went on without.
    pub unnamed: AtomicU64,
    /// DNS messages that could not be read.
    pub unreadable: AtomicU64,
}

/// What the loop needs.
pub struct Pipeline {
    /// The rings; this thread is their only reader.
    pub rings: Rings,
    /// Connections that the sweep has ended.
    pub ended: Receiver<KernelEvent>,
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

/// One record on its way.
#[derive(Debug)]
enum Record {
    Event(KernelEvent),
    Dns(DnsHead, Box<Dns>, L7Kind),
}

impl Record {
    /// Monotonic time.
    fn time(&self) -> u64 {
        match self {
            Self::Event(event) => event.time,
            Self::Dns(head, ..) => head.time,
        }
    }
}

/// The loop's own state.
struct Work {
    numbering: Numbering,
    names: Names,
    /// Taken from the rings, but younger than the moment up to which both are known.
    fresh: Vec<Record>,
    /// In order, to be finished.
    waiting: VecDeque<Record>,
    /// Whether the record in front has been counted as held.
    held: bool,
}

impl Pipeline {
    /// Runs until `stop` is set, then once more over what is left in the rings.
    pub fn run(mut self, stop: &AtomicBool) {
        let mut work = Work {
            numbering: Numbering::new(self.boot),
            names: Names::default(),
            fresh: Vec::new(),
            waiting: VecDeque::new(),
            held: false,
        };
        let mut context: Arc<Context> = Arc::default();
        loop {
            let last = stop.load(Ordering::Relaxed);
            let offset = Offset::now();
            let newest = Arc::clone(&self.context.read().unwrap_or_else(PoisonError::into_inner));
            if !Arc::ptr_eq(&context, &newest) {
                work.names.keep_only(|endpoint| newest.inventory.same_pod(&context.inventory, endpoint));
                context = newest;
            }
            let known_until = if last { u64::MAX } else { clock::monotonic() };
            let taken = self.rings.events(BATCH, |event| work.fresh.push(Record::Event(event)));
            work.fresh.extend(self.ended.try_iter().map(Record::Event));
            self.hear(&mut work, &context, offset);
            for learned in self.told.try_iter() {
                work.names.learn(&learned, Source::Shared);
            }
            work.fresh.sort_by_key(Record::time);
            let ripe = work.fresh.partition_point(|record| record.time() <= known_until);
            work.waiting.extend(work.fresh.drain(..ripe));
            let out = self.finish(&mut work, &context, offset, last);
            if !out.is_empty() {
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

    /// Reads the DNS ring: names are learned at once, messages wait for their turn.
    fn hear(&mut self, work: &mut Work, context: &Context, offset: Offset) {
        let (shared, figures) = (&self.shared, &self.figures);
        self.rings.dns(BATCH, |head, bytes| {
            let Some(message) = message::read(bytes) else {
                figures.unreadable.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let ((endpoint, port), server) = dns_sides(&head, message.response);
            let endpoint = (context.inventory.asker(endpoint), port);
            let heard = work.names.hear(endpoint, server, &message, offset.wall(head.time));
            for learned in &heard.learned {
                shared.publish(learned);
            }
            let kind = if message.response { L7Kind::Response { latency: heard.latency } } else { L7Kind::Request };
            work.fresh.push(Record::Dns(head, Box::new(message.dns), kind));
        });
    }

    /// Finishes the records that need not wait, in order.
    fn finish(&self, work: &mut Work, context: &Context, offset: Offset, last: bool) -> Vec<Entry> {
        let mut out = Vec::new();
        let now = clock::wall();
        let hurry = last || work.waiting.len() > HELD;
        while let Some(record) = work.waiting.front() {
            if let Record::Event(event) = record
                && enrich::may_wait(event)
            {
                let (opener, called) = enrich::sides(event);
                let known = !work.names.of(opener, called, enrich::start(event, offset)).is_empty();
                if !known && !hurry && offset.wall(event.time) + HOLD > now {
                    if !std::mem::replace(&mut work.held, true) {
                        self.figures.held.fetch_add(1, Ordering::Relaxed);
                    }
                    return out;
                }
                self.figures.unnamed.fetch_add(u64::from(!known), Ordering::Relaxed);
            }
            work.held = false;
            match work.waiting.pop_front() {
                Some(Record::Event(event)) => {
                    let finished = |flow| out.push(entry(flow));
                    enrich::flows(&event, context, &work.names, offset, &mut work.numbering, finished);
                }
                Some(Record::Dns(head, dns, kind)) => {
                    out.push(entry(enrich::dns_flow(&head, dns, kind, context, offset, &mut work.numbering)));
                }
                None => break,
            }
        }
        out
    }
}

fn entry(flow: tidegate_flow::Flow) -> Entry {
    let encoded = Encoded::new(&flow);
    Entry::Flow(Box::new(Recorded { flow, encoded }))
}

/// Endpoint (with its port) and server of a DNS packet.
fn dns_sides(head: &DnsHead, response: bool) -> ((IpAddr, u16), IpAddr) {
    let ip = |word: u32| IpAddr::from(word.to_ne_bytes());
    let tuple = &head.tuple;
    if response {
        ((ip(tuple.destination), u16::from_be(tuple.destination_port)), ip(tuple.source))
    } else {
        ((ip(tuple.source), u16::from_be(tuple.source_port)), ip(tuple.destination))
    }
}
