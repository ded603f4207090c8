//! What the store found, as messages.

use std::collections::VecDeque;

use prost::Message;
use tidegate_flow::flow::uuid_text;
use tidegate_proto::encode::{self, timestamp};
use tidegate_proto::{flow, v1};
use tidegate_store::{Bucket, Facet, FacetField, Facets, Gap, Histogram, Record, StoreError};
use tonic::Status;

/// Bytes of flows in one message; clients take four million.
pub(super) const MESSAGE: usize = 3_000_000;

/// The stored flow, with what only we say about it, under the uuid and the time that it is found
/// by: other programs send flows without a uuid, and times that no calendar has.
pub(super) fn flow(record: &Record) -> flow::Flow {
    let (uuid, time) = (uuid_text(record.uuid), Some(timestamp(record.flow.time)));
    flow::Flow { uuid, time, ..message(record) }
}

/// The stored flow as it came. What was stored so was readable then; should it be no more, the
/// facts that are stored beside it are.
pub(crate) fn message(record: &Record) -> flow::Flow {
    let original = record.original.clone().and_then(|bytes| flow::Flow::decode(bytes).ok());
    original.unwrap_or_else(|| {
        flow::Flow::decode(encode::whole(&record.flow).as_slice()).expect("what we encode is a message")
    })
}

/// Takes flows off the front as long as they fit in a message; at least one.
pub(super) fn portion(flows: &mut VecDeque<flow::Flow>) -> Vec<flow::Flow> {
    let mut bytes = 0;
    let mut portion = Vec::new();
    while let Some(flow) = flows.front() {
        bytes += flow.encoded_len();
        if bytes > MESSAGE && !portion.is_empty() {
            break;
        }
        portion.extend(flows.pop_front());
    }
    portion
}

pub(super) fn gap(gap: &Gap) -> v1::Gap {
    v1::Gap {
        node: gap.node.clone(),
        since: Some(timestamp(gap.since)),
        until: Some(timestamp(gap.until)),
        count: gap.count,
        reason: gap.reason as i32,
    }
}

pub(super) fn histogram(found: &Histogram) -> v1::HistogramResponse {
    let source = if found.rollup { v1::CountSource::Rollup } else { v1::CountSource::Flows };
    v1::HistogramResponse {
        since: Some(timestamp(found.since)),
        step_ns: found.step,
        buckets: found.buckets.iter().map(bucket).collect(),
        complete_since: Some(timestamp(found.complete_since)),
        source: source.into(),
    }
}

fn bucket([forwarded, translated, dropped, audit, error]: &Bucket) -> v1::Bucket {
    v1::Bucket { forwarded: *forwarded, translated: *translated, dropped: *dropped, audit: *audit, error: *error }
}

pub(super) fn facets(found: &Facets) -> v1::FacetsResponse {
    v1::FacetsResponse {
        facets: found.facets.iter().map(facet).collect(),
        complete_since: Some(timestamp(found.complete_since)),
    }
}

fn facet(found: &Facet) -> v1::Facet {
    let value = |(value, flows): &(String, u64)| {
        let value = match found.field {
            FacetField::DropReason => drop_reason(value),
            _ => value.clone(),
        };
        v1::FacetValue { value, flows: *flows }
    };
    v1::Facet { field: found.field as i32, values: found.values.iter().map(value).collect(), others: found.others }
}

/// The name of a reason that the store knows by its number; one without a name is its number.
pub(super) fn drop_reason(number: &str) -> String {
    let named = number.parse::<i32>().ok().and_then(|number| flow::DropReason::try_from(number).ok());
    named.map_or_else(|| number.to_owned(), |reason| reason.as_str_name().to_owned())
}

/// The store's error as the client's.
pub(crate) fn failure(error: &StoreError) -> Status {
    match error {
        StoreError::Invalid(reason) => Status::invalid_argument(reason),
        other => Status::unavailable(format!("the store does not answer: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_flow::FlowId;
    use tidegate_proto::decode::Decoder;

    use super::*;
    use crate::fake::own_flow;

    fn record() -> Record {
        let frame = own_flow("a", FlowId { boot: 1, sequence: 7 }, 5_000_000_000);
        let decoded = Decoder::new().decode(frame.flow().expect("a flow")).expect("valid");
        Record { uuid: decoded.uuid, flow: decoded.flow, original: None }
    }

    #[test]
    fn a_flow_whose_own_bytes_are_damaged_is_shown_as_far_as_it_is_known() {
        let damaged = Record { original: Some(Bytes::from_static(b"\xff")), ..record() };
        assert_eq!(flow(&damaged), flow(&record()));
        assert_eq!(message(&damaged).node_name, "a");
    }

    #[test]
    fn a_flow_is_named_and_timed_as_it_is_found_and_else_as_it_came() {
        let foreign = flow::Flow {
            uuid: "none".into(),
            time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
            summary: "TCP".into(),
            ..flow::Flow::default()
        };
        let stored = Record { original: Some(foreign.encode_to_vec().into()), ..record() };
        assert_eq!(message(&stored), foreign);
        let shown = flow(&stored);
        assert_eq!((shown.uuid, shown.time), (uuid_text(stored.uuid), Some(timestamp(5_000_000_000))));
        assert_eq!(shown.summary, "TCP");
    }
}
