//! What every request passes and every answer carries, whatever its route: only reading, only
//! under our own names, a number, and the headers that bind the browser.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::*;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::answer::Problem;
use crate::assets;
use crate::failure::Failure;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Who may ask, and the numbers of requests.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Only these names, and addresses; none: any name.
    names: Option<Vec<String>>,
    /// Tells the requests of one start of the server from those of another.
    start: u32,
    count: AtomicU64,
    content_policy: HeaderValue,
}

impl Guard {
    /// Of a server at this address, which is also known by these names.
    pub(crate) fn new(address: SocketAddr, names: &[String]) -> Self {
        // What listens on loopback is open to every web page in a browser on this machine: one
        // whose name is made to point at loopback (DNS rebinding) would be read by its owner.
        let own = || names.iter().map(|name| name.to_ascii_lowercase()).chain(["localhost".to_owned()]).collect();
        let random = RandomState::new().hash_one(0_u8).to_ne_bytes();
        Self {
            names: address.ip().is_loopback().then(own),
            start: u32::from_ne_bytes([random[0], random[1], random[2], random[3]]),
            count: AtomicU64::new(0),
            content_policy: content_policy(),
        }
    }

    /// Whether `host`, a `Host` header, is one of ours.
    fn is_ours(&self, host: &str) -> bool {
        let Some(names) = &self.names else { return true };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        // An address in the bar cannot be rebound.
        address.parse::<IpAddr>().is_ok() || name.ends_with(".localhost") || names.contains(&name)
    }

    fn check(&self, request: &Request) -> Result<(), Failure> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed"));
        }
        let header = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = request.uri().authority().map(|authority| authority.as_str()).or_else(header).unwrap_or_default();
        if self.is_ours(host) {
            return Ok(());
        }
        Err(Failure::new(StatusCode::FORBIDDEN, format!("the dashboard is not known by the name {host:?}"))
            .hint("open it by its address; a proxy in front of it is to send `Host: localhost`"))
    }

    fn number(&self) -> String {
        format!("{:08x}-{}", self.start, self.count.fetch_add(1, Ordering::Relaxed))
    }
}

/// The layer.
pub(crate) async fn pass(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let number = guard.number();
    let path = request.uri().path().to_owned();
    let mut response = match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    let failure = response.extensions_mut().remove::<Failure>();
    if let Some(failure) = &failure {
        response = problem(failure, &number);
    }
    let error = failure.map(|failure| failure.error).unwrap_or_default();
    tracing::debug!(id = number, status = response.status().as_u16(), ms = started.elapsed().as_millis(), path, error);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, guard.content_policy.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    // Answers change from one moment to the next; what does not says so itself.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(number) = HeaderValue::from_str(&number) {
        headers.insert(REQUEST_ID, number);
    }
    response
}

fn problem(failure: &Failure, number: &str) -> Response {
    let Failure { status, error, hint } = failure.clone();
    let mut response = (status, Json(Problem { error, hint, request_id: number.to_owned() })).into_response();
    let headers = response.headers_mut();
    match status {
        StatusCode::METHOD_NOT_ALLOWED => headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD")),
        StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, HeaderValue::from_static("2")),
        _ => None,
    };
    response
}

/// Everything from this server and nothing from elsewhere; of scripts in the page only those that
/// were there when it was built.
fn content_policy() -> HeaderValue {
    let scripts: String = assets::INLINE_SCRIPTS.iter().map(|hash| format!(" '{hash}'")).collect();
    let policy = format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("hashes are base64")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        Guard::new(address.parse().expect("an address"), &["Dash.Example".to_owned()])
    }

    #[test]
    fn on_loopback_only_our_names_and_addresses_are_answered() {
        let guard = guard("127.0.0.1:12000");
        for host in [
            "localhost",
            "LOCALHOST:12000",
            "localhost.",
            "ui.localhost:80",
            "127.0.0.1:12000",
            "127.0.0.1",
            "[::1]:12000",
            "[::1]",
            "10.1.2.3:80",
            "dash.example",
            "dash.example:443",
        ] {
            assert!(guard.is_ours(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:12000",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil",
            "a:b:c",
        ] {
            assert!(!guard.is_ours(host), "{host}");
        }
    }

    #[test]
    fn on_an_open_network_any_name_may_lead_here() {
        assert!(guard("0.0.0.0:12000").is_ours("dash.corp.example"));
    }

    #[test]
    fn no_two_requests_have_one_number() {
        let guard = guard("127.0.0.1:12000");
        assert_ne!(guard.number(), guard.number());
    }
}
