//! Puts into the store what the sources deliver, in batches: one task, so that the order of each
//! node's flows is that of its delivery, and a node's mark is stored with the flows it speaks of.
//!
//! A store that fails is tried until it works. Meanwhile the queue fills, the sources stop
//! reading, and the collectors keep what they have.

use std::collections::HashMap;
use std::time::Duration;

use tidegate_store::{Batch, Gap, Progress, Record};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Commit, Recorder};
use crate::connect::Backoff;

/// Flows stored at once at most.
pub(super) const BATCH: usize = 20_000;

/// Deliveries that wait while a batch is being stored.
pub(super) const QUEUE: usize = BATCH;

/// How long a flow waits for others that are stored with it.
const FLUSH: Duration = Duration::from_millis(250);

/// What a source hands over.
#[derive(Debug)]
pub(super) enum Delivery {
    /// The next flow of a node.
    Flow(Box<Record>),
    /// What is known to be missing before the next flow.
    Gap(Gap),
    /// Asks for word when everything delivered before is stored.
    Barrier(oneshot::Sender<()>),
}

/// The task that owns the writing end of the store.
#[derive(Debug)]
pub(super) struct Writer {
    /// Whose store it is, and who is told.
    pub(super) recorder: Recorder,
    /// What is delivered.
    pub(super) queue: mpsc::Receiver<Delivery>,
}

impl Writer {
    /// Runs until all sources are gone and everything they delivered is stored.
    pub(super) async fn run(mut self) {
        let mut taken = Vec::new();
        while let Some(first) = self.queue.recv().await {
            let mut batch = Batch::default();
            let mut barriers = Vec::new();
            let due = Instant::now() + FLUSH;
            taken.push(first);
            loop {
                for delivery in taken.drain(..) {
                    match delivery {
                        Delivery::Flow(record) => batch.records.push(*record),
                        Delivery::Gap(gap) => batch.gaps.push(gap),
                        Delivery::Barrier(barrier) => barriers.push(barrier),
                    }
                }
                let room = BATCH.saturating_sub(batch.records.len() + batch.gaps.len());
                if room == 0 || !barriers.is_empty() {
                    break;
                }
                match timeout_at(due, self.queue.recv_many(&mut taken, room)).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
            self.store(batch).await;
            for barrier in barriers {
                // A source that has ended meanwhile wants no word.
                let _ = barrier.send(());
            }
        }
    }

    async fn store(&self, mut batch: Batch) {
        if batch.records.is_empty() && batch.gaps.is_empty() {
            return;
        }
        batch.progress = progress(&batch.records);
        let mut backoff = Backoff::new();
        let appended = loop {
            match self.recorder.store().append(&batch).await {
                Ok(appended) => break appended,
                Err(error) => {
                    self.recorder.store_fails(error.to_string());
                    sleep(backoff.pause()).await;
                }
            }
        };
        self.recorder.store_works();
        let Batch { records, progress, gaps } = batch;
        self.recorder.committed(Commit { number: appended.commit, records, gaps }, progress, appended.stored);
    }
}

/// How far the nodes are recorded by these flows: in the order of delivery, the last one counts.
fn progress(records: &[Record]) -> Vec<Progress> {
    let mut last = HashMap::new();
    for Record { flow, .. } in records {
        last.insert((flow.node.name.as_str(), flow.id.boot), (flow.id.sequence, flow.time));
    }
    let progress = last.into_iter().map(|((node, boot), (sequence, time))| {
        let node = node.to_owned();
        Progress { node, boot, sequence, time }
    });
    progress.collect()
}
