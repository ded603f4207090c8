//! Hubble's Observer for the whole cluster.

use std::sync::Arc;

use tidegate_ops::stop;
use tidegate_proto::Frame;
use tidegate_proto::observer::observer_server::Observer;
use tidegate_proto::observer::{
    GetAgentEventsRequest, GetAgentEventsResponse, GetDebugEventsRequest, GetDebugEventsResponse, GetFlowsRequest,
    GetNamespacesRequest, GetNamespacesResponse, GetNodesRequest, GetNodesResponse, ServerStatusRequest,
    ServerStatusResponse,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::Empty;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::archive::{Given, Plan, Reader};
use crate::fanout::{Fanout, Pace, Phase};
use crate::feed::{self, After, Feed};
use crate::input::Input;
use crate::node_status::WallClock;
use crate::peers::{Peer, Pool, Reach};
use crate::quota::Quota;
use crate::recorder::Recorder;
use crate::{route, status};

/// Messages that wait for the client to read them.
const CLIENT_QUEUE: usize = 128;

/// The Observer service over all peers.
#[derive(Debug)]
pub(crate) struct ClusterObserver {
    /// The name of the relay's own node, for node status.
    pub(crate) relay: String,
    /// The nodes.
    pub(crate) pool: Pool,
    /// What is stored; none: only the nodes are asked.
    pub(crate) recorder: Option<Recorder>,
    /// The times that shape a merge.
    pub(crate) pace: Pace,
    /// Ends all streams.
    pub(crate) stop: stop::Signal,
}

#[tonic::async_trait]
impl Observer for ClusterObserver {
    type GetFlowsStream = ReceiverStream<Result<Frame, Status>>;
    type GetAgentEventsStream = Empty<Result<GetAgentEventsResponse, Status>>;
    type GetDebugEventsStream = Empty<Result<GetDebugEventsResponse, Status>>;

    async fn get_flows(&self, request: Request<GetFlowsRequest>) -> Result<Response<Self::GetFlowsStream>, Status> {
        let request = request.into_inner();
        if request.first && request.follow {
            return Err(Status::invalid_argument("first cannot be specified with follow"));
        }
        self.refuse_without_peers()?;
        self.pool.settle().await;
        let peers = self.peers_for(&request);
        let plan = match &self.recorder {
            Some(recorder) => Plan::of(recorder, &request, &peers).await?,
            None => None,
        };
        let (out, stream) = mpsc::channel(CLIENT_QUEUE);
        let opened_ns = WallClock::start().at(Instant::now());
        let mut feeds = JoinSet::new();
        let mut inputs = Vec::with_capacity(peers.len() + 1);
        let given = plan.as_ref().map(|_| Given::default());
        for peer in &peers {
            let (events, input) = mpsc::channel(feed::QUEUE);
            let connected = peer.reach() == Reach::Usable;
            let mut input = Input::new(peer.name.clone(), input, connected);
            if connected || request.follow {
                let after = given.clone().map(|given| {
                    let (begin, begun) = oneshot::channel();
                    input.wait_for(begin);
                    After { begin: begun, given }
                });
                let request = request.clone();
                feeds.spawn(Feed { peer: peer.clone(), request, opened_ns, connected, after, out: events }.run());
            }
            inputs.push(input);
        }
        let phase = match request.follow {
            false => Phase::Answer,
            true if feed::rewinds(&request) || plan.is_some() => Phase::Rewind,
            true => Phase::Follow,
        };
        let quota = quota_of(&request, &peers);
        if let (Some(plan), Some(given)) = (plan, given.clone()) {
            let (events, input) = mpsc::channel(feed::QUEUE);
            inputs.push(Input::stored(&self.relay, input));
            feeds.spawn(Reader { plan, given, out: events }.run());
        }
        let fanout = Fanout::new(inputs, quota, phase, given, self.pace, self.relay.clone(), out);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            fanout.run(stop).await;
            // Dropping the feeds cancels their calls to the nodes.
            drop(feeds);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn get_agent_events(
        &self,
        _: Request<GetAgentEventsRequest>,
    ) -> Result<Response<Self::GetAgentEventsStream>, Status> {
        Err(on_collectors_only("GetAgentEvents"))
    }

    async fn get_debug_events(
        &self,
        _: Request<GetDebugEventsRequest>,
    ) -> Result<Response<Self::GetDebugEventsStream>, Status> {
        Err(on_collectors_only("GetDebugEvents"))
    }

    async fn get_nodes(&self, _: Request<GetNodesRequest>) -> Result<Response<GetNodesResponse>, Status> {
        let nodes = status::nodes(&self.pool).await;
        Ok(Response::new(GetNodesResponse { nodes }))
    }

    async fn get_namespaces(
        &self,
        _: Request<GetNamespacesRequest>,
    ) -> Result<Response<GetNamespacesResponse>, Status> {
        let namespaces = status::namespaces(&self.pool).await;
        Ok(Response::new(GetNamespacesResponse { namespaces }))
    }

    async fn server_status(&self, _: Request<ServerStatusRequest>) -> Result<Response<ServerStatusResponse>, Status> {
        Ok(Response::new(status::cluster(&self.pool).await))
    }
}

impl ClusterObserver {
    fn refuse_without_peers(&self) -> Result<(), Status> {
        match self.pool.all().is_empty() {
            true => Err(Status::failed_precondition(
                "this relay has no peers; name its collectors with the setting `peers`",
            )),
            false => Ok(()),
        }
    }

    /// The nodes that can have flows for the request; never none, because a node must judge the
    /// request's other filters.
    fn peers_for(&self, request: &GetFlowsRequest) -> Vec<Arc<Peer>> {
        let all = self.pool.all();
        let chosen: Vec<Arc<Peer>> = all
            .iter()
            .filter(|peer| peer.names().is_none_or(|names| route::can_match(request, &names)))
            .cloned()
            .collect();
        match chosen.is_empty() {
            true => {
                let usable = all.iter().find(|peer| peer.reach() == Reach::Usable);
                usable.or(all.first()).cloned().into_iter().collect()
            }
            false => chosen,
        }
    }
}

/// `number` over the cluster. Each node gets the same number, so the cluster's first or last are
/// always among what the nodes send.
fn quota_of(request: &GetFlowsRequest, peers: &[Arc<Peer>]) -> Quota {
    let number = request.number;
    if number == 0 || number == u64::MAX || (request.follow && !feed::rewinds(request)) {
        return Quota::All;
    }
    // With `since`, a node sends the oldest from there on.
    if request.first || request.since.is_some() {
        return Quota::oldest(number);
    }
    let capacities: Option<u64> = peers.iter().map(|peer| Some(peer.capacity()).filter(|capacity| *capacity > 0)).sum();
    match capacities {
        // More than there can be: nothing needs to be held back.
        Some(capacity) if number >= capacity && !request.follow => Quota::oldest(number),
        _ => Quota::newest(number),
    }
}

fn on_collectors_only(method: &str) -> Status {
    Status::unimplemented(format!("{method} is answered by collectors only; ask one directly"))
}
