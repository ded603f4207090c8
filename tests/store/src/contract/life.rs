//! A store over time: restarts, retention, many at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_store::{
    Batch, FlowStore, Gap, GapReason, Maintained, Order, PageRequest, Progress, Query, Retention, Span, Stats,
};

use super::walk::{agree, counts_agree, same_flows, walk};
use super::{Engine, Given, START, everything, traffic};
use crate::question::query;
use crate::{Expected, FIELDS, Random};

const SECOND: u64 = 1_000_000_000;

/// A store that has nothing says so.
pub async fn an_empty_store_answers(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    for _ in 0..2 {
        agree(&*given.store, &given.expected(), &everything()).await;
        assert_eq!(given.store.progress().await.expect("progress"), []);
        assert_eq!(given.store.gaps(Span::ALL).await.expect("gaps"), []);
        assert_eq!(given.store.since_commit(0).await.expect("a time"), None);
        assert_eq!(given.store.since_commit(99).await.expect("a time"), None);
        let Stats { flows, oldest, newest, sealed, gaps, .. } = given.store.stats().await.expect("stats");
        assert_eq!((flows, oldest, newest, sealed, gaps), (0, None, None, 0, 0));
        let retention = Retention { age: Duration::ZERO, bytes: 0, now: START };
        let Maintained { removed_flows, .. } = given.store.maintain(&retention).await.expect("nothing to do");
        assert_eq!(removed_flows, 0);
        given.append(Vec::new()).await;
        given.reopen().await;
    }
}

/// Closed and opened again, a store has what it had.
pub async fn what_is_stored_outlives_the_process(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    for records in traffic(1_500).chunks(250) {
        given.append(records.to_vec()).await;
        given.reopen().await;
        let found = walk(&*given.store, &everything(), Order::OldestFirst, 400, None).await;
        same_flows(found, given.expected().matching(&everything()));
    }
    counts_agree(&*given.store, &given.expected(), &everything()).await;
}

/// How far a node is recorded is that of its latest batch, for each start of its collector.
pub async fn progress_is_stored_with_flows(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    let progress = |node: &str, boot, sequence, time| Progress { node: node.to_owned(), boot, sequence, time };
    let records = traffic(700);
    let steps = [
        vec![progress("a", u64::MAX, 10, START), progress("b", 7, 1, START)],
        vec![progress("a", u64::MAX, 20, START + 5)],
        vec![progress("a", 3, 1, START + 90 * SECOND), progress("west/c", 0, 0, START + 91 * SECOND)],
        vec![progress("a", 3, 4, START + 150 * SECOND), progress("b", 7, 2, START + 1)],
    ];
    for (n, progress) in steps.into_iter().enumerate() {
        let batch = Batch { records: records[n * 150..(n + 1) * 150].to_vec(), progress, gaps: vec![] };
        given.store.append(&batch).await.expect("stored");
        given.seal().await;
    }
    let only = Batch { progress: vec![progress("b", 7, 3, START + 2)], ..Batch::default() };
    given.store.append(&only).await.expect("stored");
    for _ in 0..2 {
        let found = given.store.progress().await.expect("progress");
        let of_a: Vec<_> = found.iter().filter(|one| one.node == "a").cloned().collect();
        assert_eq!(of_a, [progress("a", 3, 4, START + 150 * SECOND), progress("a", u64::MAX, 20, START + 5)]);
        assert!(found.contains(&progress("b", 7, 3, START + 2)), "{found:?}");
        assert!(found.contains(&progress("west/c", 0, 0, START + 91 * SECOND)), "{found:?}");
        assert_eq!(found.len(), 4);
        given.reopen().await;
    }
}

