//! Recorders over scripted collectors, and a store that outlives them.

pub(crate) mod collector;
mod property;
mod stock;

use std::sync::Arc;

use tidegate_flow::FlowId;
use tidegate_store::{FlowStore, Gap, GapReason};

use self::collector::{Collector, Recording, S, recorded, until};
use crate::fake::{kernel_losses_at, own_flow};
use crate::fake_store::FakeStore;

fn store() -> (Arc<FakeStore>, Arc<dyn FlowStore>) {
    let store = Arc::new(FakeStore::default());
    (store.clone(), store)
}

fn at(seconds_tenths: i64) -> u64 {
    (1000 * S + seconds_tenths * S / 10).unsigned_abs()
}

#[tokio::test]
async fn the_flows_of_all_nodes_are_stored_with_how_far_each_is_recorded() {
    let (fake, store) = store();
    let (mut a, mut b) = (Collector::start("a").await, Collector::start("b").await);
    a.emit(3);
    b.emit(2);
    let recording = Recording::start(&store, &[("a", &a.fake), ("b", &b.fake)]);
    recorded(&*store, &a).await;
    recorded(&*store, &b).await;
    a.emit(1);
    recorded(&*store, &a).await;
    assert_eq!(fake.records().len(), 6);
    assert!(fake.all_gaps().is_empty());
    let nodes = recording.recorder.nodes();
    assert!(nodes.iter().all(|node| node.connected && node.message.is_empty()), "{nodes:?}");
    recording.stop().await;
    assert!(fake.is_closed());
    assert!(!fake.maintained().is_empty());
}

#[tokio::test]
async fn what_waits_for_its_batch_is_stored_when_the_relay_stops() {
    let (fake, store) = store();
    let mut a = Collector::start("a").await;
    a.emit(1);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    recorded(&*store, &a).await;
    a.emit(50);
    until("the flows were sent", async || *a.fake.sent.lock().expect("not poisoned") == 51).await;
    recording.stop().await;
    // The last one may still have been on its way.
    assert!(fake.records().len() >= 50, "{}", fake.records().len());
}

#[tokio::test]
async fn flows_that_only_the_whole_memory_shows_are_found() {
    let (fake, store) = store();
    let mut a = Collector::start("a").await;
    a.emit(20);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    recorded(&*store, &a).await;
    recording.kill().await;
    // The node's clock is set back: by their times, these are older than what was asked before.
    a.time -= 500 * S;
    a.emit(20);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    until("the node is asked again", async || a.fake.requests.lock().expect("not poisoned").len() == 2).await;
    a.emit(1);
    recorded(&*store, &a).await;
    assert_eq!(fake.records().len(), 41);
    assert_eq!(fake.all_gaps(), []);
    recording.stop().await;
}

#[tokio::test]
async fn what_the_node_forgot_while_nobody_recorded_is_a_gap_of_that_size() {
    let (fake, store) = store();
    let mut a = Collector::start("a").await;
    a.emit(10);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    recorded(&*store, &a).await;
    recording.kill().await;
    a.emit(30);
    a.forget_all_but(10);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    recorded(&*store, &a).await;
    let gap = Gap { node: "a".to_owned(), since: at(9), until: at(30), count: Some(20), reason: GapReason::History };
    assert_eq!(fake.all_gaps(), [gap]);
    assert_eq!(fake.records().len(), 20);
    recording.stop().await;
}

#[tokio::test]
async fn a_collector_that_started_anew_leaves_a_gap_of_unknown_size() {
    let (fake, store) = store();
    let mut a = Collector::start("a").await;
    a.emit(10);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    recorded(&*store, &a).await;
    a.restart();
    a.emit(8);
    recorded(&*store, &a).await;
    let gone = Gap { node: "a".to_owned(), since: at(9), until: at(10), count: None, reason: GapReason::CollectorGone };
    assert_eq!(fake.all_gaps(), std::slice::from_ref(&gone));
    recording.kill().await;
    // This one is gone and its successor has forgotten its first flows.
    a.restart();
    a.emit(8);
    a.forget_all_but(5);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    recorded(&*store, &a).await;
    let lost = Gap { node: "a".to_owned(), since: at(17), until: at(21), count: Some(3), reason: GapReason::History };
    let again = Gap { since: at(17), until: at(21), ..gone.clone() };
    assert_eq!(fake.all_gaps(), [gone, again, lost]);
    assert_eq!(fake.records().len(), 23);
    recording.stop().await;
}

