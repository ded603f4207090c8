//! One `GetFlowsResponse` per line, in full. News about nodes are lines of the same form on
//! standard error, so that standard output is flows and losses only.

use std::io::{self, Write};

use tidegate_proto::json;
use tidegate_proto::observer::GetFlowsResponse;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_proto::relay::NodeState;

use super::Sinks;

/// The format has no options and no state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json;

impl Json {
    pub(super) fn print<O: Write, N: Write>(
        self,
        sinks: &mut Sinks<O, N>,
        response: &GetFlowsResponse,
    ) -> io::Result<()> {
        let mut line = json::to_string(response).map_err(io::Error::other)?;
        line.push('\n');
        match &response.response_types {
            Some(ResponseTypes::NodeStatus(status)) => match status.state_change() {
                NodeState::NodeConnected => Ok(()),
                _ => sinks.news.write_all(line.as_bytes()),
            },
            _ => sinks.out.write_all(line.as_bytes()),
        }
    }
}
