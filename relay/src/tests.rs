//! A whole relay on loopback over scripted collectors: what a client of port 4245 sees of flows.

mod cluster;
pub(crate) mod world;

use tidegate_ops::settings::Address;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_proto::observer::{GetFlowsRequest, GetFlowsResponse};
use tidegate_proto::relay::NodeState;
use tidegate_proto::{Frame, flow};
use tonic::{Code, Status};

use self::world::{MS, World, flows, history, next_state, next_times, states, times};
use crate::fake::{FakePeer, Script, flow_at};
use crate::position::timestamp;

#[tokio::test]
async fn flows_of_all_nodes_come_in_one_order_and_as_the_same_bytes() {
    let a = FakePeer::start(history("a", &[10, 40, 50])).await;
    let b = FakePeer::start(history("b", &[20, 30, 60])).await;
    let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
    let frames = world.all(GetFlowsRequest::default()).await.expect("complete");
    assert_eq!(times(&frames), [10, 20, 30, 40, 50, 60]);
    let connected = states(&frames);
    assert_eq!(connected, [(NodeState::NodeConnected, vec!["a".to_owned(), "b".to_owned()])]);
    assert_eq!(flows(&frames)[0].as_bytes(), flow_at("a", 10 * MS, 0).as_bytes());
}

#[tokio::test]
async fn a_number_counts_over_the_cluster_and_not_per_node() {
    let a = FakePeer::start(history("a", &[10, 40, 50])).await;
    let b = FakePeer::start(history("b", &[20, 30, 60])).await;
    let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
    let last = GetFlowsRequest { number: 2, ..Default::default() };
    assert_eq!(times(&world.all(last.clone()).await.expect("complete")), [50, 60]);
    let first = GetFlowsRequest { first: true, ..last };
    assert_eq!(times(&world.all(first).await.expect("complete")), [10, 20]);
}

#[tokio::test]
async fn an_unavailable_node_is_named_and_the_others_answer() {
    let a = FakePeer::start(history("a", &[10])).await;
    let nobody = Address::Unix("/nonexistent/collector.sock".into());
    let mut world = World::over(&[("a", &a.address), ("gone", &nobody)]).await;
    let frames = world.all(GetFlowsRequest::default()).await.expect("complete");
    assert_eq!(
        states(&frames),
        [(NodeState::NodeConnected, vec!["a".to_owned()]), (NodeState::NodeUnavailable, vec!["gone".to_owned()])]
    );
    assert_eq!(times(&frames), [10]);
}

#[tokio::test]
async fn with_no_node_to_ask_the_answer_is_an_error_and_not_empty() {
    let nobody = Address::Unix("/nonexistent/collector.sock".into());
    let mut world = World::over(&[("gone", &nobody)]).await;
    let error = world.all(GetFlowsRequest::default()).await.expect_err("an error");
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("gone"), "{error}");
    assert_eq!(world.health("").await.expect("known"), 2);
}

#[tokio::test]
async fn a_bad_filter_is_the_streams_error_in_the_nodes_words() {
    for code in [Code::InvalidArgument, Code::Unknown] {
        let refusal = Some(Status::new(code, "invalid fqdn pattern"));
        let script = Script { refusal, ..Script::default() };
        let a = FakePeer::start(script.clone()).await;
        let b = FakePeer::start(script).await;
        let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
        let error = world.all(GetFlowsRequest::default()).await.expect_err("an error");
        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(error.message(), "invalid fqdn pattern");
    }
}

#[tokio::test]
async fn first_with_follow_is_refused() {
    let a = FakePeer::start(Script::default()).await;
    let mut world = World::over(&[("a", &a.address)]).await;
    let request = GetFlowsRequest { first: true, follow: true, ..Default::default() };
    let error = world.all(request).await.expect_err("an error");
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.message(), "first cannot be specified with follow");
}

#[tokio::test]
async fn a_resumed_node_replays_nothing_and_loses_nothing() {
    let script = history("a", &[1000, 2000, 2000, 3000]);
    let a = FakePeer::start(Script { break_after: Some(4), ..script }).await;
    let mut world = World::over(&[("a", &a.address)]).await;
    let since = Some(timestamp(0));
    let request = GetFlowsRequest { follow: true, since, ..Default::default() };
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
    assert_eq!(requests.last().expect("asked").since, Some(timestamp(2000 * MS)));
}

#[tokio::test]
async fn a_node_that_comes_back_is_followed_again() {
    let socket = std::env::temp_dir().join(format!("tidegate-relay-{}.sock", std::process::id()));
    let a = FakePeer::start_on(socket.clone(), history("a", &[1000])).await;
    let b = FakePeer::start(history("b", &[])).await;
    let mut world = World::over(&[("a", &a.address), ("b", &b.address)]).await;
    let request = GetFlowsRequest { follow: true, number: 5, ..Default::default() };
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
    let request = GetFlowsRequest { follow: true, number: 2, ..Default::default() };
    let mut stream = world.open(request).await.expect("accepted");
    assert_eq!(next_times(&mut stream, 2).await, [30, 40]);
    b.change(|script| script.history.push(flow_at("b", 50 * MS, 9)));
    assert_eq!(next_times(&mut stream, 1).await, [50]);
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_only_its_own_stream() {
    let large = |id| {
        let flow = flow::Flow { summary: "x".repeat(50_000), ..Default::default() };
        Frame::from(GetFlowsResponse {
            node_name: "a".to_owned(),
            time: Some(timestamp(id)),
            response_types: Some(ResponseTypes::Flow(flow)),
        })
    };
    let script = Script { history: (0..1000).map(large).collect(), ..Script::default() };
    let a = FakePeer::start(script).await;
    let mut world = World::over(&[("a", &a.address)]).await;
    let stalled = world.open(GetFlowsRequest::default()).await.expect("accepted");
    let frames = world.all(GetFlowsRequest::default()).await.expect("complete");
    assert_eq!(flows(&frames).len(), 1000);
    // The stalled stream was not read to its end on its behalf.
    let sent = *a.sent.lock().expect("not poisoned");
    assert!(sent < 2000, "{sent}");
    drop(stalled);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_calls_to_the_nodes_with_it() {
    let a = FakePeer::start(Script { silent: true, ..Script::default() }).await;
    let mut world = World::over(&[("a", &a.address)]).await;
    let request = GetFlowsRequest { follow: true, ..Default::default() };
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
    world.all(GetFlowsRequest::default()).await.expect("complete");
    let filter = flow::FlowFilter { node_name: vec!["b".to_owned()], ..Default::default() };
    let request = GetFlowsRequest { whitelist: vec![filter], ..Default::default() };
    let frames = world.all(request).await.expect("complete");
    assert_eq!(times(&frames), [20]);
    assert_eq!(a.requests.lock().expect("not poisoned").len(), 1);
}
