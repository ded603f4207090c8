//! What a GetFlows request means on one node: where to start, what to send, when to end.

use tidegate_flow::Filter;
use tidegate_proto::{Frame, filter, flow::FlowFilter, mask::Mask, observer::GetFlowsRequest, options, v1};
use tonic::Status;

use crate::history::{Entry, History, Recorded, Step};

/// A request, checked and compiled.
#[derive(Debug)]
pub(super) struct Query {
    allow: Vec<Filter>,
    deny: Vec<Filter>,
    since: Option<u64>,
    until: Option<u64>,
    /// Flows wanted; `None` = no limit.
    number: Option<u64>,
    first: bool,
    /// Keep streaming.
    pub(super) follow: bool,
    /// Send our own facts, and the ends of connections.
    info: bool,
    mask: Option<Mask>,
}

/// What to do with an entry that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Send it.
    Send,
    /// Pass it by.
    Skip,
    /// Everything that was asked for has been sent.
    End,
}

impl Query {
    /// Checks a request.
    pub(super) fn new(request: &GetFlowsRequest) -> Result<Self, Status> {
        if request.first && request.follow {
            return Err(Status::invalid_argument("first cannot be specified with follow"));
        }
        let options = options::of(request)
            .map_err(|error| Status::invalid_argument(format!("invalid FlowsOptions in extensions: {error}")))?;
        let filters = |stock: &[FlowFilter], own: &[v1::Filter]| {
            let filters = if own.is_empty() { filter::filters(stock) } else { filter::own_filters(own) };
            filters.map_err(|error| Status::invalid_argument(error.to_string()))
        };
        Ok(Self {
            allow: filters(&request.whitelist, &options.allow)?,
            deny: filters(&request.blacklist, &options.deny)?,
            since: request.since.as_ref().map(nanoseconds),
            until: request.until.as_ref().map(nanoseconds),
            number: (request.number != 0).then_some(request.number),
            first: request.first,
            follow: request.follow,
            info: options.flow_info,
            mask: Mask::new(request.field_mask.as_ref()).map_err(|path| {
                Status::invalid_argument(format!("invalid fieldmask: no field {path:?} in flow.Flow"))
            })?,
        })
    }

    /// Place in the history to read from.
    pub(super) fn start(&self, history: &History) -> u64 {
        if self.first && self.since.is_none() {
            return history.range().0;
        }
        if self.follow && self.number.is_none() && self.since.is_none() {
            return history.range().1;
        }
        // `since` decides alone where it is given; `number` then only caps the count.
        let mut left = self.number.filter(|_| self.since.is_none());
        history.rewind(|entry| {
            // A loss is told when it is counted; it says nothing about the flows before it.
            if matches!(entry, Entry::Flow(_)) && self.since.is_some_and(|since| entry.time() < since) {
                return Step::Stop;
            }
            if let (Some(left), Entry::Flow(recorded)) = (&mut left, entry)
                && self.wants(recorded)
                && self.until.is_none_or(|until| entry.time() <= until)
            {
                *left -= 1;
                if *left == 0 {
                    return Step::TakeLast;
                }
            }
            Step::Take
        })
    }

    /// What to do with the next entry; `sent` flows have gone out.
    pub(super) fn answer(&self, entry: &Entry, sent: u64) -> Answer {
        if !self.follow && self.number.is_some_and(|number| sent >= number) {
            return Answer::End;
        }
        let late = self.until.is_some_and(|until| entry.time() > until);
        match entry {
            Entry::Lost(_) if late => Answer::Skip,
            Entry::Lost(_) => Answer::Send,
            Entry::Flow(_) if late => Answer::End,
            Entry::Flow(recorded) => {
                let early = self.since.is_some_and(|since| entry.time() < since);
                if !early && self.wants(recorded) { Answer::Send } else { Answer::Skip }
            }
        }
    }

    /// The bytes that answer the request.
    pub(super) fn frame(&self, recorded: &Recorded) -> Frame {
        let frame = recorded.encoded.frame(self.info);
        match &self.mask {
            // What we encoded ourselves is not malformed; if it were, the whole says more than nothing.
            Some(mask) => mask.cut(&frame).unwrap_or(frame),
            None => frame,
        }
    }

    /// The record of a connection's end is ours alone: stock clients know no such event.
    fn wants(&self, recorded: &Recorded) -> bool {
        (self.info || recorded.flow.counters.end == 0) && Filter::admits(&self.allow, &self.deny, &recorded.flow)
    }
}

