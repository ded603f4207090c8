//! How far one node's stream was read, so that it can be asked again after a break and nothing
//! that was sent is sent twice. Pure.
//!
//! Event time alone is no position: several events share an instant, and their order in a node's
//! history is the order of arrival. So the node is asked again from a little before the last time,
//! and what was already read is recognised by its uuid.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use prost_types::Timestamp;
use tidegate_flow::flow::uuid_number;
use tidegate_proto::Frame;

/// Frames that are remembered; what is older is never asked for again.
const REMEMBERED: usize = 8192;

/// How far before the last time a late arrival is still looked for, in nanoseconds.
const SLACK_NS: i64 = 1_000_000_000;

/// The position in one node's stream.
#[derive(Debug)]
pub(crate) struct Position {
    /// Where to ask from as long as nothing was read.
    base_ns: i64,
    /// Earliest and latest time read.
    read: Option<(i64, i64)>,
    count: u64,
    /// Latest time among the frames that were forgotten.
    forgotten_ns: i64,
    recent: VecDeque<(i64, u128)>,
    /// After a resume: what the node may repeat, and until which time.
    repeats: Option<(HashSet<u128>, i64)>,
    /// Names frames that have no uuid by their content.
    content: RandomState,
}

impl Position {
    /// Nothing read; `base_ns` is where to ask from if that stays so.
    pub(crate) fn new(base_ns: i64) -> Self {
        Self {
            base_ns,
            read: None,
            count: 0,
            forgotten_ns: i64::MIN,
            recent: VecDeque::new(),
            repeats: None,
            content: RandomState::new(),
        }
    }

    /// Everything that the node has was read, and it was nothing: whatever it has later is new.
    pub(crate) fn read_to_end(&mut self) {
        if self.read.is_none() {
            self.base_ns = 0;
        }
    }

    /// How many frames were read.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Counts a frame as read; false if it was read before and must not be sent again.
    pub(crate) fn admit(&mut self, frame: &Frame) -> bool {
        let latest = self.read.map_or(self.base_ns, |(_, latest)| latest);
        let time = frame.time_ns().unwrap_or(latest);
        let name = self.name_of(frame);
        if let Some((names, until)) = &self.repeats {
            if names.contains(&name) {
                return false;
            }
            if time > until.saturating_add(SLACK_NS) {
                self.repeats = None;
            }
        }
        self.read = Some(match self.read {
            Some((earliest, latest)) => (earliest.min(time), latest.max(time)),
            None => (time, time),
        });
        self.count += 1;
        self.recent.push_back((time, name));
        if self.recent.len() > REMEMBERED
            && let Some((time, _)) = self.recent.pop_front()
        {
            self.forgotten_ns = self.forgotten_ns.max(time);
        }
        true
    }

    /// Prepares to read on after a break and yields the time to ask from.
    pub(crate) fn resume(&mut self) -> Timestamp {
        let Some((earliest, latest)) = self.read else {
            return timestamp(self.base_ns);
        };
        let names = self.recent.iter().map(|(_, name)| *name).collect();
        self.repeats = Some((names, latest));
        let since = latest.saturating_sub(SLACK_NS).max(earliest).max(self.forgotten_ns.saturating_add(1));
        timestamp(since)
    }

    /// The uuid as a number, or a hash of the content.
    fn name_of(&self, frame: &Frame) -> u128 {
        frame.uuid().and_then(uuid_number).unwrap_or_else(|| u128::from(self.content.hash_one(frame.as_bytes())))
    }
}

/// Nanoseconds since 1970 as a protobuf timestamp, whose nanoseconds count upwards.
pub(crate) fn timestamp(ns: i64) -> Timestamp {
    let nanos = ns.rem_euclid(1_000_000_000);
    Timestamp {
        seconds: ns.div_euclid(1_000_000_000),
        nanos: i32::try_from(nanos).expect("a remainder below 10^9 fits 31 bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{flow_at, lost_at};

    const MS: i64 = 1_000_000;

    #[test]
    fn what_was_read_is_not_admitted_again_after_a_resume() {
        let mut position = Position::new(5);
        let read = [flow_at("n", 100 * MS, 1), flow_at("n", 100 * MS, 2), lost_at("n", 100 * MS)];
        for frame in &read {
            assert!(position.admit(frame));
        }
        assert_eq!(position.resume(), timestamp(100 * MS));
        for frame in &read {
            assert!(!position.admit(frame));
        }
        assert!(position.admit(&flow_at("n", 100 * MS, 3)));
    }

    #[test]
    fn nothing_before_the_first_frame_read_is_asked_for() {
        let mut position = Position::new(0);
        position.admit(&flow_at("n", 10_000 * MS, 1));
        position.admit(&flow_at("n", 10_300 * MS, 2));
        assert_eq!(position.resume(), timestamp(10_000 * MS));
        position.admit(&flow_at("n", 20_000 * MS, 3));
        assert_eq!(position.resume(), timestamp(19_000 * MS));
    }

    #[test]
    fn what_is_forgotten_is_not_asked_for() {
        let mut position = Position::new(0);
        let most = i64::try_from(REMEMBERED).expect("small");
        for at in 0..most + 10 {
            position.admit(&flow_at("n", at, at.unsigned_abs()));
        }
        assert_eq!(position.resume(), timestamp(10));
    }

    #[test]
    fn an_unread_stream_is_asked_from_its_base_or_from_the_beginning_if_it_was_empty() {
        assert_eq!(Position::new(7).resume(), timestamp(7));
        let mut empty = Position::new(7);
        empty.read_to_end();
        assert_eq!(empty.resume(), timestamp(0));
    }
}
