//! Streams of events: resumed, thinned out, and through a restart of the relay.

use tidegate_proto::observer::Node;
use tidegate_proto::relay::NodeState;
use tidegate_proto::v1::{FollowResponse, Gap, GapReason};
use tokio::time::timeout;
use tonic::Status;

use super::fake::{FakeRelay, Script};
use super::world::{Dashboard, PATIENT, flow, get, parts, uuid};

fn message(numbers: std::ops::Range<u32>) -> FollowResponse {
    let flows: Vec<_> = numbers.map(flow).collect();
    FollowResponse { seen: flows.len() as u64, flows, ..FollowResponse::default() }
}

fn following(messages: Vec<FollowResponse>) -> Script {
    Script { followed: messages, ..Script::default() }
}

#[tokio::test]
async fn flows_come_with_a_position_from_which_the_stream_goes_on() {
    let dashboard = Dashboard::with(following(vec![message(0..3)])).await;
    let mut events = dashboard.stream("?verdict=FORWARDED", None).await;
    let first = events.named("flows").await;
    assert_eq!((first.id.as_deref(), first.data["seen"].as_u64()), (Some("1"), Some(3)));
    assert_eq!(first.data["flows"][2]["uuid"], uuid(2));
    assert!(first.data["sampled"].is_null());

    dashboard.relay.change(|script| script.followed.push(message(3..5)));
    assert_eq!(events.named("flows").await.id.as_deref(), Some("2"));
    drop(events);

    let mut by_header = dashboard.stream("?position=0", Some("1")).await;
    assert_eq!(by_header.uuids_to(&uuid(4)).await, [uuid(3), uuid(4)]);
    let mut by_query = dashboard.stream("?position=1", None).await;
    assert_eq!(by_query.uuids_to(&uuid(4)).await, [uuid(3), uuid(4)]);
    let asked = dashboard.relay.asked.lock().expect("not poisoned");
    assert_eq!(asked.follows[0].allow[0].flow.as_ref().expect("a filter").verdict, [1]);
}

#[tokio::test]
async fn the_position_is_known_before_the_first_flow() {
    let dashboard = Dashboard::with(following(vec![FollowResponse::default()])).await;
    let mut events = dashboard.stream("", None).await;
    assert_eq!(events.named("ping").await.id.as_deref(), Some("1"));
}

#[tokio::test]
async fn flows_that_do_not_match_are_counted() {
    let seen = FollowResponse { seen: 340, ..FollowResponse::default() };
    let dashboard = Dashboard::with(following(vec![seen])).await;
    let event = dashboard.stream("", None).await.named("flows").await;
    assert_eq!((event.data["flows"].as_array().map(Vec::len), event.data["seen"].as_u64()), (Some(0), Some(340)));
}

#[tokio::test]
async fn a_flood_is_thinned_out_and_says_so() {
    let flood = (0..20).map(|at| message(at * 1000..(at + 1) * 1000)).collect();
    let dashboard = Dashboard::with(following(flood)).await;
    let mut events = dashboard.stream("", None).await;
    let (mut seen, mut shown, mut sampled) = (0, 0, 0);
    while seen < 20_000 {
        let event = events.named("flows").await;
        seen += event.data["seen"].as_u64().expect("a number");
        shown += event.data["flows"].as_array().expect("a list").len();
        sampled = sampled.max(event.data["sampled"].as_u64().unwrap_or(1));
    }
    assert_eq!(seen, 20_000);
    assert!(shown < 20_000 && sampled > 1, "{shown} shown, one of {sampled}");
}

