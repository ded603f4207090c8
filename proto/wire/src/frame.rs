//! One event of the flow stream as bytes. A flow is encoded once, at its collector; on its way
//! through history, relay and client it stays the same bytes, and whoever needs its time or
//! node reads just those tags.

use bytes::{Buf, BufMut, Bytes};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType};
use prost_types::Timestamp;

use crate::observer::GetFlowsResponse;
use crate::scan::{self, Fields};

/// Field numbers of `observer.GetFlowsResponse`.
const FLOW: u32 = 1;
const NODE_STATUS: u32 = 2;
const LOST_EVENTS: u32 = 3;
const NODE_NAME: u32 = 1000;
const TIME: u32 = 1001;
/// Field number of `flow.Flow.uuid`.
const FLOW_UUID: u32 = 34;

/// One encoded `observer.GetFlowsResponse`, without a length prefix. Cheap to clone. The bytes
/// may come from another program: accessors answer "absent" for what they cannot read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frame(Bytes);

/// Which of its three contents a [`Frame`] has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameKind {
    /// A `flow.Flow`.
    Flow,
    /// A `relay.NodeStatusEvent`.
    NodeStatus,
    /// A `flow.LostEvent`.
    LostEvents,
    /// None of them, or unreadable bytes.
    Empty,
}

impl Frame {
    /// Wraps one encoded `GetFlowsResponse`; the bytes are not looked at.
    pub fn new(encoded: impl Into<Bytes>) -> Self {
        Self(encoded.into())
    }

    /// The encoded message.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The encoded message.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Event time, the key of every order.
    pub fn time(&self) -> Option<Timestamp> {
        let encoded = scan::bytes_of(&self.0, TIME).ok()??;
        let mut time = Timestamp::default();
        for field in Fields::new(encoded) {
            let field = field.ok()?;
            match (field.number, field.value.varint()) {
                // int64 and int32 are varints of their two's complement.
                (1, Some(seconds)) => time.seconds = seconds.cast_signed(),
                (2, Some(nanos)) => time.nanos = (nanos as u32).cast_signed(),
                _ => {}
            }
        }
        Some(time)
    }

    /// Event time in nanoseconds since 1970 UTC; years outside 1677 to 2262 saturate.
    pub fn time_ns(&self) -> Option<i64> {
        let time = self.time()?;
        Some(time.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(time.nanos)))
    }

    /// Node that emitted the event, as "cluster/node" or "node".
    pub fn node_name(&self) -> Option<&str> {
        let name = scan::bytes_of(&self.0, NODE_NAME).ok()??;
        std::str::from_utf8(name).ok()
    }

    /// What the frame carries.
    pub fn kind(&self) -> FrameKind {
        let mut kind = FrameKind::Empty;
        for field in Fields::new(&self.0) {
            kind = match field.map(|field| field.number) {
                Ok(FLOW) => FrameKind::Flow,
                Ok(NODE_STATUS) => FrameKind::NodeStatus,
                Ok(LOST_EVENTS) => FrameKind::LostEvents,
                Ok(_) => kind,
                Err(scan::Malformed) => return FrameKind::Empty,
            };
        }
        kind
    }

    /// The encoded `flow.Flow`, when the frame carries one.
    pub fn flow(&self) -> Option<&[u8]> {
        scan::bytes_of(&self.0, FLOW).ok()?
    }

    /// `flow.Flow.uuid`, the key for exactly-once; `None` for other kinds and stock flows
    /// without one.
    pub fn uuid(&self) -> Option<&str> {
        let uuid = scan::bytes_of(self.flow()?, FLOW_UUID).ok()??;
        std::str::from_utf8(uuid).ok()
    }

    /// The whole message; for those who print or filter it.
    ///
    /// # Errors
    /// When the bytes are not a `GetFlowsResponse`.
    pub fn decode(&self) -> Result<GetFlowsResponse, DecodeError> {
        prost::Message::decode(self.0.clone())
    }
}

impl From<GetFlowsResponse> for Frame {
    fn from(response: GetFlowsResponse) -> Self {
        Self::from(&response)
    }
}

