//! One order out of many streams. Pure: instants and wall time are arguments, frames are bytes
//! whose time is scanned once.
//!
//! Each source is in the order of its node; the merge always takes the earliest head. What differs
//! is what it does while a source has nothing buffered and something earlier may still come:
//!
//! * [`Mode::Exact`] waits for that source, up to a stall deadline;
//! * [`Mode::Window`] waits at most a window, because a quiet node is no reason to withhold what
//!   the others saw.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tidegate_proto::Frame;
use tokio::time::Instant;

/// Frames that the merge of one stream holds in window mode before it takes more only from sources
/// that hold none. From there on a source that has been quiet for a window is not waited for:
/// memory is bounded, order is best effort.
pub(crate) const MOST_HELD: usize = 8192;

/// Frames of one source that the merge holds at most in exact mode.
const MOST_HELD_PER_SOURCE: usize = 256;

/// What happens while a live source has nothing buffered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// Wait for it; after `stall` without a frame, report it and go on without it.
    Exact {
        /// How long one source may keep all others waiting.
        stall: Duration,
    },
    /// Emit a frame once it was held, or is old by its own time, for `window`.
    Window {
        /// The longest delay that a quiet source may cause.
        window: Duration,
    },
}

/// What can be done at this instant.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// The next frame in order.
    Frame(Frame),
    /// This source kept the others waiting for too long; the merge goes on without it.
    Stalled(usize),
    /// Nothing until a source delivers, or until this instant if there is one.
    Wait(Option<Instant>),
}

/// A merge over sources that are known by their index.
#[derive(Debug)]
pub(crate) struct Merge {
    mode: Mode,
    sources: Vec<Source>,
    /// Time of the first held frame of each source that holds any, earliest first.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    held: usize,
    /// Live sources that hold nothing.
    awaited: usize,
    /// When the last of the awaited sources became so; none until it is computed again.
    last_awaited: Option<Instant>,
}

#[derive(Debug)]
struct Source {
    live: bool,
    /// Whether the others may be kept waiting for it however long.
    patient: bool,
    held: VecDeque<Held>,
    /// Since when a live source holds nothing.
    empty_since: Instant,
    /// The time of its latest frame, which stands in for frames without one.
    last_time: i64,
}

#[derive(Debug)]
struct Held {
    time: i64,
    arrived: Instant,
    frame: Frame,
}

impl Merge {
    /// A merge of `sources` sources, all of them not live.
    pub(crate) fn new(mode: Mode, sources: usize, now: Instant) -> Self {
        let source =
            || Source { live: false, patient: false, held: VecDeque::new(), empty_since: now, last_time: i64::MIN };
        Self {
            mode,
            sources: (0..sources).map(|_| source()).collect(),
            heads: BinaryHeap::new(),
            held: 0,
            awaited: 0,
            last_awaited: None,
        }
    }

    /// Changes what is done about sources that hold nothing.
    pub(crate) fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Says that more frames of this source can be expected.
    pub(crate) fn set_live(&mut self, source: usize, now: Instant) {
        if !self.sources[source].live {
            self.sources[source].live = true;
            if self.sources[source].held.is_empty() {
                self.emptied(source, now);
            }
        }
    }

    /// Says that in exact mode this source is waited for without a deadline.
    pub(crate) fn set_patient(&mut self, source: usize) {
        self.sources[source].patient = true;
    }

    /// Says that no frame of this source is to be waited for; what it holds is still emitted.
    pub(crate) fn set_absent(&mut self, source: usize) {
        if self.sources[source].live {
            self.sources[source].live = false;
            if self.sources[source].held.is_empty() {
                self.no_longer_awaited();
            }
        }
    }

    /// Whether a frame of this source can be taken in.
    pub(crate) fn has_room(&self, source: usize) -> bool {
        match self.mode {
            Mode::Exact { .. } => self.sources[source].held.len() < MOST_HELD_PER_SOURCE,
            // An awaited source always has room, or the others would wait for it in vain.
            Mode::Window { .. } => self.held < MOST_HELD || self.sources[source].held.is_empty(),
        }
    }

