//! A scripted relay on loopback. It ends on drop, and another one can take its place.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tidegate_ops::settings::Address;
use tidegate_ops::stop::{Signal, Trigger};
use tidegate_proto::Frame;
use tidegate_proto::observer::observer_server::{Observer, ObserverServer};
use tidegate_proto::observer::*;
use tidegate_proto::v1::config_server::{Config, ConfigServer};
use tidegate_proto::v1::history_server::{History, HistoryServer};
use tidegate_proto::v1::*;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What a relay has and how it behaves. Changes take effect at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    /// Stored flows, newest first; cursors are indices.
    pub(super) flows: Vec<tidegate_proto::flow::Flow>,
    /// Ends each page after this many flows, as a spent budget does.
    pub(super) budget: Option<usize>,
    /// Refuses a page whose cursor is this.
    pub(super) broken_at: Option<String>,
    /// Answers to Histogram, one after another; the last one for ever.
    pub(super) histograms: Vec<HistogramResponse>,
    pub(super) facets: FacetsResponse,
    pub(super) gaps: Vec<Gap>,
    pub(super) stats: StatsResponse,
    pub(super) nodes: Vec<Node>,
    /// What Follow says; the position of message n is "n" from 1 on.
    pub(super) followed: Vec<FollowResponse>,
    /// Answered to all of History.
    pub(super) refusal: Option<Status>,
    /// Answers Page with silence.
    pub(super) silent: bool,
}

/// A running fake relay.
#[derive(Debug)]
pub(super) struct FakeRelay {
    pub(super) port: SocketAddr,
    pub(super) asked: Arc<Mutex<Asked>>,
    pub(super) script: watch::Sender<Script>,
    /// Calls that are being answered.
    open: Arc<watch::Sender<usize>>,
    stop: Trigger,
    server: tokio::task::JoinHandle<()>,
}

/// The requests so far.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) pages: Vec<PageRequest>,
    pub(super) histograms: Vec<HistogramRequest>,
    pub(super) facets: Vec<FacetsRequest>,
    pub(super) follows: Vec<FollowRequest>,
    pub(super) states: usize,
}

impl FakeRelay {
    pub(super) async fn start(script: Script) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), script).await
    }

    pub(super) async fn start_at(port: SocketAddr, script: Script) -> Self {
        let listener = TcpListener::bind(port).await.expect("the port is free");
        let port = listener.local_addr().expect("bound");
        let (script, follow) = watch::channel(script);
        let asked = Arc::new(Mutex::new(Asked::default()));
        let open = Arc::new(watch::Sender::new(0));
        let services = Services { script: follow, asked: asked.clone(), open: open.clone() };
        let (stop, stopped) = Signal::manual();
        let server = Server::builder()
            .add_service(HistoryServer::new(services.clone()))
            .add_service(ObserverServer::new(services.clone()))
            .add_service(ConfigServer::new(services));
        let serving = async move {
            let stopped = async { stopped.wait().await };
            server.serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped).await.expect("it serves");
        };
        Self { port, asked, script, open, stop, server: tokio::spawn(serving) }
    }

    pub(super) fn address(&self) -> Address {
        Address::Tcp(self.port.to_string())
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Script)) {
        self.script.send_modify(change);
    }

    /// Returns when this many calls are open.
    pub(super) async fn calls(&self, wanted: usize) {
        self.open.subscribe().wait_for(|open| *open == wanted).await.expect("it runs");
    }

    /// Ends its streams and its connections.
    pub(super) async fn end(self) {
        drop(self.script);
        self.stop.stop();
        self.server.await.expect("no panic");
    }
}

#[derive(Clone)]
struct Services {
    script: watch::Receiver<Script>,
    asked: Arc<Mutex<Asked>>,
    open: Arc<watch::Sender<usize>>,
}

/// Counts a call as open while it lives.
struct Open(Arc<watch::Sender<usize>>);

