//! Sums made on arrival say what counting says.

use tidegate_flow::flow::{Event, Verdict};

use super::flows::{SECOND, T, ours};
use super::{all, batch, folder, open};
use crate::sqlite::query::histogram_of;
use crate::{FlowStore, Query, Record, Span};

const MINUTE: u64 = 60 * SECOND;

fn query(since: u64, until: u64) -> Query {
    Query { span: Span { since: T + since, until: T + until }, allow: vec![], deny: vec![] }
}

/// Every third is dropped.
fn record(n: u64) -> Record {
    let mut record = ours(n, n * 7 * SECOND);
    if n.is_multiple_of(3) {
        record.flow.verdict = Verdict::Dropped;
        record.flow.event = Event::Drop(194);
    }
    record
}

#[tokio::test]
async fn sums_of_minutes_are_what_is_counted_in_whole_minutes() {
    let folder = folder();
    let store = open(&folder).await;
    for first in (0..200).step_by(25) {
        // The last five come again.
        let records = (first..first + 30).map(record);
        store.append(&batch(records)).await.unwrap();
    }
    assert_eq!(all(&store).await.len(), 205);
    for (since, until, buckets) in [
        (0, 24 * MINUTE, 24),
        (90 * SECOND, 200 * SECOND, 3),
        (MINUTE + 1, 20 * MINUTE - 1, 96),
        (5 * MINUTE, 500 * MINUTE, 7),
    ] {
        let sums = histogram_of(&store.segments, &query(since, until), buckets, None, 0).await.unwrap();
        if !sums.step.is_multiple_of(MINUTE) {
            assert!(!sums.rollup, "{sums:?}");
            continue;
        }
        let whole = query(since / MINUTE * MINUTE, until.div_ceil(MINUTE) * MINUTE);
        let counted = store.histogram(&whole, buckets, None).await.unwrap();
        assert!(sums.rollup && !counted.rollup);
        assert_eq!((sums.since, sums.step, &sums.buckets), (counted.since, counted.step, &counted.buckets));
        assert!(sums.complete_since <= T + since);
    }
    let filtered = Query { deny: vec![tidegate_flow::Filter { conditions: vec![] }], ..query(0, 24 * MINUTE) };
    assert!(!histogram_of(&store.segments, &filtered, 24, None, 0).await.unwrap().rollup);
}
