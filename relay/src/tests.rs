//! A whole relay on loopback over scripted collectors: what a client of port 4245 sees.

use std::time::Duration;

use tidegate_ops::settings::{Address, Peer};
use tidegate_ops::stop;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_proto::observer::observer_client::ObserverClient;
use tidegate_proto::observer::*;
use tidegate_proto::relay::NodeState;
use tidegate_proto::{Frame, FrameKind, flow};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::fake::{FakePeer, Script, flow_at};
use crate::position::timestamp;
use crate::{Relay, RelaySettings, bind};

/// Longer than anything takes; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

const MS: i64 = 1_000_000;

#[tokio::test]
async fn flows_of_all_nodes_come_in_one_order_and_as_the_same_bytes() {
    let a = FakePeer::start(history("a", &[10, 40, 50])).await;
    let b = FakePeer::start(history("b", &[20, 30, 60])).await;
    let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
    let frames = world
        .all(GetFlowsRequest::default())
        .await
        .expect("complete");
    assert_eq!(times(&frames), [10, 20, 30, 40, 50, 60]);
    let connected = states(&frames);
    assert_eq!(
        connected,
        [(
            NodeState::NodeConnected,
            vec!["a".to_owned(), "b".to_owned()]
        )]
    );
    assert_eq!(
        flows(&frames)[0].as_bytes(),
        flow_at("a", 10 * MS, 0).as_bytes()
    );
}

#[tokio::test]
async fn a_number_counts_over_the_cluster_and_not_per_node() {
    let a = FakePeer::start(history("a", &[10, 40, 50])).await;
    let b = FakePeer::start(history("b", &[20, 30, 60])).await;
    let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
    let last = GetFlowsRequest {
        number: 2,
        ..Default::default()
    };
    assert_eq!(
        times(&world.all(last.clone()).await.expect("complete")),
        [50, 60]
    );
    let first = GetFlowsRequest {
        first: true,
        ..last
    };
    assert_eq!(times(&world.all(first).await.expect("complete")), [10, 20]);
}

#[tokio::test]
async fn an_unavailable_node_is_named_and_the_others_answer() {
    let a = FakePeer::start(history("a", &[10])).await;
    let nobody = Address::Unix("/nonexistent/collector.sock".into());
    let mut world = World::over(&[("a", &a.address), ("gone", &nobody)]).await;
    let frames = world
        .all(GetFlowsRequest::default())
        .await
        .expect("complete");
    assert_eq!(
        states(&frames),
        [
            (NodeState::NodeConnected, vec!["a".to_owned()]),
            (NodeState::NodeUnavailable, vec!["gone".to_owned()])
        ]
    );
    assert_eq!(times(&frames), [10]);
}

#[tokio::test]
async fn with_no_node_to_ask_the_answer_is_an_error_and_not_empty() {
    let nobody = Address::Unix("/nonexistent/collector.sock".into());
    let mut world = World::over(&[("gone", &nobody)]).await;
    let error = world
        .all(GetFlowsRequest::default())
        .await
        .expect_err("an error");
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("gone"), "{error}");
    assert_eq!(world.health("").await.expect("known"), 2);
}

#[tokio::test]
async fn a_bad_filter_is_the_streams_error_in_the_nodes_words() {
    for code in [Code::InvalidArgument, Code::Unknown] {
        let refusal = Some(Status::new(code, "invalid fqdn pattern"));
        let script = Script {
            refusal,
            ..Script::default()
        };
        let a = FakePeer::start(script.clone()).await;
        let b = FakePeer::start(script).await;
        let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
        let error = world
            .all(GetFlowsRequest::default())
            .await
            .expect_err("an error");
        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(error.message(), "invalid fqdn pattern");
    }
}

#[tokio::test]
async fn first_with_follow_is_refused() {
    let a = FakePeer::start(Script::default()).await;
    let mut world = World::over(&[("a", &a.address)]).await;
    let request = GetFlowsRequest {
        first: true,
        follow: true,
        ..Default::default()
    };
    let error = world.all(request).await.expect_err("an error");
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.message(), "first cannot be specified with follow");
}

