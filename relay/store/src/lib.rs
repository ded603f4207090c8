//! Stored flows: kept in time order, found again by what is known about them, removed when they
//! are old. The only place that speaks SQL; above it there are flows, filters and counts.
//!
//! [`FlowStore`] is what every engine does, and `tests/store` holds each of them to it.
//! [`sqlite`] is the engine of one machine: a folder with a catalog and a file per span of time.
//!
//! Invariants: a flow is stored at most once, whoever delivers it how often ([`Record::uuid`]).
//! How far a node was recorded is stored with its flows, in one transaction. A filter means here
//! what it means in `tidegate_flow::filter`, to the last flow.

#![forbid(unsafe_code)]

mod error;
mod model;
pub mod sqlite;

use std::fmt::Debug;
use std::time::Duration;

pub use error::StoreError;
pub use model::{
    Appended, Batch, Bucket, Cursor, Facet, FacetField, Facets, Gap, GapReason, Histogram, Maintained, Order, Page,
    PageRequest, Progress, Query, Record, Retention, Span, Stats, Stored,
};

/// What every engine does.
///
/// Calls may run side by side. Dropping a call's future gives it up: nothing of an abandoned
/// [`FlowStore::append`] is stored, or all of it; an abandoned question stops costing time.
#[async_trait::async_trait]
pub trait FlowStore: Debug + Send + Sync {
    /// Adds a batch. Flows that are stored already are left out. When this returns, the batch
    /// survives the process; the engine says in its settings whether also the machine.
    async fn append(&self, batch: &Batch) -> Result<Appended, StoreError>;

    /// How far each node is stored, newest start of its collector first.
    async fn progress(&self) -> Result<Vec<Progress>, StoreError>;

    /// Flows in time order from a cursor on. With a budget, a page may end before it is full;
    /// its `next` then says from where to look on.
    async fn page(&self, query: &Query, page: &PageRequest) -> Result<Page, StoreError>;

    /// Flows by time and outcome, in at most `buckets` buckets over the query's span, which must
    /// have both ends. With a budget, the newest are counted first.
    async fn histogram(&self, query: &Query, buckets: u32, budget: Option<Duration>) -> Result<Histogram, StoreError>;

    /// The most frequent values of each field, at most `limit` of those that begin with `prefix`
    /// in any case. With a budget, the newest flows are counted first.
    async fn facets(
        &self,
        query: &Query,
        fields: &[FacetField],
        limit: usize,
        prefix: &str,
        budget: Option<Duration>,
    ) -> Result<Facets, StoreError>;

    /// Gaps that touch the span, oldest first.
    async fn gaps(&self, span: Span) -> Result<Vec<Gap>, StoreError>;

    /// The time from which everything stored after commit number `commit` is found: none if that
    /// is nothing. A number that was never given out yields the time of the oldest flow.
    async fn since_commit(&self, commit: u64) -> Result<Option<u64>, StoreError>;

    /// What is stored.
    async fn stats(&self) -> Result<Stats, StoreError>;

    /// Finishes spans that are over, and removes the oldest ones beyond `retention`; the newest
    /// is never removed. To be called now and then, and after much was appended.
    async fn maintain(&self, retention: &Retention) -> Result<Maintained, StoreError>;

    /// Ends all work and closes the files.
    async fn close(&self);
}
