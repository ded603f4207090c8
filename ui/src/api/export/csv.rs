//! Lines of comma-separated values (RFC 4180), for spreadsheets and scripts.

use crate::row::{Flow, Party};

/// A column: its heading, and its text in a row.
type Column = (&'static str, fn(&Flow) -> String);

const COLUMNS: &[Column] = &[
    ("time", |flow| flow.time.to_string()),
    ("node", |flow| flow.node.clone()),
    ("outcome", |flow| flow.outcome.name().to_owned()),
    ("verdict", |flow| flow.verdict.clone()),
    ("event", |flow| flow.event.name.clone()),
    ("direction", |flow| format!("{:?}", flow.direction).to_ascii_uppercase()),
    ("reply", |flow| text(flow.reply)),
    ("protocol", |flow| flow.protocol.clone()),
    ("tcp_flags", |flow| flow.tcp_flags.join(" ")),
    ("source_ip", |flow| flow.source.ip.clone()),
    ("source_port", |flow| text(flow.source.port)),
    ("source_namespace", |flow| flow.source.namespace.clone()),
    ("source_pod", |flow| flow.source.pod.clone()),
    ("source_workload", |flow| workload(&flow.source)),
    ("source_identity", |flow| flow.source.identity.to_string()),
    ("source_names", |flow| names(&flow.source)),
    ("destination_ip", |flow| flow.destination.ip.clone()),
    ("destination_port", |flow| text(flow.destination.port)),
    ("destination_namespace", |flow| flow.destination.namespace.clone()),
    ("destination_pod", |flow| flow.destination.pod.clone()),
    ("destination_workload", |flow| workload(&flow.destination)),
    ("destination_identity", |flow| flow.destination.identity.to_string()),
    ("destination_names", |flow| names(&flow.destination)),
    ("egress_ip", |flow| text(flow.egress.as_ref().and_then(|egress| egress.ip.as_ref()))),
    ("egress_port", |flow| text(flow.egress.as_ref().and_then(|egress| egress.port))),
    ("egress_policy", |flow| text(flow.egress.as_ref().map(|egress| &egress.policy))),
    ("egress_gateway", |flow| text(flow.egress.as_ref().map(|egress| &egress.gateway))),
    ("drop_reason", |flow| text(flow.drop.as_ref().map(|drop| &drop.reason))),
    ("drop_cause", |flow| text(flow.drop.as_ref().and_then(|drop| drop.cause.as_ref()))),
    ("dns_query", |flow| text(flow.dns.as_ref().map(|dns| &dns.query))),
    ("dns_rcode", |flow| text(flow.dns.as_ref().map(|dns| &dns.rcode_name))),
    ("packets", |flow| text(flow.connection.as_ref().map(|one| one.packets))),
    ("bytes", |flow| text(flow.connection.as_ref().map(|one| one.bytes))),
    ("reply_packets", |flow| text(flow.connection.as_ref().map(|one| one.reply_packets))),
    ("reply_bytes", |flow| text(flow.connection.as_ref().map(|one| one.reply_bytes))),
    ("summary", |flow| flow.summary.clone()),
    ("uuid", |flow| flow.uuid.clone()),
];

/// Adds the line of headings.
pub(super) fn heading(lines: &mut Vec<u8>) {
    write(lines, COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
}

/// Adds the line of a flow.
pub(super) fn line(lines: &mut Vec<u8>, flow: &Flow) {
    write(lines, COLUMNS.iter().map(|(_, column)| column(flow)));
}

fn write(lines: &mut Vec<u8>, values: impl Iterator<Item = String>) {
    for (at, value) in values.enumerate() {
        if at > 0 {
            lines.push(b',');
        }
        lines.extend_from_slice(field(value).as_bytes());
    }
    lines.extend_from_slice(b"\r\n");
}

/// A value as a field. Names come from outside, and a spreadsheet takes text that begins so for a
/// formula; a quote before it makes it text.
fn field(value: String) -> String {
    let value = match value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{value}"),
        false => value,
    };
    match value.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value,
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn workload(party: &Party) -> String {
    text(party.workload.as_ref().map(|workload| format!("{}/{}", workload.kind, workload.name)))
}

fn names(party: &Party) -> String {
    party.names.iter().map(|name| name.name.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_when_it_must_be_and_never_a_formula() {
        for (value, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@sum", "'@sum"),
            ("", ""),
        ] {
            assert_eq!(field(value.to_owned()), written);
        }
    }

    #[test]
    fn every_line_has_a_field_for_each_heading() {
        let mut lines = Vec::new();
        heading(&mut lines);
        line(&mut lines, &crate::read::flow(&tidegate_proto::flow::Flow::default()));
        let lines = String::from_utf8(lines).expect("text");
        let fields: Vec<_> = lines.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(fields, [COLUMNS.len(), COLUMNS.len()]);
        assert!(lines.starts_with("time,node,outcome,"), "{lines}");
    }
}