impl Open {
    fn count(calls: &Arc<watch::Sender<usize>>) -> Self {
        calls.send_modify(|open| *open += 1);
        Self(calls.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Services {
    fn script(&self) -> Result<Script, Status> {
        let script = self.script.borrow().clone();
        script.refusal.clone().map_or(Ok(script), Err)
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().expect("not poisoned")
    }
}

#[tonic::async_trait]
impl History for Services {
    type FollowStream = ReceiverStream<Result<FollowResponse, Status>>;

    async fn page(&self, request: Request<PageRequest>) -> Result<Response<PageResponse>, Status> {
        let _open = Open::count(&self.open);
        let request = request.into_inner();
        self.asked().pages.push(request.clone());
        let script = self.script()?;
        if script.silent {
            std::future::pending::<()>().await;
        }
        if script.broken_at.as_ref() == Some(&request.cursor) {
            return Err(Status::internal("the disk is gone"));
        }
        let from: usize = match request.cursor.as_str() {
            "" => 0,
            cursor => cursor.parse().map_err(|_| Status::invalid_argument("the cursor is not of this store"))?,
        };
        let wanted = request.query.and_then(|query| query.allow.into_iter().next()?.flow?.uuid.into_iter().next());
        let matching = |flow: &&tidegate_proto::flow::Flow| wanted.as_ref().is_none_or(|uuid| *uuid == flow.uuid);
        let most = script.budget.unwrap_or(usize::MAX).min(request.limit as usize);
        let flows: Vec<_> = script.flows.iter().filter(matching).skip(from).take(most).cloned().collect();
        let to = from + flows.len();
        let more = to < script.flows.iter().filter(matching).count();
        Ok(Response::new(PageResponse {
            budget_spent: more && script.budget.is_some(),
            next: if more { to.to_string() } else { String::new() },
            flows,
        }))
    }

    async fn histogram(&self, request: Request<HistogramRequest>) -> Result<Response<HistogramResponse>, Status> {
        let mut asked = self.asked();
        asked.histograms.push(request.into_inner());
        let answers = self.script()?.histograms;
        let answer = answers.get(asked.histograms.len() - 1).or(answers.last());
        answer.cloned().map(Response::new).ok_or_else(|| Status::internal("not part of the test"))
    }

    async fn facets(&self, request: Request<FacetsRequest>) -> Result<Response<FacetsResponse>, Status> {
        self.asked().facets.push(request.into_inner());
        Ok(Response::new(self.script()?.facets))
    }

    async fn gaps(&self, _: Request<GapsRequest>) -> Result<Response<GapsResponse>, Status> {
        Ok(Response::new(GapsResponse { gaps: self.script()?.gaps }))
    }

    async fn stats(&self, _: Request<StatsRequest>) -> Result<Response<StatsResponse>, Status> {
        Ok(Response::new(self.script()?.stats))
    }

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let request = request.into_inner();
        self.asked().follows.push(request.clone());
        self.script()?;
        let mut next: usize = match request.position.as_str() {
            "" => 0,
            position => position.parse().map_err(|_| Status::invalid_argument("the position is not of this store"))?,
        };
        let (out, stream) = mpsc::channel(1);
        let mut script = self.script.clone();
        let open = Open::count(&self.open);
        tokio::spawn(async move {
            let _open = open;
            loop {
                let followed = script.borrow_and_update().followed.clone();
                while let Some(message) = followed.get(next) {
                    next += 1;
                    let message = FollowResponse { position: next.to_string(), ..message.clone() };
                    if out.send(Ok(message)).await.is_err() {
                        return;
                    }
                }
                tokio::select! {
                    changed = script.changed() => if changed.is_err() { return },
                    () = out.closed() => return,
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

#[tonic::async_trait]
impl Config for Services {
    async fn view(&self, _: Request<ViewConfigRequest>) -> Result<Response<ViewConfigResponse>, Status> {
        let setting = Setting { key: "cluster-name".into(), value: "west".into(), origin: "flag".into() };
        Ok(Response::new(ViewConfigResponse { settings: vec![setting] }))
    }
}

#[tonic::async_trait]
impl Observer for Services {
    type GetFlowsStream = tokio_stream::Empty<Result<Frame, Status>>;
    type GetAgentEventsStream = tokio_stream::Empty<Result<GetAgentEventsResponse, Status>>;
    type GetDebugEventsStream = tokio_stream::Empty<Result<GetDebugEventsResponse, Status>>;

    async fn get_nodes(&self, _: Request<GetNodesRequest>) -> Result<Response<GetNodesResponse>, Status> {
        self.asked().states += 1;
        Ok(Response::new(GetNodesResponse { nodes: self.script.borrow().nodes.clone() }))
    }

    async fn get_flows(&self, _: Request<GetFlowsRequest>) -> Result<Response<Self::GetFlowsStream>, Status> {
        Err(Status::unimplemented("not part of the test"))
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

    async fn get_namespaces(
        &self,
        _: Request<GetNamespacesRequest>,
    ) -> Result<Response<GetNamespacesResponse>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }

    async fn server_status(&self, _: Request<ServerStatusRequest>) -> Result<Response<ServerStatusResponse>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }
}
