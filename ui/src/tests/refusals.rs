//! Requests that are not answered, and how that is said.

use axum::http::Request;
use tidegate_ops::settings::Address;
use tonic::Status;

use super::fake::Script;
use super::world::{Dashboard, ask, flow, get, parts};
use crate::routes::{BASE, ROUTES};

fn nowhere() -> Address {
    // The discard port: nothing listens there, on loopback least of all.
    Address::Tcp("127.0.0.1:9".to_owned())
}

#[tokio::test]
async fn without_a_relay_questions_say_how_to_start_one_and_the_state_is_answered() {
    let (_app, router, _stop) = parts(nowhere());
    for path in ["/flows", "/flows/histogram", "/flows/facets?fields=verdict", "/flows/export", "/values?key=pod"] {
        let (error, hint) = get(&router, &format!("{BASE}{path}")).await.problem(503);
        assert_eq!(error, "nothing answers on 127.0.0.1:9", "{path}");
        assert!(hint.is_some_and(|hint| hint.contains("tidegate relay")), "{path}");
    }
    let status = get(&router, "/api/v1/status").await.json();
    assert_eq!(status["relay"]["connected"], false);
    assert!(status["relay"]["message"].as_str().is_some_and(|text| text.contains("tidegate relay")));
    assert!(status["store"].is_null() && status["storeMessage"].is_string());
}

#[tokio::test]
async fn a_relay_without_store_says_what_to_set() {
    let refusal = Some(Status::failed_precondition("this relay stores no flows: give it a `store`"));
    let dashboard = Dashboard::with(Script { refusal, ..Script::default() }).await;
    let answer = dashboard.api("/flows").await;
    assert_eq!(answer.problem(503).0, "this relay stores no flows: give it a `store`");
    assert_eq!(answer.header("retry-after"), "2");
    let status = dashboard.api("/status").await.json();
    assert_eq!(status["relay"]["connected"], true);
    assert_eq!(status["storeMessage"], "this relay stores no flows: give it a `store`");
}

#[tokio::test]
async fn hostile_queries_are_refused_before_the_relay_hears_of_them() {
    let dashboard = Dashboard::with(Script::default()).await;
    let many = format!("/flows?{}", "pod=a&".repeat(2000));
    let long = format!("/flows?cursor={}", "x".repeat(2000));
    let uuid = format!("/flows/{}", "x".repeat(2000));
    for path in [
        "/flows?limit=1000000000",
        "/flows?since=-1",
        "/flows?since=1h&until=2h",
        "/flows?from-pod=%ff%fe",
        "/flows?http-path=((((",
        "/flows?unknown=1",
        "/flows/histogram?buckets=0",
        "/flows/facets",
        "/flows/facets?fields=verdict,uuid",
        "/flows/stream?since=1h",
        "/flows/stream?position=a%0Ab",
        "/flows/export?format=xml",
        "/values?key=colour",
        "/values",
        "/status?x=1",
        "/cli/parse",
        "/flows/%ff",
        &uuid,
        &many,
        &long,
    ] {
        let (error, _) = dashboard.api(path).await.problem(400);
        assert!(!error.is_empty() && error.len() < 2000, "{path}");
    }
    let endless = format!("/flows?{}", "pod=a&".repeat(10_000));
    dashboard.api(&endless).await.problem(414);
    let asked = dashboard.relay.asked.lock().expect("not poisoned");
    assert!(
        asked.pages.is_empty() && asked.follows.is_empty() && asked.facets.is_empty() && asked.histograms.is_empty()
    );
}

#[tokio::test]
async fn a_cursor_that_the_store_does_not_know_is_the_requests_fault() {
    let dashboard = Dashboard::with(Script::default()).await;
    let (error, _) = dashboard.api("/flows?cursor=garbage").await.problem(400);
    assert_eq!(error, "the cursor is not of this store");
}

#[tokio::test]
async fn an_export_that_breaks_does_not_end_as_if_it_were_whole() {
    let script = Script { flows: (0..1500).map(flow).collect(), broken_at: Some("1000".into()), ..Script::default() };
    let dashboard = Dashboard::with(script).await;
    // The body failed, so that there is none: with a socket, the connection is cut.
    let answer = dashboard.api("/flows/export").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let dashboard = Dashboard::with(Script::default()).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let request = Request::builder().method(method).uri("/api/v1/flows").header("host", "localhost");
        let answer = ask(&dashboard.router, request).await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_is_refused() {
    let dashboard = Dashboard::with(Script::default()).await;
    for path in ["/", "/api/v1/status"] {
        let request = Request::get(path).header("host", "rebound.example:12000");
        let (error, hint) = ask(&dashboard.router, request).await.problem(403);
        assert!(error.contains("rebound.example") && hint.is_some());
    }
    ask(&dashboard.router, Request::get("/")).await.problem(403);
}

#[tokio::test]
async fn an_unknown_route_is_no_page() {
    let dashboard = Dashboard::with(Script::default()).await;
    for path in ["/api/v1/nothing", "/api/v2/flows", "/api/v1", "/api/"] {
        let (_, hint) = dashboard.get(path).await.problem(404);
        assert!(hint.is_some_and(|hint| hint.contains("openapi.json")), "{path}");
    }
}

#[tokio::test]
async fn every_answer_binds_the_browser() {
    let dashboard = Dashboard::with(Script::default()).await;
    let api = ROUTES.iter().filter(|route| route.name != "stream").map(|route| format!("{BASE}{}", route.path));
    for path in api.chain(["/".to_owned(), "/assets/none.js".to_owned(), "/api/x".to_owned()]) {
        let answer = dashboard.get(&path.replace("{uuid}", "x")).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(!answer.header("cache-control").is_empty() && !answer.header("x-request-id").is_empty(), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
}
