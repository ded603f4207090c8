//! Field masks, cut by walking tags: a flow is encoded once and never decoded for a mask.

use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{Kind, MessageDescriptor};
use prost_types::FieldMask;

use crate::{
    Frame,
    scan::{Fields, Malformed, Value},
    schema::POOL,
};

/// What the stock command line asks for with its text formats. It means "what I print", and was
/// drawn up without the names, the direction and the policies that the same program prints when
/// it gets them; it is answered with the whole flow.
pub const STOCK_DEFAULT: [&str; 20] = [
    "time",
    "verdict",
    "ethernet",
    "IP",
    "l4",
    "source.identity",
    "source.namespace",
    "source.pod_name",
    "destination.identity",
    "destination.namespace",
    "destination.pod_name",
    "Type",
    "node_name",
    "l7",
    "event_type",
    "source_service",
    "destination_service",
    "is_reply",
    "Summary",
    // Not yet asked for by older clients.
    "ip_trace_id",
];

/// Field of `observer.GetFlowsResponse` that holds the flow.
const RESPONSE_FLOW: u32 = 1;

/// The fields of `flow.Flow` that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// Field number -> what of it; nothing below means all of it.
    fields: BTreeMap<u32, Mask>,
}

impl Mask {
    /// Reads a request's mask; `None` if everything is asked for. The error is the path that
    /// names no field.
    pub fn new(mask: Option<&FieldMask>) -> Result<Option<Self>, String> {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
            return Ok(None);
        };
        let asked = |path: &str| mask.paths.iter().any(|one| one == path);
        let stock = STOCK_DEFAULT.iter().all(|path| asked(path) || *path == "ip_trace_id")
            && mask.paths.iter().all(|path| STOCK_DEFAULT.contains(&path.as_str()));
        if stock {
            return Ok(None);
        }
        let flow = POOL.get_message_by_name("flow.Flow").ok_or("flow.Flow is not described")?;
        let mut wanted = Self::default();
        for path in &mask.paths {
            wanted.add(&flow, path).ok_or_else(|| path.clone())?;
        }
        Ok(Some(wanted))
    }

    fn add(&mut self, message: &MessageDescriptor, path: &str) -> Option<()> {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let field = message.get_field_by_name(name)?;
        let whole = self.fields.get(&field.number()).is_some_and(|below| below.fields.is_empty());
        let below = self.fields.entry(field.number()).or_default();
        match (rest, field.kind()) {
            (None, _) => below.fields.clear(),
            (Some(rest), Kind::Message(inner)) if !field.is_list() => {
                below.add(&inner, rest)?;
                // What was asked for whole stays whole.
                if whole {
                    below.fields.clear();
                }
            }
            (Some(_), _) => return None,
        }
        Some(())
    }

    /// The frame with the fields that are asked for; everything outside the flow stays, because
    /// order and origin are read from there.
    ///
    /// # Errors
    /// When the frame is malformed.
    pub fn cut(&self, frame: &Frame) -> Result<Frame, Malformed> {
        let mut out = BytesMut::with_capacity(frame.as_bytes().len());
        for field in Fields::new(frame.as_bytes()) {
            let field = field?;
            match field.value {
                Value::Bytes(flow) if field.number == RESPONSE_FLOW => nested(&mut out, RESPONSE_FLOW, &self.of(flow)?),
                _ => out.put_slice(field.raw),
            }
        }
        Ok(Frame::new(out.freeze()))
    }

    fn of(&self, message: &[u8]) -> Result<BytesMut, Malformed> {
        let mut out = BytesMut::new();
        for field in Fields::new(message) {
            let field = field?;
            match (self.fields.get(&field.number), field.value) {
                (None, _) => {}
                (Some(below), Value::Bytes(inner)) if !below.fields.is_empty() => {
                    nested(&mut out, field.number, &below.of(inner)?);
                }
                (Some(_), _) => out.put_slice(field.raw),
            }
        }
        Ok(out)
    }
}

fn nested(out: &mut BytesMut, number: u32, message: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(message.len() as u64, out);
    out.put_slice(message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        flow::{Endpoint, Flow},
        observer::{GetFlowsResponse, get_flows_response::ResponseTypes},
    };

    fn frame() -> Frame {
        let flow = Flow {
            verdict: 1,
            uuid: "u".into(),
            source: Some(Endpoint { identity: 7, namespace: "shop".into(), ..Endpoint::default() }),
            ..Flow::default()
        };
        Frame::from(GetFlowsResponse {
            node_name: "worker".into(),
            time: None,
            response_types: Some(ResponseTypes::Flow(flow)),
        })
    }

    fn cut(paths: &[&str]) -> Flow {
        let mask = FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() };
        let mask = Mask::new(Some(&mask)).unwrap().unwrap();
        let response = mask.cut(&frame()).unwrap().decode().unwrap();
        assert_eq!(response.node_name, "worker");
        match response.response_types {
            Some(ResponseTypes::Flow(flow)) => flow,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_asked_for_is_left() {
        let flow = cut(&["source.identity", "verdict"]);
        assert_eq!((flow.verdict, flow.uuid.as_str()), (1, ""));
        let source = flow.source.unwrap();
        assert_eq!((source.identity, source.namespace.as_str()), (7, ""));
    }

    #[test]
    fn a_field_asked_for_whole_and_in_part_is_whole() {
        for paths in [["source", "source.identity"], ["source.identity", "source"]] {
            assert_eq!(cut(&paths).source.unwrap().namespace, "shop");
        }
    }

    #[test]
    fn a_path_to_nothing_is_named() {
        let mask = FieldMask { paths: vec!["verdict".into(), "nope".into()] };
        assert_eq!(Mask::new(Some(&mask)), Err("nope".to_owned()));
    }

    #[test]
    fn the_stock_default_means_everything() {
        let mut paths: Vec<_> = STOCK_DEFAULT.iter().map(|&path| path.to_owned()).collect();
        assert_eq!(Mask::new(Some(&FieldMask { paths: paths.clone() })), Ok(None));
        paths.retain(|path| path != "ip_trace_id");
        assert_eq!(Mask::new(Some(&FieldMask { paths })), Ok(None));
        assert_eq!(Mask::new(None), Ok(None));
    }
}
