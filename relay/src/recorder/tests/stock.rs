//! Servers that know nothing of numbers, as Hubble's do.

use tidegate_store::{Gap, GapReason};

use super::collector::{Recording, S, until};
use super::store;
use crate::fake::{FakePeer, Script, flow_at, lost_at};

async fn peer(seconds: &[i64]) -> FakePeer {
    let history = seconds.iter().zip(0..).map(|(second, id)| flow_at("s", second * S, id)).collect();
    FakePeer::start(Script { history, ..Script::default() }).await
}

fn gap(since: i64, until: i64, count: Option<u64>) -> Gap {
    let ns = |second: i64| (second * S).unsigned_abs();
    Gap { node: "s".to_owned(), since: ns(since), until: ns(until), count, reason: GapReason::History }
}

#[tokio::test]
async fn a_stream_that_goes_on_from_a_stored_flow_misses_nothing() {
    let (fake, store) = store();
    let s = peer(&[100, 101, 101, 102]).await;
    let recording = Recording::start(&store, &[("s", &s)]);
    until("all are stored", async || fake.records().len() == 4).await;
    recording.kill().await;
    s.change(|script| script.history.extend([flow_at("s", 102 * S, 10), flow_at("s", 110 * S, 11)]));
    let recording = Recording::start(&store, &[("s", &s)]);
    until("all are stored", async || fake.records().len() == 6).await;
    assert!(fake.all_gaps().is_empty(), "{:?}", fake.all_gaps());
    // What such a server says is kept as it came.
    assert!(fake.records().iter().all(|record| record.original.is_some() && record.flow.id.boot == 0));
    recording.stop().await;
}

#[tokio::test]
async fn a_stream_that_does_not_is_a_gap_of_unknown_size() {
    let (fake, store) = store();
    let s = peer(&[100, 101]).await;
    let recording = Recording::start(&store, &[("s", &s)]);
    until("all are stored", async || fake.records().len() == 2).await;
    s.change(|script| {
        script.life += 1;
        script.history = vec![flow_at("s", 120 * S, 20), flow_at("s", 121 * S, 21)];
    });
    until("all are stored", async || fake.records().len() == 4).await;
    assert_eq!(fake.all_gaps(), [gap(101, 120, None)]);
    recording.stop().await;
}

#[tokio::test]
async fn a_quiet_server_that_is_asked_again_leaves_no_gap() {
    let (fake, store) = store();
    let s = peer(&[100]).await;
    let recording = Recording::start(&store, &[("s", &s)]);
    until("it is stored", async || fake.records().len() == 1).await;
    s.change(|script| script.life += 1);
    until("the server is asked again", async || s.requests.lock().expect("not poisoned").len() == 2).await;
    s.change(|script| script.history.push(flow_at("s", 500 * S, 1)));
    until("both are stored", async || fake.records().len() == 2).await;
    assert!(fake.all_gaps().is_empty(), "{:?}", fake.all_gaps());
    recording.stop().await;
}

#[tokio::test]
async fn what_its_memory_moved_past_is_counted_by_its_own_word() {
    let (fake, store) = store();
    let s = peer(&[100]).await;
    let recording = Recording::start(&store, &[("s", &s)]);
    until("it is stored", async || fake.records().len() == 1).await;
    s.change(|script| {
        script.forgotten += script.history.len() + 6;
        script.history = vec![lost_at("s", 105 * S), flow_at("s", 110 * S, 9)];
    });
    until("the next one is stored", async || fake.records().len() == 2).await;
    let gaps = fake.all_gaps();
    assert!(gaps.iter().any(|gap| gap.count == Some(6) && gap.reason == GapReason::History), "{gaps:?}");
    recording.stop().await;
}
