//! Events that are not flows: losses, and news about nodes.

use std::fmt::Write as _;
use std::io::{self, Write};

use tidegate_proto::flow::{LostEvent, LostEventSource};
use tidegate_proto::observer::GetFlowsResponse;
use tidegate_proto::relay::{NodeState, NodeStatusEvent};

use super::Options;
use super::columns::enum_name;

/// Where the events were lost, as in the protocol.
pub(super) fn lost_source(out: &mut String, lost: &LostEvent) {
    enum_name(out, lost.source, |source: LostEventSource| source.as_str_name());
}

/// The processor whose buffer overflowed; losses elsewhere count as processor 0.
pub(super) fn lost_cpu(lost: &LostEvent) -> i32 {
    lost.cpu.unwrap_or_default()
}

/// One line for nodes that cannot be asked or failed. Nodes that connect are no news.
pub(super) fn node_status(
    news: &mut impl Write,
    options: &Options,
    response: &GetFlowsResponse,
    status: &NodeStatusEvent,
) -> io::Result<()> {
    let count = status.node_names.len();
    let mut line = String::new();
    options.time_format.write(&mut line, response.time.as_ref());
    if !response.node_name.is_empty() {
        line.push_str(" [");
        options.style.untrusted(&mut line, &response.node_name);
        line.push(']');
    }
    line.push_str(": ");
    match status.state_change() {
        NodeState::NodeUnavailable => {
            let _ = write!(line, "{count} nodes are unavailable: ");
        }
        NodeState::NodeError => {
            line.push_str("Error \"");
            options.style.untrusted(&mut line, &status.message);
            let _ = write!(line, "\" on {count} nodes: ");
        }
        _ => return Ok(()),
    }
    for (index, name) in status.node_names.iter().enumerate() {
        line.push_str(if index == 0 { "" } else { ", " });
        options.style.untrusted(&mut line, name);
    }
    line.push('\n');
    news.write_all(line.as_bytes())
}
