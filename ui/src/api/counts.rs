//! Flows over time, and by value.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use tidegate_proto::drop_reason;
use tidegate_proto::flow::DropReason;
use tidegate_proto::terms::Term;
use tidegate_proto::v1::{
    self, FacetField, FacetValue, FacetsRequest, GapsRequest, HistogramRequest, HistogramResponse,
};
use tokio::time::Instant;

use super::{App, millis, params, turn};
use crate::answer::{Bucket, CountSource, Facet, Facets, Histogram, ValueCount};
use crate::failure::Failure;
use crate::lost;
use crate::params::Span;
use crate::routes::FACETS;
use crate::time::Time;

/// How long the store may count before it answers with what it has; doubled as long as that does
/// not fill a bucket.
const BUDGET_MS: u32 = 300;
/// From here on the store is given all the time that a question has.
const BUDGET_MAX_MS: u32 = 10_000;
/// Values per field.
const VALUES: u32 = 10;

pub(super) async fn histogram(State(app): State<Arc<App>>, query: RawQuery) -> Result<Json<Histogram>, Failure> {
    let started = Instant::now();
    let params = params("/flows/histogram", &query)?;
    let span = params.span(jiff::Timestamp::now())?;
    let question = span.query(&params.terms)?;
    let _turn = turn(&app.turns.questions).await?;
    let gaps = app.relay.gaps(GapsRequest { since: question.since, until: question.until });
    let counts = async {
        let mut budget_ms = BUDGET_MS;
        loop {
            let (query, buckets) = (Some(question.clone()), params.count("buckets"));
            let answer = app.relay.histogram(HistogramRequest { query, buckets, budget_ms }).await?;
            let counts = Counts::of(&answer, span);
            if counts.complete || counts.skipped < counts.buckets.len() || budget_ms == 0 {
                return Ok(counts);
            }
            budget_ms = if budget_ms < BUDGET_MAX_MS { budget_ms * 2 } else { 0 };
        }
    };
    let (counts, gaps) = tokio::try_join!(counts, gaps)?;
    Ok(Json(Histogram {
        since: counts.since,
        span_since: span.since,
        until: span.until,
        step_ms: millis_of(counts.step_ns),
        complete_since: counts.complete_since,
        complete: counts.complete,
        buckets: counts.buckets,
        source: counts.source,
        lost: gaps.gaps.iter().map(lost::of).collect(),
        ms: millis(started),
    }))
}

pub(super) async fn facets(State(app): State<Arc<App>>, query: RawQuery) -> Result<Json<Facets>, Failure> {
    let started = Instant::now();
    let params = params("/flows/facets", &query)?;
    let span = params.span(jiff::Timestamp::now())?;
    let names: Vec<_> = params.text("fields").unwrap_or_default().split(',').collect();
    let fields = names.iter().filter_map(|name| field(name)).map(i32::from).collect();
    let request = FacetsRequest {
        query: Some(span.query(&params.terms)?),
        fields,
        limit: VALUES,
        budget_ms: BUDGET_MS,
        prefix: String::new(),
    };
    let _turn = turn(&app.turns.questions).await?;
    let answer = app.relay.facets(request).await?;
    let complete_since = Time::of(answer.complete_since.as_ref()).unwrap_or(span.since);
    Ok(Json(Facets {
        facets: answer.facets.into_iter().filter_map(facet).collect(),
        complete_since: complete_since.max(span.since),
        complete: complete_since <= span.since,
        ms: millis(started),
    }))
}

/// The relay's name of a field.
pub(super) fn field(name: &str) -> Option<FacetField> {
    let at = FACETS.iter().position(|field| *field == name)?;
    FacetField::try_from(i32::try_from(at).ok()? + 1).ok()
}

/// Whether a value that flows have is one that a filter takes: an empty one is not, nor one that is
/// newer than this program.
pub(super) fn takes(key: &str, value: &str) -> bool {
    !value.is_empty() && Term::new(key, value).check().is_ok()
}

fn facet(facet: v1::Facet) -> Option<Facet> {
    let at = usize::try_from(facet.field).ok()?.checked_sub(1)?;
    let name = *FACETS.get(at)?;
    let mut others = facet.others;
    let mut values = Vec::with_capacity(facet.values.len());
    for FacetValue { value, flows } in facet.values {
        match takes(name, &value) {
            true => values.push(ValueCount { text: words(name, &value), value, count: flows }),
            // No choice; and flows without a value are not among those that have one.
            false if value.is_empty() => {}
            false => others += flows,
        }
    }
    Some(Facet { field: name.to_owned(), key: name.to_owned(), values, others })
}

/// What a value means, where it is a word of the protocol.
fn words(key: &str, value: &str) -> Option<String> {
    let reason = DropReason::from_str_name(value)
        .filter(|reason| key == "drop-reason-desc" && *reason != DropReason::Unknown)?;
    Some(drop_reason::text(i32::from(reason).cast_unsigned()).into_owned())
}

/// Counts in whole buckets.
#[derive(Debug)]
struct Counts {
    since: Time,
    step_ns: u64,
    buckets: Vec<Bucket>,
    /// First buckets that are not counted yet.
    skipped: usize,
    complete_since: Time,
    complete: bool,
    source: CountSource,
}

