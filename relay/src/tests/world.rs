//! A relay over scripted collectors, and a client that asks it.

use std::sync::Arc;
use std::time::Duration;

use tidegate_ops::settings::{Address, Peer, Store};
use tidegate_ops::stop;
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_proto::observer::observer_client::ObserverClient;
use tidegate_proto::relay::NodeState;
use tidegate_proto::{Frame, FrameKind};
use tidegate_store::FlowStore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::fake::{Script, flow_at};
use crate::recorder::Recorder;
use crate::{Keep, Relay, RelaySettings, bind_with};

/// Longer than anything takes; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A millisecond in nanoseconds.
pub(crate) const MS: i64 = 1_000_000;

/// A relay over some peers, and a client of it.
pub(crate) struct World {
    pub(crate) client: ObserverClient<Channel>,
    pub(crate) channel: Channel,
    relay: JoinHandle<anyhow::Result<()>>,
    stop: stop::Trigger,
}

impl World {
    pub(crate) async fn over(peers: &[(&str, &Address)]) -> Self {
        Self::of_cluster("default", peers).await
    }

    pub(crate) async fn of_cluster(cluster: &str, peers: &[(&str, &Address)]) -> Self {
        Self::new(cluster, peers, None).await
    }

    /// A relay that records into `store`.
    pub(crate) async fn recording(store: Arc<dyn FlowStore>, peers: &[(&str, &Address)]) -> Self {
        Self::new("default", peers, Some(store)).await
    }

    async fn new(cluster: &str, peers: &[(&str, &Address)], store: Option<Arc<dyn FlowStore>>) -> Self {
        let settings = RelaySettings {
            node_name: "relay".to_owned(),
            cluster_name: cluster.to_owned(),
            listen: "127.0.0.1:0".parse().expect("an address"),
            peers: peers
                .iter()
                .map(|(name, address)| Peer { name: (*name).to_owned(), address: (*address).clone() })
                .collect(),
            store: Store::None,
            keep: Keep { age: Duration::from_secs(3600), bytes: 1 << 30 },
            view: Vec::new(),
        };
        let recorder = store.map(|store| Recorder::new(store, "memory".to_owned(), settings.keep));
        let relay: Relay = bind_with(settings, recorder).await.expect("bound");
        let uri = format!("http://{}", relay.address());
        let (trigger, stop) = stop::Signal::manual();
        let relay = tokio::spawn(relay.serve(stop));
        let channel = Channel::from_shared(uri).expect("a URI").connect().await.expect("serving");
        Self { client: ObserverClient::new(channel.clone()), channel, relay, stop: trigger }
    }

    pub(crate) async fn open(&mut self, request: GetFlowsRequest) -> Result<Streaming<Frame>, Status> {
        self.client.get_flows(request).await.map(tonic::Response::into_inner)
    }

    /// Ends the relay in good order.
    pub(crate) async fn stop(self) {
        self.stop.stop();
        patience(self.relay).await.expect("it ran").expect("a good end");
    }

    /// Every message of an answer, or its error.
    pub(crate) async fn all(&mut self, request: GetFlowsRequest) -> Result<Vec<Frame>, Status> {
        let mut stream = self.open(request).await?;
        let mut frames = Vec::new();
        while let Some(frame) = timeout(PATIENCE, stream.message()).await.expect("in time")? {
            frames.push(frame);
        }
        Ok(frames)
    }

    pub(crate) async fn health(&self, service: &str) -> Result<i32, Status> {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut client = HealthClient::new(self.channel.clone());
        client.check(request).await.map(|response| response.into_inner().status)
    }
}

/// The outcome, which must come in time.
pub(crate) async fn patience<T>(outcome: impl Future<Output = T>) -> T {
    timeout(PATIENCE, outcome).await.expect("in time")
}

/// A collector of `node` with a flow at each of these milliseconds.
pub(crate) fn history(node: &str, at_ms: &[i64]) -> Script {
    let history = at_ms.iter().zip(0..).map(|(at, id)| flow_at(node, at * MS, id)).collect();
    Script { history, ..Script::default() }
}

pub(crate) fn flows(frames: &[Frame]) -> Vec<&Frame> {
    frames.iter().filter(|frame| frame.kind() == FrameKind::Flow).collect()
}

/// The times of the flows, in milliseconds.
pub(crate) fn times(frames: &[Frame]) -> Vec<i64> {
    flows(frames).iter().filter_map(|frame| frame.time_ns()).map(|ns| ns / MS).collect()
}

pub(crate) fn states(frames: &[Frame]) -> Vec<(NodeState, Vec<String>)> {
    frames.iter().filter_map(state).collect()
}

fn state(frame: &Frame) -> Option<(NodeState, Vec<String>)> {
    match frame.decode().ok()?.response_types? {
        ResponseTypes::NodeStatus(status) => Some((status.state_change(), status.node_names)),
        _ => None,
    }
}

/// The times of the next flows, in milliseconds; node status before the first of them is skipped.
pub(crate) async fn next_times(stream: &mut Streaming<Frame>, count: usize) -> Vec<i64> {
    let mut frames = Vec::new();
    while times(&frames).len() < count {
        let frame = timeout(PATIENCE, stream.message()).await.expect("in time");
        let frame = frame.expect("no error").expect("the stream goes on");
        assert!(frames.is_empty() || frame.kind() == FrameKind::Flow, "{frame:?}");
        frames.extend((frame.kind() == FrameKind::Flow).then_some(frame));
    }
    times(&frames)
}

/// The next message, which must be node status.
pub(crate) async fn next_state(stream: &mut Streaming<Frame>) -> NodeState {
    let frame = timeout(PATIENCE, stream.message()).await.expect("in time");
    let frame = frame.expect("no error").expect("the stream goes on");
    state(&frame).expect("a node status").0
}
