//! What each route answers.

use tidegate_proto::json;
use tidegate_proto::observer::{GetFlowsResponse, Node, get_flows_response::ResponseTypes};
use tidegate_proto::relay::NodeState;
use tidegate_proto::v1::{
    Bucket, Facet, FacetField, FacetValue, FacetsResponse, Gap, GapReason, HistogramResponse, RecordedNode,
    StatsResponse,
};

use super::fake::Script;
use super::world::{Dashboard, flow, uuid};

fn numbered(numbers: std::ops::Range<u32>) -> Script {
    Script { flows: numbers.map(flow).collect(), ..Script::default() }
}

fn time(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

#[tokio::test]
async fn pages_follow_one_another_by_cursor_until_there_is_none() {
    let dashboard = Dashboard::with(numbered(0..25)).await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = dashboard.api(&format!("/flows?limit=10&since=1h{cursor}")).await.json();
        assert_eq!(page["complete"], true);
        let flows = page["flows"].as_array().expect("a list").clone();
        seen.extend(flows.iter().map(|flow| flow["uuid"].as_str().expect("text").to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..25).map(uuid).collect::<Vec<_>>());
    assert_eq!(dashboard.relay.asked.lock().expect("not poisoned").pages.len(), 3);
}

#[tokio::test]
async fn a_page_asks_for_what_the_query_says() {
    let dashboard = Dashboard::with(numbered(0..1)).await;
    let query = "from-namespace=payments&verdict=DROPPED&to-port=!53&order=oldest&limit=7\
                 &since=2026-11-23T07:00:00Z&until=2026-11-23T08:00:00Z";
    let page = dashboard.api(&format!("/flows?{query}")).await.json();
    assert_eq!(page["since"], "2026-11-23T07:00:00.000000000Z");
    assert_eq!(page["until"], "2026-11-23T08:00:00.000000000Z");
    let asked = dashboard.relay.asked.lock().expect("not poisoned");
    let request = &asked.pages[0];
    assert!(request.oldest_first && request.limit == 7 && request.budget_ms > 0);
    let query = request.query.as_ref().expect("a query");
    let allowed = query.allow[0].flow.as_ref().expect("a filter");
    assert_eq!((allowed.source_pod.as_slice(), allowed.verdict.as_slice()), (&["payments/".to_owned()][..], &[2][..]));
    assert_eq!(query.deny[0].flow.as_ref().expect("a filter").destination_port, ["53"]);
    assert_eq!(query.since.map(|time| time.seconds), Some(1_795_417_200));
}

#[tokio::test]
async fn a_page_that_the_budget_ended_says_so() {
    let dashboard = Dashboard::with(Script { budget: Some(0), ..numbered(0..3) }).await;
    let page = dashboard.api("/flows").await.json();
    assert_eq!((page["complete"].as_bool(), page["next"].as_str()), (Some(false), Some("0")));
}

#[tokio::test]
async fn a_flow_is_told_with_its_message() {
    let dashboard = Dashboard::with(numbered(0..3)).await;
    let detail = dashboard.api(&format!("/flows/{}", uuid(2))).await.json();
    assert_eq!(detail["flow"]["uuid"], uuid(2));
    assert_eq!(detail["raw"]["verdict"], "FORWARDED");
    let (error, _) = dashboard.api(&format!("/flows/{}", uuid(9))).await.problem(404);
    assert!(error.contains("uuid"), "{error}");
}

#[tokio::test]
async fn a_histogram_counts_by_outcome_and_tells_what_was_lost() {
    let bucket = Bucket { forwarded: 1, translated: 2, dropped: 3, audit: 4, error: 5 };
    let histogram = HistogramResponse {
        since: time(1_795_417_200),
        step_ns: 1_800_000_000_000,
        buckets: vec![bucket, Bucket::default()],
        complete_since: time(1_795_417_200),
        source: 2,
    };
    let gap =
        Gap { node: "worker-07".into(), count: Some(1840), reason: GapReason::KernelRing.into(), ..Gap::default() };
    let dashboard = Dashboard::with(Script { histograms: vec![histogram], gaps: vec![gap], ..Script::default() }).await;
    let path = "/flows/histogram?since=2026-11-23T07:00:00Z&until=2026-11-23T08:00:00Z&buckets=2";
    let answer = dashboard.api(path).await.json();
    assert_eq!(answer["buckets"][0]["translated"], 2);
    assert_eq!((answer["stepMs"].as_f64(), answer["complete"].as_bool()), (Some(1_800_000.0), Some(true)));
    assert_eq!(answer["source"], "rollup");
    assert_eq!(answer["lost"][0]["text"], "1,840 lost, ring buffer full on worker-07");
}

#[tokio::test]
async fn a_count_that_filled_no_bucket_is_given_more_time() {
    let counted = |seconds| HistogramResponse {
        since: time(1_795_417_200),
        step_ns: 1_800_000_000_000,
        buckets: vec![Bucket { dropped: 1, ..Bucket::default() }; 2],
        complete_since: time(seconds),
        source: 1,
    };
    // In the middle of the newer bucket; then in the middle of the older one.
    let histograms = vec![counted(1_795_419_900), counted(1_795_418_100)];
    let dashboard = Dashboard::with(Script { histograms, ..Script::default() }).await;
    let path = "/flows/histogram?since=2026-11-23T07:00:00Z&until=2026-11-23T08:00:00Z&buckets=2";
    let answer = dashboard.api(path).await.json();
    assert_eq!(answer["complete"], false);
    assert_eq!(answer["completeSince"], "2026-11-23T07:30:00.000000000Z");
    assert_eq!(answer["spanSince"], "2026-11-23T07:00:00.000000000Z");
    assert_eq!(
        (answer["buckets"][0]["dropped"].as_u64(), answer["buckets"][1]["dropped"].as_u64()),
        (Some(0), Some(1))
    );
    let asked = dashboard.relay.asked.lock().expect("not poisoned");
    assert!(asked.histograms[1].budget_ms > asked.histograms[0].budget_ms);
}

fn facets(values: &[(FacetField, &[(&str, u64)])]) -> FacetsResponse {
    let facet = |(field, values): &(FacetField, &[(&str, u64)])| Facet {
        field: (*field).into(),
        values: values.iter().map(|(value, flows)| FacetValue { value: (*value).into(), flows: *flows }).collect(),
        others: 3,
    };
    FacetsResponse { facets: values.iter().map(facet).collect(), complete_since: None }
}

#[tokio::test]
async fn facets_come_with_the_key_that_a_click_adds() {
    let script = facets(&[(FacetField::DropReason, &[("NO_EGRESS_GATEWAY", 5), ("", 9), ("250", 2)])]);
    let dashboard = Dashboard::with(Script { facets: script, ..Script::default() }).await;
    let answer = dashboard.api("/flows/facets?fields=drop-reason-desc,verdict").await.json();
    let facet = &answer["facets"][0];
    assert_eq!((facet["key"].as_str(), facet["others"].as_u64()), (Some("drop-reason-desc"), Some(5)));
    assert_eq!(facet["values"].as_array().map(Vec::len), Some(1));
    assert_eq!(facet["values"][0]["text"], "No egress gateway found");
    assert_eq!(answer["complete"], true);
    let asked = dashboard.relay.asked.lock().expect("not poisoned");
    assert_eq!(asked.facets[0].fields, [FacetField::DropReason as i32, FacetField::Verdict as i32]);
}

#[tokio::test]
async fn values_are_offered_under_the_other_filters_and_for_both_sides() {
    let script = facets(&[
        (FacetField::SourcePod, &[("shop/cart", 5), ("shop/front", 1)]),
        (FacetField::DestinationPod, &[("shop/front", 9)]),
    ]);
    let dashboard = Dashboard::with(Script { facets: script, ..Script::default() }).await;
    let answer = dashboard.api("/values?key=pod&prefix=shop&pod=shop/old&verdict=DROPPED").await.json();
    let values: Vec<_> = (answer["values"].as_array().expect("a list").iter())
        .map(|one| (one["value"].as_str().expect("text"), one["count"].as_u64()))
        .collect();
    assert_eq!(values, [("shop/front", Some(10)), ("shop/cart", Some(5))]);
    let asked = dashboard.relay.asked.lock().expect("not poisoned");
    let query = asked.facets[0].query.as_ref().expect("a query");
    let filter = query.allow[0].flow.as_ref().expect("a filter");
    assert!(filter.source_pod.is_empty() && filter.verdict == [2]);
    assert_eq!(asked.facets[0].prefix, "shop");
}

#[tokio::test]
async fn an_export_has_every_flow_of_every_page() {
    let dashboard = Dashboard::with(numbered(0..2500)).await;
    let csv = dashboard.api("/flows/export?format=csv").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(csv.header("x-row-limit"), "1000000");
    assert!(csv.header("content-disposition").contains("tidegate-flows.csv"));
    let lines: Vec<_> = csv.text().lines().collect();
    assert_eq!(lines.len(), 2501);
    assert!(lines[2500].ends_with(&uuid(2499)), "{}", lines[2500]);
    let pages = dashboard.relay.asked.lock().expect("not poisoned").pages.clone();
    assert!(pages.len() == 3 && pages.iter().all(|page| page.oldest_first));

    let lines = dashboard.api("/flows/export?format=jsonl").await;
    let events: Vec<GetFlowsResponse> = json::all_from_str(lines.text()).expect("what observe writes");
    assert_eq!(events.len(), 2500);
    let Some(ResponseTypes::Flow(last)) = &events[2499].response_types else { panic!("a flow") };
    assert_eq!((last.uuid.clone(), events[2499].node_name.as_str()), (uuid(2499), "worker"));
}

#[tokio::test]
async fn an_export_of_nothing_is_a_heading() {
    let dashboard = Dashboard::with(Script::default()).await;
    assert_eq!(dashboard.api("/flows/export").await.text().lines().count(), 1);
    assert_eq!(dashboard.api("/flows/export?format=jsonl").await.text(), "");
}

#[tokio::test]
async fn a_command_says_the_same_as_the_query_and_back() {
    let dashboard = Dashboard::with(Script::default()).await;
    let query = "/cli?from-namespace=payments&to-port=!53&to-fqdn=*.example&since=1h&follow=true";
    let answer = dashboard.api(query).await.json();
    let command = answer["command"].as_str().expect("text");
    assert_eq!(
        command,
        "tidegate observe --from-namespace payments --not --to-port 53 --to-fqdn '*.example' --since 1h -f"
    );
    let back = dashboard.api(&format!("/cli/parse?command={}", command.replace(' ', "+"))).await.json();
    assert_eq!(back["filters"][1]["key"], "to-port");
    assert_eq!((back["filters"][1]["not"].as_bool(), back["follow"].as_bool()), (Some(true), Some(true)));
    assert_eq!((back["since"].as_str(), back["until"].as_str()), (Some("1h"), None));
    let (error, _) = dashboard.api("/cli/parse?command=rm+-rf").await.problem(400);
    assert!(error.contains("rm"), "{error}");
    dashboard.api("/cli/parse?command=hubble+observe+--since+never").await.problem(400);
}

#[tokio::test]
async fn the_state_has_nodes_and_store() {
    let node = |name: &str, state: NodeState| Node { name: name.into(), state: state.into(), ..Node::default() };
    let recorded = RecordedNode { node: "worker".into(), time: time(1_795_417_200), ..RecordedNode::default() };
    let script = Script {
        nodes: vec![node("worker2", NodeState::NodeUnavailable), node("worker", NodeState::NodeConnected)],
        stats: StatsResponse {
            flows: 7,
            store: "sqlite:///x".into(),
            nodes: vec![recorded],
            ..StatsResponse::default()
        },
        ..Script::default()
    };
    let dashboard = Dashboard::with(script).await;
    let status = dashboard.api("/status").await.json();
    assert_eq!((status["cluster"].as_str(), status["relay"]["connected"].as_bool()), (Some("west"), Some(true)));
    assert_eq!(status["nodes"][0]["name"], "worker");
    assert_eq!(status["nodes"][0]["recordedUntil"], "2026-11-23T07:00:00.000000000Z");
    assert_eq!(status["nodes"][1]["state"], "unavailable");
    assert_eq!((status["store"]["flows"].as_u64(), status["storeMessage"].as_str()), (Some(7), None));
    // A crowd that asks at once is told what the first one was.
    for _ in 0..20 {
        dashboard.api("/status").await.json();
    }
    let states = dashboard.relay.asked.lock().expect("not poisoned").states;
    assert!(states < 20, "asked {states} times");
}

#[tokio::test]
async fn a_store_that_takes_no_flows_is_said_to() {
    let recorded = |connected, message: &str| RecordedNode { connected, message: message.into(), ..Default::default() };
    let nodes = vec![recorded(false, "no route"), recorded(true, ""), recorded(true, "the disk is full")];
    let stats = StatsResponse { store: "sqlite:///x".into(), nodes, ..StatsResponse::default() };
    let dashboard = Dashboard::with(Script { stats, ..Script::default() }).await;
    let status = dashboard.api("/status").await.json();
    assert_eq!(
        (status["store"]["flows"].as_u64(), status["storeMessage"].as_str()),
        (Some(0), Some("the disk is full"))
    );
}

#[tokio::test]
async fn the_description_is_served() {
    let dashboard = Dashboard::with(Script::default()).await;
    let served = dashboard.api("/openapi.json").await;
    assert_eq!(served.text(), crate::openapi::text());
    assert!(served.json()["paths"]["/api/v1/flows"]["get"]["parameters"].as_array().is_some_and(|all| all.len() > 40));
}
