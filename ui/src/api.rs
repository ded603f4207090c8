//! The handlers of the routes: each reads what is asked, asks the relay, and shapes the answer.

mod cli;
mod counts;
mod export;
mod flows;
mod stream;
mod values;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use tidegate_ops::stop;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::answer::Status;
use crate::failure::Failure;
use crate::openapi;
use crate::params::Params;
use crate::relay::Relay;
use crate::routes::{BASE, ROUTES, route};
use crate::state::Board;

/// How old a state may be that is told to one who asks.
const STATUS_AGE: Duration = Duration::from_secs(1);
/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(10);

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) relay: Relay,
    pub(crate) board: Board,
    pub(crate) turns: Turns,
    pub(crate) stop: stop::Signal,
}

/// How many requests of each kind are answered at once: what one client asks must not starve the
/// others, and the store least of all.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) questions: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) exports: Arc<Semaphore>,
}

impl Turns {
    pub(crate) const QUESTIONS: usize = 32;
    pub(crate) const STREAMS: usize = 256;
    pub(crate) const EXPORTS: usize = 4;

    pub(crate) fn new() -> Self {
        let turns = |most| Arc::new(Semaphore::new(most));
        Self { questions: turns(Self::QUESTIONS), streams: turns(Self::STREAMS), exports: turns(Self::EXPORTS) }
    }
}

impl App {
    pub(crate) fn new(relay: Relay, stop: stop::Signal) -> Self {
        Self { board: Board::new(relay.clone()), relay, turns: Turns::new(), stop }
    }
}

/// Waits for a turn; it ends when what is returned is dropped.
async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Failure> {
    match timeout(TURN, turns.clone().acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests are being answered")
            .hint("try again in a moment")),
    }
}

/// All routes of the interface.
pub(crate) fn router() -> Router<Arc<App>> {
    ROUTES
        .iter()
        .fold(Router::new(), |router, route| router.route(&format!("{BASE}{}", route.path), handler(route.path)))
}

fn handler(path: &str) -> MethodRouter<Arc<App>> {
    match path {
        "/flows" => get(flows::page),
        "/flows/histogram" => get(counts::histogram),
        "/flows/facets" => get(counts::facets),
        "/flows/stream" => get(stream::stream),
        "/flows/export" => get(export::export),
        "/flows/{uuid}" => get(flows::flow),
        "/values" => get(values::values),
        "/cli" => get(cli::cli),
        "/cli/parse" => get(cli::parse),
        "/status" => get(status),
        "/openapi.json" => get(description),
        _ => unreachable!("every route of the table has its line here, which a test holds"),
    }
}

async fn status(State(app): State<Arc<App>>, query: RawQuery) -> Result<Json<Status>, Failure> {
    params("/status", &query)?;
    let now = Instant::now();
    let fresh = now.checked_sub(STATUS_AGE).unwrap_or(now);
    Ok(Json(app.board.status(fresh).await.as_ref().clone()))
}

async fn description() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, openapi::text()).into_response()
}

/// The parameters of a request to the route at `path`.
fn params(path: &str, RawQuery(query): &RawQuery) -> Result<Params, Failure> {
    Params::read(route(path), query.as_deref())
}

/// A message from the relay that has no JSON form.
fn unprintable(error: &dyn std::error::Error) -> Failure {
    Failure::new(StatusCode::BAD_GATEWAY, format!("the relay's flow cannot be written as JSON: {error}"))
}

/// Milliseconds since a moment.
fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_table_has_a_handler() {
        let _ = router();
    }
}
