//! Reads the store for one stream, and says when the nodes are to go on and from where.
//!
//! The store is read in time order up to a moment before which nothing can be missing in it. Should
//! that have taken long, it is read further, up to such a moment as of then. Only then are the
//! nodes asked, each from a little before the last flow that was recorded of it when the last such
//! reading began, while the rest of the store is read beside them: a node's stream never waits for
//! days of stored flows, or the node's memory would move past it.
//!
//! That moment is [`MARGIN`] before now, by this machine's clock, or a little before the last
//! recorded flow of a node that has newer ones. So a node that has none is taken to see its next
//! one after that margin; where its clock is further behind and the reading took long, flows that
//! were recorded meanwhile may be missing from the answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use tidegate_proto::Frame;
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_store::{Cursor, Gap, GapReason, Order, PageRequest, Query, Span, StoreError, Stored};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::dress::Dress;
use super::{Given, Plan};
use crate::feed::Event;
use crate::peers::{Edge, Peer, Reach};
use crate::position::timestamp;
use crate::recorder::{Marks, OVERLAP_NS};
use crate::route;

/// How far clocks may differ.
const MARGIN: u64 = 10_000_000_000;

/// A reading that took no longer need not be followed by another.
const QUICK: Duration = Duration::from_secs(2);

/// Flows read at once.
const PAGE: usize = 1000;

/// The task that reads the store for one stream.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) plan: Plan,
    pub(crate) given: Given,
    pub(crate) out: mpsc::Sender<Event>,
}

/// Why the reading is over.
enum Over {
    /// The client is gone.
    Abandoned,
    /// The store failed.
    Failed(StoreError),
}

impl From<StoreError> for Over {
    fn from(error: StoreError) -> Self {
        Over::Failed(error)
    }
}

/// How far the store was read.
#[derive(Clone, Copy, Debug)]
struct Progress {
    after: Option<Cursor>,
    /// All before is read.
    since: u64,
}

impl Reader {
    /// Runs until everything is read or the client is gone.
    pub(crate) async fn run(self) {
        let mut read = Progress { after: None, since: self.plan.query.span.since };
        let over = match self.plan.last {
            Some(number) => self.read_last(number).await,
            None => self.read_all(&mut read).await,
        };
        let last = match over {
            Ok(()) => Ok(()),
            Err(Over::Abandoned) => return,
            Err(Over::Failed(error)) => self.leave_it_to_the_nodes(&error, read).await,
        };
        if last.is_ok() {
            // A client that is gone misses nothing.
            let _ = self.send(Event::Ended).await;
        }
    }

    async fn read_all(&self, read: &mut Progress) -> Result<(), Over> {
        let until = self.plan.query.span.until;
        let mut marks = self.plan.recorder.marks();
        loop {
            let complete = self.complete_until(&marks).await;
            if complete <= read.since {
                break;
            }
            let began = Instant::now();
            self.read_until(complete.min(until), read, &marks, true).await?;
            if complete >= until {
                return Ok(());
            }
            if began.elapsed() < QUICK {
                break;
            }
            marks = self.plan.recorder.marks();
        }
        self.hand_over(&marks).await?;
        self.read_until(until, read, &marks, false).await
    }

    /// Reads on up to `until`. `alone`: no node is asked for losses of that time.
    async fn read_until(&self, until: u64, read: &mut Progress, marks: &Marks, alone: bool) -> Result<(), Over> {
        let span = Span { since: read.since.min(until), until };
        let query = Query { span, ..self.plan.query.clone() };
        let mut gaps = self.gaps(span, alone).await?;
        let mut page = PageRequest { order: Order::OldestFirst, after: read.after, limit: PAGE, budget: None };
        loop {
            let found = self.plan.recorder.store().page(&query, &page).await?;
            for stored in &found.flows {
                self.send_gaps(&mut gaps, stored.cursor.time).await?;
                self.send_flow(stored, marks).await?;
                read.after = Some(stored.cursor);
                read.since = stored.cursor.time;
            }
            page.after = found.next;
            if page.after.is_none() {
                self.send_gaps(&mut gaps, u64::MAX).await?;
                read.since = until;
                return Ok(());
            }
        }
    }

    /// The newest `number` flows, in time order; the nodes have newer ones to add.
    async fn read_last(&self, number: usize) -> Result<(), Over> {
        let marks = self.plan.recorder.marks();
        let complete = self.complete_until(&marks).await;
        let mut newest: Vec<(Stored, Frame)> = Vec::new();
        let mut page = PageRequest { order: Order::NewestFirst, after: None, limit: PAGE, budget: None };
        while newest.len() < number {
            let found = self.plan.recorder.store().page(&self.plan.query, &page).await?;
            let dressed = found.flows.into_iter().filter_map(|stored| {
                let frame = self.plan.dress.flow(&stored.record)?;
                Some((stored, frame))
            });
            newest.extend(dressed);
            page.after = found.next;
            if page.after.is_none() {
                break;
            }
        }
        newest.truncate(number);
        let asks_nodes = complete < self.plan.query.span.until;
        if asks_nodes {
            self.hand_over(&marks).await?;
        }
        let since = newest.last().map_or(self.plan.query.span.since, |(oldest, _)| oldest.cursor.time);
        let mut gaps = self.gaps(Span { since, ..self.plan.query.span }, !asks_nodes).await?;
        for (stored, frame) in newest.into_iter().rev() {
            self.send_gaps(&mut gaps, stored.cursor.time).await?;
            self.send_new(&stored, frame, &marks).await?;
        }
        self.send_gaps(&mut gaps, u64::MAX).await
    }