fn nanoseconds(time: &prost_types::Timestamp) -> u64 {
    let ns = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prost_types::Any;
    use tidegate_flow::flow::*;
    use tidegate_proto::{encode::Encoded, v1::FlowsOptions};

    use super::*;

    fn entry(second: u64, port: u16) -> Entry {
        let party =
            || Party { address: [10, 0, 0, 1].into(), endpoint: Arc::default(), names: Vec::new(), service: None };
        let flow = Flow {
            time: second * 1_000_000_000,
            id: FlowId { boot: 1, sequence: second },
            node: Arc::default(),
            event: Event::Trace(Point::FromEndpoint),
            verdict: Verdict::Forwarded,
            direction: Direction::Egress,
            reply: Some(false),
            source: party(),
            destination: party(),
            l4: L4::Udp { source: 1, destination: port },
            translation: None,
            interface: None,
            dns: None,
            counters: Counters::default(),
            cause: "".into(),
        };
        Entry::Flow(Box::new(Recorded { encoded: Encoded::new(&flow), flow }))
    }

    /// Seconds of the flows that a request gets from a history of seconds 1 to 10, ports 53 and
    /// 443 in turn.
    fn ask(request: GetFlowsRequest) -> Vec<u64> {
        let history = History::new(100);
        history.append((1..=10).map(|second| entry(second, if second % 2 == 0 { 443 } else { 53 })));
        let query = Query::new(&request).unwrap();
        let mut seconds = Vec::new();
        for entry in history.read(query.start(&history), 100).entries {
            match query.answer(&entry, seconds.len() as u64) {
                Answer::Send => seconds.push(entry.time() / 1_000_000_000),
                Answer::Skip => {}
                Answer::End => break,
            }
        }
        seconds
    }

    fn at(second: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds: second, nanos: 0 })
    }

    fn https() -> Vec<FlowFilter> {
        vec![FlowFilter { destination_port: vec!["443".into()], ..FlowFilter::default() }]
    }

    #[test]
    fn the_last_ones_include_the_newest() {
        assert_eq!(ask(GetFlowsRequest { number: 3, ..Default::default() }), [8, 9, 10]);
    }

    #[test]
    fn the_last_ones_are_counted_after_filtering() {
        assert_eq!(ask(GetFlowsRequest { number: 3, whitelist: https(), ..Default::default() }), [6, 8, 10]);
    }

    /// A request whose stock lists leave nothing, with our own.
    fn own(options: FlowsOptions) -> GetFlowsRequest {
        let mut request = GetFlowsRequest { whitelist: https(), blacklist: https(), ..Default::default() };
        request.extensions = Some(Any::from_msg(&options).unwrap());
        request
    }

    #[test]
    fn our_own_lists_stand_instead_of_the_stock_ones() {
        let low =
            v1::Filter { destination_port_range: vec![v1::PortRange { first: 1, last: 100 }], ..v1::Filter::default() };
        let allow = FlowsOptions { allow: vec![low.clone()], ..FlowsOptions::default() };
        assert_eq!(ask(own(allow)), [1, 3, 5, 7, 9]);
        let deny = FlowsOptions { deny: vec![low], ..FlowsOptions::default() };
        assert_eq!(ask(own(deny)), [2, 4, 6, 8, 10]);
        assert!(ask(own(FlowsOptions::default())).is_empty());
    }

    #[test]
    fn malformed_options_are_refused() {
        let mut request = own(FlowsOptions::default());
        request.extensions.as_mut().unwrap().value = vec![0xff];
        assert_eq!(Query::new(&request).unwrap_err().code(), tonic::Code::InvalidArgument);
        let bad = v1::Filter { snat_port: vec![70_000], ..v1::Filter::default() };
        let request = own(FlowsOptions { allow: vec![bad], ..FlowsOptions::default() });
        assert!(Query::new(&request).unwrap_err().message().contains("70000"));
    }

    #[test]
    fn the_first_ones_are_the_oldest() {
        assert_eq!(ask(GetFlowsRequest { number: 2, first: true, ..Default::default() }), [1, 2]);
    }

    #[test]
    fn since_and_until_are_inclusive() {
        assert_eq!(ask(GetFlowsRequest { since: at(4), until: at(6), ..Default::default() }), [4, 5, 6]);
    }

    #[test]
    fn since_decides_the_start_and_number_caps_the_count() {
        assert_eq!(ask(GetFlowsRequest { since: at(4), number: 2, ..Default::default() }), [4, 5]);
    }

    #[test]
    fn without_any_bound_everything_is_sent() {
        assert_eq!(ask(GetFlowsRequest::default()).len(), 10);
    }

    #[test]
    fn following_from_now_sends_nothing_old() {
        assert!(ask(GetFlowsRequest { follow: true, ..Default::default() }).is_empty());
        assert_eq!(ask(GetFlowsRequest { follow: true, number: 2, ..Default::default() }), [9, 10]);
    }

    #[test]
    fn the_last_before_a_moment_are_found() {
        assert_eq!(ask(GetFlowsRequest { number: 2, until: at(5), ..Default::default() }), [4, 5]);
    }

    #[test]
    fn first_with_follow_is_refused() {
        let request = GetFlowsRequest { first: true, follow: true, ..Default::default() };
        assert_eq!(Query::new(&request).unwrap_err().code(), tonic::Code::InvalidArgument);
    }
}
