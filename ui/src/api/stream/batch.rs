//! What came since the last event of a stream, thinned out where it is more than a browser can
//! show. Pure: time is an argument.

use std::time::Duration;

use tidegate_proto::flow::Flow;
use tidegate_proto::v1::{FollowResponse, Gap};
use tokio::time::Instant;

/// Flows a second that are all shown. What was not used is kept for one second.
const SHOWN: usize = 200;
/// Flows that wait at most; beyond, every second one is let go.
const WAITING: usize = 2048;

/// A batch in the making.
#[derive(Debug)]
pub(super) struct Batch {
    flows: Vec<Flow>,
    /// One of so many that matched is in `flows`: a power of two.
    stride: u64,
    matched: u64,
    seen: u64,
    gaps: Vec<Gap>,
    /// Flows that may be shown at once, and since when.
    allowance: usize,
    since: Instant,
}

/// A batch to tell.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) flows: Vec<Flow>,
    /// One of so many is in `flows`; none: all of them.
    pub(super) sampled: Option<u64>,
    pub(super) seen: u64,
    pub(super) gaps: Vec<Gap>,
}

impl Batch {
    pub(super) fn new(now: Instant) -> Self {
        Self { flows: Vec::new(), stride: 1, matched: 0, seen: 0, gaps: Vec::new(), allowance: SHOWN, since: now }
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.matched == 0 && self.seen == 0 && self.gaps.is_empty()
    }

    pub(super) fn add(&mut self, message: FollowResponse) {
        self.seen += message.seen;
        self.gaps.extend(message.gaps);
        for flow in message.flows {
            if self.matched.is_multiple_of(self.stride) {
                self.flows.push(flow);
            }
            self.matched += 1;
            if self.flows.len() >= WAITING {
                self.halve();
            }
        }
    }

    /// What is to be told, and an empty batch in its place.
    pub(super) fn take(&mut self, now: Instant) -> Taken {
        self.refill(now);
        let waiting = self.flows.len();
        let nth = if waiting <= self.allowance { 1 } else { waiting.div_ceil(self.allowance.max(1)) };
        let flows: Vec<_> = std::mem::take(&mut self.flows).into_iter().step_by(nth).collect();
        self.allowance -= flows.len().min(self.allowance);
        let sampled = self.stride * nth as u64;
        let taken = Taken {
            flows,
            sampled: (sampled > 1).then_some(sampled),
            seen: self.seen,
            gaps: std::mem::take(&mut self.gaps),
        };
        (self.stride, self.matched, self.seen) = (1, 0, 0);
        taken
    }

    fn halve(&mut self) {
        let mut at = 0;
        self.flows.retain(|_| {
            at += 1;
            at % 2 == 1
        });
        self.stride *= 2;
    }

    /// Adds what the time since allows; parts of a flow are kept for later.
    fn refill(&mut self, now: Instant) {
        let nanos = Duration::from_secs(1).as_nanos() / SHOWN as u128;
        let flows = now.saturating_duration_since(self.since).as_nanos() / nanos;
        match usize::try_from(flows) {
            Ok(flows) if self.allowance + flows < SHOWN => {
                self.allowance += flows;
                self.since += Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
                    * u32::try_from(flows).unwrap_or(u32::MAX);
            }
            _ => (self.allowance, self.since) = (SHOWN, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flows: usize) -> FollowResponse {
        let flow = |at: usize| Flow { uuid: at.to_string(), ..Flow::default() };
        FollowResponse { flows: (0..flows).map(flow).collect(), seen: flows as u64, ..FollowResponse::default() }
    }

    #[test]
    fn what_a_browser_can_show_is_shown_whole() {
        let now = Instant::now();
        let mut batch = Batch::new(now);
        assert!(batch.is_empty());
        batch.add(message(120));
        batch.add(message(80));
        let taken = batch.take(now);
        assert_eq!((taken.flows.len(), taken.sampled, taken.seen), (200, None, 200));
        assert!(batch.is_empty());
    }

    #[test]
    fn a_burst_after_quiet_is_shown_whole_and_a_lasting_flood_is_not() {
        let start = Instant::now();
        let mut batch = Batch::new(start);
        let mut shown = Vec::new();
        for quarter in 1..=40 {
            batch.add(message(1000));
            let taken = batch.take(start + quarter * Duration::from_millis(250));
            assert_eq!(taken.seen, 1000);
            shown.push((taken.flows.len(), taken.sampled));
        }
        assert_eq!(shown[0], (200, Some(5)));
        let total: usize = shown.iter().map(|(flows, _)| flows).sum();
        assert!(total <= SHOWN * 11, "{total} in ten seconds");
        assert_eq!(shown[39], (50, Some(20)));
    }

    #[test]
    fn a_flood_waits_in_bounded_room_and_its_share_is_told() {
        let now = Instant::now();
        let mut batch = Batch::new(now);
        for _ in 0..100 {
            batch.add(message(1000));
            assert!(batch.flows.len() < WAITING);
        }
        let taken = batch.take(now);
        let sampled = usize::try_from(taken.sampled.expect("a sample")).expect("small");
        assert!(taken.flows.len() <= SHOWN);
        assert_eq!(taken.flows.len(), 100_000_usize.div_ceil(sampled));
        assert_eq!(taken.seen, 100_000);
    }

    #[test]
    fn flows_that_do_not_match_are_told_by_their_number() {
        let now = Instant::now();
        let mut batch = Batch::new(now);
        batch.add(FollowResponse { seen: 340, ..FollowResponse::default() });
        assert!(!batch.is_empty());
        let taken = batch.take(now);
        assert_eq!((taken.flows.len(), taken.sampled, taken.seen), (0, None, 340));
    }

    #[test]
    fn an_allowance_that_is_used_up_shows_at_least_one() {
        let now = Instant::now();
        let mut batch = Batch::new(now);
        batch.add(message(200));
        batch.take(now);
        batch.add(message(7));
        let taken = batch.take(now);
        assert_eq!((taken.flows.len(), taken.sampled), (1, Some(7)));
    }
}
