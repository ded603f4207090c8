//! One peer's flows, from where the store ends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost_types::Any;
use tidegate_proto::decode::{Decoded, Decoder};
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::v1::FlowsOptions;
use tidegate_proto::{Frame, FrameKind};
use tidegate_store::{Gap, Order, PageRequest, Query, Record, Span, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::continuity::{Continuity, Step};
use super::losses::{self, Loss, Reports};
use super::marks::Mark;
use super::writer::Delivery;
use super::{Node, OVERLAP_NS, Recorder};
use crate::call::{Call, End};
use crate::connect::{self, Backoff};
use crate::peers::{Peer, Reach};
use crate::position::timestamp;

/// How long a report of losses waits for the next CPU's, which the node sends in one go.
const REPORTS: Duration = Duration::from_millis(200);

/// Flows of one instant that are looked at in one go.
const INSTANT: usize = 1000;

/// The task that records one peer.
#[derive(Debug)]
pub(super) struct Source {
    peer: Arc<Peer>,
    recorder: Recorder,
    out: mpsc::Sender<Delivery>,
    decoder: Decoder,
    /// The start of the collector whose stream came to its end, if the last one did.
    ended: Option<u64>,
}

/// Why a call is over.
enum Break {
    /// The node may have flows from before the call's beginning.
    AskForAll,
    /// The call ended.
    End(End),
    /// The relay stops.
    Stopped,
}

/// One call and what is known of it.
struct Stream {
    call: Call,
    continuity: Continuity,
    /// Losses in front of the next flow.
    reports: Reports,
    /// Losses of this reader, until the next flow says whether the node numbers its flows.
    overtaken: Vec<Gap>,
    /// The start of the collector that sent the latest flow.
    boot: Option<u64>,
}

impl Source {
    /// A source that delivers to `out`.
    pub(super) fn new(peer: Arc<Peer>, recorder: Recorder, out: mpsc::Sender<Delivery>) -> Self {
        Self { peer, recorder, out, decoder: Decoder::default(), ended: None }
    }

    /// Runs until nobody takes the deliveries any more.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        let mut whole = false;
        loop {
            while let Some(reason) = self.unreachable() {
                self.report(false, &reason);
                self.peer.found_usable().await;
            }
            let reason = match self.record(whole, &mut backoff).await {
                Break::Stopped => return,
                Break::AskForAll => {
                    whole = true;
                    continue;
                }
                Break::End(End::Complete) => "the node ended the stream".to_owned(),
                Break::End(End::Refused(status)) => connect::reason(&status),
                Break::End(End::Failed(reason)) => reason,
            };
            whole = false;
            tracing::debug!(peer = self.peer.name, reason, "recording is interrupted");
            self.report(false, &reason);
            self.peer.suspect();
            sleep(backoff.pause()).await;
        }
    }

    /// One call to the node, from where the store ends or for all that the node has.
    async fn record(&mut self, whole: bool, backoff: &mut Backoff) -> Break {
        // What the store says is exact only when it has everything that was delivered.
        let (stored, barrier) = oneshot::channel();
        if self.out.send(Delivery::Barrier(stored)).await.is_err() || barrier.await.is_err() {
            return Break::Stopped;
        }
        let marks = self.recorder.marks();
        let names = self.peer.names().map_or(vec![self.peer.name.as_str()], |names| names.to_vec());
        let newest = names.into_iter().find_map(|name| marks.newest(name)).filter(|_| !whole);
        // Stock servers accept a call when they send the first flow.
        self.report(true, "");
        let call = match Call::open(&self.peer, request(newest)).await {
            Ok(call) => call,
            Err(end) => return Break::End(end),
        };
        let continuity = Continuity::new(marks, newest.is_none(), self.ended);
        let mut stream = Stream { call, continuity, reports: Reports::default(), overtaken: Vec::new(), boot: None };
        loop {
            let patience = if stream.reports.is_empty() { Duration::MAX } else { REPORTS };
            let frame = match timeout(patience, stream.call.next()).await {
                Ok(Ok(frame)) => frame,
                Err(_) => match self.deliver_gaps(stream.reports.take()).await {
                    Ok(()) => continue,
                    Err(over) => return over,
                },
                Ok(Err(end)) => {
                    self.ended = stream.boot.filter(|_| matches!(end, End::Complete));
                    return Break::End(end);
                }
            };
            backoff.reset();
            let taken = match frame.kind() {
                FrameKind::Flow => self.take_flow(&mut stream, &frame).await,
                FrameKind::LostEvents => self.take_loss(&mut stream, &frame).await,
                FrameKind::NodeStatus | FrameKind::Empty => Ok(()),
            };
            if let Err(over) = taken {
                return over;
            }
        }
    }

    async fn take_flow(&mut self, stream: &mut Stream, frame: &Frame) -> Result<(), Break> {
        let Some(bytes) = frame.flow() else {
            return Ok(());
        };
        let Decoded { flow, uuid, original } = match self.decoder.decode(bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                tracing::warn!(peer = self.peer.name, %error, "a flow cannot be read and is not recorded");
                return Ok(());
            }
        };
        let (node, time) = (flow.node.name.as_str(), flow.time);
        let step = match stream.continuity.offer(node, flow.id, time) {
            Step::LookUp => {
                let stored = self.answer(|| self.is_stored(uuid, time)).await;
                stream.continuity.join(node, time, stored)
            }
            step => step,
        };
        let gaps = match step {
            Step::AskForAll => return Err(Break::AskForAll),
            Step::Known | Step::LookUp => return Ok(()),
            Step::Next(gaps) => gaps,
        };
        if stream.boot.replace(flow.id.boot).is_none() {
            self.ended = None;
            // By its own name from now on.
            self.report(true, "");
        }
        // Where flows are numbered, the numbers say what this reader missed.
        let overtaken = std::mem::take(&mut stream.overtaken).into_iter().filter(|_| flow.id.boot == 0);
        self.deliver_gaps(gaps.into_iter().chain(overtaken).chain(stream.reports.take())).await?;
        let original = original.then(|| Bytes::copy_from_slice(bytes));
        self.deliver(Delivery::Flow(Box::new(Record { uuid, flow, original }))).await
    }

    async fn take_loss(&mut self, stream: &mut Stream, frame: &Frame) -> Result<(), Break> {
        match losses::read(frame, &self.peer.name) {
            Some(Loss::Remembered(gap)) => self.deliver_gaps(stream.reports.add(gap)).await,
            Some(Loss::Overtaken(gap)) => {
                stream.overtaken.push(gap);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether a flow with this uuid and time is stored.
    async fn is_stored(&self, uuid: u128, time: u64) -> Result<bool, StoreError> {
        let span = Span { since: time, until: time.saturating_add(1) };
        let query = Query { span, allow: Vec::new(), deny: Vec::new() };
        let mut page = PageRequest { order: Order::OldestFirst, after: None, limit: INSTANT, budget: None };
        loop {
            let found = self.recorder.store().page(&query, &page).await?;
            if found.flows.iter().any(|stored| stored.record.uuid == uuid) {
                return Ok(true);
            }
            if found.next.is_none() {
                return Ok(false);
            }
            page.after = found.next;
        }
    }

    /// The store's answer, however long it takes: without it nothing can be recorded.
    async fn answer<T, F: Future<Output = Result<T, StoreError>>>(&self, ask: impl Fn() -> F) -> T {
        let mut backoff = Backoff::new();
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(error) => self.recorder.store_fails(error.to_string()),
            }
            sleep(backoff.pause()).await;
        }
    }

    async fn deliver_gaps(&self, gaps: impl IntoIterator<Item = Gap>) -> Result<(), Break> {
        for gap in gaps {
            self.deliver(Delivery::Gap(gap)).await?;
        }
        Ok(())
    }

    async fn deliver(&self, delivery: Delivery) -> Result<(), Break> {
        self.out.send(delivery).await.map_err(|_| Break::Stopped)
    }

    fn unreachable(&self) -> Option<String> {
        match self.peer.reach() {
            Reach::Usable => None,
            Reach::Unavailable(reason) => Some(reason),
            Reach::Untried => Some("it was not reached yet".to_owned()),
        }
    }

    fn report(&self, connected: bool, message: &str) {
        let node = self.peer.names().map_or(self.peer.name.as_str(), |[_, own]| own).to_owned();
        self.recorder.set_node(&self.peer.name, Node { node, connected, message: message.to_owned() });
    }
}

/// Everything after the mark, and a little before it; everything there is if there is none.
fn request(newest: Option<Mark>) -> GetFlowsRequest {
    let since = newest.map_or(0, |mark| mark.time.saturating_sub(OVERLAP_NS));
    let options = FlowsOptions { flow_info: true, ..FlowsOptions::default() };
    GetFlowsRequest {
        follow: true,
        since: Some(timestamp(i64::try_from(since).unwrap_or(i64::MAX))),
        // Other programs do not know it and pass over it.
        extensions: Some(Any::from_msg(&options).expect("memory grows")),
        ..GetFlowsRequest::default()
    }
}
