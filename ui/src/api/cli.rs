//! The command line that shows the same flows, in both directions.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use jiff::Timestamp;
use tidegate_proto::terms::{self, Search, command, when};

use super::{App, params};
use crate::answer::{CliCommand, CliFilter, CliFilters};
use crate::failure::{Failure, cut};

pub(super) async fn cli(State(_): State<Arc<App>>, query: RawQuery) -> Result<Json<CliCommand>, Failure> {
    let params = params("/cli", &query)?;
    let time = |name: &str| params.text(name).map(str::to_owned);
    let (since, until) = (time("since"), time("until"));
    check_times([&since, &until])?;
    let follow = params.choice("follow") == "true";
    let command = command::print(&Search { terms: params.terms, since, until, follow });
    Ok(Json(CliCommand { command }))
}

pub(super) async fn parse(State(_): State<Arc<App>>, query: RawQuery) -> Result<Json<CliFilters>, Failure> {
    let params = params("/cli/parse", &query)?;
    let Search { terms, since, until, follow } = command::parse(params.text("command").unwrap_or_default())?;
    for term in &terms {
        term.check()?;
    }
    terms::translate(&terms)?;
    check_times([&since, &until])?;
    let filters = terms.into_iter().map(|term| CliFilter { key: term.key, value: term.value, not: term.not }).collect();
    Ok(Json(CliFilters { filters, since, until, follow }))
}

fn check_times(times: [&Option<String>; 2]) -> Result<(), Failure> {
    for time in times.into_iter().flatten() {
        when::parse(time, Timestamp::now()).map_err(|reason| Failure::bad_request(cut(&reason)))?;
    }
    Ok(())
}
