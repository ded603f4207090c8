//! A dashboard before a scripted relay, and a browser before it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tidegate_ops::settings::Address;
use tidegate_ops::stop::{Signal, Trigger};
use tidegate_proto::flow::Flow;
use tokio::time::timeout;
use tower::ServiceExt as _;

use super::fake::{FakeRelay, Script};
use crate::api::App;
use crate::guard::Guard;
use crate::relay::Relay;
use crate::server;

/// How long to wait for what must come; never what is measured.
pub(super) const PATIENT: Duration = Duration::from_secs(30);

/// A dashboard that is called without a port.
pub(super) struct Dashboard {
    pub(super) relay: FakeRelay,
    pub(super) app: Arc<App>,
    pub(super) router: Router,
    pub(super) stop: Trigger,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Dashboard {
    pub(super) async fn with(script: Script) -> Self {
        let relay = FakeRelay::start(script).await;
        let (app, router, stop) = parts(relay.address());
        Self { relay, app, router, stop }
    }

    /// Asks for a path below the interface.
    pub(super) async fn api(&self, path: &str) -> Answer {
        self.get(&format!("/api/v1{path}")).await
    }

    /// Asks for any path.
    pub(super) async fn get(&self, path: &str) -> Answer {
        get(&self.router, path).await
    }

    /// Opens a stream.
    pub(super) async fn stream(&self, query: &str, last_event_id: Option<&str>) -> Events {
        let mut request = Request::get(format!("/api/v1/flows/stream{query}")).header("host", "localhost");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("it never fails");
        assert_eq!(response.status(), StatusCode::OK);
        Events { body: response.into_body(), text: String::new() }
    }
}

/// A dashboard whose relay is at an address, where perhaps nothing is.
pub(super) fn parts(relay: Address) -> (Arc<App>, Router, Trigger) {
    let (trigger, stop) = Signal::manual();
    let app = Arc::new(App::new(Relay::at(relay).expect("a URI"), stop));
    let guard = Guard::new("127.0.0.1:12000".parse().expect("an address"), &[]);
    (app.clone(), server::router(app, guard), trigger)
}

pub(super) async fn get(router: &Router, path: &str) -> Answer {
    ask(router, Request::get(path).header("host", "localhost:12000")).await
}

pub(super) async fn ask(router: &Router, request: axum::http::request::Builder) -> Answer {
    let request = request.body(Body::empty()).expect("a request");
    let response = timeout(PATIENT, router.clone().oneshot(request)).await.expect("an answer").expect("never fails");
    let (head, body) = response.into_parts();
    let body =
        timeout(PATIENT, body.collect()).await.expect("an end").map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    Answer { status: head.status, headers: head.headers, body }
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The JSON of an answer that is well.
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Cause and hint of one that is not.
    pub(super) fn problem(&self, status: u16) -> (String, Option<String>) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["requestId"].as_str(), Some(self.header("x-request-id")));
        let text = |key: &str| problem[key].as_str().map(str::to_owned);
        (text("error").expect("a cause"), text("hint"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
}

/// An open stream of events.
pub(super) struct Events {
    body: Body,
    text: String,
}

/// One event.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) data: Value,
}

impl Events {
    /// The next event that has a name; none at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let data = self.body.frame().await?.expect("no error").into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&data).expect("text"));
        }
    }

    /// The next event with this name; others are passed over.
    pub(super) async fn named(&mut self, name: &str) -> Event {
        let named = async {
            loop {
                let event = self.next().await.expect("the stream goes on");
                if event.name == name {
                    return event;
                }
            }
        };
        timeout(PATIENT, named).await.expect(name)
    }

    /// The uuids of flows up to and including `last`, in order.
    pub(super) async fn uuids_to(&mut self, last: &str) -> Vec<String> {
        let mut uuids = Vec::new();
        while uuids.last().is_none_or(|uuid| uuid != last) {
            let event = self.named("flows").await;
            let flows = event.data["flows"].as_array().expect("a list");
            uuids.extend(flows.iter().map(|flow| flow["uuid"].as_str().expect("text").to_owned()));
        }
        uuids
    }
}

fn parse(text: &str) -> Option<Event> {
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        lines.map(str::to_owned).next()
    };
    let data = field("data").map_or(Value::Null, |data| serde_json::from_str(&data).expect("JSON"));
    Some(Event { name: field("event")?, id: field("id"), data })
}

/// A flow that is known by its number.
pub(super) fn flow(number: u32) -> Flow {
    let time = Some(prost_types::Timestamp { seconds: 1_795_417_200 + i64::from(number), nanos: 0 });
    Flow { uuid: uuid(number), time, node_name: "worker".into(), verdict: 1, ..Flow::default() }
}

pub(super) fn uuid(number: u32) -> String {
    format!("00000000-0000-8000-8000-{number:012}")
}
