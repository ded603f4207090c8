//! Counts by time and by value.

use std::time::Duration;

use tidegate_store::{Bucket, FacetField, FlowStore, Histogram, Query, Span, StoreError};

use super::{Engine, Given, START, everything};
use crate::question::query;
use crate::{FIELDS, Random};

const SECOND: u64 = 1_000_000_000;

async fn histogram(store: &dyn FlowStore, span: Span, buckets: u32, budget: Option<Duration>) -> Histogram {
    store.histogram(&Query { span, ..everything() }, buckets, budget).await.expect("a histogram")
}

/// Buckets begin at whole multiples of their length, cover the span, and hold what is in them to
/// the nanosecond.
pub async fn buckets_are_whole_steps(engine: &dyn Engine) {
    let given = Given::flows(engine, 1_000).await;
    let expected = given.expected();
    let flows = expected.records();
    let (first, last) = (flows[0].flow.time, flows[999].flow.time);
    for (since, until, buckets) in [
        (first, last + 1, 1),
        (first, last, 60),
        (flows[10].flow.time, flows[20].flow.time, 1_000),
        (flows[500].flow.time, flows[500].flow.time + 1, 5),
        (START - 3_600 * SECOND, START + 7_200 * SECOND, 96),
        (0, Span::ALL.until, 1_000),
        (0, u64::MAX, 7),
    ] {
        let span = Span { since, until };
        let Histogram { since: start, step, buckets: counts, complete_since, rollup } =
            histogram(&*given.store, span, buckets, None).await;
        assert!(counts.len() <= buckets as usize && start.is_multiple_of(step) && start <= since, "{start} {step}");
        assert!(since - start < step, "the first bucket is before the span");
        let end = u128::from(start) + u128::from(step) * counts.len() as u128;
        assert!(end >= u128::from(until.min(Span::ALL.until)) && end - u128::from(step) < u128::from(until));
        assert!(!rollup && complete_since <= since);
        let meant = expected.only(&Query { span, ..everything() });
        assert_eq!(counts, meant.histogram(start, step, counts.len()));
    }
}

/// Counts that took too long are continued where they ended, and add up, whatever the bucket
/// lengths of the parts.
pub async fn counts_of_parts_add_up(engine: &dyn Engine) {
    let given = Given::flows(engine, 1_500).await;
    let expected = given.expected();
    let mut random = Random::new(2);
    for _ in 0..12 {
        let mut query = query(expected.records(), &mut random);
        query.span.since = query.span.since.max(START - 100 * SECOND);
        query.span.until = query.span.until.min(START + 900 * SECOND);
        let whole = given.store.histogram(&query, 30, None).await.expect("a histogram");
        let mut sum = vec![Bucket::default(); whole.buckets.len()];
        let mut outcomes = 0;
        let mut left = query.clone();
        while left.span.until > left.span.since {
            let part = given.store.histogram(&left, 30, Some(Duration::ZERO)).await.expect("a histogram");
            assert!(part.complete_since < left.span.until, "nothing was counted");
            for (n, bucket) in (0..).zip(&part.buckets) {
                let place = (part.since + n * part.step).max(whole.since) - whole.since;
                let target = &mut sum[((place / whole.step) as usize).min(whole.buckets.len() - 1)];
                target.iter_mut().zip(bucket).for_each(|(sum, count)| *sum += count);
            }
            left.span.until = part.complete_since;
        }
        assert_eq!(sum, whole.buckets);
        left.span.until = query.span.until;
        while left.span.until > left.span.since {
            let fields = [FacetField::Outcome];
            let part = given.store.facets(&left, &fields, 9, "", Some(Duration::ZERO)).await.expect("facets");
            assert!(part.complete_since < left.span.until, "nothing was counted");
            outcomes += part.facets[0].values.iter().map(|(_, flows)| flows).sum::<u64>();
            left.span.until = part.complete_since;
        }
        assert_eq!(outcomes, whole.buckets.iter().flatten().sum::<u64>());
    }
}

/// Values by frequency, then by text; what is not listed is counted too.
pub async fn facets_are_the_most_frequent(engine: &dyn Engine) {
    let mut given = Given::flows(engine, 1_200).await;
    let expected = given.expected();
    for field in FIELDS {
        // Nothing is known from questions about other fields.
        given.reopen().await;
        let facets = given.store.facets(&everything(), &[field], 5, "", None).await.expect("facets");
        assert_eq!(facets.facets, [expected.facet(field, 5, "")]);
    }
    for (limit, prefix) in [(0, ""), (1, ""), (5, "p"), (1_000, "PAY"), (1_000, "zzz"), (usize::MAX, "1")] {
        let facets = given.store.facets(&everything(), &FIELDS, limit, prefix, None).await.expect("facets");
        for (facet, field) in facets.facets.iter().zip(FIELDS) {
            assert_eq!(*facet, expected.facet(field, limit, prefix));
        }
    }
    let twice = [FacetField::NodeName, FacetField::Verdict, FacetField::NodeName];
    let facets = given.store.facets(&everything(), &twice, 2, "", None).await.expect("facets").facets;
    assert_eq!(facets[0], facets[2]);
    assert_eq!(facets.iter().map(|facet| facet.field).collect::<Vec<_>>(), twice);
    assert!(given.store.facets(&everything(), &[], 2, "", None).await.expect("facets").facets.is_empty());
}

/// A span that ends before it begins has no flows and no buckets; no buckets at all are refused.
pub async fn a_span_that_is_nothing_has_no_counts(engine: &dyn Engine) {
    let given = Given::flows(engine, 100).await;
    for (since, until) in [(START, START), (START + 1, START), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
        let span = Span { since, until };
        let histogram = histogram(&*given.store, span, 10, None).await;
        assert_eq!((histogram.buckets.len(), histogram.complete_since), (0, since));
        let query = Query { span, ..everything() };
        let facets = given.store.facets(&query, &FIELDS, 10, "", None).await.expect("facets");
        assert!(facets.facets.iter().all(|facet| facet.values.is_empty() && facet.others == 0));
    }
    assert!(matches!(given.store.histogram(&everything(), 0, None).await, Err(StoreError::Invalid(_))));
    let many = histogram(&*given.store, Span { since: START, until: START + SECOND }, u32::MAX, None).await;
    assert!(many.buckets.len() <= 100_000, "{} buckets", many.buckets.len());
}
