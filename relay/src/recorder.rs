//! Puts the flows of all nodes into the store: each once, and what is missing as a gap.
//!
//! In reading order:
//! * [`source`]: one node's flows, from where the store ends; [`continuity`] and [`losses`] say
//!   what is new, what is known and what is missing; [`marks`] is how far nodes are recorded;
//! * [`writer`]: the batches; [`retention`]: what is removed again.
//!
//! It goes node by node and not through the merge of client streams: a store has its own order,
//! and how far a node is recorded is a number in that node's order alone. Nothing that a break or
//! a restart needs is kept anywhere but in the store: each call to a node begins, after what was
//! delivered is stored, with what the store says. So there is one way to go on, and a kill at any
//! moment takes the same one.

mod continuity;
mod losses;
mod marks;
mod retention;
mod source;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_ops::stop;
use tidegate_store::{FlowStore, Gap, Progress, Record};
use tokio::sync::{Notify, broadcast, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

pub(crate) use self::marks::Marks;
use self::source::Source;
use self::writer::Writer;
use crate::connect::Backoff;
use crate::peers::Pool;

/// How far before the last recorded time a node is asked: further than its flows are out of the
/// order of their times, in nanoseconds.
pub(crate) const OVERLAP_NS: u64 = 2_000_000_000;

/// Commits that a follower may be behind before it has to read them from the store.
const COMMITS: usize = 8;

/// How long the last batch may take when the relay stops.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// What is kept of stored flows; whichever limit is reached first.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Flows younger than this.
    pub age: Duration,
    /// Bytes on disk.
    pub bytes: u64,
}

/// A store and what is being recorded into it. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn FlowStore>,
    url: String,
    keep: Keep,
    commits: broadcast::Sender<Arc<Commit>>,
    /// Number of the newest commit, once known.
    newest: watch::Sender<Option<u64>>,
    state: Mutex<State>,
    /// Told of much that was stored.
    grown: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How far nodes are stored.
    marks: Marks,
    /// By peer.
    nodes: BTreeMap<String, Node>,
    /// Why the store takes nothing.
    trouble: Option<String>,
    /// Flows stored since retention looked.
    grown: u64,
}

/// How the recording of a peer goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// Name in its flows, or that of the peer as long as it is unknown.
    pub(crate) node: String,
    /// Whether its flows are coming in.
    pub(crate) connected: bool,
    /// Why not; or what is wrong nevertheless.
    pub(crate) message: String,
}

/// What was stored in one go.
#[derive(Debug)]
pub(crate) struct Commit {
    /// Its number.
    pub(crate) number: u64,
    /// In any order; some may have been stored before.
    pub(crate) records: Vec<Record>,
    /// What is known to be missing.
    pub(crate) gaps: Vec<Gap>,
}

impl Recorder {
    /// A recorder into `store`, which is called `url`; it records nothing before [`Recorder::run`].
    pub(crate) fn new(store: Arc<dyn FlowStore>, url: String, keep: Keep) -> Self {
        let (commits, newest) = (broadcast::Sender::new(COMMITS), watch::Sender::new(None));
        Self(Arc::new(Inner { store, url, keep, commits, newest, state: Mutex::default(), grown: Notify::new() }))
    }

    /// The store.
    pub(crate) fn store(&self) -> &Arc<dyn FlowStore> {
        &self.0.store
    }

    /// The store's name, without secrets.
    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// What is kept.
    pub(crate) fn keep(&self) -> Keep {
        self.0.keep
    }

    /// What will be stored from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Commit>> {
        self.0.commits.subscribe()
    }

    /// Number of the newest commit; it is known when the store has answered once.
    pub(crate) async fn newest_commit(&self) -> u64 {
        let mut newest = self.0.newest.subscribe();
        // The sender lives as long as this recorder.
        newest.wait_for(Option::is_some).await.ok().and_then(|newest| *newest).unwrap_or(0)
    }

    /// How far nodes are stored.
    pub(crate) fn marks(&self) -> Marks {
        self.state().marks.clone()
    }

    /// How the recording of each peer goes, by name of the peer.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        let state = self.state();
        let trouble = state.trouble.as_ref();
        let node = |node: &Node| match trouble {
            Some(trouble) => Node { message: format!("the store takes no flows: {trouble}"), ..node.clone() },
            None => node.clone(),
        };
        state.nodes.values().map(node).collect()
    }

    /// Records all peers until `stop` is set, then stores what has come in and closes the store.
    pub(crate) async fn run(self, pool: Pool, stop: stop::Signal) {
        tokio::select! {
            () = self.begin() => {}
            () = stop.wait() => return self.store().close().await,
        }
        let (out, queue) = mpsc::channel(writer::QUEUE);
        let mut tasks = JoinSet::new();
        for peer in pool.all() {
            tasks.spawn(Source::new(peer.clone(), self.clone(), out.clone()).run());
        }
        tasks.spawn(retention::run(self.clone()));
        let mut writer = pin!(Writer { recorder: self.clone(), queue }.run());
        tokio::select! {
            () = &mut writer => unreachable!("it ends with the last sender, and `out` is one, also without a peer"),
            () = stop.wait() => {}
        }
        tasks.shutdown().await;
        drop(out);
        if timeout(LAST_BATCH, writer).await.is_err() {
            tracing::warn!("the last flows were not stored; the collectors have them");
        }
        self.store().close().await;
    }

    /// Reads how far the nodes are recorded.
    async fn begin(&self) {
        let mut backoff = Backoff::new();
        loop {
            match self.read_progress().await {
                Ok(()) => return self.store_works(),
                Err(error) => self.store_fails(error.to_string()),
            }
            sleep(backoff.pause()).await;
        }
    }

    async fn read_progress(&self) -> Result<(), tidegate_store::StoreError> {
        let progress = self.store().progress().await?;
        // Nothing is added; the answer tells how far the numbers have come.
        let commit = self.store().append(&tidegate_store::Batch::default()).await?.commit;
        self.state().marks = Marks::new(progress);
        self.0.newest.send_replace(Some(commit));
        Ok(())
    }

    fn set_node(&self, peer: &str, node: Node) {
        self.state().nodes.insert(peer.to_owned(), node);
    }

    /// Said once until it works again.
    fn store_fails(&self, reason: String) {
        let before = self.state().trouble.replace(reason.clone());
        if before.is_none() {
            tracing::error!(store = self.url(), reason, "the store takes no flows; it is tried until it does");
        }
    }

    fn store_works(&self) {
        let before = self.state().trouble.take();
        if before.is_some() {
            tracing::info!(store = self.url(), "the store takes flows again");
        }
    }

    fn committed(&self, commit: Commit, progress: Vec<Progress>, stored: u64) {
        let grown = {
            let mut state = self.state();
            for Progress { node, boot, sequence, time } in progress {
                state.marks.advance(&node, marks::Mark { boot, sequence, time });
            }
            state.grown += stored;
            state.grown >= retention::MUCH
        };
        // Before the commit itself: who subscribes now finds it in the store.
        self.0.newest.send_replace(Some(commit.number));
        if grown {
            self.0.grown.notify_one();
        }
        // An error says that nobody follows.
        let _ = self.0.commits.send(Arc::new(commit));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
