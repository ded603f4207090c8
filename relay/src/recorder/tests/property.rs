//! Whatever becomes of collectors, streams, recorder and store: every flow is stored or in a gap,
//! and the gaps count exactly what is missing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tidegate_flow::flow::Flow;
use tidegate_store::{FlowStore, Gap, GapReason};
use tokio::time::sleep;

use super::collector::{Collector, Recording, recorded};
use crate::fake_store::FakeStore;

/// Lives that are lived side by side.
const LIVES: u64 = 24;

/// Events of a life.
const EVENTS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_is_stored_or_missing_by_count() {
    join_all((1..=LIVES).map(live)).await;
}

async fn live(seed: u64) {
    let mut dice = Dice(seed);
    let fake = Arc::new(FakeStore::default());
    let store: Arc<dyn FlowStore> = fake.clone();
    let mut nodes = [Collector::start("a").await, Collector::start("b").await];
    nodes.iter_mut().for_each(|node| node.emit(1));
    let start = |nodes: &[Collector]| {
        let peers: Vec<_> = nodes.iter().map(|node| (node.node, &node.fake)).collect();
        Recording::start(&store, &peers)
    };
    let mut recording = start(&nodes);
    for node in &nodes {
        recorded(&*store, node).await;
    }
    for _ in 0..EVENTS {
        let node = &mut nodes[dice.roll(2)];
        match dice.roll(10) {
            0 => node.restart(),
            1 => node.break_streams(),
            2 => node.forget_all_but(dice.roll(20)),
            3 => {
                recording.kill().await;
                node.emit(dice.roll(50) as u64);
                recording = start(&nodes);
            }
            4 => fake.fail(Some("told to")),
            5 => fake.fail(None),
            _ => node.emit(dice.roll(100) as u64),
        }
        sleep(Duration::from_millis(dice.roll(400) as u64)).await;
    }
    fake.fail(None);
    for node in &mut nodes {
        // The last start must show itself, or what it followed is not known to be gone.
        node.emit(1);
        recorded(&*store, node).await;
    }
    recording.stop().await;
    let (records, gaps) = (fake.records(), fake.all_gaps());
    for node in &nodes {
        let flows: Vec<&Flow> =
            records.iter().map(|record| &record.flow).filter(|flow| flow.node.name == node.node).collect();
        account(seed, node, &flows, &gaps);
    }
}

/// What is missing of a start before its last recorded flow is counted by the gaps; what is missing
/// behind it went with the collector.
fn account(seed: u64, node: &Collector, flows: &[&Flow], gaps: &[Gap]) {
    let of = |reason| gaps.iter().filter(move |gap| gap.node == node.node && gap.reason == reason);
    let mut missing = 0;
    for (boot, emitted) in &node.emitted {
        let stored = flows.iter().filter(|flow| flow.id.boot == *boot);
        let (count, newest) = stored.fold((0, 0), |(count, newest), flow| (count + 1, newest.max(flow.id.sequence)));
        assert!(newest <= *emitted, "life {seed}: {} has more of {boot} than there was", node.node);
        missing += newest - count;
        if *boot < node.boot && newest < *emitted && flows.iter().any(|flow| flow.id.boot > *boot) {
            assert!(of(GapReason::CollectorGone).count() > 0, "life {seed}: nobody said that {boot} ended");
        }
    }
    let counted: u64 = of(GapReason::History).filter_map(|gap| gap.count).sum();
    assert_eq!(counted, missing, "life {seed}: {} misses as much as its gaps say: {gaps:?}", node.node);
}

/// Numbers by chance, the same for the same seed.
struct Dice(u64);

impl Dice {
    /// From 0 up to and without `sides`.
    fn roll(&mut self, sides: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides).expect("small")
    }
}
