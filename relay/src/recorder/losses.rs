//! What a node says it lost. Pure.

use prost_types::Timestamp;
use tidegate_proto::Frame;
use tidegate_proto::flow::LostEventSource;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_store::{Gap, GapReason};

/// Events that a node reports as lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Before they came into the node's memory. The report lies among the flows there and is read
    /// again whenever they are; told again, the store takes it for the same.
    Remembered(Gap),
    /// The memory moved past this reader. The report is made for this call alone.
    Overtaken(Gap),
}

/// Reads a report; none if the frame is something else. `peer` stands in for a missing node name.
pub(crate) fn read(frame: &Frame, peer: &str) -> Option<Loss> {
    let response = frame.decode().ok()?;
    let Some(ResponseTypes::LostEvents(lost)) = response.response_types else {
        return None;
    };
    let at = nanoseconds(&response.time.unwrap_or_default());
    let first = lost.first.as_ref().map_or(at, nanoseconds);
    let last = lost.last.as_ref().map_or(at, nanoseconds);
    let node = match response.node_name.is_empty() {
        true => peer.to_owned(),
        false => response.node_name,
    };
    let overtaken = lost.source() == LostEventSource::HubbleRingBuffer;
    let reason = if overtaken { GapReason::History } else { GapReason::KernelRing };
    let count = Some(lost.num_events_lost);
    let gap = Gap { node, since: first.min(last), until: first.max(last), count, reason };
    Some(if overtaken { Loss::Overtaken(gap) } else { Loss::Remembered(gap) })
}

/// Nanoseconds since 1970; 0 for what is before, as far as SQL counts for what is too late.
fn nanoseconds(time: &Timestamp) -> u64 {
    let ns = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    u64::try_from(ns.clamp(0, i128::from(i64::MAX))).unwrap_or(0)
}

/// Reports of one span of time, which each CPU makes for itself: to the store they are one gap, or
/// the second would pass for the first one told again.
#[derive(Debug, Default)]
pub(crate) struct Reports(Option<Gap>);

impl Reports {
    /// Adds a report; yields the sum of those before it if it speaks of another span.
    pub(crate) fn add(&mut self, report: Gap) -> Option<Gap> {
        let same = |sum: &&mut Gap| (&sum.node, sum.since, sum.until) == (&report.node, report.since, report.until);
        match self.0.as_mut().filter(same) {
            Some(sum) => {
                sum.count = sum.count.zip(report.count).map(|(sum, more)| sum.saturating_add(more));
                None
            }
            None => self.0.replace(report),
        }
    }

    /// The sum, when no more of it comes.
    pub(crate) fn take(&mut self) -> Option<Gap> {
        self.0.take()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use tidegate_proto::flow::LostEvent;
    use tidegate_proto::observer::GetFlowsResponse;

    use super::*;
    use crate::position::timestamp;

    fn report(source: LostEventSource, between: Option<(i64, i64)>) -> Frame {
        let lost = LostEvent {
            source: source.into(),
            num_events_lost: 5,
            first: between.map(|(first, _)| timestamp(first)),
            last: between.map(|(_, last)| timestamp(last)),
            ..LostEvent::default()
        };
        Frame::from(GetFlowsResponse {
            node_name: "n".to_owned(),
            time: Some(timestamp(40)),
            response_types: Some(ResponseTypes::LostEvents(lost)),
        })
    }

    fn gap(since: u64, until: u64, reason: GapReason) -> Gap {
        Gap { node: "n".to_owned(), since, until, count: Some(5), reason }
    }

    #[test]
    fn a_report_is_read_with_its_times_or_with_that_of_its_frame() {
        let kernel = report(LostEventSource::PerfEventRingBuffer, Some((10, 20)));
        assert_eq!(read(&kernel, "p"), Some(Loss::Remembered(gap(10, 20, GapReason::KernelRing))));
        let queue = report(LostEventSource::ObserverEventsQueue, None);
        assert_eq!(read(&queue, "p"), Some(Loss::Remembered(gap(40, 40, GapReason::KernelRing))));
        let reader = report(LostEventSource::HubbleRingBuffer, None);
        assert_eq!(read(&reader, "p"), Some(Loss::Overtaken(gap(40, 40, GapReason::History))));
        assert_eq!(read(&crate::fake::flow_at("n", 1, 1), "p"), None);
    }

    #[test]
    fn reports_of_one_span_are_one_gap() {
        let mut reports = Reports::default();
        let first = gap(10, 20, GapReason::KernelRing);
        assert_eq!(reports.add(first.clone()), None);
        assert_eq!(reports.add(first.clone()), None);
        let next = gap(20, 30, GapReason::KernelRing);
        assert_eq!(reports.add(next.clone()), Some(Gap { count: Some(10), ..first }));
        assert_eq!(reports.take(), Some(next));
        assert!(reports.is_empty());
    }
}
