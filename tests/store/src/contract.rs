//! What every engine of [`FlowStore`] must do. `contract!` makes a test of each promise for one
//! engine; the promises are the functions below.

pub mod append;
pub mod count;
pub mod filters;
pub mod life;
pub mod page;
mod walk;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidegate_store::{Appended, Batch, FlowStore, Query, Record, Retention, Span};

use crate::{Expected, Shape, Traffic};

/// An engine to be held to the contract.
#[async_trait::async_trait]
pub trait Engine: Debug + Send + Sync {
    /// Opens the store in `folder`, which is there; what it has was stored by the same engine.
    async fn open(&self, folder: &Path, parts: Parts) -> Arc<dyn FlowStore>;
}

/// When a segment ends and the next one begins.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Time that it spans.
    pub span: Duration,
    /// Flows from which on it is full.
    pub flows: u64,
}

/// Segments so small that a few flows are in several.
const SMALL: Parts = Parts { span: Duration::from_secs(60), flows: 400 };

/// Tests that an engine keeps the contract. The argument is an expression of a type that
/// implements [`Engine`].
#[macro_export]
macro_rules! contract {
    ($engine:expr) => {
        $crate::contract!(@ $engine;
            append: what_was_stored_comes_back, a_flow_is_stored_once, commits_count_up, late_flows_are_found,
                flows_of_one_instant_are_kept_apart, any_time_can_be_stored;
            page: pages_are_in_order_and_complete, a_cursor_holds_while_flows_arrive,
                a_page_without_time_leads_on, a_cursor_may_be_anywhere, a_page_of_nothing_is_refused;
            filters: every_condition_means_what_it_means_elsewhere, any_question_is_answered_exactly,
                hostile_filters_are_answered, what_nobody_has_is_not_found;
            count: buckets_are_whole_steps, counts_of_parts_add_up, facets_are_the_most_frequent,
                a_span_that_is_nothing_has_no_counts;
            life: an_empty_store_answers, what_is_stored_outlives_the_process, progress_is_stored_with_flows,
                gaps_are_found_by_time, what_came_after_a_commit_is_found, old_flows_leave_all_answers,
                the_newest_flows_are_never_removed, sealing_changes_no_answer, questions_and_flows_come_together,
                an_abandoned_question_leaves_no_trace;
        );
    };
    (@ $engine:expr; $($topic:ident: $($promise:ident),+;)+) => {
        $(mod $topic {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::contract::$topic::$promise(&$engine).await;
            })+
        })+
    };
}

/// A store, and what it was given.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    engine: &'a dyn Engine,
    folder: TempDir,
    parts: Parts,
    pub(crate) store: Arc<dyn FlowStore>,
    pub(crate) records: Vec<Record>,
}

impl<'a> Given<'a> {
    /// An empty store with small segments.
    pub(crate) async fn nothing(engine: &'a dyn Engine) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let store = engine.open(folder.path(), SMALL).await;
        Self { engine, folder, parts: SMALL, store, records: Vec::new() }
    }

    /// A store with so many flows, in several segments.
    pub(crate) async fn flows(engine: &'a dyn Engine, count: usize) -> Self {
        let mut given = Self::nothing(engine).await;
        for records in traffic(count).chunks(100) {
            given.append(records.to_vec()).await;
        }
        given
    }

    /// Stores flows.
    pub(crate) async fn append(&mut self, records: Vec<Record>) -> Appended {
        self.records.extend(records.iter().cloned());
        let batch = Batch { records, ..Batch::default() };
        self.store.append(&batch).await.expect("flows are stored")
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await;
        self.store = self.engine.open(self.folder.path(), self.parts).await;
    }

    /// Finishes every segment but the newest.
    pub(crate) async fn seal(&self) {
        let newest = self.records.iter().map(|record| record.flow.time).max().unwrap_or_default();
        let retention = Retention { age: Duration::from_secs(u64::MAX), bytes: u64::MAX, now: newest + 1 };
        self.store.maintain(&retention).await.expect("segments are finished");
    }

    /// What the store must know.
    pub(crate) fn expected(&self) -> Expected {
        Expected::new(self.records.iter().cloned())
    }
}

/// When the flows of these tests begin: a little before a full hour, which falls between them.
pub(crate) const START: u64 = 1_700_002_800_000_000_000 - 90_000_000_000;

/// Flows of about five minutes for each thousand.
pub(crate) fn traffic(count: usize) -> Vec<Record> {
    Traffic::new(&Shape::SMALL, START, 4).take(count).collect()
}

/// The question about everything.
pub(crate) fn everything() -> Query {
    Query { span: Span::ALL, allow: vec![], deny: vec![] }
}