#[tokio::test]
async fn losses_of_the_kernel_are_told_once_and_add_up_over_cpus() {
    let (fake, store) = store();
    let mut a = Collector::start("a").await;
    a.emit(2);
    let losses = kernel_losses_at("a", 1000 * S, 1001 * S, 7);
    a.fake.change(|script| script.history.extend([losses.clone(), losses]));
    a.emit(2);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    recorded(&*store, &a).await;
    let gap = Gap { node: "a".to_owned(), since: at(0), until: at(10), count: Some(14), reason: GapReason::KernelRing };
    assert_eq!(fake.all_gaps(), std::slice::from_ref(&gap));
    a.break_streams();
    a.emit(1);
    recorded(&*store, &a).await;
    assert_eq!(fake.all_gaps(), [gap]);
    // The last word of a node that sees nothing more is heard as well.
    a.fake.change(|script| script.history.push(kernel_losses_at("a", 1005 * S, 1006 * S, 3)));
    until("the last loss is stored", async || fake.all_gaps().len() == 2).await;
    recording.stop().await;
}

#[tokio::test]
async fn a_reader_that_was_overtaken_and_the_hole_it_found_are_one_gap() {
    let (fake, store) = store();
    let mut a = Collector::start("a").await;
    a.emit(5);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    recorded(&*store, &a).await;
    a.fake.change(|script| {
        let id = |sequence| FlowId { boot: 1, sequence };
        script.forgotten += script.history.len() + 4;
        script.history = vec![own_flow("a", id(10), 1001 * S), own_flow("a", id(11), 1001 * S)];
    });
    a.emitted.insert(1, 11);
    recorded(&*store, &a).await;
    let gap = Gap { node: "a".to_owned(), since: at(4), until: at(10), count: Some(4), reason: GapReason::History };
    assert_eq!(fake.all_gaps(), [gap]);
    recording.stop().await;
}

#[tokio::test]
async fn a_store_that_fails_loses_nothing_and_the_nodes_say_why() {
    let (fake, store) = store();
    fake.fail(Some("the disk is full"));
    let mut a = Collector::start("a").await;
    a.emit(5);
    let recording = Recording::start(&store, &[("a", &a.fake)]);
    fake.fail(None);
    recorded(&*store, &a).await;
    fake.fail(Some("the disk is full"));
    a.emit(5);
    until("the node says why", async || {
        recording.recorder.nodes().iter().any(|node| node.message.contains("the disk is full"))
    })
    .await;
    a.emit(5);
    fake.fail(None);
    recorded(&*store, &a).await;
    assert_eq!(fake.records().len(), 15);
    assert!(fake.all_gaps().is_empty());
    until("the node is well", async || recording.recorder.nodes().iter().all(|node| node.message.is_empty())).await;
    recording.stop().await;
}

#[tokio::test]
async fn a_node_is_recorded_under_its_own_name_whatever_the_peer_is_called() {
    let (fake, store) = store();
    let mut a = Collector::start("own").await;
    a.emit(3);
    let recording = Recording::start(&store, &[("called", &a.fake)]);
    recorded(&*store, &a).await;
    assert_eq!(recording.recorder.nodes()[0].node, "own");
    recording.kill().await;
    a.emit(3);
    let recording = Recording::start(&store, &[("called", &a.fake)]);
    recorded(&*store, &a).await;
    assert_eq!((fake.records().len(), fake.all_gaps().len()), (6, 0));
    recording.stop().await;
}