#[tokio::test]
async fn a_resumed_node_replays_nothing_and_loses_nothing() {
    let script = history("a", &[1000, 2000, 2000, 3000]);
    let a = FakePeer::start(Script {
        break_after: Some(4),
        ..script
    })
    .await;
    let mut world = World::over(&[("a", &a.address)]).await;
    let since = Some(timestamp(0));
    let request = GetFlowsRequest {
        follow: true,
        since,
        ..Default::default()
    };
    let mut stream = world.open(request).await.expect("accepted");
    assert_eq!(next_times(&mut stream, 4).await, [1000, 2000, 2000, 3000]);
    assert_eq!(next_state(&mut stream).await, NodeState::NodeError);
    a.change(|script| {
        script.break_after = None;
        script.history.push(flow_at("a", 3000 * MS, 77));
        script.history.push(flow_at("a", 4000 * MS, 78));
    });
    assert_eq!(next_state(&mut stream).await, NodeState::NodeConnected);
    assert_eq!(next_times(&mut stream, 2).await, [3000, 4000]);
    let requests = a.requests.lock().expect("not poisoned").clone();
    assert_eq!(
        requests.last().expect("asked").since,
        Some(timestamp(2000 * MS))
    );
}

#[tokio::test]
async fn a_node_that_comes_back_is_followed_again() {
    let socket = std::env::temp_dir().join(format!("tidegate-relay-{}.sock", std::process::id()));
    let a = FakePeer::start_on(socket.clone(), history("a", &[1000])).await;
    let b = FakePeer::start(history("b", &[])).await;
    let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
    let request = GetFlowsRequest {
        follow: true,
        number: 5,
        ..Default::default()
    };
    let mut stream = world.open(request).await.expect("accepted");
    assert_eq!(next_times(&mut stream, 1).await, [1000]);
    drop(a);
    assert_eq!(next_state(&mut stream).await, NodeState::NodeError);
    let _a = FakePeer::start_on(socket, history("a", &[1000, 2000])).await;
    assert_eq!(next_state(&mut stream).await, NodeState::NodeConnected);
    assert_eq!(next_times(&mut stream, 1).await, [2000]);
}

