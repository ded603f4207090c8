//! Collectors for tests: a scripted Observer on loopback or a Unix socket, and frames to script
//! it with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tidegate_flow::FlowId;
use tidegate_flow::flow::{Counters, Direction, Event, L4, Node, Party, Point, Verdict};
use tidegate_ops::settings::Address;
use tidegate_ops::stop::{Signal, Trigger};
use tidegate_proto::encode::Encoded;
use tidegate_proto::flow::{Flow, LostEvent, LostEventSource};
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_proto::observer::observer_server::{Observer, ObserverServer};
use tidegate_proto::observer::*;
use tidegate_proto::v1::egress_server::{Egress, EgressServer};
use tidegate_proto::v1::{
    EgressEntry, ListEntriesRequest, ListEntriesResponse, ListPoliciesRequest, ListPoliciesResponse,
};
use tidegate_proto::{Frame, FrameKind};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::position::timestamp;

/// A flow of `node` at `time_ns` whose uuid is made of node and `id`.
pub(crate) fn flow_at(node: &str, time_ns: i64, id: u64) -> Frame {
    let first = node.bytes().next().unwrap_or_default();
    let flow = Flow {
        time: Some(timestamp(time_ns)),
        node_name: node.to_owned(),
        uuid: format!("{first:08x}-0000-8000-8000-{id:012x}"),
        ..Flow::default()
    };
    response(node, time_ns, ResponseTypes::Flow(flow))
}

/// Lost events of `node` at `time_ns`.
pub(crate) fn lost_at(node: &str, time_ns: i64) -> Frame {
    response(node, time_ns, ResponseTypes::LostEvents(LostEvent::default()))
}

/// What our own collectors send: numbered, with our facts.
pub(crate) fn own_flow(node: &str, id: FlowId, time_ns: i64) -> Frame {
    Encoded::new(&recorded_flow(node, id, time_ns)).frame(true)
}

/// The flow of [`own_flow`].
pub(crate) fn recorded_flow(node: &str, id: FlowId, time_ns: i64) -> tidegate_flow::Flow {
    let party =
        |last| Party { address: [10, 0, 0, last].into(), endpoint: Arc::default(), names: Vec::new(), service: None };
    tidegate_flow::Flow {
        time: time_ns.unsigned_abs(),
        id,
        node: Arc::new(Node { name: node.to_owned(), ..Node::default() }),
        event: Event::Trace(Point::FromEndpoint),
        verdict: Verdict::Forwarded,
        direction: Direction::Egress,
        reply: Some(false),
        source: party(1),
        destination: party(2),
        l4: L4::Udp { source: 4000, destination: 53 },
        translation: None,
        interface: None,
        dns: None,
        counters: Counters::default(),
        cause: Default::default(),
    }
}

/// What `node` tells of `count` events that its kernel lost between two moments.
pub(crate) fn kernel_losses_at(node: &str, first_ns: i64, last_ns: i64, count: u64) -> Frame {
    let lost = LostEvent {
        source: LostEventSource::PerfEventRingBuffer.into(),
        num_events_lost: count,
        first: Some(timestamp(first_ns)),
        last: Some(timestamp(last_ns)),
        ..LostEvent::default()
    };
    response(node, last_ns, ResponseTypes::LostEvents(lost))
}

/// What a collector tells a reader that its memory moved past.
fn overtaken(count: usize) -> Frame {
    let lost = LostEvent {
        source: LostEventSource::HubbleRingBuffer.into(),
        num_events_lost: count as u64,
        ..LostEvent::default()
    };
    response("", 1, ResponseTypes::LostEvents(lost))
}

fn response(node: &str, time_ns: i64, content: ResponseTypes) -> Frame {
    Frame::from(GetFlowsResponse {
        node_name: node.to_owned(),
        time: Some(timestamp(time_ns)),
        response_types: Some(content),
    })
}