/// Gaps are found by the time that they are of, oldest first.
pub async fn gaps_are_found_by_time(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    let gap = |node: &str, since, until, count, reason| Gap { node: node.to_owned(), since, until, count, reason };
    let gaps = [
        gap("a", START, START + 10, Some(5), GapReason::KernelRing),
        gap("a", START + 20, START + 30, None, GapReason::CollectorGone),
        gap("b", START + 25, START + 90, Some(1), GapReason::History),
        gap("b", START + 500, START + 500, Some(u64::from(u32::MAX)), GapReason::Store),
    ];
    for gap in gaps.iter().rev() {
        let batch = Batch { gaps: vec![gap.clone()], ..Batch::default() };
        given.store.append(&batch).await.expect("stored");
    }
    for _ in 0..2 {
        for (since, until, expected) in [
            (0, Span::ALL.until, &gaps[..]),
            (0, START, &[]),
            (0, START + 1, &gaps[..1]),
            (START + 10, START + 20, &gaps[..1]),
            (START + 11, START + 20, &[]),
            (START + 30, START + 500, &gaps[1..3]),
            (START + 91, START + 501, &gaps[3..]),
            (START + 501, Span::ALL.until, &[]),
        ] {
            let found = given.store.gaps(Span { since, until }).await.expect("gaps");
            assert_eq!(found, expected, "{} {}", since.wrapping_sub(START), until.wrapping_sub(START));
        }
        assert_eq!(given.store.stats().await.expect("stats").gaps, 4);
        given.reopen().await;
    }
}

/// Whoever knows a commit finds everything that came after it.
pub async fn what_came_after_a_commit_is_found(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    let mut records = traffic(1_200);
    records.rotate_left(300);
    let mut commits = Vec::new();
    for records in records.chunks(200) {
        commits.push((given.append(records.to_vec()).await.commit, given.records.len()));
    }
    for round in 0..3 {
        for (commit, stored) in &commits {
            let time = given.store.since_commit(*commit).await.expect("a time");
            let earliest = given.records[*stored..].iter().map(|record| record.flow.time).min();
            match (time, earliest) {
                (Some(time), Some(earliest)) => assert!(time <= earliest, "commit {commit}"),
                (time, earliest) => assert_eq!(time, earliest, "commit {commit}"),
            }
        }
        let oldest = given.records.iter().map(|record| record.flow.time).min();
        for commit in [0, u64::MAX] {
            assert_eq!(given.store.since_commit(commit).await.expect("a time"), oldest);
        }
        if round == 0 {
            given.seal().await;
        } else {
            given.reopen().await;
        }
    }
}

/// What is removed because of its age is in no answer any more, and everything younger is in all.
pub async fn old_flows_leave_all_answers(engine: &dyn Engine) {
    let mut given = Given::flows(engine, 1_800).await;
    let newest = given.records.last().expect("flows").flow.time;
    let age = Duration::from_secs(150);
    let retention = Retention { age, bytes: u64::MAX, now: newest + 1 };
    let done = given.store.maintain(&retention).await.expect("removed");
    assert!(done.removed > 0 && done.removed_flows > 0, "{done:?}");
    let left = walk(&*given.store, &everything(), Order::OldestFirst, 1_000, None).await;
    assert_eq!(left.len() as u64 + done.removed_flows, 1_800);
    let begin = newest + 1 - age.as_nanos() as u64;
    let young = given.records.iter().filter(|record| record.flow.time >= begin).count();
    let oldest = left.first().expect("what is young").record.flow.time;
    assert!(left.iter().filter(|flow| flow.record.flow.time >= begin).count() == young);
    given.records.retain(|record| record.flow.time >= oldest);
    for _ in 0..2 {
        agree(&*given.store, &given.expected(), &everything()).await;
        let stats = given.store.stats().await.expect("stats");
        assert_eq!((stats.flows, stats.oldest), (left.len() as u64, Some(oldest)));
        given.reopen().await;
    }
    // Their numbers stay known: who resumes from before finds what is left.
    assert_eq!(given.store.since_commit(0).await.expect("a time"), Some(oldest));
}

/// However little room there is, the newest flows stay.
pub async fn the_newest_flows_are_never_removed(engine: &dyn Engine) {
    let given = Given::flows(engine, 1_500).await;
    let newest = given.records.last().expect("flows");
    let retention = Retention { age: Duration::from_secs(u64::MAX), bytes: 0, now: newest.flow.time + 1 };
    for _ in 0..3 {
        given.store.maintain(&retention).await.expect("removed");
    }
    let left = walk(&*given.store, &everything(), Order::NewestFirst, 100, None).await;
    assert!(left.len() < 1_500);
    assert_eq!(left.first().map(|flow| flow.record.uuid), Some(newest.uuid));
    let expected = Expected::new(left.into_iter().map(|flow| flow.record));
    agree(&*given.store, &expected, &everything()).await;
    let far = Retention { age: Duration::ZERO, bytes: u64::MAX, now: newest.flow.time + 3_600 * 24 * SECOND };
    given.store.maintain(&far).await.expect("removed");
    assert!(given.store.stats().await.expect("stats").flows > 0);
}

