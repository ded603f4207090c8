//! Old flows on 4245: a whole relay over scripted collectors and a store.

use std::sync::Arc;

use tidegate_flow::FlowId;
use tidegate_flow::flow::Counters;
use tidegate_ops::settings::Address;
use tidegate_proto::encode::Encoded;
use tidegate_proto::flow::{FlowFilter, HttpHeader};
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_proto::relay::NodeState;
use tidegate_proto::v1::{Filter, FlowsOptions};
use tidegate_proto::{Frame, FrameKind};
use tonic::Code;

use crate::fake::recorded_flow;
use crate::fake_store::FakeStore;
use crate::position::timestamp;
use crate::recorder::tests::collector::{Collector, S, recorded, until};
use crate::tests::world::{World, flows, next_times, states};

/// Collectors whose flows are recorded, and a relay over them.
struct Recorded {
    world: World,
    store: Arc<FakeStore>,
    nodes: Vec<Collector>,
}

impl Recorded {
    /// Each node has seen so many flows, at times of its own.
    async fn with(seen: &[(&'static str, u64)]) -> Self {
        let store = Arc::new(FakeStore::default());
        let mut nodes = Vec::new();
        for ((node, flows), first) in seen.iter().zip(0..) {
            let mut collector = Collector::start(node).await;
            collector.time += first;
            collector.emit(*flows);
            nodes.push(collector);
        }
        let peers: Vec<(&str, &Address)> = nodes.iter().map(|node| (node.node, &node.fake.address)).collect();
        let world = World::recording(store.clone(), &peers).await;
        for node in &nodes {
            recorded(&*store, node).await;
        }
        Self { world, store, nodes }
    }

    fn forget_all_but(&mut self, kept: usize) {
        self.nodes.iter_mut().for_each(|node| node.forget_all_but(kept));
    }

    /// The times of all flows that were ever seen, in order.
    fn seen(&self) -> Vec<i64> {
        let of = |node: &Collector| {
            let count = i64::try_from(node.emitted.values().sum::<u64>()).expect("small");
            let (end, step) = (node.time, node.step);
            (1..=count).map(move |back| end - back * step)
        };
        let mut times: Vec<i64> = self.nodes.iter().flat_map(of).collect();
        times.sort_unstable();
        times
    }

    async fn times(&mut self, request: GetFlowsRequest) -> Vec<i64> {
        times(&self.world.all(request).await.expect("complete"))
    }
}

fn times(frames: &[Frame]) -> Vec<i64> {
    flows(frames).iter().filter_map(|frame| frame.time_ns()).collect()
}

fn since(second: i64) -> GetFlowsRequest {
    GetFlowsRequest { since: Some(timestamp(second * S)), ..GetFlowsRequest::default() }
}

#[tokio::test]
async fn what_the_nodes_forgot_comes_from_the_store_and_the_rest_from_them() {
    let mut recorded = Recorded::with(&[("a", 40), ("b", 25)]).await;
    recorded.forget_all_but(10);
    let all = recorded.seen();
    assert_eq!(recorded.times(since(0)).await, all);
    let newer: Vec<i64> = all.iter().copied().filter(|time| *time >= 1001 * S).collect();
    assert_eq!(recorded.times(since(1001)).await, newer);
    let first = GetFlowsRequest { first: true, number: 7, ..Default::default() };
    assert_eq!(recorded.times(first).await, all[..7]);
    let some = GetFlowsRequest { number: 5, ..since(1001) };
    assert_eq!(recorded.times(some).await, newer[..5]);
    let middle = GetFlowsRequest { until: Some(timestamp(1002 * S)), ..since(1001) };
    let between: Vec<i64> = newer.iter().copied().filter(|time| *time <= 1002 * S).collect();
    assert_eq!(recorded.times(middle.clone()).await, between);
    let last = GetFlowsRequest { since: None, number: 6, ..middle.clone() };
    let before: Vec<i64> = all.iter().copied().filter(|time| *time <= 1002 * S).collect();
    assert_eq!(recorded.times(last).await, before[before.len() - 6..]);
    let everything_until = GetFlowsRequest { since: None, ..middle };
    assert_eq!(recorded.times(everything_until).await, before);
}

#[tokio::test]
async fn a_store_that_takes_nothing_leaves_the_newest_to_the_nodes() {
    let mut recorded = Recorded::with(&[("a", 30), ("b", 30)]).await;
    recorded.store.fill(true);
    recorded.nodes.iter_mut().for_each(|node| node.emit(20));
    recorded.forget_all_but(30);
    let all = recorded.seen();
    assert_eq!(all.len(), 100);
    assert_eq!(recorded.times(since(0)).await, all);
    let last = GetFlowsRequest { number: 70, until: Some(timestamp(2000 * S)), ..Default::default() };
    assert_eq!(recorded.times(last).await, all[30..]);
}

#[tokio::test]
async fn pages_of_the_store_follow_one_another() {
    let mut recorded = Recorded::with(&[("a", 1700), ("b", 1500)]).await;
    recorded.forget_all_but(100);
    let all = recorded.seen();
    assert_eq!(recorded.times(since(0)).await, all);
    let last = GetFlowsRequest { number: 2500, until: Some(timestamp(2000 * S)), ..Default::default() };
    assert_eq!(recorded.times(last).await, all[700..]);
}

#[tokio::test]
async fn a_node_that_remembers_enough_is_not_helped() {
    let mut recorded = Recorded::with(&[("a", 40)]).await;
    let asked = recorded.store.pages();
    assert_eq!(recorded.times(since(1000)).await.len(), 40);
    assert_eq!(recorded.times(GetFlowsRequest { number: 3, ..Default::default() }).await.len(), 3);
    assert_eq!(recorded.store.pages(), asked);
}

#[tokio::test]
async fn a_node_that_is_gone_is_named_and_its_stored_flows_are_given() {
    let mut recorded = Recorded::with(&[("a", 10), ("b", 10)]).await;
    let all = recorded.seen();
    let gone = recorded.nodes.pop().expect("two");
    drop(gone.fake);
    until("it is known to be gone", async || {
        let answer = recorded.world.all(GetFlowsRequest::default()).await.expect("one is left");
        states(&answer).contains(&(NodeState::NodeUnavailable, vec!["b".to_owned()]))
    })
    .await;
    assert_eq!(recorded.times(since(1000)).await, all);
}

#[tokio::test]
async fn a_stream_goes_on_from_stored_flows_to_new_ones() {
    let mut recorded = Recorded::with(&[("a", 40), ("b", 25)]).await;
    recorded.forget_all_but(10);
    let all: Vec<i64> = recorded.seen().iter().map(|time| time / 1_000_000).collect();
    let mut stream = recorded.world.open(GetFlowsRequest { follow: true, ..since(0) }).await.expect("accepted");
    assert_eq!(next_times(&mut stream, all.len()).await, all);
    recorded.nodes[0].emit(1);
    let new = (recorded.nodes[0].time - recorded.nodes[0].step) / 1_000_000;
    assert_eq!(next_times(&mut stream, 1).await, [new]);
    recorded.nodes[0].break_streams();
    recorded.nodes[0].emit(2);
    let mut later = Vec::new();
    while later.len() < 2 {
        let frame = stream.message().await.expect("no error").expect("it goes on");
        later.extend((frame.kind() == FrameKind::Flow).then(|| frame.time_ns()).flatten());
    }
    let step = recorded.nodes[0].step;
    assert_eq!(later, [recorded.nodes[0].time - 2 * step, recorded.nodes[0].time - step]);
}

#[tokio::test]
async fn a_store_that_fails_is_named_and_the_nodes_give_what_they_have() {
    let mut recorded = Recorded::with(&[("a", 40)]).await;
    recorded.forget_all_but(10);
    recorded.store.fail(Some("the disk is gone"));
    let frames = recorded.world.all(since(0)).await.expect("an answer");
    assert_eq!(times(&frames), recorded.seen()[30..]);
    let told = frames.iter().filter_map(|frame| match frame.decode().ok()?.response_types? {
        ResponseTypes::NodeStatus(status) if status.state_change() == NodeState::NodeError => Some(status.message),
        _ => None,
    });
    let told: Vec<String> = told.collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("older flows are missing") && told[0].contains("the disk is gone"), "{told:?}");
}

#[tokio::test]
async fn filters_hold_for_stored_flows_and_one_that_cannot_is_refused() {
    let mut recorded = Recorded::with(&[("a", 20), ("b", 20)]).await;
    recorded.forget_all_but(5);
    let of = |filter| GetFlowsRequest { whitelist: vec![filter], ..since(0) };
    let node = FlowFilter { node_name: vec!["b".to_owned()], ..FlowFilter::default() };
    let frames = recorded.world.all(of(node.clone())).await.expect("complete");
    assert_eq!(flows(&frames).len(), 20);
    assert!(flows(&frames).iter().all(|frame| frame.node_name() == Some("b")));
    let options =
        FlowsOptions { deny: vec![Filter { flow: Some(node), ..Filter::default() }], ..FlowsOptions::default() };
    let own = GetFlowsRequest { extensions: prost_types::Any::from_msg(&options).ok(), ..since(0) };
    let frames = recorded.world.all(own).await.expect("complete");
    let stored = flows(&frames).iter().filter(|frame| frame.node_name() == Some("b")).count();
    // The scripted nodes know no filters: what is left of this one is theirs.
    assert!(stored <= 5, "{stored}");
    let header = HttpHeader { key: "x".to_owned(), value: "y".to_owned() };
    let http = of(FlowFilter { http_header: vec![header], ..FlowFilter::default() });
    let error = recorded.world.all(http).await.expect_err("refused");
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("HTTP"), "{error}");
    let bad = of(FlowFilter { source_ip: vec!["x".to_owned()], ..FlowFilter::default() });
    assert_eq!(recorded.world.all(bad).await.expect_err("refused").code(), Code::InvalidArgument);
    let mask = Some(prost_types::FieldMask { paths: vec!["nonsense".to_owned()] });
    let masked = GetFlowsRequest { field_mask: mask, ..since(0) };
    assert_eq!(recorded.world.all(masked).await.expect_err("refused").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_stored_flow_is_the_frame_that_its_node_sent() {
    let mut recorded = Recorded::with(&[("a", 20)]).await;
    recorded.forget_all_but(1);
    let first = recorded_flow("a", FlowId { boot: 1, sequence: 1 }, 1000 * S);
    for flow_info in [false, true] {
        let options = FlowsOptions { flow_info, ..FlowsOptions::default() };
        let extensions = prost_types::Any::from_msg(&options).ok();
        let frames = recorded.world.all(GetFlowsRequest { extensions, ..since(0) }).await.expect("complete");
        assert_eq!(flows(&frames)[0].as_bytes(), Encoded::new(&first).frame(flow_info).as_bytes());
    }
    let mask = Some(prost_types::FieldMask { paths: vec!["uuid".to_owned()] });
    let frames = recorded.world.all(GetFlowsRequest { field_mask: mask, ..since(0) }).await.expect("complete");
    let stored = flows(&frames)[0].decode().expect("valid");
    let Some(ResponseTypes::Flow(flow)) = stored.response_types else { panic!("no flow") };
    assert_eq!((flow.uuid.as_str(), flow.node_name.as_str()), (first.uuid().as_str(), ""));
}

#[tokio::test]
async fn ends_of_connections_are_for_those_who_ask_for_our_facts() {
    let mut recorded = Recorded::with(&[("a", 5)]).await;
    let mut end = recorded_flow("a", FlowId { boot: 1, sequence: 6 }, recorded.nodes[0].time);
    end.counters = Counters { end: end.time, ..Counters::default() };
    recorded.nodes[0].fake.change(|script| script.history.push(Encoded::new(&end).frame(true)));
    until("the end is stored", async || recorded.store.records().len() == 6).await;
    recorded.nodes[0].time += 100 * S;
    recorded.nodes[0].emitted.insert(1, 6);
    recorded.nodes[0].emit(1);
    crate::recorder::tests::collector::recorded(&*recorded.store, &recorded.nodes[0]).await;
    recorded.forget_all_but(1);
    assert_eq!(recorded.times(since(0)).await.len(), 6);
    let options = FlowsOptions { flow_info: true, ..FlowsOptions::default() };
    let request = GetFlowsRequest { extensions: prost_types::Any::from_msg(&options).ok(), ..since(0) };
    assert_eq!(recorded.times(request).await.len(), 7);
}

#[tokio::test]
async fn what_is_known_to_be_missing_is_told_in_its_place() {
    let mut recorded = Recorded::with(&[("a", 10)]).await;
    recorded.nodes[0].restart();
    recorded.nodes[0].emit(10);
    crate::recorder::tests::collector::recorded(&*recorded.store, &recorded.nodes[0]).await;
    recorded.forget_all_but(2);
    let frames = recorded.world.all(since(0)).await.expect("complete");
    let kinds: Vec<FrameKind> = frames.iter().map(Frame::kind).filter(|kind| *kind != FrameKind::NodeStatus).collect();
    let mut expected = [FrameKind::Flow; 21];
    expected[10] = FrameKind::LostEvents;
    assert_eq!(kinds, expected);
}