    /// Takes in the next frame of a source.
    pub(crate) fn push(&mut self, source: usize, frame: Frame, now: Instant) {
        let from = &mut self.sources[source];
        let time = frame.time_ns().unwrap_or(from.last_time);
        from.last_time = time;
        if from.held.is_empty() {
            self.heads.push(Reverse((time, source)));
            if from.live {
                self.no_longer_awaited();
            }
        }
        let held = Held { time, arrived: now, frame };
        self.sources[source].held.push_back(held);
        self.held += 1;
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// What can be done at `now`; `wall_ns` is the same instant in nanoseconds since 1970.
    pub(crate) fn next(&mut self, now: Instant, wall_ns: i64) -> Next {
        if self.awaited == 0 {
            return self.take_head(now).map_or(Next::Wait(None), Next::Frame);
        }
        match self.mode {
            Mode::Exact { stall } => self.longest_awaited(now, stall),
            Mode::Window { window } => {
                let Some(due) = self.due(now, wall_ns, window) else {
                    return Next::Wait(None);
                };
                if due > now {
                    return Next::Wait(Some(due));
                }
                self.take_head(now).map_or(Next::Wait(None), Next::Frame)
            }
        }
    }

    /// Exact mode with an awaited source: its deadline, or that it has passed.
    fn longest_awaited(&mut self, now: Instant, stall: Duration) -> Next {
        let awaited = self.sources.iter().enumerate();
        let longest = awaited
            .filter(|(_, source)| source.live && source.held.is_empty() && !source.patient)
            .min_by_key(|(_, source)| source.empty_since);
        match longest {
            Some((index, source)) if source.empty_since + stall <= now => {
                self.set_absent(index);
                Next::Stalled(index)
            }
            Some((_, source)) => Next::Wait(Some(source.empty_since + stall)),
            None => Next::Wait(None),
        }
    }

    /// Window mode with an awaited source: when the earliest frame may go out.
    ///
    /// After the frame was held for a window, in any case. Earlier when every awaited source has
    /// been quiet for a window and the frame's event is itself older than that: then what could
    /// come before it would have come, and a backlog is not slowed down by a quiet node. When the
    /// merge is full, the frame's own time no longer counts.
    fn due(&mut self, now: Instant, wall_ns: i64, window: Duration) -> Option<Instant> {
        let Reverse((time, source)) = *self.heads.peek()?;
        let arrived = self.sources[source].held.front()?.arrived;
        let window_ns = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
        let until_old = time.saturating_add(window_ns).saturating_sub(wall_ns).max(0);
        let old_at = now + Duration::from_nanos(until_old.unsigned_abs()).min(window);
        let quiet_at = self.last_awaited(now) + window;
        let in_turn = if self.held < MOST_HELD { old_at.max(quiet_at) } else { quiet_at };
        Some(in_turn.min(arrived + window))
    }

    fn take_head(&mut self, now: Instant) -> Option<Frame> {
        let Reverse((_, source)) = self.heads.pop()?;
        let from = &mut self.sources[source];
        let taken = from.held.pop_front()?;
        self.held -= 1;
        match from.held.front() {
            Some(next) => self.heads.push(Reverse((next.time, source))),
            None if from.live => self.emptied(source, now),
            None => {}
        }
        Some(taken.frame)
    }

    fn emptied(&mut self, source: usize, now: Instant) {
        self.awaited += 1;
        self.sources[source].empty_since = now;
        self.last_awaited = Some(now);
    }

    fn no_longer_awaited(&mut self) {
        self.awaited -= 1;
        self.last_awaited = None;
    }

    /// Since when all awaited sources are quiet; there is at least one.
    fn last_awaited(&mut self, now: Instant) -> Instant {
        let sources = &self.sources;
        *self.last_awaited.get_or_insert_with(|| {
            let awaited = sources.iter().filter(|source| source.live && source.held.is_empty());
            awaited.map(|source| source.empty_since).max().unwrap_or(now)
        })
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
