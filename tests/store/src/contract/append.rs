//! What becomes of flows that are stored.

use std::sync::Arc;

use tidegate_store::{Order, Record, Span};

use super::walk::{agree, same_flows, walk};
use super::{Engine, Given, START, everything, traffic};
use crate::Random;

/// A flow comes back as it was, to the last field.
pub async fn what_was_stored_comes_back(engine: &dyn Engine) {
    let given = Given::flows(engine, 2_000).await;
    agree(&*given.store, &given.expected(), &everything()).await;
    let stats = given.store.stats().await.expect("stats");
    assert_eq!(stats.flows, 2_000);
    assert_eq!(stats.oldest, given.records.first().map(|record| record.flow.time));
    assert_eq!(stats.newest, given.records.last().map(|record| record.flow.time));
    assert!(stats.segments > 2 && stats.bytes > 0, "{stats:?}");
}

/// A flow that is delivered again is not stored again, in whichever way it comes.
pub async fn a_flow_is_stored_once(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    let records = traffic(900);
    let first = given.append(records[..600].to_vec()).await;
    assert_eq!((first.stored, first.repeated), (600, 0));
    let again = given.append(records[..600].to_vec()).await;
    assert_eq!((again.stored, again.repeated), (0, 600));
    let overlapping = given.append(records[500..800].to_vec()).await;
    assert_eq!((overlapping.stored, overlapping.repeated), (200, 100));
    given.reopen().await;
    let twice = [&records[700..], &records[700..]].concat();
    let twice = given.append(twice).await;
    assert_eq!((twice.stored, twice.repeated), (100, 300));
    agree(&*given.store, &given.expected(), &everything()).await;
}

/// Commit numbers grow, also over restarts.
pub async fn commits_count_up(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    let mut last = 0;
    for records in traffic(400).chunks(50) {
        let commit = given.append(records.to_vec()).await.commit;
        assert!(commit > last, "{commit} after {last}");
        last = commit;
        if given.records.len() % 100 == 0 {
            given.reopen().await;
        }
    }
}

/// Flows may come in any order, long after their time.
pub async fn late_flows_are_found(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    let mut records = traffic(2_500);
    let mut random = Random::new(3);
    for at in (1..records.len()).rev() {
        records.swap(at, random.below(at as u64 + 1) as usize);
    }
    for (n, records) in records.chunks(170).enumerate() {
        given.append(records.to_vec()).await;
        if n % 5 == 4 {
            // Flows come also for segments that were finished.
            given.seal().await;
        }
    }
    agree(&*given.store, &given.expected(), &everything()).await;
    given.seal().await;
    given.reopen().await;
    agree(&*given.store, &given.expected(), &everything()).await;
}

/// Flows of the same nanosecond are as many as they are.
pub async fn flows_of_one_instant_are_kept_apart(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    let at = |time: u64| {
        move |mut record: Record| {
            record.flow.time = time;
            record
        }
    };
    let records = traffic(3_000);
    let (early, late) = records.split_at(1_500);
    for records in early.chunks(500) {
        given.append(records.iter().cloned().map(at(START)).collect()).await;
    }
    given.append(late.iter().cloned().map(at(START + 1)).collect()).await;
    agree(&*given.store, &given.expected(), &everything()).await;
    let one = Span { since: START, until: START + 1 };
    agree(&*given.store, &given.expected(), &tidegate_store::Query { span: one, ..everything() }).await;
    let again = given.append(given.records.clone()).await;
    assert_eq!((again.stored, again.repeated), (0, 3_000));
}

/// The first and the last moment of time, and what lies between; what is later than SQL's last
/// number is stored as of then.
pub async fn any_time_can_be_stored(engine: &dyn Engine) {
    let mut given = Given::nothing(engine).await;
    let last = Span::ALL.until - 1;
    let times = [0, 1, 59_999_999_999, 60_000_000_000, START, last - 1, last, u64::MAX];
    let mut records = traffic(times.len());
    for (record, time) in records.iter_mut().zip(times) {
        let flow = &mut record.flow;
        flow.time = time;
        flow.counters = Default::default();
        flow.node = Arc::clone(&flow.node);
    }
    given.append(records.clone()).await;
    for record in &mut records {
        record.flow.time = record.flow.time.min(last);
    }
    given.records = records;
    for order in [Order::NewestFirst, Order::OldestFirst] {
        same_flows(walk(&*given.store, &everything(), order, 3, None).await, given.records.iter());
    }
    agree(&*given.store, &given.expected(), &everything()).await;
    given.seal().await;
    given.reopen().await;
    agree(&*given.store, &given.expected(), &everything()).await;
}
