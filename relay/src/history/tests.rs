//! tidegate.v1.History of a whole relay over scripted collectors and a store.

use std::sync::Arc;

use prost::Message;
use tidegate_proto::flow::{Flow, FlowFilter};
use tidegate_proto::v1::history_client::HistoryClient;
use tidegate_proto::v1::{
    CountSource, FacetField, FacetsRequest, Filter, FlowInfo, FollowRequest, FollowResponse, GapReason, GapsRequest,
    HistogramRequest, Outcome, PageRequest, Query, StatsRequest,
};
use tonic::transport::Channel;
use tonic::{Code, Streaming};

use crate::fake_store::FakeStore;
use crate::position::timestamp;
use crate::recorder::tests::collector::{Collector, S, recorded, until};
use crate::tests::world::{World, patience};

/// A collector whose flows are recorded, and a client of the relay's history.
struct Recorded {
    client: HistoryClient<Channel>,
    world: World,
    store: Arc<FakeStore>,
    a: Collector,
}

impl Recorded {
    async fn with(flows: u64) -> Self {
        let store = Arc::new(FakeStore::default());
        let mut a = Collector::start("a").await;
        a.emit(flows);
        let world = World::recording(store.clone(), &[("a", &a.fake.address)]).await;
        recorded(&*store, &a).await;
        let client = HistoryClient::new(world.channel.clone());
        Self { client, world, store, a }
    }

    async fn follow(&mut self, position: &str) -> Follower {
        let request = FollowRequest { position: position.to_owned(), ..FollowRequest::default() };
        Follower { stream: self.client.follow(request).await.expect("accepted").into_inner(), read: Vec::new() }
    }

    /// Sees flows and waits until they are recorded.
    async fn emit(&mut self, flows: u64) {
        self.a.emit(flows);
        recorded(&*self.store, &self.a).await;
    }

    /// The relay ends and another one begins with its store.
    async fn restart(self) -> Self {
        let Self { store, a, world, .. } = self;
        world.stop().await;
        let world = World::recording(store.clone(), &[("a", &a.fake.address)]).await;
        Self { client: HistoryClient::new(world.channel.clone()), world, store, a }
    }
}

/// A client that follows.
struct Follower {
    stream: Streaming<FollowResponse>,
    /// The numbers of the flows read.
    read: Vec<u64>,
}

impl Follower {
    async fn next(&mut self) -> FollowResponse {
        let response = patience(self.stream.message()).await.expect("no error").expect("it goes on");
        self.read.extend(response.flows.iter().map(sequence));
        response
    }

    /// Reads until so many flows were read; yields the last position.
    async fn read(&mut self, flows: usize) -> String {
        loop {
            let position = self.next().await.position;
            if self.read.len() >= flows {
                return position;
            }
        }
    }
}

fn sequence(flow: &Flow) -> u64 {
    let info = flow.extensions.as_ref().expect("our facts");
    FlowInfo::decode(info.value.as_slice()).expect("valid").sequence
}

fn all() -> Option<Query> {
    Some(Query::default())
}

fn dropped() -> Filter {
    Filter { outcome: vec![Outcome::Dropped.into()], ..Filter::default() }
}

#[tokio::test]
async fn pages_lead_through_everything_from_either_end() {
    let mut recorded = Recorded::with(25).await;
    for oldest_first in [false, true] {
        let mut cursor = String::new();
        let mut read = Vec::new();
        loop {
            let request = PageRequest { query: all(), oldest_first, cursor, limit: 10, ..PageRequest::default() };
            let page = recorded.client.page(request).await.expect("answered").into_inner();
            read.extend(page.flows.iter().map(sequence));
            cursor = page.next;
            if cursor.is_empty() {
                break;
            }
        }
        let expected: Vec<u64> = if oldest_first { (1..=25).collect() } else { (1..=25).rev().collect() };
        assert_eq!(read, expected);
    }
    let span = Query { since: Some(timestamp(1001 * S)), until: Some(timestamp(1002 * S)), ..Query::default() };
    let page = recorded.client.page(PageRequest { query: Some(span), ..Default::default() }).await.expect("answered");
    assert_eq!(page.into_inner().flows.len(), 10);
}

