//! A segment as one question sees it: its blocks, slice by slice, and which of their flows are meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Sqlite, SqliteConnection, Transaction};

use super::columns::Columns;
use super::dictionary::Dictionary;
use super::place;
use super::selection::{self, Places, Selection};
use super::slice::{BlockRef, Slice, Slices};
use super::tables::Tables;
use super::{block, uuid};
use crate::sqlite::segments::Segment;
use crate::{Order, Query, Span, StoreError};

/// How long a question may look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(Option<Instant>);

impl Budget {
    /// From now on; none: without limit.
    pub(super) fn new(budget: Option<Duration>) -> Self {
        Self(budget.and_then(|budget| Instant::now().checked_add(budget)))
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}

/// Filters of a question at most: each costs memory in proportion to a segment's dictionaries.
const MOST_FILTERS: usize = 256;

/// The question to be asked, with a span whose end SQL can tell.
///
/// # Errors
/// When it has more filters than can be tried.
pub(super) fn asked(query: &Query) -> Result<Arc<Query>, StoreError> {
    let filters = query.allow.len() + query.deny.len();
    if filters > MOST_FILTERS {
        let reason = format!(
            "a question has at most {MOST_FILTERS} filters, this one has {filters}; put values of one key into one filter"
        );
        return Err(StoreError::Invalid(reason));
    }
    let span = Span { until: query.span.until.min(Span::ALL.until), ..query.span };
    Ok(Arc::new(Query { span, ..query.clone() }))
}

/// Which ids of a segment are looked at, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// From which end.
    pub(super) order: Order,
    /// Inclusive.
    pub(super) low: i64,
    /// Exclusive.
    pub(super) high: i64,
    /// Flows looked at in one go, about.
    pub(super) flows: usize,
}

/// A segment in one transaction, so that nothing changes while it is looked at.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) transaction: Transaction<'a, Sqlite>,
    /// Where the segment begins.
    pub(super) since: u64,
    pub(super) dictionary: Dictionary,
    selection: Selection,
    slices: Slices,
}

impl<'a> Scan<'a> {
    /// None: no flow of the segment is meant. What no filter needs is in the dictionary only if it is
    /// in `tables`; if these are none and there is no filter, nothing is.
    pub(super) async fn new(
        connection: &'a mut SqliteConnection,
        segment: &Segment,
        query: &Arc<Query>,
        range: Range,
        tables: Option<Tables>,
    ) -> Result<Option<Self>, sqlx::Error> {
        let mut transaction = connection.begin().await?;
        let conditions = || query.allow.iter().chain(&query.deny).flat_map(|filter| &filter.conditions);
        let filtered = !query.allow.is_empty() || !query.deny.is_empty();
        if filtered {
            let to_begin = conditions().map(Tables::to_begin).collect();
            let dictionary = segment.cache.dictionary(&mut transaction, to_begin).await?;
            let query = query.clone();
            if !apart(move |stop| selection::is_possible(&query, &dictionary, stop)).await {
                return Ok(None);
            }
        }
        let mut dictionary = Dictionary::default();
        if filtered || tables.is_some() {
            let all = conditions().map(Tables::of_condition).chain(tables).collect();
            dictionary = segment.cache.dictionary(&mut transaction, all).await?;
        }
        let mut selection = Selection::all();
        if filtered {
            let (low, high) = ids(segment.since, query.span);
            let uuids = uuid::find(&mut transaction, &dictionary, &uuid::named(query), low, high).await?;
            let (query, dictionary) = (query.clone(), dictionary.clone());
            match apart(move |stop| Selection::new(&query, &dictionary, &uuids, stop)).await {
                Some(some) => selection = some,
                None => return Ok(None),
            }
        }
        let Range { order, low, high, flows } = range;
        let blocks = block::overlapping(&mut transaction, low, high).await?;
        let slices = Slices::new(blocks, order, low, high, flows);
        Ok(Some(Self { transaction, since: segment.since, dictionary, selection, slices }))
    }

    /// The next slice.
    pub(super) fn next(&mut self) -> Option<Slice> {
        self.slices.next()
    }

    /// The flows of a block that are in `slice`, and which of them are meant.
    pub(super) async fn look(&mut self, slice: &Slice, block: BlockRef) -> Result<(Columns<'_>, Places), sqlx::Error> {
        let mut columns = Columns::new(&mut self.transaction, block, slice).await?;
        let places = self.selection.places(&mut columns).await?;
        Ok((columns, places))
    }

    /// The time from which on everything is known once the slices down to `slice` were looked at,
    /// newest first.
    pub(super) fn known_since(&self, slice: &Slice) -> u64 {
        place::time(self.since, slice.low)
    }
}

/// Does work that may take long where it keeps nobody waiting. It is told to stop when nobody waits
/// for it.
async fn apart<T: Send + 'static>(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> T {
    struct Told(Arc<AtomicBool>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let told = Told(Arc::default());
    let stop = told.0.clone();
    match tokio::task::spawn_blocking(move || work(&stop)).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it whoever waits.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The ids of a segment that are in a span: from the first up to and without the second.
pub(super) fn ids(since: u64, span: Span) -> (i64, i64) {
    place::bounds(since, span, Order::default(), None)
}