impl From<&GetFlowsResponse> for Frame {
    fn from(response: &GetFlowsResponse) -> Self {
        Self(prost::Message::encode_to_vec(response).into())
    }
}

/// The codec sees a message whose encoding is the bytes themselves.
impl prost::Message for Frame {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        _tag: u32,
        _wire_type: WireType,
        _buf: &mut impl Buf,
        _ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        // Reached only through `merge_length_delimited`, that is, as a field of another message.
        #[expect(deprecated, reason = "prost has no other public constructor")]
        Err(DecodeError::new("a frame cannot be a field of another message"))
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn merge(&mut self, mut buf: impl Buf) -> Result<(), DecodeError> {
        self.0 = buf.copy_to_bytes(buf.remaining());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::flow::{Flow, LostEvent};
    use crate::observer::get_flows_response::ResponseTypes;
    use crate::relay::NodeStatusEvent;

    const TIME_7: Timestamp = Timestamp { seconds: 7, nanos: 5 };

    fn response(content: ResponseTypes) -> GetFlowsResponse {
        GetFlowsResponse { node_name: "default/worker".to_owned(), time: Some(TIME_7), response_types: Some(content) }
    }

    fn flow() -> GetFlowsResponse {
        response(ResponseTypes::Flow(Flow {
            time: Some(TIME_7),
            uuid: "0198-77".to_owned(),
            node_name: "default/worker".to_owned(),
            summary: "TCP Flags: SYN".to_owned(),
            ..Flow::default()
        }))
    }

    #[test]
    fn the_scanners_agree_with_the_decoder() {
        let frame = Frame::from(flow());
        assert_eq!(frame.kind(), FrameKind::Flow);
        assert_eq!(frame.time(), Some(TIME_7));
        assert_eq!(frame.time_ns(), Some(7_000_000_005));
        assert_eq!(frame.node_name(), Some("default/worker"));
        assert_eq!(frame.uuid(), Some("0198-77"));
        assert_eq!(frame.decode().unwrap(), flow());
    }

    #[test]
    fn a_time_before_1970_is_negative() {
        let time = Timestamp { seconds: -2, nanos: 1 };
        let frame = Frame::from(GetFlowsResponse { time: Some(time), ..flow() });
        assert_eq!(frame.time(), Some(time));
        assert_eq!(frame.time_ns(), Some(-1_999_999_999));
    }

    #[test]
    fn node_status_and_losses_are_told_apart_and_have_no_uuid() {
        let status = Frame::from(response(ResponseTypes::NodeStatus(NodeStatusEvent::default())));
        assert_eq!((status.kind(), status.uuid()), (FrameKind::NodeStatus, None));
        let lost = Frame::from(response(ResponseTypes::LostEvents(LostEvent::default())));
        assert_eq!((lost.kind(), lost.uuid()), (FrameKind::LostEvents, None));
        assert_eq!(Frame::default().kind(), FrameKind::Empty);
    }

    #[test]
    fn truncated_and_flipped_bytes_never_panic() {
        let whole = Frame::from(flow()).into_bytes();
        for length in 0..whole.len() {
            touch(&Frame::new(whole.slice(..length)));
            for bit in 0..8 {
                let mut bytes = whole.to_vec();
                bytes[length] ^= 1 << bit;
                touch(&Frame::new(bytes));
            }
        }
    }

    #[test]
    fn a_cut_frame_has_no_time_rather_than_a_wrong_one() {
        let whole = Frame::from(flow()).into_bytes();
        for length in 0..whole.len() {
            let time = Frame::new(whole.slice(..length)).time();
            assert!(time.is_none() || time == Some(TIME_7), "cut at {length}: {time:?}");
        }
    }

    #[test]
    fn the_codec_passes_bytes_through_unchanged() {
        let bytes = Bytes::from_static(b"\x99\x01not a message at all");
        let frame = <Frame as Message>::decode(bytes.clone()).unwrap();
        assert_eq!(frame.as_bytes(), &bytes);
        assert_eq!(frame.encoded_len(), bytes.len());
        assert_eq!(frame.encode_to_vec(), bytes);
    }

    fn touch(frame: &Frame) {
        let _ = (frame.kind(), frame.time_ns(), frame.node_name(), frame.uuid(), frame.decode());
    }
}
