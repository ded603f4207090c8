//! From stored flows to frames, as a node would have sent them for this request.

use prost_types::FieldMask;
use tidegate_proto::Frame;
use tidegate_proto::encode::{Encoded, FLOW_INFO_URL, timestamp};
use tidegate_proto::flow::{LostEvent, LostEventSource};
use tidegate_proto::mask::Mask;
use tidegate_proto::observer::GetFlowsResponse;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_store::{Gap, GapReason, Record};
use tonic::Status;

use crate::history::answer;

/// What of each flow is sent.
#[derive(Debug)]
pub(super) struct Dress {
    /// Our facts too, and the ends of connections.
    info: bool,
    mask: Option<Mask>,
}

impl Dress {
    /// # Errors
    /// When the mask names no field.
    pub(super) fn new(info: bool, mask: Option<&FieldMask>) -> Result<Self, Status> {
        let mask = Mask::new(mask)
            .map_err(|path| Status::invalid_argument(format!("invalid fieldmask: no field {path:?} in flow.Flow")))?;
        Ok(Self { info, mask })
    }

    /// The frame of a flow; none if the request's client knows no such flow.
    pub(super) fn flow(&self, record: &Record) -> Option<Frame> {
        if !self.info && record.flow.counters.end != 0 {
            return None;
        }
        let frame = match &record.original {
            None => Encoded::new(&record.flow).frame(self.info),
            Some(_) => {
                let mut flow = answer::message(record);
                flow.extensions = flow.extensions.filter(|any| self.info || any.type_url != FLOW_INFO_URL);
                Frame::from(GetFlowsResponse {
                    node_name: record.flow.node.name.clone(),
                    time: Some(timestamp(record.flow.time)),
                    response_types: Some(ResponseTypes::Flow(flow)),
                })
            }
        };
        // What we encoded ourselves is not malformed; if it were, the whole says more than nothing.
        Some(match &self.mask {
            Some(mask) => mask.cut(&frame).unwrap_or(frame),
            None => frame,
        })
    }

    /// The frame of a gap.
    pub(super) fn gap(gap: &Gap) -> Frame {
        let source = match gap.reason {
            GapReason::KernelRing => LostEventSource::PerfEventRingBuffer,
            GapReason::History | GapReason::CollectorGone | GapReason::Store => LostEventSource::HubbleRingBuffer,
        };
        let event = LostEvent {
            source: source.into(),
            // Nobody knows: the interface has no word for that.
            num_events_lost: gap.count.unwrap_or(0),
            cpu: None,
            first: Some(timestamp(gap.since)),
            last: Some(timestamp(gap.until)),
        };
        Frame::from(GetFlowsResponse {
            node_name: gap.node.clone(),
            time: Some(timestamp(gap.until)),
            response_types: Some(ResponseTypes::LostEvents(event)),
        })
    }
}
