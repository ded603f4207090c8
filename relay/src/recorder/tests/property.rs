//! Whatever becomes of collectors, streams, recorder and store: every flow is stored or in a gap,
//! and the gaps count exactly what is missing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;
use tidegate_flow::flow::Flow;
use tidegate_store::sqlite::Sqlite;
use tidegate_store::{FlowStore, Gap, GapReason, Order, PageRequest, Query, Span};
use tokio::time::sleep;

use super::collector::{Collector, Recording, recorded, until};
use crate::fake_store::FakeStore;

/// Lives that are lived side by side.
const LIVES: u64 = 24;

/// Events of a life.
const EVENTS: usize = 30;

/// What flows are stored in.
enum Ground {
    /// Memory that fails when told to.
    Fake(Arc<FakeStore>),
    /// A folder, opened anew by each recorder.
    Folder(TempDir),
}

impl Ground {
    async fn open(&self) -> Arc<dyn FlowStore> {
        let folder = match self {
            Self::Fake(fake) => return fake.clone(),
            Self::Folder(folder) => folder.path(),
        };
        let mut opened = None;
        until("the last one has let go of the folder", async || {
            opened = Sqlite::open(folder).await.ok();
            opened.is_some()
        })
        .await;
        Arc::new(opened.expect("just opened"))
    }

    fn fail(&self, reason: Option<&'static str>) {
        if let Self::Fake(fake) = self {
            fake.fail(reason);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_is_stored_or_missing_by_count() {
    join_all((1..=LIVES).map(|seed| live(seed, Ground::Fake(Arc::default())))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_is_in_the_folder_or_missing_by_count() {
    let folder = || Ground::Folder(TempDir::new().expect("a writable folder for temporary files"));
    join_all((1..=LIVES / 3).map(|seed| live(1000 + seed, folder()))).await;
}

async fn live(seed: u64, ground: Ground) {
    let mut dice = Dice(seed);
    let mut store = ground.open().await;
    let mut nodes = [Collector::start("a").await, Collector::start("b").await];
    nodes.iter_mut().for_each(|node| node.emit(1));
    let start = |nodes: &[Collector], store: &Arc<dyn FlowStore>| {
        let peers: Vec<_> = nodes.iter().map(|node| (node.node, &node.fake)).collect();
        Recording::start(store, &peers)
    };
    let mut recording = start(&nodes, &store);
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
                drop(store);
                for _ in 0..dice.roll(4) {
                    node.emit(dice.roll(50) as u64);
                    match dice.roll(4) {
                        0 => node.restart(),
                        1 => node.forget_all_but(dice.roll(40)),
                        _ => {}
                    }
                }
                store = ground.open().await;
                recording = start(&nodes, &store);
            }
            4 => ground.fail(Some("told to")),
            5 => ground.fail(None),
            _ => node.emit(dice.roll(100) as u64),
        }
        sleep(Duration::from_millis(dice.roll(400) as u64)).await;
    }
    ground.fail(None);
    for node in &mut nodes {
        // The last start must show itself, or what it followed is not known to be gone.
        node.emit(1);
        recorded(&*store, node).await;
    }
    let (records, gaps) = (everything(&*store).await, store.gaps(Span::ALL).await.expect("answered"));
    recording.stop().await;
    for node in &nodes {
        let flows: Vec<&Flow> = records.iter().filter(|flow| flow.node.name == node.node).collect();
        account(seed, node, &flows, &gaps);
    }
}

async fn everything(store: &dyn FlowStore) -> Vec<Flow> {
    let query = Query { span: Span::ALL, allow: Vec::new(), deny: Vec::new() };
    let mut page = PageRequest { order: Order::OldestFirst, after: None, limit: 1000, budget: None };
    let mut flows = Vec::new();
    loop {
        let found = store.page(&query, &page).await.expect("answered");
        flows.extend(found.flows.into_iter().map(|stored| stored.record.flow));
        page.after = found.next;
        if page.after.is_none() {
            return flows;
        }
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