impl Counts {
    /// The relay's counts, without those of a bucket that is counted in part: asked for the rest,
    /// up to a bucket's edge, it answers on this grid or a finer one, and both add up.
    fn of(answer: &HistogramResponse, span: Span) -> Self {
        let since = Time::of(answer.since.as_ref()).unwrap_or(span.since);
        let counted = Time::of(answer.complete_since.as_ref()).unwrap_or(since);
        let complete = counted <= span.since.max(since) || answer.buckets.is_empty();
        let mut buckets: Vec<_> = answer.buckets.iter().map(bucket).collect();
        let step = i128::from(answer.step_ns.max(1));
        let skipped = match complete {
            true => 0,
            false => usize::try_from((counted.ns() - since.ns() + step - 1) / step).unwrap_or(usize::MAX),
        };
        let skipped = skipped.min(buckets.len());
        buckets[..skipped].fill(Bucket::default());
        let edge = since.ns() + step * i128::try_from(skipped).unwrap_or(i128::MAX);
        Self {
            since,
            step_ns: answer.step_ns,
            buckets,
            skipped,
            complete_since: if complete { span.since.min(since) } else { Time::from_ns(edge).min(span.until) },
            complete,
            source: match answer.source() {
                v1::CountSource::Rollup => CountSource::Rollup,
                v1::CountSource::Flows | v1::CountSource::Unspecified => CountSource::Flows,
            },
        }
    }
}

fn bucket(bucket: &v1::Bucket) -> Bucket {
    let v1::Bucket { forwarded, translated, dropped, audit, error } = *bucket;
    Bucket { forwarded, translated, dropped, audit, error }
}

fn millis_of(ns: u64) -> f64 {
    std::time::Duration::from_nanos(ns).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time::from_ns(i128::from(second) * 1_000_000_000)
    }

    /// Ten buckets of ten seconds from 100 s on, one flow in each that is counted.
    fn answer(counted: i64) -> HistogramResponse {
        let full = |at: i64| 100 + at * 10 + 10 > counted;
        HistogramResponse {
            since: Some(at(100).message()),
            step_ns: 10_000_000_000,
            buckets: (0..10).map(|at| v1::Bucket { dropped: u64::from(full(at)), ..v1::Bucket::default() }).collect(),
            complete_since: Some(at(counted).message()),
            source: v1::CountSource::Flows.into(),
        }
    }

    const SPAN: fn() -> Span = || Span { since: at(100), until: at(200) };

    fn total(counts: &Counts) -> u64 {
        counts.buckets.iter().map(|bucket| bucket.dropped).sum()
    }

    #[test]
    fn every_facet_has_its_field_and_back() {
        for name in FACETS {
            let field = field(name).expect(name);
            let back = facet(v1::Facet { field: field.into(), ..v1::Facet::default() }).expect(name);
            assert_eq!((back.field.as_str(), back.key.as_str()), (*name, *name));
        }
        assert_eq!(field("outcome"), Some(FacetField::Outcome));
        assert_eq!(field("drop-reason-desc"), Some(FacetField::DropReason));
        assert_eq!(field("snat-ip"), Some(FacetField::EgressIp));
        assert_eq!(field("uuid"), None);
    }

    #[test]
    fn a_value_that_no_filter_takes_is_known() {
        assert!(takes("verdict", "DROPPED") && takes("from-pod", "shop/cart-1") && takes("to-ip", "2001:db8::1"));
        assert!(!takes("verdict", "VERDICT_UNKNOWN") && !takes("from-namespace", "") && !takes("to-port", "x"));
    }

    #[test]
    fn a_whole_count_is_complete() {
        let counts = Counts::of(&answer(100), SPAN());
        assert!(counts.complete);
        assert_eq!((total(&counts), counts.complete_since), (10, at(100)));
    }

    #[test]
    fn a_bucket_that_is_counted_in_part_is_left_for_the_next_question() {
        let counts = Counts::of(&answer(145), SPAN());
        assert!(!counts.complete);
        // The bucket of 140 to 150 has flows of its newer half: they are counted again.
        assert_eq!((counts.skipped, total(&counts), counts.complete_since), (5, 5, at(150)));
        let on_an_edge = Counts::of(&answer(150), SPAN());
        assert_eq!((on_an_edge.skipped, on_an_edge.complete_since), (5, at(150)));
    }

    #[test]
    fn a_count_that_filled_no_bucket_is_seen() {
        let counts = Counts::of(&answer(195), SPAN());
        assert_eq!((counts.skipped, counts.buckets.len(), total(&counts)), (10, 10, 0));
    }

    #[test]
    fn sums_begin_at_a_whole_minute_and_are_complete() {
        let rollup = HistogramResponse {
            since: Some(at(60).message()),
            complete_since: Some(at(60).message()),
            source: v1::CountSource::Rollup.into(),
            ..answer(100)
        };
        let counts = Counts::of(&rollup, SPAN());
        assert!(counts.complete);
        assert_eq!((counts.since, counts.source), (at(60), CountSource::Rollup));
    }
}
