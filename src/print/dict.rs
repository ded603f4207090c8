//! One block of `KEY: value` lines per event.

use std::fmt::Write as _;
use std::io::{self, Write};

use tidegate_proto::flow::{Flow, LostEvent};
use tidegate_proto::observer::GetFlowsResponse;

use super::columns::Columns;
use super::compact::verdict_ink;
use super::style::Ink;
use super::{Options, event, info};

/// Between two blocks.
const SEPARATOR: &str = "------------\n";
/// Width of the longest key.
const KEY_WIDTH: usize = "DESTINATION".len();

/// The format's state.
#[derive(Debug)]
pub(crate) struct Dict {
    options: Options,
    columns: Columns,
    block: String,
    later: bool,
}

impl Dict {
    /// A printer with these options.
    pub(crate) fn new(options: Options) -> Self {
        Self { options, columns: Columns::default(), block: String::new(), later: false }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn flow(&mut self, out: &mut impl Write, flow: &Flow) -> io::Result<()> {
        self.columns.fill(flow, &self.options);
        self.begin();
        let (block, columns, options) = (&mut self.block, &self.columns, &self.options);
        let mut entry = |key: &str, ink: Option<Ink>, value: &str| {
            let _ = write!(block, "{key:>KEY_WIDTH$}: ");
            match ink {
                Some(ink) => options.style.paint(block, ink, value),
                None => block.push_str(value),
            }
            block.push('\n');
        };
        entry("TIMESTAMP", None, &columns.time);
        if options.node_name {
            entry("NODE", None, &columns.node);
        }
        entry("SOURCE", Some(Ink::Host), &columns.source);
        entry("DESTINATION", Some(Ink::Host), &columns.destination);
        entry("TYPE", None, &columns.event);
        entry("VERDICT", Some(verdict_ink(flow)), &columns.verdict);
        entry("SUMMARY", None, &columns.summary);
        for (key, value) in info::facts(flow, options) {
            entry(key, None, &value);
        }
        out.write_all(self.block.as_bytes())
    }

    pub(super) fn lost_events(
        &mut self,
        out: &mut impl Write,
        response: &GetFlowsResponse,
        lost: &LostEvent,
    ) -> io::Result<()> {
        self.begin();
        let (block, options) = (&mut self.block, &self.options);
        let _ = write!(block, "{:>KEY_WIDTH$}: ", "TIMESTAMP");
        options.time_format.write(block, response.time.as_ref());
        if options.node_name {
            let _ = write!(block, "\n{:>KEY_WIDTH$}: ", "NODE");
            options.style.untrusted(block, &response.node_name);
        }
        let _ = write!(block, "\n{:>KEY_WIDTH$}: ", "SOURCE");
        event::lost_source(block, lost);
        let (cpu, count) = (event::lost_cpu(lost), lost.num_events_lost);
        let _ = write!(block, "\n{:>KEY_WIDTH$}: EVENTS LOST", "TYPE");
        let _ = writeln!(block, "\n{:>KEY_WIDTH$}: CPU({cpu}) - {count}", "SUMMARY");
        out.write_all(self.block.as_bytes())
    }

    fn begin(&mut self) {
        self.block.clear();
        if std::mem::replace(&mut self.later, true) {
            self.block.push_str(SEPARATOR);
        }
    }
}