/// What a fake collector has and how it behaves. Changes take effect at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// Its history in order; a follow stream also gets what is appended later.
    pub(crate) history: Vec<Frame>,
    /// How many frames its memory has moved past; `history` begins after them.
    pub(crate) forgotten: usize,
    /// Which of its lives it is in; the streams of the earlier ones break.
    pub(crate) life: u64,
    /// Answered to GetFlows in place of flows.
    pub(crate) refusal: Option<Status>,
    /// Breaks a follow stream after this many frames.
    pub(crate) break_after: Option<usize>,
    /// Answers GetFlows with silence.
    pub(crate) silent: bool,
    /// What ServerStatus and GetNamespaces say.
    pub(crate) status: ServerStatusResponse,
    /// What GetNamespaces says.
    pub(crate) namespaces: Vec<Namespace>,
    /// What ListEntries says; none: it does not know the call, like a stock server.
    pub(crate) entries: Option<Vec<EgressEntry>>,
}

/// A running fake collector; it ends on drop.
#[derive(Debug)]
pub(crate) struct FakePeer {
    /// Where it can be called.
    pub(crate) address: Address,
    /// The GetFlows requests so far.
    pub(crate) requests: Arc<Mutex<Vec<GetFlowsRequest>>>,
    /// Frames that its streams handed to the transport.
    pub(crate) sent: Arc<Mutex<usize>>,
    script: watch::Sender<Script>,
    /// GetFlows calls that are being answered.
    open_streams: Arc<watch::Sender<usize>>,
    _running: Trigger,
}

impl FakePeer {
    /// Serves on a free loopback port.
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = Address::Tcp(listener.local_addr().expect("bound").to_string());
        let (peer, observer, stop) = Self::new(address, script);
        let incoming = TcpIncoming::from(listener);
        let server = Server::builder()
            .add_service(ObserverServer::new(observer.clone()))
            .add_service(EgressServer::new(observer));
        tokio::spawn(server.serve_with_incoming_shutdown(incoming, async move { stop.wait().await }));
        peer
    }

    /// Serves on a Unix socket.
    pub(crate) async fn start_on(socket: PathBuf, script: Script) -> Self {
        let listener = UnixListener::bind(&socket).expect("the folder is writable");
        let (peer, observer, stop) = Self::new(Address::Unix(socket), script);
        let incoming = UnixListenerStream::new(listener);
        let server = Server::builder()
            .add_service(ObserverServer::new(observer.clone()))
            .add_service(EgressServer::new(observer));
        tokio::spawn(server.serve_with_incoming_shutdown(incoming, async move { stop.wait().await }));
        peer
    }

    fn new(address: Address, script: Script) -> (Self, FakeObserver, Signal) {
        let (script, follow) = watch::channel(script);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::new(Mutex::new(0));
        let open_streams = Arc::new(watch::Sender::new(0));
        let observer = FakeObserver {
            script: follow,
            requests: requests.clone(),
            sent: sent.clone(),
            open_streams: open_streams.clone(),
        };
        let (running, stop) = Signal::manual();
        let peer = Self { address, requests, sent, script, open_streams, _running: running };
        (peer, observer, stop)
    }

    /// Returns when a GetFlows call has come in.
    pub(crate) async fn asked(&self) {
        self.open_streams.subscribe().wait_for(|open| *open > 0).await.expect("still serving");
    }

    /// Returns when no GetFlows call is open any more.
    pub(crate) async fn abandoned(&self) {
        self.open_streams.subscribe().wait_for(|open| *open == 0).await.expect("still serving");
    }

    /// Changes the script.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        self.script.send_modify(change);
    }
}

