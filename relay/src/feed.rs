//! One node's part in one client's stream: asks the node, passes its frames on, and in a follow
//! stream asks again after a break without repeating anything.

use std::sync::Arc;

use tidegate_proto::Frame;
use tidegate_proto::observer::GetFlowsRequest;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tonic::Status;

use crate::archive::Given;
use crate::call::{Call, End};
use crate::connect::{self, Backoff};
use crate::peers::Peer;
use crate::position::Position;

/// Frames of one node that wait for the merge.
pub(crate) const QUEUE: usize = 256;

/// What a node contributes to the stream, in order.
#[derive(Debug)]
pub(crate) enum Event {
    /// The next frame of the node.
    Frame(Frame),
    /// The frames before this one are the node's history, those after it are new.
    Rewound,
    /// The node can be asked again, or for the first time.
    Connected,
    /// The stream broke or the node refused it, for this reason; a follow stream will go on.
    Failed(String),
    /// The node refused the request before it sent anything: most likely a bad filter.
    Refused(Box<Status>),
    /// Only of the store: all nodes are to be asked now, each this, in the order of the inputs.
    Handover(Vec<GetFlowsRequest>),
    /// Nothing more will come.
    Ended,
}

/// The task that asks one node on behalf of one client.
#[derive(Debug)]
pub(crate) struct Feed {
    /// The node.
    pub(crate) peer: Arc<Peer>,
    /// The client's request.
    pub(crate) request: GetFlowsRequest,
    /// When the client asked, in nanoseconds since 1970: where a follow stream without `since`
    /// begins on nodes that cannot be asked at first.
    pub(crate) opened_ns: i64,
    /// Whether the node can be asked at once.
    pub(crate) connected: bool,
    /// When there are stored flows to read first: comes with the request for what is left.
    pub(crate) after: Option<After>,
    /// Where the events go. When its other end is dropped, the feed ends and cancels its call.
    pub(crate) out: mpsc::Sender<Event>,
}

/// What a feed waits for, and what it then leaves out.
#[derive(Debug)]
pub(crate) struct After {
    /// The request; dropped if there is nothing left to ask for.
    pub(crate) begin: oneshot::Receiver<GetFlowsRequest>,
    /// What was given.
    pub(crate) given: Given,
}

/// The client is gone; nobody reads events any more.
struct Abandoned;

impl Feed {
    /// Runs until the request is answered or the client is gone.
    pub(crate) async fn run(self) {
        let out = self.out.clone();
        tokio::select! {
            _ = self.answer() => {}
            () = out.closed() => {}
        }
    }

    async fn answer(mut self) -> Result<(), Abandoned> {
        if let Some(after) = &mut self.after {
            match (&mut after.begin).await {
                Ok(request) => self.request = request,
                Err(_) => return self.send(Event::Ended).await,
            }
        }
        let last = match self.request.follow {
            true => self.follow().await?,
            false => self.ask(self.request.clone(), None).await?,
        };
        match last {
            End::Complete => {}
            End::Refused(status) => self.send(Event::Refused(status)).await?,
            End::Failed(reason) => {
                self.peer.suspect();
                self.send(Event::Failed(reason)).await?;
            }
        }
        self.send(Event::Ended).await
    }

    /// Follows the node through breaks; ends only by `until`, by a refusal or with the client.
    async fn follow(&self) -> Result<End, Abandoned> {
        let since = self.request.since.map(|since| nanoseconds(&since));
        let mut position = Position::new(since.unwrap_or(self.opened_ns));
        let mut request = self.request.clone();
        let mut backoff = Backoff::new();
        let mut ended = match self.connected {
            false => None,
            true if self.after.is_some() || rewinds(&self.request) => match self.rewind(&mut position).await? {
                End::Complete => {
                    request = self.later(&mut position);
                    Some(self.ask(request, Some(&mut position)).await?)
                }
                other => Some(other),
            },
            true => Some(self.ask(request, Some(&mut position)).await?),
        };
        let mut accepted = position.count() > 0;
        loop {
            let reason = match ended {
                None => None,
                Some(End::Complete) if self.request.until.is_some() => return Ok(End::Complete),
                Some(End::Complete) => Some("the node ended the stream".to_owned()),
                Some(End::Refused(status)) if accepted => Some(connect::reason(&status)),
                Some(End::Failed(reason)) => Some(reason),
                Some(end @ End::Refused(_)) => return Ok(end),
            };
            if let Some(reason) = reason {
                let usable = self.peer.found_usable();
                self.peer.suspect();
                self.send(Event::Failed(reason)).await?;
                sleep(backoff.pause()).await;
                usable.await;
            } else {
                self.peer.found_usable().await;
            }
            self.send(Event::Connected).await?;
            let read_before = position.count();
            let request = self.later(&mut position);
            ended = Some(self.ask(request, Some(&mut position)).await?);
            if position.count() > read_before {
                backoff.reset();
                accepted = true;
            }
        }
    }

    /// Reads what the node has, up to `number`.
    async fn rewind(&self, position: &mut Position) -> Result<End, Abandoned> {
        let request = GetFlowsRequest { follow: false, ..self.request.clone() };
        let end = self.ask(request, Some(position)).await?;
        if matches!(end, End::Complete) {
            position.read_to_end();
            self.send(Event::Rewound).await?;
        }
        Ok(end)
    }

    /// The request for everything after the position.
    fn later(&self, position: &mut Position) -> GetFlowsRequest {
        GetFlowsRequest { number: 0, since: Some(position.resume()), ..self.request.clone() }
    }

    /// One call; its frames go out as events. With a position, only frames not read before.
    async fn ask(&self, request: GetFlowsRequest, mut position: Option<&mut Position>) -> Result<End, Abandoned> {
        let mut call = match Call::open(&self.peer, request).await {
            Ok(call) => call,
            Err(end) => return Ok(end),
        };
        loop {
            let frame = match call.next().await {
                Ok(frame) => frame,
                Err(end) => return Ok(end),
            };
            let new = position.as_mut().is_none_or(|position| position.admit(&frame));
            if new && self.after.as_ref().is_none_or(|after| after.given.admit_frame(&frame)) {
                self.send(Event::Frame(frame)).await?;
            }
        }
    }

    async fn send(&self, event: Event) -> Result<(), Abandoned> {
        self.out.send(event).await.map_err(|_| Abandoned)
    }
}

/// Whether a follow request begins with history, counted over the cluster.
pub(crate) fn rewinds(request: &GetFlowsRequest) -> bool {
    request.follow && request.number > 0 && request.since.is_none()
}

fn nanoseconds(time: &prost_types::Timestamp) -> i64 {
    time.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(time.nanos))
}
