//! protojson as Hubble's tools write and read it: original field names, 64-bit numbers as
//! strings, enum values by name, wrappers bare, defaults left out, one message per line.
//! Read also: camelCase names, and unknown fields, which are ignored.
//!
//! It is driven by [`crate::DESCRIPTORS`], so that no message has a second description.

use std::ops::Range;

use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, ReflectMessage, SerializeOptions, Value};

use crate::Frame;
use crate::schema::POOL;

/// Seconds since 1970 of the times that protojson knows, with room for the nanoseconds of a time
/// that is not normalised.
const CALENDAR: Range<i64> = -62_135_596_797..253_402_300_797;

/// Why a message has no JSON form, or a text is not one.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The message is not in [`crate::DESCRIPTORS`].
    #[error("no description of message {0}")]
    UnknownMessage(String),
    /// The bytes are not that message.
    #[error("decode {message}: {source}")]
    Decode {
        /// Full name of the message.
        message: String,
        /// What the decoder says.
        source: prost::DecodeError,
    },
    /// The text is not JSON, or not of this message; the cause names line and column.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// One line of JSON, without the line's end.
///
/// # Errors
/// When `M` is not one of this crate's messages.
pub fn to_string<M: Message + Name>(message: &M) -> Result<String, JsonError> {
    write(&M::full_name(), &message.encode_to_vec())
}

/// The JSON form of one event of the flow stream.
///
/// # Errors
/// When the bytes are not a `GetFlowsResponse`.
pub fn frame_to_string(frame: &Frame) -> Result<String, JsonError> {
    write("observer.GetFlowsResponse", frame.as_bytes())
}

/// Reads one message; unknown fields and enum names are ignored.
///
/// # Errors
/// When the text is not JSON or a known field has a value of another type.
pub fn from_str<M: Message + Name + Default>(text: &str) -> Result<M, JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let message = read(&mut reader)?;
    reader.end()?;
    Ok(message)
}

/// Reads any number of messages that follow one another.
///
/// # Errors
/// As [`from_str`].
pub fn all_from_str<M: Message + Name + Default>(text: &str) -> Result<Vec<M>, JsonError> {
    let mut messages = Vec::new();
    for object in serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>() {
        messages.push(read(object?)?);
    }
    Ok(messages)
}

fn descriptor(name: &str) -> Result<MessageDescriptor, JsonError> {
    POOL.get_message_by_name(name).ok_or_else(|| JsonError::UnknownMessage(name.to_owned()))
}

fn write(name: &str, encoded: &[u8]) -> Result<String, JsonError> {
    let mut message = decode(descriptor(name)?, encoded)?;
    drop_unprintable(&mut message);
    let mut line = Vec::with_capacity(1024);
    let options =
        SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(true).skip_default_fields(true);
    message.serialize_with_options(&mut serde_json::Serializer::new(&mut line), &options)?;
    Ok(String::from_utf8(line).expect("serde_json writes UTF-8"))
}

fn read<'de, M, D>(reader: D) -> Result<M, JsonError>
where
    M: Message + Name + Default,
    D: serde::Deserializer<'de, Error = serde_json::Error>,
{
    let name = M::full_name();
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let message = DynamicMessage::deserialize_with_options(descriptor(&name)?, reader, &options)?;
    M::decode(&*message.encode_to_vec()).map_err(|source| JsonError::Decode { message: name, source })
}

fn decode(descriptor: MessageDescriptor, encoded: &[u8]) -> Result<DynamicMessage, JsonError> {
    let message = descriptor.full_name().to_owned();
    DynamicMessage::decode(descriptor, encoded).map_err(|source| JsonError::Decode { message, source })
}

/// A vendor may put any message into `extensions`, and any number into a time. protojson cannot
/// print what it has no description of, nor a time outside of the years 1 to 9999, so such a field
/// is left out and the rest of the flow is still shown.
fn drop_unprintable(message: &mut DynamicMessage) {
    let mut unprintable = Vec::new();
    for (field, value) in message.fields_mut() {
        if let Value::Message(inner) = value {
            match is_printable(inner) {
                true => drop_unprintable(inner),
                false => unprintable.push(field),
            }
        }
    }
    for field in unprintable {
        message.clear_field(&field);
    }
}

/// Whether the message itself can be printed, apart from what is in it.
fn is_printable(message: &DynamicMessage) -> bool {
    match message.descriptor().full_name() {
        "google.protobuf.Any" => is_known(message),
        "google.protobuf.Timestamp" => {
            let seconds = message.get_field_by_name("seconds").and_then(|seconds| seconds.as_i64());
            seconds.is_some_and(|seconds| CALENDAR.contains(&seconds))
        }
        _ => true,
    }
}

/// Whether what is in it is described, and can be printed throughout.
fn is_known(any: &DynamicMessage) -> bool {
    let url = any.get_field_by_name("type_url");
    let url = url.as_deref().and_then(Value::as_str).unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default();
    let Ok(descriptor) = descriptor(name) else {
        return false;
    };
    let bytes = any.get_field_by_name("value");
    let bytes = bytes.as_deref().and_then(Value::as_bytes).cloned().unwrap_or_default();
    decode(descriptor, &bytes)
        .is_ok_and(|content| content.fields().all(|(_, value)| value.as_message().is_none_or(is_printable)))
}

#[cfg(test)]
mod tests {
    use prost_types::{Any, Timestamp};

    use super::*;
    use crate::flow::{self, Flow, FlowFilter};
    use crate::observer::{GetFlowsResponse, ServerStatusResponse, get_flows_response::ResponseTypes};

