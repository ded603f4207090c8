//! The relay's own messages in a stream: which nodes are connected, unavailable or in error.

use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_proto::Frame;
use tidegate_proto::observer::GetFlowsResponse;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_proto::relay::{NodeState, NodeStatusEvent};
use tokio::time::Instant;

use crate::position::timestamp;

/// One node status message of the relay on `relay`, at `wall_ns` nanoseconds since 1970.
pub(crate) fn frame(relay: &str, wall_ns: i64, state: NodeState, node_names: Vec<String>, message: String) -> Frame {
    let event = NodeStatusEvent { state_change: state.into(), node_names, message };
    Frame::from(GetFlowsResponse {
        node_name: relay.to_owned(),
        time: Some(timestamp(wall_ns)),
        response_types: Some(ResponseTypes::NodeStatus(event)),
    })
}

/// Wall time that goes on steadily from when it was first read, so that one stream never sees it
/// jump.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    started: Instant,
    started_ns: i64,
}

impl WallClock {
    /// Reads the system's clock.
    pub(crate) fn start() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), started_ns: i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX) }
    }

    /// Nanoseconds since 1970 at `instant`.
    pub(crate) fn at(&self, instant: Instant) -> i64 {
        let passed = instant.saturating_duration_since(self.started).as_nanos();
        self.started_ns.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}