/// A finished segment answers as it did before, and a cursor from before still leads on.
pub async fn sealing_changes_no_answer(engine: &dyn Engine) {
    let given = Given::flows(engine, 1_500).await;
    let before = walk(&*given.store, &everything(), Order::NewestFirst, 300, None).await;
    given.seal().await;
    let stats = given.store.stats().await.expect("stats");
    assert!(stats.sealed > 0 && stats.flows == 1_500, "{stats:?}");
    let after = walk(&*given.store, &everything(), Order::NewestFirst, 300, None).await;
    let cursors = |flows: &[tidegate_store::Stored]| flows.iter().map(|flow| flow.cursor).collect::<Vec<_>>();
    assert_eq!(cursors(&before), cursors(&after));
    agree(&*given.store, &given.expected(), &everything()).await;
}

/// Questions see all of a batch or nothing of it, and never wait for one another.
pub async fn questions_and_flows_come_together(engine: &dyn Engine) {
    let given = Given::nothing(engine).await;
    let records = Arc::new(traffic(3_000));
    let whole = Arc::new(Expected::new(records.iter().cloned()));
    let store = given.store.clone();
    let writing = tokio::spawn({
        let (store, records) = (store.clone(), records.clone());
        async move {
            for (n, records) in records.chunks(60).enumerate() {
                let batch = Batch { records: records.to_vec(), ..Batch::default() };
                assert_eq!(store.append(&batch).await.expect("stored").stored, 60);
                if n % 10 == 9 {
                    let now = records.last().expect("flows").flow.time;
                    let retention = Retention { age: Duration::from_secs(u64::MAX), bytes: u64::MAX, now };
                    store.maintain(&retention).await.expect("finished");
                }
            }
        }
    });
    let mut asking = Vec::new();
    for seed in 0..2 {
        let (store, whole) = (store.clone(), whole.clone());
        asking.push(tokio::spawn(async move {
            let mut random = Random::new(seed);
            let mut most = 0;
            while most < 3_000 {
                let flows = walk(&*store, &everything(), Order::OldestFirst, 500, None).await;
                let once: HashSet<_> = flows.iter().map(|flow| flow.record.uuid).collect();
                assert!(flows.len() >= most && once.len() == flows.len());
                most = flows.len();
                // As long as there is nothing, an answer costs nothing, and the writer would starve.
                tokio::task::yield_now().await;
                let query = query(whole.records(), &mut random);
                let facets = store.facets(&query, &FIELDS[..1], 9, "", None).await.expect("facets");
                let counted: u64 = facets.facets[0].values.iter().map(|(_, flows)| flows).sum();
                let all = whole.matching(&query).count() as u64;
                assert!(counted <= all, "{counted} flows of {all}: {query:?}");
            }
        }));
    }
    writing.await.expect("the writer ends");
    for one in asking {
        one.await.expect("every question is answered");
    }
    agree(&*store, &whole, &everything()).await;
}

/// Whoever stops waiting for an answer disturbs nobody.
pub async fn an_abandoned_question_leaves_no_trace(engine: &dyn Engine) {
    let mut given = Given::flows(engine, 1_500).await;
    let mut random = Random::new(4);
    let expected = given.expected();
    for n in 0..150 {
        let store = given.store.clone();
        let query = query(expected.records(), &mut random);
        let question = tokio::spawn(async move { ask(&*store, &query).await });
        for _ in 0..random.below(12) {
            tokio::task::yield_now().await;
        }
        if n % 3 == 0 {
            tokio::time::sleep(Duration::from_micros(random.below(3_000))).await;
        }
        question.abort();
    }
    agree(&*given.store, &expected, &everything()).await;
    given.append(traffic(1_600).split_off(1_500)).await;
    given.seal().await;
    given.reopen().await;
    agree(&*given.store, &given.expected(), &everything()).await;
}

async fn ask(store: &dyn FlowStore, query: &Query) {
    let page = PageRequest { order: Order::OldestFirst, after: None, limit: 1_000, budget: None };
    store.page(query, &page).await.expect("a page");
    store.facets(query, &FIELDS, 10, "", None).await.expect("facets");
    store.histogram(query, 50, None).await.expect("a histogram");
}