    fn response(flow: Flow) -> GetFlowsResponse {
        GetFlowsResponse {
            node_name: "default/node-a".to_owned(),
            time: flow.time,
            response_types: Some(ResponseTypes::Flow(flow)),
        }
    }

    fn dns_flow() -> Flow {
        Flow {
            time: Some(Timestamp { seconds: 1_795_417_200, nanos: 120_000_000 }),
            uuid: "u".to_owned(),
            verdict: flow::Verdict::Forwarded.into(),
            ip: Some(flow::Ip {
                source: "10.0.1.15".to_owned(),
                ip_version: flow::IpVersion::IPv4.into(),
                ..flow::Ip::default()
            }),
            l4: Some(flow::Layer4 {
                protocol: Some(flow::layer4::Protocol::Udp(flow::Udp { source_port: 40001, destination_port: 53 })),
            }),
            source: Some(flow::Endpoint { id: 1201, identity: 41395, ..Default::default() }),
            socket_cookie: u64::MAX,
            is_reply: Some(false),
            summary: "DNS Query ifconfig.me. A".to_owned(),
            ..Flow::default()
        }
    }

    #[test]
    fn a_flow_has_original_names_string_numbers_and_no_defaults() {
        let line = frame_to_string(&Frame::from(response(dns_flow()))).unwrap();
        assert_eq!(
            line,
            "{\"flow\":{\"time\":\"2026-11-23T07:00:00.120Z\",\
             \"verdict\":\"FORWARDED\",\"IP\":{\"source\":\"10.0.1.15\",\"ipVersion\":\"IPv4\"},\
             \"l4\":{\"UDP\":{\"source_port\":40001,\"destination_port\":53}},\
             \"source\":{\"ID\":1201,\"identity\":41395},\"is_reply\":false,\
             \"socket_cookie\":\"18446744073709551615\",\"uuid\":\"u\",\
             \"Summary\":\"DNS Query ifconfig.me. A\"},\
             \"node_name\":\"default/node-a\",\"time\":\"2026-11-23T07:00:00.120Z\"}"
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let line = to_string(&response(dns_flow())).unwrap();
        assert_eq!(from_str::<GetFlowsResponse>(&line).unwrap(), response(dns_flow()));
    }

    #[test]
    fn camel_case_and_unknown_fields_are_read() {
        let line = r#"{"nodeName":"n","flow":{"isReply":true,"never_heard_of":[1],"verdict":"DROPPED"}}"#;
        let message: GetFlowsResponse = from_str(line).unwrap();
        let Some(ResponseTypes::Flow(flow)) = message.response_types else { panic!("a flow") };
        assert_eq!((message.node_name.as_str(), flow.is_reply), ("n", Some(true)));
        assert_eq!(flow.verdict(), flow::Verdict::Dropped);
    }

    #[test]
    fn an_extension_without_description_does_not_hide_the_flow() {
        let unknown = Any { type_url: "type.googleapis.com/acme.Extra".to_owned(), value: vec![8, 1] };
        let with = Flow { extensions: Some(unknown), ..dns_flow() };
        assert_eq!(to_string(&response(with)).unwrap(), to_string(&response(dns_flow())).unwrap());

        let info = crate::v1::FlowInfo { egress_port: 40000, ..Default::default() };
        let known = Flow { extensions: Some(Any::from_msg(&info).unwrap()), ..dns_flow() };
        let line = to_string(&response(known)).unwrap();
        assert!(line.contains(r#""@type":"#) && line.contains(r#""egress_port":40000"#), "{line}");
    }

    #[test]
    fn a_time_that_no_calendar_has_does_not_hide_the_flow() {
        let without = |flow: Flow| Flow { time: None, ..flow };
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, i32::MIN), (253_402_300_800, 0), (-62_135_596_801, 0)] {
            let time = Some(Timestamp { seconds, nanos });
            let info = crate::v1::FlowInfo { start: time, ..Default::default() };
            let flow = Flow { time, extensions: Some(Any::from_msg(&info).unwrap()), ..dns_flow() };
            assert_eq!(to_string(&response(flow)).unwrap(), to_string(&response(without(dns_flow()))).unwrap());
        }
        for (seconds, nanos) in [(253_402_300_796, i32::MAX), (-62_135_596_797, i32::MIN), (0, -1)] {
            let flow = Flow { time: Some(Timestamp { seconds, nanos }), ..dns_flow() };
            assert!(to_string(&flow).unwrap().contains("\"time\""));
        }
    }

    #[test]
    fn filters_may_follow_one_another_in_one_text() {
        let text = r#"{"destination_fqdn":["*.example.org"],"verdict":["DROPPED"]} {"reply":[true]}"#;
        let filters: Vec<FlowFilter> = all_from_str(text).unwrap();
        assert_eq!(filters[0].destination_fqdn, ["*.example.org"]);
        assert_eq!(filters[1].reply, [true]);
    }

    #[test]
    fn text_that_is_not_json_is_refused_with_its_place() {
        let error = from_str::<GetFlowsResponse>("{\"flow\":").unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
        assert!(from_str::<GetFlowsResponse>("{} x").is_err());
        assert!(from_str::<GetFlowsResponse>(r#"{"flow":7}"#).is_err());
    }

    #[test]
    fn wrappers_are_bare_and_a_zero_in_them_shows() {
        let status =
            ServerStatusResponse { num_flows: 17, num_connected_nodes: Some(0), ..ServerStatusResponse::default() };
        assert_eq!(to_string(&status).unwrap(), r#"{"num_flows":"17","num_connected_nodes":0}"#);
    }
}
