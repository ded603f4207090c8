//! `--input-file`: what a server does for a request, done for a file of JSON lines.

mod matching;
mod own;
mod parts;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use anyhow::Context as _;
use jiff::Timestamp;
use tidegate_proto::json;
use tidegate_proto::observer::GetFlowsResponse;
use tidegate_proto::observer::get_flows_response::ResponseTypes;

use super::request::Query;
use super::selection::Selection;
use crate::exit::complain;
use crate::print::{Printer, Sinks};
use matching::Matcher;

/// The longest line that is read; a flow takes about 1 KiB.
const LINE_MAX: u64 = 16 << 20;

/// Prints the lines of `path` ("-" is standard input) that the query asks for, in their order.
///
/// # Errors
/// When the file cannot be read, a filter cannot be used, or a line was no event; lines after it
/// are printed all the same.
pub(super) fn print<O: Write, N: Write>(
    path: &str,
    query: &Query,
    printer: &mut Printer,
    sinks: &mut Sinks<O, N>,
) -> anyhow::Result<()> {
    let matcher = Matcher::new(&query.filters)?;
    let mut lines: Box<dyn BufRead> = match path {
        "-" => Box::new(io::stdin().lock()),
        path => {
            let file = File::open(path).with_context(|| format!("open {path}"))?;
            Box::new(BufReader::with_capacity(1 << 16, file))
        }
    };
    let mut window = Window::new(query.selection);
    let mut line = String::new();
    let mut bad = 0_u64;
    for number in 1_u64.. {
        line.clear();
        let length = lines
            .by_ref()
            .take(LINE_MAX)
            .read_line(&mut line)
            .with_context(|| format!("read line {number} of {path}"))?;
        if length == 0 || window.is_closed() {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        let response: GetFlowsResponse = match json::from_str(&line) {
            Ok(response) => response,
            Err(error) => {
                bad += 1;
                complain(&format!("line {number} of {path} is no event: {error}"));
                continue;
            }
        };
        let Some(content) = &response.response_types else {
            continue;
        };
        let counted = match content {
            ResponseTypes::Flow(flow) => matcher.admits(flow).then_some(true),
            // Losses and news about nodes are neither filtered nor counted.
            ResponseTypes::LostEvents(_) | ResponseTypes::NodeStatus(_) => Some(false),
        };
        if let Some(counted) = counted
            && let Some(response) = window.pass(response, counted)
        {
            printer.print(sinks, &response)?;
        }
    }
    for response in window.kept {
        printer.print(sinks, &response)?;
    }
    printer.finish(sinks)?;
    sinks.out.flush()?;
    anyhow::ensure!(bad == 0, "{bad} lines of {path} were no events");
    Ok(())
}

/// Lets the selected part of a sequence pass.
struct Window {
    selection: Selection,
    passed: u64,
    kept: VecDeque<GetFlowsResponse>,
}

impl Window {
    fn new(selection: Selection) -> Self {
        Self { selection, passed: 0, kept: VecDeque::new() }
    }

    /// The event, if it can be printed at once. The newest are kept until the end is known.
    fn pass(&mut self, response: GetFlowsResponse, counted: bool) -> Option<GetFlowsResponse> {
        let Selection { number, first, since, until, .. } = self.selection;
        if counted {
            let time = response.time.or_else(|| flow_time(&response));
            let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
            let time = time.unwrap_or(Timestamp::UNIX_EPOCH);
            if since.is_some_and(|since| time < since) || until.is_some_and(|until| time > until) {
                return None;
            }
        }
        if first || number == 0 || number == u64::MAX {
            self.passed += u64::from(counted);
            return Some(response);
        }
        self.kept.push_back(response);
        if u64::try_from(self.kept.len()).is_ok_and(|kept| kept > number) {
            self.kept.pop_front();
        }
        None
    }

    fn is_closed(&self) -> bool {
        self.selection.first && self.passed >= self.selection.number
    }
}

fn flow_time(response: &GetFlowsResponse) -> Option<prost_types::Timestamp> {
    match &response.response_types {
        Some(ResponseTypes::Flow(flow)) => flow.time,
        _ => None,
    }
}
