//! Where a followed stream goes on after its connection broke.

use std::collections::{HashSet, VecDeque};
use std::error::Error as _;

use prost_types::Timestamp;
use tidegate_proto::Frame;
use tidegate_proto::observer::GetFlowsRequest;
use tonic::{Code, Status};

/// How many flows are remembered; what a server sends twice is among the newest.
const REMEMBERED: usize = 1 << 16;
/// Nodes are merged in order of time, but one may lag behind the newest event by this much.
const LAG_SECONDS: i64 = 5;

/// What was asked for and what was seen of it.
pub(super) struct Resume {
    original: GetFlowsRequest,
    begun: bool,
    newest: Option<Timestamp>,
    seen: HashSet<String>,
    order: VecDeque<String>,
}

impl Resume {
    pub(super) fn new(original: GetFlowsRequest) -> Self {
        Self { original, begun: false, newest: None, seen: HashSet::new(), order: VecDeque::new() }
    }

    /// The request to send: the original one, or the rest of it.
    pub(super) fn request(&self) -> GetFlowsRequest {
        let mut request = self.original.clone();
        if let Some(newest) = self.newest {
            let seconds = newest.seconds - LAG_SECONDS;
            request.since = Some(Timestamp { seconds, ..newest });
            request.number = 0;
        }
        request
    }

    /// The server has accepted the request.
    pub(super) fn begin(&mut self) {
        self.begun = true;
    }

    /// Whether it makes sense to ask again after this failure: the user follows, and it was the
    /// connection or the server's end, not the request.
    pub(super) fn can(&self, status: &Status) -> bool {
        let broken = status.source().is_some() || status.code() == Code::Unavailable;
        self.original.follow && self.begun && broken
    }

    /// Whether the event was not shown yet. Events without uuid always count as new.
    pub(super) fn is_new(&mut self, frame: &Frame) -> bool {
        if !self.original.follow {
            return true;
        }
        if let Some(uuid) = frame.uuid().filter(|uuid| !uuid.is_empty()) {
            if !self.seen.insert(uuid.to_owned()) {
                return false;
            }
            self.order.push_back(uuid.to_owned());
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
        }
        let key = |time: &Timestamp| (time.seconds, time.nanos);
        self.newest = self.newest.into_iter().chain(frame.time()).max_by_key(key);
        true
    }
}

#[cfg(test)]
mod tests {
    use tidegate_proto::json;
    use tidegate_proto::observer::GetFlowsResponse;

    use super::*;

    fn following() -> Resume {
        Resume::new(GetFlowsRequest { follow: true, number: 20, ..GetFlowsRequest::default() })
    }

    fn flow(uuid: &str, time: &str) -> Frame {
        let line = format!(r#"{{"flow":{{"uuid":"{uuid}"}},"time":"{time}"}}"#);
        json::from_str::<GetFlowsResponse>(&line).unwrap().into()
    }

    #[test]
    fn the_rest_begins_a_little_before_the_newest_event() {
        let mut resume = following();
        assert_eq!((resume.request().number, resume.request().since), (20, None));
        resume.is_new(&flow("b", "1970-01-01T00:01:00.5Z"));
        resume.is_new(&flow("a", "1970-01-01T00:00:59Z"));
        let since = resume.request().since.unwrap();
        assert_eq!((since.seconds, since.nanos), (55, 500_000_000));
        assert_eq!(resume.request().number, 0);
    }

    #[test]
    fn what_was_shown_is_not_shown_again() {
        let mut resume = following();
        let one = flow("a", "2026-11-23T07:00:00Z");
        assert!(resume.is_new(&one));
        assert!(!resume.is_new(&one));
        let unnamed = flow("", "2026-11-23T07:00:00Z");
        assert!(resume.is_new(&unnamed) && resume.is_new(&unnamed));
    }

    #[test]
    fn only_a_followed_stream_that_had_begun_is_asked_for_again() {
        let broken = Status::unavailable("gone");
        let mut resume = following();
        assert!(!resume.can(&broken));
        resume.begin();
        assert!(resume.can(&broken));
        assert!(!resume.can(&Status::invalid_argument("no")));
        let mut once = Resume::new(GetFlowsRequest::default());
        once.begin();
        assert!(!once.can(&broken));
    }
}
