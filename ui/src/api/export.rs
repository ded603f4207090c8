//! Stored flows as a file: a line each, oldest first, read from the store page by page while the
//! browser takes them in.

mod csv;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tidegate_proto::v1::{PageRequest, PageResponse};
use tidegate_proto::{flow, json, observer};
use tokio::sync::OwnedSemaphorePermit;

use super::{App, params, turn};
use crate::failure::Failure;
use crate::read;

/// Most lines of a file.
const ROWS_MAX: usize = 1_000_000;
/// Flows that are asked for at once.
const PAGE: u32 = 1000;
/// How long the store may look for a page.
const PAGE_BUDGET_MS: u32 = 5000;

const ROW_LIMIT: HeaderName = HeaderName::from_static("x-row-limit");

pub(super) async fn export(State(app): State<Arc<App>>, query: RawQuery) -> Result<Response, Failure> {
    let params = params("/flows/export", &query)?;
    let span = params.span(jiff::Timestamp::now())?;
    let format = if params.choice("format") == "csv" { Format::Csv } else { Format::JsonLines };
    let request = PageRequest {
        query: Some(span.query(&params.terms)?),
        oldest_first: true,
        cursor: String::new(),
        limit: PAGE,
        budget_ms: PAGE_BUDGET_MS,
    };
    let turn = turn(&app.turns.exports).await?;
    // What is refused is refused before the file begins.
    let first = app.relay.page(request.clone()).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CONTENT_DISPOSITION, HeaderValue::from_static(format.disposition())),
        (ROW_LIMIT, HeaderValue::from(ROWS_MAX)),
    ];
    let file = File { app, request, format, first: Some(first), left: ROWS_MAX, begun: false, _turn: turn };
    let lines = stream::try_unfold(file, |mut file| async move {
        let chunk = file.next().await.map_err(|failure| failure.error)?;
        Ok::<_, String>(chunk.map(|chunk| (chunk, file)))
    });
    Ok((headers, Body::from_stream(lines)).into_response())
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    /// As `tidegate observe -o jsonpb` prints them, and reads them back with `--input-file`.
    JsonLines,
}

/// A file on its way to the browser. Dropped when the browser leaves, and with it the call that is
/// being answered.
struct File {
    app: Arc<App>,
    request: PageRequest,
    format: Format,
    first: Option<PageResponse>,
    left: usize,
    begun: bool,
    _turn: OwnedSemaphorePermit,
}

impl File {
    /// The next lines; none at the end. An error cuts the file off, so that it does not look whole.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            self.format.begin(&mut lines);
        }
        while lines.is_empty() || self.first.is_some() {
            let page = match self.first.take() {
                Some(page) => page,
                None if self.left == 0 || self.request.cursor.is_empty() => break,
                None => self.app.relay.page(self.request.clone()).await?,
            };
            for flow in page.flows.iter().take(self.left) {
                self.format.line(&mut lines, flow)?;
            }
            self.left = self.left.saturating_sub(page.flows.len());
            self.request.cursor = page.next;
        }
        Ok((!lines.is_empty()).then(|| lines.into()))
    }
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl; charset=utf-8",
        }
    }

    fn disposition(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"tidegate-flows.csv\"",
            Self::JsonLines => "attachment; filename=\"tidegate-flows.jsonl\"",
        }
    }

    fn begin(self, lines: &mut Vec<u8>) {
        match self {
            Self::Csv => csv::heading(lines),
            Self::JsonLines => {}
        }
    }

    fn line(self, lines: &mut Vec<u8>, flow: &flow::Flow) -> Result<(), Failure> {
        match self {
            Self::Csv => csv::line(lines, &read::flow(flow)),
            Self::JsonLines => {
                let response = observer::GetFlowsResponse {
                    node_name: flow.node_name.clone(),
                    time: flow.time,
                    response_types: Some(observer::get_flows_response::ResponseTypes::Flow(flow.clone())),
                };
                let text = json::to_string(&response).map_err(|error| super::unprintable(&error))?;
                lines.extend_from_slice(text.as_bytes());
                lines.push(b'\n');
            }
        }
        Ok(())
    }
}