impl Drop for FakePeer {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[derive(Clone)]
struct FakeObserver {
    script: watch::Receiver<Script>,
    requests: Arc<Mutex<Vec<GetFlowsRequest>>>,
    sent: Arc<Mutex<usize>>,
    open_streams: Arc<watch::Sender<usize>>,
}

/// Counts a stream as open while it lives.
struct Open(Arc<watch::Sender<usize>>);

impl Open {
    fn count(streams: &Arc<watch::Sender<usize>>) -> Self {
        streams.send_modify(|open| *open += 1);
        Self(streams.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

#[tonic::async_trait]
impl Observer for FakeObserver {
    type GetFlowsStream = ReceiverStream<Result<Frame, Status>>;
    type GetAgentEventsStream = tokio_stream::Empty<Result<GetAgentEventsResponse, Status>>;
    type GetDebugEventsStream = tokio_stream::Empty<Result<GetDebugEventsResponse, Status>>;

    async fn get_flows(&self, request: Request<GetFlowsRequest>) -> Result<Response<Self::GetFlowsStream>, Status> {
        let request = request.into_inner();
        self.requests.lock().expect("not poisoned").push(request.clone());
        let mut script = self.script.clone();
        let now = script.borrow().clone();
        if let Some(refusal) = now.refusal {
            return Err(refusal);
        }
        let (out, stream) = mpsc::channel(1);
        let sent = self.sent.clone();
        let open = Open::count(&self.open_streams);
        tokio::spawn(async move {
            let _open = open;
            let mut next = now.forgotten + start_of(&request, &now.history);
            let mut count = 0;
            if now.silent {
                return out.closed().await;
            }
            loop {
                let current = script.borrow_and_update().clone();
                if current.life != now.life {
                    let _ = out.send(Err(Status::unavailable("the collector is gone"))).await;
                    return;
                }
                if next < current.forgotten {
                    let missed = overtaken(current.forgotten - next);
                    next = current.forgotten;
                    if out.send(Ok(missed)).await.is_err() {
                        return;
                    }
                }
                for frame in &current.history[next - current.forgotten..] {
                    if out.send(Ok(frame.clone())).await.is_err() {
                        return;
                    }
                    *sent.lock().expect("not poisoned") += 1;
                    next += 1;
                    count += 1;
                    if !request.follow && request.number > 0 && count == request.number {
                        return;
                    }
                    if request.follow && current.break_after == usize::try_from(count).ok() {
                        let _ = out.send(Err(Status::internal("broken by the test"))).await;
                        return;
                    }
                }
                if !request.follow || script.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn get_agent_events(
        &self,
        _: Request<GetAgentEventsRequest>,
    ) -> Result<Response<Self::GetAgentEventsStream>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }

    async fn get_debug_events(
        &self,
        _: Request<GetDebugEventsRequest>,
    ) -> Result<Response<Self::GetDebugEventsStream>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }

    async fn get_nodes(&self, _: Request<GetNodesRequest>) -> Result<Response<GetNodesResponse>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }

    async fn get_namespaces(
        &self,
        _: Request<GetNamespacesRequest>,
    ) -> Result<Response<GetNamespacesResponse>, Status> {
        let namespaces = self.script.borrow().namespaces.clone();
        Ok(Response::new(GetNamespacesResponse { namespaces }))
    }

    async fn server_status(&self, _: Request<ServerStatusRequest>) -> Result<Response<ServerStatusResponse>, Status> {
        Ok(Response::new(self.script.borrow().status.clone()))
    }
}

#[tonic::async_trait]
impl Egress for FakeObserver {
    async fn list_entries(&self, _: Request<ListEntriesRequest>) -> Result<Response<ListEntriesResponse>, Status> {
        match self.script.borrow().entries.clone() {
            Some(entries) => Ok(Response::new(ListEntriesResponse { entries, ..Default::default() })),
            None => Err(Status::unimplemented("unknown service tidegate.v1.Egress")),
        }
    }

    async fn list_policies(&self, _: Request<ListPoliciesRequest>) -> Result<Response<ListPoliciesResponse>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }
}

/// Where reading starts, by the rules of a node's GetFlows.
fn start_of(request: &GetFlowsRequest, history: &[Frame]) -> usize {
    let len = history.len();
    if let Some(since) = &request.since {
        let since = since.seconds * 1_000_000_000 + i64::from(since.nanos);
        let earlier = |frame: &Frame| frame.kind() == FrameKind::Flow && frame.time_ns() < Some(since);
        return history.iter().rposition(earlier).map_or(0, |last| last + 1);
    }
    match (request.first, request.follow, request.number) {
        (true, ..) => 0,
        (_, true, 0) => len,
        (_, _, 0) => 0,
        (_, _, number) => len.saturating_sub(usize::try_from(number).unwrap_or(usize::MAX)),
    }
}
