//! Pages of stored flows, and one flow.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde_json::value::RawValue;
use tidegate_proto::json;
use tidegate_proto::terms::Term;
use tidegate_proto::v1::PageRequest;
use tokio::time::Instant;

use super::{App, millis, params, turn, unprintable};
use crate::answer::{FlowDetail, FlowPage};
use crate::failure::Failure;
use crate::read;

/// How long the store may look for the flows of a page before it answers with those it has.
const PAGE_BUDGET_MS: u32 = 500;
/// The same for one flow, whose place in time is not known.
const FLOW_BUDGET_MS: u32 = 10_000;
/// Longest uuid, bytes. Ours have 36; other programs may have others.
const UUID_MAX: usize = 100;

pub(super) async fn page(State(app): State<Arc<App>>, query: RawQuery) -> Result<Json<FlowPage>, Failure> {
    let started = Instant::now();
    let params = params("/flows", &query)?;
    let span = params.span(jiff::Timestamp::now())?;
    let request = PageRequest {
        query: Some(span.query(&params.terms)?),
        oldest_first: params.choice("order") == "oldest",
        cursor: params.text("cursor").unwrap_or_default().to_owned(),
        limit: params.count("limit"),
        budget_ms: PAGE_BUDGET_MS,
    };
    let _turn = turn(&app.turns.questions).await?;
    let page = app.relay.page(request).await?;
    Ok(Json(FlowPage {
        flows: page.flows.iter().map(read::flow).collect(),
        next: Some(page.next).filter(|next| !next.is_empty()),
        complete: !page.budget_spent,
        since: span.since,
        until: span.until,
        ms: millis(started),
    }))
}

pub(super) async fn flow(
    State(app): State<Arc<App>>,
    uuid: Result<Path<String>, PathRejection>,
    query: RawQuery,
) -> Result<Json<FlowDetail>, Failure> {
    let Ok(Path(uuid)) = uuid else { return Err(Failure::bad_request("the uuid is not UTF-8")) };
    if uuid.len() > UUID_MAX {
        return Err(Failure::bad_request(format!("the uuid has {} bytes, {UUID_MAX} are allowed", uuid.len())));
    }
    let params = params("/flows/{uuid}", &query)?;
    let span = params.any_span(jiff::Timestamp::now())?;
    let term = Term::new("uuid", &uuid);
    term.check()?;
    let request = PageRequest {
        query: Some(span.query(&[term])?),
        limit: 1,
        budget_ms: FLOW_BUDGET_MS,
        ..PageRequest::default()
    };
    let _turn = turn(&app.turns.questions).await?;
    let page = app.relay.page(request).await?;
    let Some(message) = page.flows.first() else {
        return Err(match page.budget_spent {
            true => Failure::new(StatusCode::GATEWAY_TIMEOUT, "the flow was not found in time")
                .hint("name a shorter span with since and until"),
            false => Failure::new(StatusCode::NOT_FOUND, "no stored flow has this uuid")
                .hint("it may be older than what is kept, or not be stored yet"),
        });
    };
    let raw = json::to_string(message).map_err(|error| unprintable(&error))?;
    let raw = RawValue::from_string(raw).map_err(|error| unprintable(&error))?;
    Ok(Json(FlowDetail { flow: read::flow(message), raw }))
}