#[tokio::test]
async fn a_question_that_has_no_answer_is_refused_with_its_reason() {
    let mut recorded = Recorded::with(1).await;
    let bad = PageRequest { cursor: "x".to_owned(), ..PageRequest::default() };
    assert_eq!(recorded.client.page(bad).await.expect_err("refused").code(), Code::InvalidArgument);
    let backwards = Query { since: Some(timestamp(2)), until: Some(timestamp(1)), ..Query::default() };
    let bad = PageRequest { query: Some(backwards), ..PageRequest::default() };
    assert_eq!(recorded.client.page(bad).await.expect_err("refused").code(), Code::InvalidArgument);
    let filter = Filter {
        flow: Some(FlowFilter { http_method: vec!["GET".to_owned()], ..FlowFilter::default() }),
        ..Filter::default()
    };
    let unknown = Query { allow: vec![filter], ..Query::default() };
    let bad = PageRequest { query: Some(unknown), ..PageRequest::default() };
    assert!(recorded.client.page(bad).await.expect_err("refused").message().contains("HTTP"));
    let bad = FacetsRequest { fields: vec![99], ..FacetsRequest::default() };
    assert_eq!(recorded.client.facets(bad).await.expect_err("refused").code(), Code::InvalidArgument);
    recorded.store.fail(Some("told to"));
    let stats = recorded.client.stats(StatsRequest {}).await.expect_err("no answer");
    assert!(stats.message().contains("told to"), "{stats}");
}

