//! Hubble's Observer over this node's history.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tidegate_proto::{
    Frame, encode,
    flow::{LostEvent, LostEventSource},
    observer::{
        GetAgentEventsRequest, GetAgentEventsResponse, GetDebugEventsRequest, GetDebugEventsResponse, GetFlowsRequest,
        GetFlowsResponse, GetNamespacesRequest, GetNamespacesResponse, GetNodesRequest, GetNodesResponse, Namespace,
        ServerStatusRequest, ServerStatusResponse, get_flows_response::ResponseTypes, observer_server::Observer,
    },
};
use tokio::sync::mpsc;
use tokio_stream::{Empty, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use super::query::{Answer, Query};
use crate::history::{Batch, Entry, History, Lost, LostPlace};

/// Entries read from the history at once.
const BATCH: usize = 512;
/// Frames that wait for a slow client before its own stream stops.
const QUEUE: usize = 256;
/// A namespace is listed while it has flows this young.
const NAMESPACE_AGE: u64 = 3_600_000_000_000;

pub(super) struct NodeObserver {
    /// As flows name it, with the cluster.
    pub(super) node: String,
    pub(super) history: Arc<History>,
    /// When the collector started.
    pub(super) started: Instant,
}

#[tonic::async_trait]
impl Observer for NodeObserver {
    type GetFlowsStream = ReceiverStream<Result<Frame, Status>>;
    type GetAgentEventsStream = Empty<Result<GetAgentEventsResponse, Status>>;
    type GetDebugEventsStream = Empty<Result<GetDebugEventsResponse, Status>>;

    async fn get_flows(&self, request: Request<GetFlowsRequest>) -> Result<Response<Self::GetFlowsStream>, Status> {
        let query = Query::new(request.get_ref())?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(stream(Arc::clone(&self.history), self.node.clone(), query, sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_agent_events(
        &self,
        _: Request<GetAgentEventsRequest>,
    ) -> Result<Response<Self::GetAgentEventsStream>, Status> {
        Err(Status::unimplemented("GetAgentEvents not implemented"))
    }

    async fn get_debug_events(
        &self,
        _: Request<GetDebugEventsRequest>,
    ) -> Result<Response<Self::GetDebugEventsStream>, Status> {
        Err(Status::unimplemented("GetDebugEvents not implemented"))
    }

    async fn get_nodes(&self, _: Request<GetNodesRequest>) -> Result<Response<GetNodesResponse>, Status> {
        Err(Status::unimplemented("GetNodes not implemented by a node: ask a relay"))
    }

    async fn get_namespaces(
        &self,
        _: Request<GetNamespacesRequest>,
    ) -> Result<Response<GetNamespacesResponse>, Status> {
        let history = &self.history;
        let oldest = now().saturating_sub(NAMESPACE_AGE);
        let mut found = BTreeSet::new();
        let (mut place, end) = history.range();
        while place < end {
            let Batch { entries, next, .. } = history.read(place, 4096);
            for entry in &entries {
                let Entry::Flow(recorded) = &**entry else { continue };
                if recorded.flow.time < oldest {
                    continue;
                }
                for party in [&recorded.flow.source, &recorded.flow.destination] {
                    let endpoint = &party.endpoint;
                    if !endpoint.namespace.is_empty() {
                        found.insert((endpoint.cluster.clone(), endpoint.namespace.clone()));
                    }
                }
            }
            place = next;
            tokio::task::yield_now().await;
        }
        let namespaces = found.into_iter().map(|(cluster, namespace)| Namespace { cluster, namespace }).collect();
        Ok(Response::new(GetNamespacesResponse { namespaces }))
    }

    async fn server_status(&self, _: Request<ServerStatusRequest>) -> Result<Response<ServerStatusResponse>, Status> {
        let history = &self.history;
        let (first, next) = history.range();
        Ok(Response::new(ServerStatusResponse {
            num_flows: next - first,
            max_flows: history.capacity() as u64,
            seen_flows: history.seen(),
            uptime_ns: u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX),
            version: format!("tidegate v{}", env!("CARGO_PKG_VERSION")),
            flows_rate: rate(history, self.started, first, next),
            ..ServerStatusResponse::default()
        }))
    }
}

/// Flows per second over the last minute, or since the start if that is less.
fn rate(history: &History, started: Instant, first: u64, next: u64) -> f64 {
    const WINDOW: Duration = Duration::from_secs(60);
    let window = WINDOW.min(started.elapsed()).max(Duration::from_secs(1));
    let oldest = now().saturating_sub(u64::try_from(window.as_nanos()).unwrap_or(u64::MAX));
    let place = history.rewind(|entry| match entry.time() < oldest {
        true => crate::history::Step::Stop,
        false => crate::history::Step::Take,
    });
    (next - place.max(first)) as f64 / window.as_secs_f64()
}

/// Reads the history for one client until it has what it asked for, or has gone.
async fn stream(history: Arc<History>, node: String, query: Query, sender: mpsc::Sender<Result<Frame, Status>>) {
    let mut head = history.follow();
    let mut place = query.start(&history);
    // A stream that does not follow ends at what was there when it began.
    let end = history.range().1;
    let mut sent = 0;
    loop {
        head.mark_unchanged();
        let batch = history.read(place, BATCH);
        if batch.missed > 0 && sender.send(Ok(missed(&node, batch.missed))).await.is_err() {
            return;
        }
        let caught_up = batch.entries.len() < BATCH;
        for entry in &batch.entries {
            match query.answer(entry, sent) {
                Answer::End => return,
                Answer::Skip => {}
                Answer::Send => {
                    let frame = match &**entry {
                        Entry::Flow(recorded) => {
                            sent += 1;
                            query.frame(recorded)
                        }
                        Entry::Lost(lost) => lost_frame(&node, *lost),
                    };
                    if sender.send(Ok(frame)).await.is_err() {
                        return;
                    }
                }
            }
        }
        place = batch.next;
        if !query.follow && (place >= end || caught_up) {
            return;
        }
        if caught_up {
            tokio::select! {
                () = sender.closed() => return,
                changed = head.changed() => if changed.is_err() { return },
            }
        }
    }
}

fn missed(node: &str, count: u64) -> Frame {
    let now = now();
    lost_frame(node, Lost { place: LostPlace::History, count, cpu: None, between: (now, now) })
}

fn lost_frame(node: &str, lost: Lost) -> Frame {
    let source = match lost.place {
        LostPlace::KernelRing => LostEventSource::PerfEventRingBuffer,
        LostPlace::History => LostEventSource::HubbleRingBuffer,
    };
    let event = LostEvent {
        source: source as i32,
        num_events_lost: lost.count,
        cpu: lost.cpu.and_then(|cpu| i32::try_from(cpu).ok()),
        first: Some(encode::timestamp(lost.between.0)),
        last: Some(encode::timestamp(lost.between.1)),
    };
    Frame::from(GetFlowsResponse {
        node_name: node.to_owned(),
        time: Some(encode::timestamp(lost.between.1)),
        response_types: Some(ResponseTypes::LostEvents(event)),
    })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