#[tokio::test]
async fn the_last_of_a_follow_stream_are_shown_once_and_then_what_is_new() {
    let a = FakePeer::start(history("a", &[10, 30])).await;
    let b = FakePeer::start(history("b", &[20, 40])).await;
    let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
    let request = GetFlowsRequest {
        follow: true,
        number: 2,
        ..Default::default()
    };
    let mut stream = world.open(request).await.expect("accepted");
    assert_eq!(next_times(&mut stream, 2).await, [30, 40]);
    b.change(|script| script.history.push(flow_at("b", 50 * MS, 9)));
    assert_eq!(next_times(&mut stream, 1).await, [50]);
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_only_its_own_stream() {
    let large = |id| {
        let flow = flow::Flow {
            summary: "x".repeat(50_000),
            ..Default::default()
        };
        Frame::from(GetFlowsResponse {
            node_name: "a".to_owned(),
            time: Some(timestamp(id)),
            response_types: Some(ResponseTypes::Flow(flow)),
        })
    };
    let script = Script {
        history: (0..1000).map(large).collect(),
        ..Script::default()
    };
    let a = FakePeer::start(script).await;
    let mut world = World::over(&[("a", &a.address)]).await;
    let stalled = world
        .open(GetFlowsRequest::default())
        .await
        .expect("accepted");
    let frames = world
        .all(GetFlowsRequest::default())
        .await
        .expect("complete");
    assert_eq!(flows(&frames).len(), 1000);
    // The stalled stream was not read to its end on its behalf.
    let sent = *a.sent.lock().expect("not poisoned");
    assert!(sent < 2000, "{sent}");
    drop(stalled);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_calls_to_the_nodes_with_it() {
    let a = FakePeer::start(Script {
        silent: true,
        ..Script::default()
    })
    .await;
    let mut world = World::over(&[("a", &a.address)]).await;
    let request = GetFlowsRequest {
        follow: true,
        ..Default::default()
    };
    let mut stream = world.open(request).await.expect("accepted");
    assert_eq!(next_state(&mut stream).await, NodeState::NodeConnected);
    a.asked().await;
    drop(stream);
    a.abandoned().await;
}

#[tokio::test]
async fn a_filter_by_node_asks_only_that_node_once_names_are_known() {
    let a = FakePeer::start(history("a", &[10])).await;
    let b = FakePeer::start(history("b", &[20])).await;
    let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
    world
        .all(GetFlowsRequest::default())
        .await
        .expect("complete");
    let filter = flow::FlowFilter {
        node_name: vec!["b".to_owned()],
        ..Default::default()
    };
    let request = GetFlowsRequest {
        whitelist: vec![filter],
        ..Default::default()
    };
    let frames = world.all(request).await.expect("complete");
    assert_eq!(times(&frames), [20]);
    assert_eq!(a.requests.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn status_nodes_and_namespaces_speak_for_the_cluster() {
    let with = |number: u64, uptime_ns: u64, namespace: &str| Script {
        status: ServerStatusResponse {
            num_flows: number,
            max_flows: 100,
            seen_flows: number * 10,
            uptime_ns,
            flows_rate: 1.5,
            version: "tidegate v0".to_owned(),
            ..Default::default()
        },
        namespaces: vec![
            Namespace {
                cluster: "kind".to_owned(),
                namespace: namespace.to_owned(),
            },
            Namespace {
                cluster: "kind".to_owned(),
                namespace: "default".to_owned(),
            },
        ],
        ..Script::default()
    };
    let a = FakePeer::start(with(1, 5, "z")).await;
    let b = FakePeer::start(with(2, 9, "a")).await;
    let nobody = Address::Unix("/nonexistent/collector.sock".into());
    let peers = [("b", &b.address), ("a", &a.address), ("gone", &nobody)];
    let mut world = World::of_cluster("kind", &peers).await;
    let response = world
        .client
        .server_status(ServerStatusRequest {})
        .await
        .expect("answered");
    assert_eq!(
        response
            .metadata()
            .get("hubble-relay-version")
            .expect("header"),
        "0.1.0"
    );
    let status = response.into_inner();
    assert_eq!(
        (status.num_flows, status.max_flows, status.seen_flows),
        (3, 200, 30)
    );
    assert_eq!((status.uptime_ns, status.flows_rate), (9, 3.0));
    assert_eq!(
        (status.num_connected_nodes, status.num_unavailable_nodes),
        (Some(2), Some(1))
    );
    assert_eq!(status.unavailable_nodes, ["kind/gone"]);
    assert_eq!(status.version, "tidegate-relay v0.1.0");
    let nodes = world
        .client
        .get_nodes(GetNodesRequest {})
        .await
        .expect("answered")
        .into_inner();
    let nodes: Vec<_> = nodes
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), node.state(), &*node.version))
        .collect();
    assert_eq!(
        nodes,
        [
            ("kind/a", NodeState::NodeConnected, "tidegate v0"),
            ("kind/b", NodeState::NodeConnected, "tidegate v0"),
            ("kind/gone", NodeState::NodeUnavailable, "")
        ]
    );
    let namespaces = world
        .client
        .get_namespaces(GetNamespacesRequest {})
        .await
        .expect("answered")
        .into_inner();
    let names: Vec<_> = namespaces
        .namespaces
        .iter()
        .map(|one| &*one.namespace)
        .collect();
    assert_eq!(names, ["a", "default", "z"]);
}

#[tokio::test]
async fn health_is_known_by_three_names_and_follows_the_nodes() {
    let a = FakePeer::start(Script::default()).await;
    let mut world = World::over(&[("a", &a.address)]).await;
    world
        .client
        .server_status(ServerStatusRequest {})
        .await
        .expect("answered");
    for name in ["", "hubble.server.Observer", "observer.Observer"] {
        assert_eq!(world.health(name).await.expect("known"), 1, "{name}");
    }
    assert_eq!(
        world.health("other").await.expect_err("unknown").code(),
        Code::NotFound
    );
}

/// A relay over some peers, and a client of it.
struct World {
    client: ObserverClient<Channel>,
    channel: Channel,
    _stop: stop::Trigger,
}

impl World {
    async fn over(peers: &[(&str, &Address)]) -> Self {
        Self::of_cluster("default", peers).await
    }

    async fn of_cluster(cluster: &str, peers: &[(&str, &Address)]) -> Self {
        let settings = RelaySettings {
            node_name: "relay".to_owned(),
            cluster_name: cluster.to_owned(),
            listen: "127.0.0.1:0".parse().expect("an address"),
            peers: peers
                .iter()
                .map(|(name, address)| Peer {
                    name: (*name).to_owned(),
                    address: (*address).clone(),
                })
                .collect(),
            view: Vec::new(),
        };
        let relay: Relay = bind(settings).await.expect("bound");
        let uri = format!("http://{}", relay.address());
        let (trigger, stop) = stop::Signal::manual();
        tokio::spawn(relay.serve(stop));
        let channel = Channel::from_shared(uri)
            .expect("a URI")
            .connect()
            .await
            .expect("serving");
        Self {
            client: ObserverClient::new(channel.clone()),
            channel,
            _stop: trigger,
        }
    }

    async fn open(&mut self, request: GetFlowsRequest) -> Result<Streaming<Frame>, Status> {
        self.client
            .get_flows(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// Every message of an answer, or its error.
    async fn all(&mut self, request: GetFlowsRequest) -> Result<Vec<Frame>, Status> {
        let mut stream = self.open(request).await?;
        let mut frames = Vec::new();
        while let Some(frame) = timeout(PATIENCE, stream.message())
            .await
            .expect("in time")?
        {
            frames.push(frame);
        }
        Ok(frames)
    }

    async fn health(&self, service: &str) -> Result<i32, Status> {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut client = HealthClient::new(self.channel.clone());
        client
            .check(request)
            .await
            .map(|response| response.into_inner().status)
    }
}

/// A collector of `node` with a flow at each of these milliseconds.
fn history(node: &str, at_ms: &[i64]) -> Script {
    let history = at_ms
        .iter()
        .zip(0..)
        .map(|(at, id)| flow_at(node, at * MS, id))
        .collect();
    Script {
        history,
        ..Script::default()
    }
}

fn flows(frames: &[Frame]) -> Vec<&Frame> {
    frames
        .iter()
        .filter(|frame| frame.kind() == FrameKind::Flow)
        .collect()
}

/// The times of the flows, in milliseconds.
fn times(frames: &[Frame]) -> Vec<i64> {
    flows(frames)
        .iter()
        .filter_map(|frame| frame.time_ns())
        .map(|ns| ns / MS)
        .collect()
}

fn states(frames: &[Frame]) -> Vec<(NodeState, Vec<String>)> {
    frames.iter().filter_map(state).collect()
}

fn state(frame: &Frame) -> Option<(NodeState, Vec<String>)> {
    match frame.decode().ok()?.response_types? {
        ResponseTypes::NodeStatus(status) => Some((status.state_change(), status.node_names)),
        _ => None,
    }
}

/// The times of the next flows, in milliseconds; node status before the first of them is skipped.
async fn next_times(stream: &mut Streaming<Frame>, count: usize) -> Vec<i64> {
    let mut frames = Vec::new();
    while times(&frames).len() < count {
        let frame = timeout(PATIENCE, stream.message()).await.expect("in time");
        let frame = frame.expect("no error").expect("the stream goes on");
        assert!(
            frames.is_empty() || frame.kind() == FrameKind::Flow,
            "{frame:?}"
        );
        frames.extend((frame.kind() == FrameKind::Flow).then_some(frame));
    }
    times(&frames)
}

/// The next message, which must be node status.
async fn next_state(stream: &mut Streaming<Frame>) -> NodeState {
    let frame = timeout(PATIENCE, stream.message()).await.expect("in time");
    let frame = frame.expect("no error").expect("the stream goes on");
    state(&frame).expect("a node status").0
}