    /// Has the nodes asked for what they have to add to what is stored.
    async fn hand_over(&self, marks: &Marks) -> Result<(), Over> {
        let begin = |peer: &std::sync::Arc<Peer>| {
            let since = known(peer, marks).map_or(0, |time| time.saturating_sub(OVERLAP_NS));
            self.rest(since.max(self.plan.query.span.since))
        };
        self.send(Event::Handover(self.plan.peers.iter().map(begin).collect())).await
    }

    /// The store failed: the nodes give what they have, and the client is told.
    async fn leave_it_to_the_nodes(&self, error: &StoreError, read: Progress) -> Result<(), Over> {
        self.send(Event::Failed(format!("older flows are missing: the store does not answer: {error}"))).await?;
        let request = match self.plan.last {
            Some(_) => self.plan.request.clone(),
            None => self.rest(read.after.map_or(read.since, |last| last.time.saturating_add(1))),
        };
        self.send(Event::Handover(vec![request; self.plan.peers.len()])).await
    }

    /// The client's request from `since` on; what it counts is counted over the whole stream.
    fn rest(&self, since: u64) -> GetFlowsRequest {
        let since = Some(timestamp(i64::try_from(since).unwrap_or(i64::MAX)));
        GetFlowsRequest { since, number: 0, first: false, ..self.plan.request.clone() }
    }

    /// The moment before which nothing of any node can be missing in the store.
    async fn complete_until(&self, marks: &Marks) -> u64 {
        let lag = async |peer: &std::sync::Arc<Peer>| {
            let recorded = known(peer, marks).unwrap_or(0);
            let newest = match peer.reach() {
                Reach::Usable => peer.edge(Edge::Newest).await?,
                Reach::Untried | Reach::Unavailable(_) => return None,
            };
            (newest > recorded).then(|| recorded.saturating_sub(OVERLAP_NS))
        };
        let lags = join_all(self.plan.peers.iter().map(lag)).await;
        lags.into_iter().flatten().fold(now().saturating_sub(MARGIN), u64::min)
    }

    async fn send_flow(&self, stored: &Stored, marks: &Marks) -> Result<(), Over> {
        match self.plan.dress.flow(&stored.record) {
            Some(frame) => self.send_new(stored, frame, marks).await,
            None => Ok(()),
        }
    }

    /// Sends a flow, unless its node has given it: that can be if the node is asked from before it.
    async fn send_new(&self, stored: &Stored, frame: Frame, marks: &Marks) -> Result<(), Over> {
        let flow = &stored.record.flow;
        let asked_from = marks.newest(&flow.node.name).map_or(0, |mark| mark.time.saturating_sub(OVERLAP_NS));
        match flow.time < asked_from || self.given.admit(stored.record.uuid) {
            true => self.send(Event::Frame(frame)).await,
            false => Ok(()),
        }
    }

    /// Gaps that end in the span, the first to end last. What a node's kernel lost, the node tells.
    async fn gaps(&self, span: Span, alone: bool) -> Result<Vec<Gap>, StoreError> {
        let mut gaps = self.plan.recorder.store().gaps(span).await?;
        gaps.retain(|gap| {
            let here = (span.since..span.until).contains(&gap.until);
            here && (alone || gap.reason != GapReason::KernelRing) && route::can_match(&self.plan.request, &[&gap.node])
        });
        gaps.sort_by_key(|gap| u64::MAX - gap.until);
        Ok(gaps)
    }

    /// Sends the gaps that ended by `time`.
    async fn send_gaps(&self, gaps: &mut Vec<Gap>, time: u64) -> Result<(), Over> {
        while let Some(gap) = gaps.pop_if(|gap| gap.until <= time) {
            self.send(Event::Frame(Dress::gap(&gap))).await?;
        }
        Ok(())
    }

    async fn send(&self, event: Event) -> Result<(), Over> {
        self.out.send(event).await.map_err(|_| Over::Abandoned)
    }
}

/// Time of the last flow that was recorded of a peer.
fn known(peer: &Peer, marks: &Marks) -> Option<u64> {
    let names = [Some(peer.name.as_str()), peer.names().map(|[_, own]| own)];
    names.into_iter().flatten().filter_map(|name| marks.newest(name)).map(|mark| mark.time).max()
}

fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}