#[tokio::test]
async fn what_was_lost_is_told_before_the_position_moves_on() {
    let gap = Gap { node: "worker".into(), reason: GapReason::History.into(), ..Gap::default() };
    let both = FollowResponse { gaps: vec![gap], ..message(0..1) };
    let dashboard = Dashboard::with(following(vec![message(7..8), both])).await;
    let mut events = dashboard.stream("?position=1", None).await;
    let lost = events.named("lost").await;
    assert_eq!((lost.id.as_deref(), lost.data[0]["reason"].as_str()), (Some("1"), Some("history")));
    assert_eq!(events.named("flows").await.id.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_restart_of_the_relay_is_told_and_loses_nothing() {
    let script = following(vec![message(0..2)]);
    let dashboard = Dashboard::with(script.clone()).await;
    let mut events = dashboard.stream("", None).await;
    assert_eq!(events.named("status").await.data["relay"]["connected"], true);
    assert_eq!(events.uuids_to(&uuid(1)).await, [uuid(0), uuid(1)]);

    let Dashboard { relay, router: _router, app: _app, stop: _stop } = dashboard;
    let port = relay.port;
    relay.end().await;
    assert_eq!(events.named("status").await.data["relay"]["connected"], false);

    let mut later = script;
    later.followed.push(message(2..4));
    let relay = FakeRelay::start_at(port, later).await;
    let mut uuids = Vec::new();
    let mut connected = false;
    while uuids.len() < 2 || !connected {
        let event = timeout(PATIENT, events.next()).await.expect("in time").expect("the stream goes on");
        uuids.extend(event.data["flows"].as_array().into_iter().flatten().map(|flow| flow["uuid"].clone()));
        connected |= event.name == "status" && event.data["relay"]["connected"] == true;
    }
    assert_eq!(uuids, [uuid(2), uuid(3)]);
    assert_eq!(relay.asked.lock().expect("not poisoned").follows[0].position, "1");
}

#[tokio::test]
async fn a_stream_begins_also_while_there_is_no_relay() {
    let relay = FakeRelay::start(Script::default()).await;
    let (port, address) = (relay.port, relay.address());
    relay.end().await;
    let (app, router, stop) = parts(address);
    let relay = FakeRelay::start(Script::default()).await;
    let dashboard = Dashboard { relay, app, router, stop };
    let mut events = dashboard.stream("", None).await;
    assert_eq!(events.named("status").await.data["relay"]["connected"], false);
    let _relay = FakeRelay::start_at(port, following(vec![message(0..1)])).await;
    assert_eq!(events.uuids_to(&uuid(0)).await, [uuid(0)]);
}

#[tokio::test]
async fn a_change_of_a_nodes_state_is_told() {
    let node = |state: NodeState| Node { name: "worker".into(), state: state.into(), ..Node::default() };
    let dashboard = Dashboard::with(Script { nodes: vec![node(NodeState::NodeConnected)], ..Script::default() }).await;
    let mut events = dashboard.stream("", None).await;
    assert_eq!(events.named("status").await.data["nodes"][0]["state"], "connected");
    dashboard.relay.change(|script| script.nodes = vec![node(NodeState::NodeUnavailable)]);
    assert_eq!(events.named("status").await.data["nodes"][0]["state"], "unavailable");
}

#[tokio::test]
async fn a_position_that_the_store_does_not_know_is_refused() {
    let dashboard = Dashboard::with(Script::default()).await;
    let (error, hint) = get(&dashboard.router, "/api/v1/flows/stream?position=garbage").await.problem(400);
    assert!(error.contains("position") && hint.is_some());
}

#[tokio::test]
async fn a_stream_that_the_relay_refuses_later_ends() {
    let dashboard = Dashboard::with(following(vec![message(0..1)])).await;
    let mut events = dashboard.stream("", None).await;
    events.uuids_to(&uuid(0)).await;
    let Dashboard { relay, router: _router, app: _app, stop: _stop } = dashboard;
    let port = relay.port;
    relay.end().await;
    let refusal = Some(Status::invalid_argument("another store"));
    let _relay = FakeRelay::start_at(port, Script { refusal, ..Script::default() }).await;
    while let Some(event) = timeout(PATIENT, events.next()).await.expect("it ends") {
        assert_ne!(event.name, "flows");
    }
}

#[tokio::test]
async fn a_browser_that_leaves_leaves_no_call_behind() {
    let dashboard = Dashboard::with(following(vec![message(0..1)])).await;
    let mut events = dashboard.stream("", None).await;
    events.named("flows").await;
    dashboard.relay.calls(1).await;
    drop(events);
    dashboard.relay.calls(0).await;
    assert_eq!(dashboard.app.turns.streams.available_permits(), crate::api::Turns::STREAMS);
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let dashboard = Dashboard::with(following(vec![message(0..1)])).await;
    let mut events = dashboard.stream("", None).await;
    events.named("flows").await;
    dashboard.stop.stop();
    while timeout(PATIENT, events.next()).await.expect("it ends").is_some() {}
}
