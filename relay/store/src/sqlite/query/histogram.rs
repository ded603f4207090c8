//! Flows by time and outcome.

use std::time::Duration;

use sqlx::Row as _;
use tidegate_flow::flow::Outcome;

use super::block::Column;
use super::columns::Columns;
use super::count::{Counter, count};
use super::dictionary::Dictionary;
use super::scan::{self, Budget};
use super::selection::Places;
use super::tables::Tables;
use super::{place, step};
use crate::sqlite::connect::Reader;
use crate::sqlite::segments::Segments;
use crate::{Bucket, Histogram, Query, Span, StoreError};

/// Flows from which on it is quicker to add up sums of minutes than to count.
const MANY: u64 = 4_000_000;

/// Buckets of an answer at most, whatever was asked for.
const MOST_BUCKETS: u32 = 10_000;

/// See [`crate::FlowStore::histogram`].
pub(in crate::sqlite) async fn histogram(
    segments: &Segments,
    query: &Query,
    buckets: u32,
    budget: Option<Duration>,
) -> Result<Histogram, StoreError> {
    histogram_of(segments, query, buckets, budget, MANY).await
}

/// As [`histogram`], for which flows are as many as `many`.
pub(in crate::sqlite) async fn histogram_of(
    segments: &Segments,
    query: &Query,
    buckets: u32,
    budget: Option<Duration>,
    many: u64,
) -> Result<Histogram, StoreError> {
    if buckets == 0 {
        return Err(StoreError::Invalid("a histogram has at least one bucket".to_owned()));
    }
    let query = scan::asked(query)?;
    let span = query.span;
    if span.until <= span.since {
        let since = span.since;
        return Ok(Histogram { since, step: 1, buckets: Vec::new(), complete_since: since, rollup: false });
    }
    let (step, since) = step::choose(span, buckets.min(MOST_BUCKETS));
    let none = vec![Bucket::default(); step::count(span, step) as usize];
    let mut buckets = Buckets { since, step, buckets: none };
    let unfiltered = query.allow.is_empty() && query.deny.is_empty();
    let flows = || segments.of(span).iter().map(|segment| segment.told().flows).sum::<u64>();
    let rollup = unfiltered && step::is_whole_minutes(step) && flows() >= many;
    let complete_since = if rollup {
        let minutes = step::whole_minutes(span);
        add_up(segments, minutes, &mut buckets).await?;
        minutes.since
    } else {
        count(segments, &query, Budget::new(budget), &mut buckets).await?
    };
    let Buckets { since, step, buckets } = buckets;
    Ok(Histogram { since, step, buckets, complete_since: complete_since.max(span.since), rollup })
}

/// Buckets of `step` nanoseconds from `since` on.
#[derive(Debug)]
struct Buckets {
    since: u64,
    step: u64,
    buckets: Vec<Bucket>,
}

impl Counter for Buckets {
    type Counts = Vec<Bucket>;

    fn columns(&self) -> Vec<Column> {
        vec![Column::Id, Column::Outcome]
    }

    fn tables(&self) -> Option<Tables> {
        None
    }

    fn begin(&self, _: &Dictionary) -> Vec<Bucket> {
        vec![Bucket::default(); self.buckets.len()]
    }

    fn count(&self, counts: &mut Vec<Bucket>, since: u64, columns: &Columns<'_>, places: &Places) {
        let (ids, outcomes) = (columns.read_ids(), columns.read(Column::Outcome));
        // Ids are in order, so most are in the bucket of the one before.
        let (mut bucket, mut end) = (0, 0);
        places.each(|place| {
            let id = ids[place];
            if id >= end {
                let number = (place::time(since, id) - self.since) / self.step;
                bucket = number as usize;
                end = place::at(since, self.since.saturating_add((number + 1).saturating_mul(self.step)));
            }
            add(counts, bucket, outcomes[place].into(), 1);
        });
    }

    fn add(&mut self, counts: Vec<Bucket>, _: &Dictionary) -> Result<(), sqlx::Error> {
        for (sum, bucket) in self.buckets.iter_mut().zip(counts) {
            sum.iter_mut().zip(bucket).for_each(|(sum, count)| *sum += count);
        }
        Ok(())
    }
}

/// Adds to a bucket; what is damaged is in none.
fn add(buckets: &mut [Bucket], bucket: usize, outcome: i64, flows: u64) {
    let outcome = (outcome - Outcome::Forwarded as i64) as usize;
    if let Some(count) = buckets.get_mut(bucket).and_then(|bucket| bucket.get_mut(outcome)) {
        *count += flows;
    }
}

/// Adds up the sums of whole minutes.
async fn add_up(segments: &Segments, minutes: Span, buckets: &mut Buckets) -> Result<(), StoreError> {
    for segment in segments.of(minutes) {
        let Some(mut reader) = segments.read(&segment).await? else { continue };
        match sums(&mut reader, minutes).await {
            Ok(sums) => {
                for (minute, outcome, flows) in sums {
                    let bucket = (minute - buckets.since) / buckets.step;
                    add(&mut buckets.buckets, bucket as usize, outcome, flows);
                }
            }
            Err(error) => segments.failed(&segment, "add up flows", error)?,
        }
    }
    Ok(())
}

/// The sums of a segment: minute, outcome, flows.
async fn sums(reader: &mut Reader, minutes: Span) -> Result<Vec<(u64, i64, u64)>, sqlx::Error> {
    let sums = sqlx::query("SELECT minute, outcome, flows FROM hist_minute WHERE minute >= ? AND minute < ?");
    let sums = sums.bind(minutes.since as i64).bind(i64::try_from(minutes.until).unwrap_or(i64::MAX));
    let read = |row: sqlx::sqlite::SqliteRow| {
        Ok((row.try_get::<i64, _>(0)? as u64, row.try_get(1)?, row.try_get::<i64, _>(2)? as u64))
    };
    sums.try_map(read).fetch_all(&mut **reader).await
}
