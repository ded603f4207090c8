//! However much is there and however many ask, files and memory are bounded.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::super::query;
use super::flows::{SECOND, T, ours};
use super::{KEEP, batch, folder};
use crate::sqlite::connect::{MOST_IDLE, MOST_READERS};
use crate::sqlite::{Options, Sqlite};
use crate::{FacetField, FlowStore, Order, PageRequest, Query, Span};

/// Segments of two weeks, if they were of an hour. Here each is a second long.
const SEGMENTS: u64 = 336;
/// Enough of them not to stay open.
const SOME: u64 = 24;
const SECONDS: Options = Options { span: Duration::from_secs(1), flows: 10, grace: Duration::ZERO, open: 4 };
const EVERYTHING: Query = Query { span: Span::ALL, allow: vec![], deny: vec![] };
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(120);

/// Files of a store that this process has open.
fn open_files(folder: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    open.filter(|path| path.starts_with(folder)).count()
}

/// More than are open at any moment. Of a connection there are the file, its log and the log's index.
/// A list of open files is not of one moment: some are in it that were closed before others were opened.
const BOUND: usize = 2 * 3 * (MOST_READERS + MOST_IDLE + SECONDS.open + 2);
const _: () = assert!(BOUND < SEGMENTS as usize, "not even one for each segment");

/// A store with so many segments, and a flow in each.
async fn segments(folder: &Path, count: u64) -> Arc<Sqlite> {
    let store = Sqlite::open_with(folder, SECONDS).await.unwrap();
    store.append(&batch((0..count).map(|at| ours(at + 1, at * SECOND)))).await.unwrap();
    store.maintain(&KEEP).await.unwrap();
    Arc::new(store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_over_many_segments_open_few_files() {
    let folder = folder();
    let store = segments(folder.path(), SEGMENTS).await;
    assert_eq!(u64::from(store.stats().await.unwrap().segments), SEGMENTS);
    let asking: Vec<_> = (0..MOST_READERS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let facets = store.facets(&EVERYTHING, &[FacetField::SourcePod], 3, "", None).await.unwrap();
                assert_eq!(facets.facets[0].values, [("shop/pod-1".to_owned(), SEGMENTS)]);
            })
        })
        .collect();
    let mut most = 0;
    while asking.iter().any(|one| !one.is_finished()) {
        most = most.max(open_files(folder.path()));
        tokio::task::yield_now().await;
    }
    for one in asking {
        one.await.expect("every question is answered");
    }
    assert!(most > 0 && most <= BOUND, "{most} files, at most {BOUND} are expected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_questions_wait_for_their_turn() {
    let folder = folder();
    let store = segments(folder.path(), SOME).await;
    let begun = |at: u64| {
        let store = store.clone();
        let since = T + at % SOME * SECOND;
        let query = Query { span: Span { since, until: since + SECOND }, ..EVERYTHING };
        let page = PageRequest { order: Order::NewestFirst, after: None, limit: 1, budget: None };
        tokio::spawn(async move { store.page(&query, &page).await.unwrap().flows[0].record.flow.time - since })
    };
    let questions: Vec<_> = (0..10_000).map(begun).collect();
    let mut answered = 0;
    for (at, question) in questions.into_iter().enumerate() {
        // Most give up, those that are asked already and those that wait.
        if at % 20 != 0 {
            question.abort();
            continue;
        }
        assert_eq!(timeout(LONG, question).await.expect("nobody waits for ever").unwrap(), 0);
        answered += 1;
        assert!(open_files(folder.path()) <= BOUND);
    }
    assert_eq!(answered, 500);
    // Flows are stored meanwhile and afterwards.
    store.append(&batch([ours(SOME + 1, SOME * SECOND)])).await.unwrap();
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_stops() {
    let folder = folder();
    let store = segments(folder.path(), SOME).await;
    let segment = store.segments.all()[0].clone();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    // Each would keep one of the connections busy.
    for _ in 0..MOST_READERS + MOST_IDLE {
        let mut reader = store.segments.read(&segment).await.unwrap().unwrap();
        let counted = sqlx::query_scalar::<_, i64>(endless).fetch_one(&mut *reader);
        assert!(timeout(Duration::from_millis(5), counted).await.is_err(), "it has no end");
    }
    let again = async {
        let mut reader = store.segments.read(&segment).await.unwrap().unwrap();
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM flow").fetch_one(&mut *reader).await.unwrap()
    };
    assert_eq!(timeout(LONG, again).await.expect("the connection is of use again"), 1);
    timeout(LONG, store.close()).await.expect("nothing runs any more");
}

#[tokio::test]
async fn dictionaries_that_were_not_asked_for_long_are_forgotten() {
    let folder = folder();
    let store = segments(folder.path(), SOME).await;
    let facet = async || store.facets(&EVERYTHING, &[FacetField::DestinationPod], 3, "", None).await.unwrap();
    let first = facet().await;
    let segments = store.segments.all();
    let known = || query::values_in_memory(&segments);
    let before = known();
    // One of a sender and one of a receiver are in each.
    assert!(before.iter().all(|values| *values > 0), "{before:?}");
    let most = before.iter().sum::<usize>() / 10;
    query::forget_beyond(&segments, most);
    let after = known();
    assert!(after.iter().sum::<usize>() <= most + before[0]);
    // Of the newest segments nothing is known, as these were asked first.
    let kept: HashSet<_> = (0..after.len()).filter(|at| after[*at] > 0).collect();
    assert!(kept.contains(&0) && !kept.contains(&(after.len() - 1)), "{kept:?}");
    assert_eq!(facet().await, first);
}
