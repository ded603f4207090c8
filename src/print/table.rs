//! Aligned columns. Sides are not swapped: source is who sent this packet. Without `--follow`
//! all rows are measured first; with it each row is written at once and columns only grow.

use std::io::{self, Write};

use tidegate_proto::flow::{Flow, LostEvent};
use tidegate_proto::observer::GetFlowsResponse;

use super::columns::Columns;
use super::compact::verdict_ink;
use super::grid::Grid;
use super::style::Ink;
use super::{Options, event};

/// The format's state.
#[derive(Debug)]
pub(crate) struct Table {
    options: Options,
    columns: Columns,
    grid: Grid,
    started: bool,
    streaming: bool,
}

impl Table {
    /// A printer with these options; `streaming` writes every row at once.
    pub(crate) fn new(options: Options, streaming: bool) -> Self {
        let (columns, grid) = (Columns::default(), Grid::default());
        Self { options, columns, grid, started: false, streaming }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn flow(&mut self, out: &mut impl Write, flow: &Flow) -> io::Result<()> {
        self.columns.fill(flow, &self.options);
        let columns = &self.columns;
        let plain = |text: &String| (text.chars().count(), text.clone());
        let painted = |ink, text: &String| {
            let mut cell = String::new();
            self.options.style.paint(&mut cell, ink, text);
            (text.chars().count(), cell)
        };
        let mut row = vec![plain(&columns.time)];
        if self.options.node_name {
            row.push(plain(&columns.node));
        }
        row.push(painted(Ink::Host, &columns.source));
        row.push(painted(Ink::Host, &columns.destination));
        row.push(plain(&columns.event));
        row.push(painted(verdict_ink(flow), &columns.verdict));
        row.push(plain(&columns.summary));
        self.add(out, row)
    }

    pub(super) fn lost_events(
        &mut self,
        out: &mut impl Write,
        response: &GetFlowsResponse,
        lost: &LostEvent,
    ) -> io::Result<()> {
        let (mut time, mut node, mut source) = (String::new(), String::new(), String::new());
        self.options.time_format.write(&mut time, response.time.as_ref());
        self.options.style.untrusted(&mut node, &response.node_name);
        event::lost_source(&mut source, lost);
        let summary = format!("CPU({}) - {}", event::lost_cpu(lost), lost.num_events_lost);
        let mut row = vec![time];
        if self.options.node_name {
            row.push(node);
        }
        row.extend([source, String::new(), "EVENTS LOST".to_owned(), String::new(), summary]);
        let row = row.into_iter().map(|text| (text.chars().count(), text)).collect();
        self.add(out, row)
    }

    pub(super) fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.grid.take().as_bytes())
    }

    fn add(&mut self, out: &mut impl Write, row: Vec<(usize, String)>) -> io::Result<()> {
        if !std::mem::replace(&mut self.started, true) {
            let mut titles = vec!["TIMESTAMP", "SOURCE", "DESTINATION", "TYPE", "VERDICT", "SUMMARY"];
            if self.options.node_name {
                titles.insert(1, "NODE");
            }
            self.grid.row(titles);
        }
        self.grid.measured_row(row);
        match self.streaming {
            true => self.finish(out),
            false => Ok(()),
        }
    }
}
