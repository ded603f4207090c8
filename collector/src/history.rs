//! The ring of finished flows: one writer, many readers, every loss counted.
//!
//! Places are numbered from 0 for ever; the ring holds the last `capacity` of them. A reader is
//! a place to read next; if the ring has moved past it, it is told how many it missed.

use std::{
    collections::VecDeque,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tidegate_flow::Flow;
use tidegate_proto::encode::Encoded;
use tokio::sync::watch;

/// One entry.
#[derive(Debug)]
pub enum Entry {
    /// A finished flow.
    Flow(Box<Recorded>),
    /// Events that were lost before they came here.
    Lost(Lost),
}

/// A finished flow, compact for filters and encoded for clients.
#[derive(Debug)]
pub struct Recorded {
    /// The flow.
    pub flow: Flow,
    /// Its bytes.
    pub encoded: Encoded,
}

/// Events that were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where.
    pub place: LostPlace,
    /// How many.
    pub count: u64,
    /// On which CPU, where that is known.
    pub cpu: Option<u32>,
    /// First and last moment of the count, nanoseconds since the Unix epoch.
    pub between: (u64, u64),
}

/// Where events can be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostPlace {
    /// The ring between kernel and collector was full.
    KernelRing,
    /// The history moved past a slow reader.
    History,
}

impl Entry {
    /// When, nanoseconds since the Unix epoch.
    #[must_use]
    pub fn time(&self) -> u64 {
        match self {
            Self::Flow(recorded) => recorded.flow.time,
            Self::Lost(lost) => lost.between.1,
        }
    }
}

/// The ring.
#[derive(Debug)]
pub struct History {
    ring: RwLock<Ring>,
    capacity: usize,
    /// Number of the next place; changes wake followers.
    head: watch::Sender<u64>,
    seen: AtomicU64,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Arc<Entry>>,
    /// Number of the first place held.
    first: u64,
}

/// What a read gives.
#[derive(Debug, Default)]
pub struct Batch {
    /// Entries in order.
    pub entries: Vec<Arc<Entry>>,
    /// Where to read next.
    pub next: u64,
    /// Places that were overwritten before they could be read.
    pub missed: u64,
}

impl History {
    /// A ring of `capacity` entries.
    #[must_use]
    pub fn new(capacity: u32) -> Self {
        Self {
            ring: RwLock::default(),
            capacity: capacity.max(1) as usize,
            head: watch::channel(0).0,
            seen: AtomicU64::new(0),
        }
    }

    /// Appends entries, all readable at once.
    pub fn append(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut flows = 0;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            flows += u64::from(matches!(entry, Entry::Flow(_)));
            if ring.entries.len() == self.capacity {
                ring.entries.pop_front();
                ring.first += 1;
            }
            ring.entries.push_back(Arc::new(entry));
        }
        let head = ring.first + ring.entries.len() as u64;
        drop(ring);
        self.seen.fetch_add(flows, Ordering::Relaxed);
        self.head.send_if_modified(|old| std::mem::replace(old, head) != head);
    }

    /// Reads at most `limit` entries from place `from` on.
    #[must_use]
    pub fn read(&self, from: u64, limit: usize) -> Batch {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let start = from.max(ring.first);
        let skip = usize::try_from(start - ring.first).unwrap_or(usize::MAX);
        let entries: Vec<_> = ring.entries.iter().skip(skip).take(limit).cloned().collect();
        Batch { next: start + entries.len() as u64, entries, missed: start - from }
    }

    /// Walks back from the newest entry and returns the place of the last one for which `keep`
    /// says to go on; the place after the newest if it never does.
    pub fn rewind(&self, mut keep: impl FnMut(&Entry) -> Step) -> u64 {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let mut place = ring.first + ring.entries.len() as u64;
        for entry in ring.entries.iter().rev() {
            match keep(entry) {
                Step::Take => place -= 1,
                Step::TakeLast => return place - 1,
                Step::Stop => return place,
            }
        }
        place
    }

    /// First and next place.
    #[must_use]
    pub fn range(&self) -> (u64, u64) {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        (ring.first, ring.first + ring.entries.len() as u64)
    }

    /// Entries that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Flows since the start.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Wakes when there is more to read.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}

/// What a backward walk does with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It belongs to the range; go on.
    Take,
    /// It belongs to the range and begins it.
    TakeLast,
    /// It does not; the range begins after it.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(count: u64) -> Entry {
        Entry::Lost(Lost { place: LostPlace::KernelRing, count, cpu: None, between: (count, count) })
    }

    fn counts(batch: &Batch) -> Vec<u64> {
        batch.entries.iter().map(|entry| entry.time()).collect()
    }

    #[test]
    fn the_newest_entry_is_readable_at_once() {
        let history = History::new(4);
        history.append([lost(1)]);
        assert_eq!(counts(&history.read(0, 10)), [1]);
    }

    #[test]
    fn a_reader_that_is_overtaken_is_told_how_many_it_missed() {
        let history = History::new(3);
        history.append((1..=5).map(lost));
        let batch = history.read(0, 10);
        assert_eq!((counts(&batch), batch.missed, batch.next), (vec![3, 4, 5], 2, 5));
        assert_eq!(history.read(5, 10).entries.len(), 0);
    }

    #[test]
    fn rewinding_stops_where_it_is_told() {
        let history = History::new(10);
        history.append((1..=5).map(lost));
        assert_eq!(history.rewind(|_| Step::Stop), 5);
        assert_eq!(history.rewind(|_| Step::Take), 0);
        let mut left = 2;
        let place = history.rewind(|_| {
            left -= 1;
            if left == 0 { Step::TakeLast } else { Step::Take }
        });
        assert_eq!(place, 3);
    }

    #[tokio::test]
    async fn a_follower_wakes_on_new_entries() {
        let history = History::new(4);
        let mut follow = history.follow();
        follow.mark_unchanged();
        history.append([lost(1)]);
        follow.changed().await.unwrap();
        assert_eq!(*follow.borrow(), 1);
    }
}
