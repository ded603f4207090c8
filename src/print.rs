//! Events as text. [`columns`] has the words, one file per format arranges them:
//! [`compact`] one line, [`dict`] one block, [`table`] aligned columns, [`json`] everything.
//! Lines and words are those of Hubble's command line, so that scripts keep working.

pub(crate) mod columns;
pub(crate) mod grid;
pub(crate) mod style;
pub(crate) mod time;

mod compact;
mod dict;
mod event;
mod info;
mod json;
mod table;

use std::io::{self, Write};

use tidegate_proto::observer::GetFlowsResponse;
use tidegate_proto::observer::get_flows_response::ResponseTypes;

pub(crate) use compact::Compact;
pub(crate) use dict::Dict;
pub(crate) use json::Json;
pub(crate) use table::Table;

/// What the formats have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Form of every time.
    pub(crate) time_format: time::TimeFormat,
    /// Colours and escapes.
    pub(crate) style: style::Style,
    /// Show the node of each event.
    pub(crate) node_name: bool,
    /// Show which policies decided.
    pub(crate) policy_names: bool,
    /// Show addresses even where names are known.
    pub(crate) numeric: bool,
}

/// Where events go: data to `out`, news about nodes to `news`.
pub(crate) struct Sinks<O, N> {
    /// Standard output.
    pub(crate) out: O,
    /// Standard error.
    pub(crate) news: N,
}

/// One of the output formats.
#[derive(Debug)]
pub(crate) enum Printer {
    Compact(Compact),
    Dict(Dict),
    Table(Table),
    Json(Json),
}

impl Printer {
    /// Prints one event. The table format may hold it back until [`Printer::finish`].
    ///
    /// # Errors
    /// When the event cannot be written.
    pub(crate) fn print<O: Write, N: Write>(
        &mut self,
        sinks: &mut Sinks<O, N>,
        response: &GetFlowsResponse,
    ) -> io::Result<()> {
        let Some(content) = &response.response_types else {
            return Ok(());
        };
        match self {
            Self::Json(json) => (*json).print(sinks, response),
            Self::Compact(compact) => match content {
                ResponseTypes::Flow(flow) => compact.flow(&mut sinks.out, flow),
                ResponseTypes::LostEvents(lost) => compact.lost_events(&mut sinks.out, response, lost),
                ResponseTypes::NodeStatus(status) => {
                    event::node_status(&mut sinks.news, compact.options(), response, status)
                }
            },
            Self::Dict(dict) => match content {
                ResponseTypes::Flow(flow) => dict.flow(&mut sinks.out, flow),
                ResponseTypes::LostEvents(lost) => dict.lost_events(&mut sinks.out, response, lost),
                ResponseTypes::NodeStatus(status) => {
                    event::node_status(&mut sinks.news, dict.options(), response, status)
                }
            },
            Self::Table(table) => match content {
                ResponseTypes::Flow(flow) => table.flow(&mut sinks.out, flow),
                ResponseTypes::LostEvents(lost) => table.lost_events(&mut sinks.out, response, lost),
                ResponseTypes::NodeStatus(status) => {
                    event::node_status(&mut sinks.news, table.options(), response, status)
                }
            },
        }
    }

    /// Writes what was held back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish<O: Write, N: Write>(&mut self, sinks: &mut Sinks<O, N>) -> io::Result<()> {
        match self {
            Self::Table(table) => table.finish(&mut sinks.out),
            Self::Compact(_) | Self::Dict(_) | Self::Json(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
