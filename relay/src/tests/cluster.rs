//! What a client sees of the cluster: status, nodes, namespaces, health, egress state, reflection.

use tidegate_ops::settings::Address;
use tidegate_proto::observer::{
    GetFlowsRequest, GetNamespacesRequest, GetNodesRequest, Namespace, ServerStatusRequest, ServerStatusResponse,
};
use tidegate_proto::relay::NodeState;
use tidegate_proto::v1::egress_client::EgressClient;
use tidegate_proto::v1::{EgressEntry, ListEntriesRequest};
use tonic::Code;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::world::World;
use crate::fake::{FakePeer, Script};

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
            Namespace { cluster: "kind".to_owned(), namespace: namespace.to_owned() },
            Namespace { cluster: "kind".to_owned(), namespace: "default".to_owned() },
        ],
        ..Script::default()
    };
    let a = FakePeer::start(with(1, 5, "z")).await;
    let b = FakePeer::start(with(2, 9, "a")).await;
    let nobody = Address::Unix("/nonexistent/collector.sock".into());
    let peers = [("b", &b.address), ("a", &a.address), ("gone", &nobody)];
    let mut world = World::of_cluster("kind", &peers).await;
    let response = world.client.server_status(ServerStatusRequest {}).await.expect("answered");
    assert_eq!(response.metadata().get("hubble-relay-version").expect("header"), "0.1.0");
    let status = response.into_inner();
    assert_eq!((status.num_flows, status.max_flows, status.seen_flows), (3, 200, 30));
    assert_eq!((status.uptime_ns, status.flows_rate), (9, 3.0));
    assert_eq!((status.num_connected_nodes, status.num_unavailable_nodes), (Some(2), Some(1)));
    assert_eq!(status.unavailable_nodes, ["kind/gone"]);
    assert_eq!(status.version, "tidegate-relay v0.1.0");
    let nodes = world.client.get_nodes(GetNodesRequest {}).await.expect("answered").into_inner();
    let nodes: Vec<_> = nodes.nodes.iter().map(|node| (node.name.as_str(), node.state(), &*node.version)).collect();
    assert_eq!(
        nodes,
        [
            ("kind/a", NodeState::NodeConnected, "tidegate v0"),
            ("kind/b", NodeState::NodeConnected, "tidegate v0"),
            ("kind/gone", NodeState::NodeUnavailable, "")
        ]
    );
    let namespaces = world.client.get_namespaces(GetNamespacesRequest {}).await.expect("answered").into_inner();
    let names: Vec<_> = namespaces.namespaces.iter().map(|one| &*one.namespace).collect();
    assert_eq!(names, ["a", "default", "z"]);
}

#[tokio::test]
async fn health_is_known_by_three_names_and_follows_the_nodes() {
    let a = FakePeer::start(Script::default()).await;
    let mut world = World::over(&[("a", &a.address)]).await;
    world.client.server_status(ServerStatusRequest {}).await.expect("answered");
    for name in ["", "hubble.server.Observer", "observer.Observer"] {
        assert_eq!(world.health(name).await.expect("known"), 1, "{name}");
    }
    assert_eq!(world.health("other").await.expect_err("unknown").code(), Code::NotFound);
}

#[tokio::test]
async fn egress_entries_of_all_nodes_are_joined_and_failures_named() {
    let entry = EgressEntry { node: "a".to_owned(), ..Default::default() };
    let ours = Script { entries: Some(vec![entry.clone()]), ..Script::default() };
    let a = FakePeer::start(ours).await;
    let stock = FakePeer::start(Script::default()).await;
    let nobody = Address::Unix("/nonexistent/collector.sock".into());
    let peers = [("a", &a.address), ("gone", &nobody), ("stock", &stock.address)];
    let world = World::over(&peers).await;
    let mut client = EgressClient::new(world.channel.clone());
    let answer = client.list_entries(ListEntriesRequest {}).await.expect("answered").into_inner();
    assert_eq!(answer.entries, [entry]);
    let failed: Vec<_> = answer.failures.iter().map(|failure| &*failure.node).collect();
    assert_eq!(failed, ["gone", "stock"]);
    assert!(answer.failures[1].message.contains("not a Tidegate collector"));
}

#[tokio::test]
async fn reflection_shows_what_the_relay_serves() {
    let world = World::over(&[]).await;
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut client = ServerReflectionClient::new(world.channel.clone());
    let answers = client.server_reflection_info(tokio_stream::once(request)).await;
    let answer = answers.expect("served").into_inner().message().await.expect("answered");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.and_then(|a| a.message_response) else {
        panic!("no list of services");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["observer.Observer", "tidegate.v1.Egress", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[tokio::test]
async fn a_relay_without_peers_says_which_setting_is_missing() {
    let mut world = World::over(&[]).await;
    let error = world.all(GetFlowsRequest::default()).await.expect_err("an error");
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().contains("`peers`"), "{error}");
}
