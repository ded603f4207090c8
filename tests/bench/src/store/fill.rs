//! A million flows of an hour or so: put into a store, and what that costs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::unistd::getpid;
use tidegate_store::sqlite::Sqlite;
use tidegate_store::{Batch, FlowStore as _, Record, Retention, Span};
use tidegate_store_suite::{Shape, Traffic};
use tokio::runtime::Runtime;

use super::question::Subject;
use crate::cpu;
use crate::options::Options;

/// Flows of the store.
pub(super) const FLOWS: usize = 1_000_000;
/// Flows stored in one go.
const BATCH: usize = 5_000;
/// A whole hour, so that most flows are in a segment that ends.
const START: u64 = 1_700_002_800_000_000_000;
/// Flows in a second, about.
const RATE: u64 = 200;

/// The flows, the same every time.
pub(super) fn traffic() -> impl Iterator<Item = Record> {
    Traffic::new(&Shape::LARGE, START, RATE).take(FLOWS)
}

/// What it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled {
    /// Of a flow that is appended.
    pub(super) append: Duration,
    /// Of a flow of a segment that is sealed, on top.
    pub(super) seal: Duration,
    /// Bytes of a flow in a sealed segment.
    pub(super) bytes: f64,
    /// Flows that are in sealed segments.
    pub(super) sealed: u64,
    /// The most memory that the process held, beyond what it had before.
    pub(super) memory: u64,
}

/// Fills a store in `folder`.
///
/// # Errors
/// When it cannot be written.
pub(super) fn fill(options: &Options, runtime: &Runtime, folder: &Path) -> Result<(Filled, Subject)> {
    let before = cpu::memory()?;
    cpu::forget_peak()?;
    let store = runtime.block_on(Sqlite::open(folder))?;
    let mut append = Duration::ZERO;
    let mut subject = subject();
    let mut flows = traffic();
    for n in 0..FLOWS / BATCH {
        options.go_on()?;
        let batch = Batch { records: flows.by_ref().take(BATCH).collect(), ..Batch::default() };
        let last = batch.records.last().context("a batch has flows")?;
        subject.span.until = last.flow.time + 1;
        if n == FLOWS / BATCH / 2 {
            (subject.uuid, subject.middle) = (last.uuid, last.flow.time);
        }
        let (used, appended) = used(|| runtime.block_on(store.append(&batch)))?;
        ensure!(appended?.stored == BATCH as u64, "flows were taken for others");
        append += used;
    }
    let retention = Retention { age: Duration::MAX, bytes: u64::MAX, now: subject.span.until };
    let (seal, done) = used(|| runtime.block_on(store.maintain(&retention)))?;
    ensure!(done?.sealed == 1, "{} s of flows are to be one segment and a part of the next", FLOWS as u64 / RATE);
    let histogram = runtime.block_on(store.histogram(&subject.of_first_hour(), 1, None))?;
    let sealed = histogram.buckets.iter().flatten().sum::<u64>();
    runtime.block_on(store.close());
    let file = folder.join("segment-1.db");
    let bytes = fs::metadata(&file).with_context(|| format!("cannot find {}", file.display()))?.len();
    let filled = Filled {
        append: append / FLOWS as u32,
        seal: seal.div_f64(sealed as f64),
        bytes: bytes as f64 / sealed as f64,
        sealed,
        memory: cpu::peak_memory(getpid().as_raw())?.saturating_sub(before),
    };
    Ok((filled, subject))
}

/// What all questions are about; the flow in the middle is to be filled in.
fn subject() -> Subject {
    let flows = Traffic::new(&Shape::LARGE, START, RATE);
    let cluster = flows.cluster();
    let pod = &cluster.pods[40].endpoint;
    Subject {
        span: Span { since: START, until: START },
        name: cluster.names[40].name.to_string(),
        pod: format!("{}/{}", pod.namespace, pod.pod),
        uuid: 0,
        middle: START,
    }
}

impl Subject {
    fn of_first_hour(&self) -> tidegate_store::Query {
        let until = START + Duration::from_secs(3600).as_nanos() as u64;
        tidegate_store::Query { span: Span { since: START, until }, allow: vec![], deny: vec![] }
    }
}

/// CPU time of this process while something is done.
pub(super) fn used<T>(work: impl FnOnce() -> T) -> Result<(Duration, T)> {
    let pid = getpid().as_raw();
    let before = cpu::of_process(pid)?;
    let done = work();
    Ok((cpu::of_process(pid)? - before, done))
}
