//! Counting, the newest flows first.

use std::sync::Arc;

use super::block::Column;
use super::cache::forget;
use super::columns::Columns;
use super::dictionary::Dictionary;
use super::scan::{self, Budget, Range, Scan};
use super::selection::Places;
use super::tables::Tables;
use crate::sqlite::connect::Reader;
use crate::sqlite::segments::{Segment, Segments};
use crate::{Order, Query, StoreError};

/// Flows counted in one go, between two looks at the clock.
const FLOWS: usize = 65_536;

/// What is counted.
pub(super) trait Counter: Sync {
    /// The counts of one segment.
    type Counts: Send;

    /// Columns that are looked at.
    fn columns(&self) -> Vec<Column>;

    /// Dictionaries that are needed to understand the counts; none: not even the small ones.
    fn tables(&self) -> Option<Tables>;

    /// No counts.
    fn begin(&self, dictionary: &Dictionary) -> Self::Counts;

    /// Counts some flows, whose columns were read, of a segment that begins at `since`.
    fn count(&self, counts: &mut Self::Counts, since: u64, columns: &Columns<'_>, places: &Places);

    /// Adds the counts of a segment.
    ///
    /// # Errors
    /// When they are of what its dictionary lacks.
    fn add(&mut self, counts: Self::Counts, dictionary: &Dictionary) -> Result<(), sqlx::Error>;
}

/// Counts what a question is about, and yields the time from which on everything is counted.
pub(super) async fn count<C: Counter>(
    segments: &Segments,
    query: &Arc<Query>,
    budget: Budget,
    counter: &mut C,
) -> Result<u64, StoreError> {
    let mut newer = None;
    for segment in segments.of(query.span).iter().rev() {
        if let Some(since) = newer
            && budget.is_spent()
        {
            return Ok(since);
        }
        newer = Some(segment.since);
        let Some(mut reader) = segments.read(segment).await? else { continue };
        let counted = part(segment, &mut reader, query, budget, counter).await;
        forget(&segments.all());
        match counted {
            Ok(None) => {}
            Ok(Some(known_since)) => return Ok(known_since),
            Err(error) => segments.failed(segment, "count flows", error)?,
        }
    }
    Ok(query.span.since)
}

/// Counts the flows of one segment. If the budget ended that, the time from which on all are counted.
async fn part<C: Counter>(
    segment: &Segment,
    reader: &mut Reader,
    query: &Arc<Query>,
    budget: Budget,
    counter: &mut C,
) -> Result<Option<u64>, sqlx::Error> {
    let (low, high) = scan::ids(segment.since, query.span);
    let range = Range { order: Order::NewestFirst, low, high, flows: FLOWS };
    let Some(mut scan) = Scan::new(reader, segment, query, range, counter.tables()).await? else {
        return Ok(None);
    };
    let mut counts = counter.begin(&scan.dictionary);
    let needed = counter.columns();
    let mut known_since = None;
    let mut next = scan.next();
    while let Some(slice) = next {
        for block in &slice.blocks {
            let (mut columns, places) = scan.look(&slice, *block).await?;
            if places.is_empty() {
                continue;
            }
            for column in &needed {
                columns.load(*column).await?;
            }
            counter.count(&mut counts, segment.since, &columns, &places);
        }
        next = scan.next();
        if next.is_some() && budget.is_spent() {
            known_since = Some(scan.known_since(&slice));
            break;
        }
    }
    counter.add(counts, &scan.dictionary)?;
    Ok(known_since)
}
