//! One line per event: the default format. The client stays on the left: for replies the sides
//! are swapped and the arrow points back.

use std::fmt::Write as _;
use std::io::{self, Write};

use tidegate_proto::flow::{Flow, LostEvent};
use tidegate_proto::observer::GetFlowsResponse;

use super::columns::Columns;
use super::style::Ink;
use super::{Options, event, info};

/// The format's state: buffers that are reused from line to line.
#[derive(Debug)]
pub(crate) struct Compact {
    options: Options,
    columns: Columns,
    line: String,
}

impl Compact {
    /// A printer with these options.
    pub(crate) fn new(options: Options) -> Self {
        Self { options, columns: Columns::default(), line: String::new() }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn flow(&mut self, out: &mut impl Write, flow: &Flow) -> io::Result<()> {
        self.columns.fill(flow, &self.options);
        let columns = &self.columns;
        let source = (&columns.source, &columns.source_id);
        let destination = (&columns.destination, &columns.destination_id);
        let (left, arrow, right) = match flow.is_reply {
            None => (source, " <> ", destination),
            Some(false) => (source, " -> ", destination),
            Some(true) => (destination, " <- ", source),
        };

        let (line, style) = (&mut self.line, self.options.style);
        line.clear();
        line.push_str(&columns.time);
        if self.options.node_name {
            let _ = write!(line, " [{}]", columns.node);
        }
        line.push_str(": ");
        style.paint(line, Ink::Host, left.0);
        line.push(' ');
        style.paint(line, Ink::Aside, left.1);
        line.push_str(arrow);
        style.paint(line, Ink::Host, right.0);
        line.push(' ');
        style.paint(line, Ink::Aside, right.1);
        let _ = write!(line, " {} ", columns.event);
        style.paint(line, verdict_ink(flow), &columns.verdict);
        let _ = write!(line, " ({})", columns.summary);
        for (key, value) in info::facts(flow, &self.options) {
            line.push(' ');
            style.paint(line, Ink::Aside, &key.to_ascii_lowercase());
            let _ = write!(line, "={value}");
        }
        line.push('\n');
        out.write_all(line.as_bytes())
    }

    pub(super) fn lost_events(
        &mut self,
        out: &mut impl Write,
        response: &GetFlowsResponse,
        lost: &LostEvent,
    ) -> io::Result<()> {
        let (line, options) = (&mut self.line, &self.options);
        line.clear();
        options.time_format.write(line, response.time.as_ref());
        if options.node_name {
            line.push_str(" [");
            options.style.untrusted(line, &response.node_name);
            line.push(']');
        }
        line.push_str(" EVENTS LOST: ");
        event::lost_source(line, lost);
        let _ = write!(line, " CPU({}) {}", event::lost_cpu(lost), lost.num_events_lost);
        if lost.first.is_some() || lost.last.is_some() {
            line.push_str(" (first: ");
            options.time_format.write(line, lost.first.as_ref());
            line.push_str(", last: ");
            options.time_format.write(line, lost.last.as_ref());
            line.push(')');
        }
        line.push('\n');
        out.write_all(line.as_bytes())
    }
}

/// The colour of a flow's verdict.
pub(super) fn verdict_ink(flow: &Flow) -> Ink {
    use tidegate_proto::flow::Verdict;
    match flow.verdict() {
        Verdict::Dropped | Verdict::Error => Ink::Bad,
        Verdict::Audit | Verdict::Unknown => Ink::Warning,
        Verdict::Forwarded | Verdict::Redirected | Verdict::Traced | Verdict::Translated => Ink::Good,
    }
}