#[tokio::test]
async fn a_relay_without_a_store_says_which_setting_is_missing() {
    let world = World::over(&[]).await;
    let mut client = HistoryClient::new(world.channel.clone());
    let error = client.stats(StatsRequest {}).await.expect_err("no store");
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().contains("`store`"), "{error}");
    let error = client.follow(FollowRequest::default()).await.expect_err("no store");
    assert_eq!(error.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn counts_span_what_is_stored_unless_told_otherwise() {
    let mut recorded = Recorded::with(30).await;
    let request = HistogramRequest { query: all(), buckets: 3, ..HistogramRequest::default() };
    let counted = recorded.client.histogram(request).await.expect("answered").into_inner();
    assert_eq!(counted.since, Some(timestamp(1000 * S)));
    assert_eq!(counted.buckets.iter().map(|bucket| bucket.forwarded).sum::<u64>(), 30);
    assert!(counted.buckets.len() <= 3 && counted.source() == CountSource::Flows);
    let fields = vec![FacetField::NodeName.into(), FacetField::Outcome.into()];
    let request = FacetsRequest { query: all(), fields, ..FacetsRequest::default() };
    let facets = recorded.client.facets(request).await.expect("answered").into_inner().facets;
    let values: Vec<_> = facets.iter().flat_map(|facet| &facet.values).map(|one| (&*one.value, one.flows)).collect();
    assert_eq!(values, [("a", 30), ("forwarded", 30)]);
}

#[tokio::test]
async fn an_empty_store_counts_nothing() {
    let store = Arc::new(FakeStore::default());
    let world = World::recording(store, &[]).await;
    let mut client = HistoryClient::new(world.channel.clone());
    let counted = client.histogram(HistogramRequest::default()).await.expect("answered").into_inner();
    assert!(counted.buckets.is_empty());
}

#[tokio::test]
async fn gaps_and_how_far_each_node_is_recorded_are_told() {
    let mut recorded = Recorded::with(5).await;
    recorded.a.restart();
    recorded.emit(5).await;
    let gaps = recorded.client.gaps(GapsRequest::default()).await.expect("answered").into_inner().gaps;
    assert_eq!((gaps.len(), gaps[0].reason(), gaps[0].count), (1, GapReason::CollectorGone, None));
    let stats = recorded.client.stats(StatsRequest {}).await.expect("answered").into_inner();
    assert_eq!((stats.flows, stats.gaps, stats.retention_age_s, &*stats.store), (10, 1, 3600, "memory"));
    let node = &stats.nodes[0];
    assert_eq!((&*node.node, node.time), ("a", Some(timestamp(recorded.a.time - recorded.a.step))));
    until("the node is connected again", async || {
        let stats = recorded.client.stats(StatsRequest {}).await.expect("answered").into_inner();
        stats.nodes[0].connected
    })
    .await;
}

#[tokio::test]
async fn a_follower_gets_what_is_stored_from_now_on() {
    let mut recorded = Recorded::with(5).await;
    let mut follower = recorded.follow("").await;
    assert!(!follower.next().await.position.is_empty());
    recorded.emit(3).await;
    recorded.a.restart();
    recorded.emit(2).await;
    let mut gaps = Vec::new();
    while follower.read.len() < 5 {
        gaps.extend(follower.next().await.gaps);
    }
    assert_eq!(follower.read, [6, 7, 8, 1, 2]);
    assert_eq!(gaps.len(), 1);
}

#[tokio::test]
async fn a_follower_that_filters_hears_how_many_there_were() {
    let mut recorded = Recorded::with(1).await;
    let request = FollowRequest { allow: vec![dropped()], ..FollowRequest::default() };
    let stream = recorded.client.follow(request).await.expect("accepted").into_inner();
    let mut follower = Follower { stream, read: Vec::new() };
    follower.next().await;
    recorded.emit(4).await;
    let mut seen = 0;
    while seen < 4 {
        seen += follower.next().await.seen;
    }
    assert_eq!((seen, follower.read.len()), (4, 0));
}

#[tokio::test]
async fn a_follower_goes_on_where_it_was_also_at_another_relay() {
    let mut recorded = Recorded::with(5).await;
    let mut follower = recorded.follow("").await;
    follower.next().await;
    recorded.emit(3).await;
    let position = follower.read(3).await;
    drop(follower);
    recorded.emit(4).await;
    let mut recorded = recorded.restart().await;
    recorded.emit(2).await;
    let mut follower = recorded.follow(&position).await;
    follower.read(6).await;
    assert_eq!(follower.read, [9, 10, 11, 12, 13, 14]);
    recorded.emit(1).await;
    follower.read(7).await;
    assert_eq!(follower.read.last(), Some(&15));
}

#[tokio::test]
async fn a_position_of_another_store_begins_at_its_time_and_nonsense_begins_now() {
    let mut recorded = Recorded::with(10).await;
    let time = (1000 * S + 7 * recorded.a.step).unsigned_abs();
    let mut follower = recorded.follow(&format!("{:x}-{time:x}", 1_000_000)).await;
    follower.read(3).await;
    assert_eq!(follower.read, [8, 9, 10]);
    // Stores count their commits alike: one that this store has may be another's too.
    let newest = recorded.follow("").await.next().await.position;
    let (commit, _) = newest.split_once('-').expect("a position");
    let mut follower = recorded.follow(&format!("{commit}-{time:x}")).await;
    follower.read(2).await;
    assert_eq!(follower.read, [9, 10]);
    let mut follower = recorded.follow("nonsense").await;
    follower.next().await;
    recorded.emit(1).await;
    follower.read(1).await;
    assert_eq!(follower.read, [11]);
}

#[tokio::test]
async fn a_position_in_the_future_is_brought_back_to_now() {
    let mut recorded = Recorded::with(2).await;
    let mut follower = recorded.follow(&format!("{:x}-{:x}", u64::MAX, u64::MAX)).await;
    let (_, time) =
        follower.next().await.position.split_once('-').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a position");
    assert!(u64::from_str_radix(&time, 16).expect("a number") < i64::MAX.unsigned_abs());
    recorded.emit(1).await;
    follower.read(1).await;
    assert_eq!(follower.read, [3]);
}

#[tokio::test]
async fn a_follower_that_reads_slowly_misses_nothing_and_hinders_nobody() {
    let mut recorded = Recorded::with(1).await;
    let mut slow = recorded.follow("").await;
    slow.next().await;
    // More than all that lies between the relay and a client that does not read.
    let (rounds, each) = (30, 2000);
    for _ in 0..rounds {
        recorded.emit(each).await;
    }
    let all = usize::try_from(rounds * each).expect("small");
    slow.read(all).await;
    slow.read.sort_unstable();
    assert_eq!(slow.read, (2..=rounds * each + 1).collect::<Vec<_>>());
}
