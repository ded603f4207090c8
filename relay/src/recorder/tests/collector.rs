//! A collector whose life the test writes, and a recorder of some of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_flow::FlowId;
use tidegate_ops::settings;
use tidegate_ops::stop::{Signal, Trigger};
use tidegate_store::FlowStore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::super::{Keep, Recorder};
use crate::fake::{FakePeer, Script, own_flow};
use crate::peers::Pool;

/// Longer than anything takes; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A second in nanoseconds.
pub(crate) const S: i64 = 1_000_000_000;

/// A collector that numbers its flows, as ours do.
pub(crate) struct Collector {
    pub(crate) node: &'static str,
    pub(crate) fake: FakePeer,
    pub(crate) boot: u64,
    /// Newest number of each start.
    pub(crate) emitted: BTreeMap<u64, u64>,
    /// Time of the next flow.
    pub(crate) time: i64,
    /// Time between two flows.
    pub(crate) step: i64,
}

impl Collector {
    pub(crate) async fn start(node: &'static str) -> Self {
        let fake = FakePeer::start(Script::default()).await;
        Self { node, fake, boot: 1, emitted: BTreeMap::new(), time: 1000 * S, step: S / 10 }
    }

    /// Sees some flows.
    pub(crate) fn emit(&mut self, flows: u64) {
        let newest = self.emitted.entry(self.boot).or_default();
        let mut frames = Vec::new();
        for _ in 0..flows {
            *newest += 1;
            frames.push(own_flow(self.node, FlowId { boot: self.boot, sequence: *newest }, self.time));
            self.time += self.step;
        }
        self.fake.change(|script| script.history.extend(frames));
    }

    /// Its memory moves on until so many flows are left.
    pub(crate) fn forget_all_but(&mut self, kept: usize) {
        self.fake.change(|script| {
            let gone = script.history.len().saturating_sub(kept);
            script.history.drain(..gone);
            script.forgotten += gone;
        });
    }

    /// Its streams break.
    pub(crate) fn break_streams(&mut self) {
        self.fake.change(|script| script.life += 1);
    }

    /// It is killed and started again.
    pub(crate) fn restart(&mut self) {
        self.boot += 1;
        self.fake.change(|script| {
            script.life += 1;
            script.history.clear();
            script.forgotten = 0;
        });
    }
}

/// A recorder that runs, until it is stopped or killed.
pub(crate) struct Recording {
    pub(crate) recorder: Recorder,
    task: JoinHandle<()>,
    stop: Trigger,
}

impl Recording {
    pub(crate) fn start(store: &Arc<dyn FlowStore>, peers: &[(&str, &FakePeer)]) -> Self {
        let peers: Vec<_> = peers
            .iter()
            .map(|(name, fake)| settings::Peer { name: (*name).to_owned(), address: fake.address.clone() })
            .collect();
        let pool = Pool::new("default", &peers).expect("usable addresses");
        let (stop, stopped) = Signal::manual();
        pool.watch(&stopped);
        // The tests' flows are from 1970.
        let keep = Keep { age: Duration::from_secs(u64::from(u32::MAX)), bytes: 1 << 30 };
        let recorder = Recorder::new(store.clone(), "memory".to_owned(), keep);
        let task = tokio::spawn(recorder.clone().run(pool, stopped));
        Self { recorder, task, stop }
    }

    /// Ends it at once: what it holds is lost.
    pub(crate) async fn kill(self) {
        self.task.abort();
        self.task.await.expect_err("it was running");
    }

    /// Ends it in good order.
    pub(crate) async fn stop(self) {
        self.stop.stop();
        self.task.await.expect("it ends by itself");
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let given_up = Instant::now() + PATIENCE;
    while !so().await {
        assert!(Instant::now() < given_up, "not in time: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until everything that the collector has seen in this start is recorded.
pub(crate) async fn recorded(store: &dyn FlowStore, collector: &Collector) {
    let newest = collector.emitted.get(&collector.boot).copied().unwrap_or(0);
    until(&format!("{} {newest} recorded", collector.node), async || {
        let progress = store.progress().await.unwrap_or_default();
        newest == 0
            || progress
                .iter()
                .any(|one| (one.node.as_str(), one.boot, one.sequence) == (collector.node, collector.boot, newest))
    })
    .await;
}
