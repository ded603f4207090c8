//! Asking for everything there is, page by page, and comparing it with what is expected.

use std::time::Duration;

use tidegate_store::{FlowStore, Order, PageRequest, Query, Record, Stored};

use crate::{Expected, FIELDS};

/// All flows that a question is about, in pages of `limit`.
pub(crate) async fn walk(
    store: &dyn FlowStore,
    query: &Query,
    order: Order,
    limit: usize,
    budget: Option<Duration>,
) -> Vec<Stored> {
    let mut all: Vec<Stored> = Vec::new();
    let mut after = None;
    loop {
        let page = store.page(query, &PageRequest { order, after, limit, budget }).await.expect("a page");
        assert!(page.flows.len() <= limit, "{} flows on a page of {limit}", page.flows.len());
        assert!(budget.is_some() || !page.budget_spent, "no budget was given");
        if page.next.is_some() && !page.budget_spent {
            assert_eq!(page.flows.len(), limit, "a page ended early");
            assert_eq!(page.next, page.flows.last().map(|flow| flow.cursor));
        }
        all.extend(page.flows);
        let Some(next) = page.next else { break };
        if let Some(after) = after {
            let on = if order == Order::NewestFirst { next < after } else { next > after };
            assert!(on, "{next:?} does not lead on from {after:?}");
        }
        after = Some(next);
    }
    let ordered = |pair: &[Stored]| match order {
        Order::NewestFirst => pair[0].cursor > pair[1].cursor,
        Order::OldestFirst => pair[0].cursor < pair[1].cursor,
    };
    assert!(all.windows(2).all(ordered), "flows are not in order");
    assert!(all.iter().all(|flow| flow.cursor.time == flow.record.flow.time));
    all
}

/// Checks that the flows are exactly the expected ones, to the last field.
pub(crate) fn same_flows<'a>(found: Vec<Stored>, expected: impl Iterator<Item = &'a Record>) {
    let mut found: Vec<_> = found.into_iter().map(|flow| flow.record).collect();
    found.sort_by_key(|record| (record.flow.time, record.uuid));
    let mut expected: Vec<_> = expected.collect();
    expected.sort_by_key(|record| (record.flow.time, record.uuid));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.uuid, expected.uuid);
        assert_eq!(found.flow, expected.flow);
        assert_eq!(found.original, expected.original);
    }
    assert_eq!(found.len(), expected.len());
}

/// Checks every kind of answer to a question.
pub(crate) async fn agree(store: &dyn FlowStore, expected: &Expected, query: &Query) {
    let meant = expected.only(query);
    for (order, limit) in [(Order::NewestFirst, 50), (Order::OldestFirst, 7_000)] {
        same_flows(walk(store, query, order, limit, None).await, meant.records().iter());
    }
    counts_agree(store, &meant, query).await;
}

/// Checks the counts that answer a question, of which these are the flows.
pub(crate) async fn counts_agree(store: &dyn FlowStore, meant: &Expected, query: &Query) {
    let histogram = store.histogram(query, 20, None).await.expect("a histogram");
    assert!(!histogram.rollup, "so few flows need no sums");
    assert!(histogram.complete_since <= query.span.since && histogram.buckets.len() <= 20);
    let counted = meant.histogram(histogram.since, histogram.step, histogram.buckets.len());
    assert_eq!(histogram.buckets, counted, "{query:?}");
    for (limit, prefix) in [(3, ""), (100, "WORK")] {
        let facets = store.facets(query, &FIELDS, limit, prefix, None).await.expect("facets");
        assert!(facets.complete_since <= query.span.since);
        assert_eq!(facets.facets.len(), FIELDS.len());
        for (facet, field) in facets.facets.iter().zip(FIELDS) {
            assert_eq!(*facet, meant.facet(field, limit, prefix), "{query:?}");
        }
    }
}
