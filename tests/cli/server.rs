//! A server that answers what a test tells it to, and remembers what it was asked.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;

use futures_util::{Stream, StreamExt as _, stream};
use tidegate_proto::observer::observer_server::{Observer, ObserverServer};
use tidegate_proto::observer::*;
use tidegate_proto::peer::peer_server::{Peer, PeerServer};
use tidegate_proto::peer::{ChangeNotification, ChangeNotificationType, NotifyRequest};
use tidegate_proto::{Frame, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// How a stream of flows goes on after the prepared events.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// It ends.
    End,
    /// It stays open and silent.
    Silence,
    /// It repeats the last event for ever.
    Repeat,
    /// It fails.
    Fail(Status),
}

/// A running server on a loopback port of its own; it ends with the test process.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<GetFlowsRequest>>>,
    version: Arc<Mutex<String>>,
    stop: oneshot::Sender<()>,
    stopped: Receiver<()>,
}

impl Server {
    /// Answers `GetFlows` with these events, each given as a line of JSON.
    pub(crate) fn start(events: &[&str], then: Then) -> Self {
        Self::start_at("127.0.0.1:0", events, then)
    }

    /// As [`Server::start`], at an address of the test's choice.
    pub(crate) fn start_at(address: &str, events: &[&str], then: Then) -> Self {
        let address = address.to_owned();
        let events = events.iter().map(|line| json::from_str::<GetFlowsResponse>(line).expect("a test's event").into());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let version = Arc::default();
        let (seen, says) = (Arc::clone(&asked), Arc::clone(&version));
        let service = Service { events: events.collect(), then, asked: seen, version: says };
        let (tell, told) = mpsc::channel();
        let (ended, stopped) = mpsc::channel();
        let (stop, stopping) = oneshot::channel::<()>();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind(address).await.expect("a free port");
                tell.send(listener.local_addr().expect("an address")).expect("the test waits");
                let (health, health_service) = tonic_health::server::health_reporter();
                health.set_service_status("hubble.server.Observer", tonic_health::ServingStatus::Serving).await;
                let serve = tonic::transport::Server::builder()
                    .add_service(health_service)
                    .add_service(ObserverServer::new(service))
                    .add_service(PeerServer::new(Peers))
                    .serve_with_incoming(TcpListenerStream::new(listener));
                tokio::select! {
                    served = serve => served.expect("serve"),
                    _ = stopping => {}
                }
            });
            drop(runtime);
            let _ = ended.send(());
        });
        Self { address: told.recv().expect("the server starts"), asked, version, stop, stopped }
    }

    /// Says from now on which program it is; nothing before.
    pub(crate) fn pose_as(&self, version: &str) {
        *self.version.lock().expect("no test panics here") = version.to_owned();
    }

    /// Closes every connection and the port, as a crash does.
    pub(crate) fn stop(self) {
        let _ = self.stop.send(());
        self.stopped.recv().expect("the server ends");
    }

    /// The requests for flows so far.
    pub(crate) fn asked(&self) -> Vec<GetFlowsRequest> {
        self.asked.lock().expect("no test panics here").clone()
    }
}

struct Service {
    events: Vec<Frame>,
    then: Then,
    asked: Arc<Mutex<Vec<GetFlowsRequest>>>,
    version: Arc<Mutex<String>>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Observer for Service {
    type GetFlowsStream = Answers<Frame>;
    type GetAgentEventsStream = Answers<GetAgentEventsResponse>;
    type GetDebugEventsStream = Answers<GetDebugEventsResponse>;

    async fn get_flows(&self, request: Request<GetFlowsRequest>) -> Result<Response<Self::GetFlowsStream>, Status> {
        let request = request.into_inner();
        let refused = request.whitelist.iter().any(|filter| filter.protocol == ["zzz"]);
        self.asked.lock().expect("no test panics here").push(request);
        if refused {
            return Err(Status::invalid_argument("invalid protocol filter: unknown protocol: \"zzz\""));
        }
        let events = stream::iter(self.events.clone()).map(Ok);
        let last = self.events.last().cloned().unwrap_or_default();
        Ok(Response::new(match self.then.clone() {
            Then::End => events.boxed(),
            Then::Silence => events.chain(stream::pending()).boxed(),
            Then::Repeat => events.chain(stream::repeat(last).map(Ok)).boxed(),
            Then::Fail(status) => events.chain(stream::iter([Err(status)])).boxed(),
        }))
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
        Err(Status::unimplemented("GetNodes not implemented"))
    }

    async fn get_namespaces(
        &self,
        _: Request<GetNamespacesRequest>,
    ) -> Result<Response<GetNamespacesResponse>, Status> {
        let namespaces =
            ["kube-system", "shop"].map(|name| Namespace { cluster: String::new(), namespace: name.to_owned() });
        Ok(Response::new(GetNamespacesResponse { namespaces: namespaces.to_vec() }))
    }

    async fn server_status(&self, _: Request<ServerStatusRequest>) -> Result<Response<ServerStatusResponse>, Status> {
        Ok(Response::new(ServerStatusResponse {
            num_flows: 11,
            max_flows: 4095,
            flows_rate: 1.93,
            version: self.version.lock().expect("no test panics here").clone(),
            ..Default::default()
        }))
    }
}

struct Peers;

#[tonic::async_trait]
impl Peer for Peers {
    type NotifyStream = Answers<ChangeNotification>;

    async fn notify(&self, _: Request<NotifyRequest>) -> Result<Response<Self::NotifyStream>, Status> {
        let change = ChangeNotification {
            name: "node-a".to_owned(),
            address: "127.0.0.1:14401".to_owned(),
            r#type: ChangeNotificationType::PeerAdded.into(),
            tls: None,
        };
        Ok(Response::new(stream::iter([Ok(change)]).boxed()))
    }
}
