//! What the store found, as messages.

use std::collections::VecDeque;

use prost::Message;
use tidegate_proto::encode::{self, timestamp};
use tidegate_proto::{flow, v1};
use tidegate_store::{Bucket, Facet, FacetField, Facets, Gap, Histogram, Record, StoreError};
use tonic::Status;

/// Bytes of flows in one message; clients take four million.
pub(super) const MESSAGE: usize = 3_000_000;

/// The stored flow, with what only we say about it.
pub(crate) fn flow(record: &Record) -> flow::Flow {
    let bytes = record.original.clone().unwrap_or_else(|| encode::whole(&record.flow).into());
    // What was stored as it came was readable then.
    flow::Flow::decode(bytes).unwrap_or_default()
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
