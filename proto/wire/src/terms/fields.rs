//! From the text of a key that Hubble has too to the field of its filter. Checked here is what
//! needs no server; patterns, addresses and selectors are judged by the server, which has the last
//! word. Every error is a clause that says what would be right.

use super::keys::Side;
use super::words::{EVENT_TYPES, RESERVED_IDENTITIES, TRACE, TRACE_POINTS, VERDICTS};
use crate::flow::{
    DropReason, EventTypeFilter, FlowFilter, HttpHeader, IpVersion, NetworkInterface, TcpFlags, TrafficDirection,
    Verdict, Workload, flow_filter,
};

type Checked = Result<(), String>;

pub(super) fn ip(filter: &mut FlowFilter, side: Side, value: &str) -> Checked {
    push(side, &mut filter.source_ip, &mut filter.destination_ip, value.to_owned())
}

pub(super) fn fqdn(filter: &mut FlowFilter, side: Side, value: &str) -> Checked {
    push(side, &mut filter.source_fqdn, &mut filter.destination_fqdn, value.to_owned())
}

pub(super) fn label(filter: &mut FlowFilter, side: Side, value: &str) -> Checked {
    push(side, &mut filter.source_label, &mut filter.destination_label, value.to_owned())
}

pub(super) fn workload(filter: &mut FlowFilter, side: Side, value: &str) -> Checked {
    let (kind, name) = value.split_once('/').unwrap_or(("", value));
    if kind.is_empty() && name.is_empty() {
        return Err("expected NAME, KIND/NAME or KIND/".to_owned());
    }
    let workload = Workload { name: name.to_owned(), kind: kind.to_owned() };
    push(side, &mut filter.source_workload, &mut filter.destination_workload, workload)
}

pub(super) fn identity(filter: &mut FlowFilter, side: Side, value: &str) -> Checked {
    let reserved = RESERVED_IDENTITIES.iter().position(|name| *name == value);
    let number = match reserved.and_then(|index| u32::try_from(index).ok()) {
        Some(number) => number,
        None => value.parse().map_err(|_| format!("expected a number or one of {}", RESERVED_IDENTITIES.join(", ")))?,
    };
    push(side, &mut filter.source_identity, &mut filter.destination_identity, number)
}

pub(super) fn cluster(filter: &mut FlowFilter, side: Side, value: &str) -> Checked {
    let (source, destination) = (&mut filter.source_cluster_name, &mut filter.destination_cluster_name);
    push(side, source, destination, value.to_owned())
}

pub(super) fn snat_ip(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.source_ip_xlated, value.to_owned())
}

pub(super) fn protocol(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.protocol, value.to_owned())
}

pub(super) fn verdict(filter: &mut FlowFilter, value: &str) -> Checked {
    let verdict = Verdict::from_str_name(&value.to_ascii_uppercase())
        .filter(|verdict| *verdict != Verdict::Unknown)
        .ok_or_else(|| format!("expected one of {}", VERDICTS.join(", ")))?;
    add(&mut filter.verdict, verdict.into())
}

pub(super) fn event_type(filter: &mut FlowFilter, value: &str) -> Checked {
    let (name, sub) = value.split_once(':').map_or((value, None), |(name, sub)| (name, Some(sub)));
    let known = EVENT_TYPES.iter().find(|(known, _)| *known == name);
    let number = match known {
        Some((_, number)) => *number,
        None => i32::from(name.parse::<u8>().map_err(|_| {
            let names: Vec<_> = EVENT_TYPES.iter().map(|(name, _)| *name).collect();
            format!("unknown type {name:?}; expected a number or one of {}", names.join(", "))
        })?),
    };
    let sub_type = match sub {
        Some(sub) => sub_type(number, sub)?,
        None => 0,
    };
    let entry = EventTypeFilter { r#type: number, match_sub_type: sub.is_some(), sub_type };
    add(&mut filter.event_type, entry)
}

pub(super) fn drop_reason(filter: &mut FlowFilter, value: &str) -> Checked {
    let reason = DropReason::from_str_name(value)
        .ok_or_else(|| format!("unknown drop reason {value:?}; expected a name such as POLICY_DENIED"))?;
    add(&mut filter.drop_reason_desc, reason.into())
}

pub(super) fn traffic_direction(filter: &mut FlowFilter, value: &str) -> Checked {
    let direction = match value.to_ascii_lowercase().as_str() {
        "ingress" => TrafficDirection::Ingress,
        "egress" => TrafficDirection::Egress,
        _ => return Err("expected ingress or egress".to_owned()),
    };
    add(&mut filter.traffic_direction, direction.into())
}

pub(super) fn tcp_flags(filter: &mut FlowFilter, value: &str) -> Checked {
    let mut flags = TcpFlags::default();
    for name in value.split(',') {
        let flag = match name.trim().to_ascii_uppercase().as_str() {
            "FIN" => &mut flags.fin,
            "SYN" => &mut flags.syn,
            "RST" => &mut flags.rst,
            "PSH" => &mut flags.psh,
            "ACK" => &mut flags.ack,
            "URG" => &mut flags.urg,
            "ECE" => &mut flags.ece,
            "CWR" => &mut flags.cwr,
            "NS" => &mut flags.ns,
            _ => {
                return Err(format!(
                    "unknown TCP flag {name:?}; expected SYN, ACK, RST, FIN, PSH, URG, ECE, CWR \
                     or NS, joined by commas"
                ));
            }
        };
        *flag = true;
    }
    add(&mut filter.tcp_flags, flags)
}

pub(super) fn ip_version(filter: &mut FlowFilter, value: &str) -> Checked {
    let version = match value.to_ascii_lowercase().as_str() {
        "none" => IpVersion::IpNotUsed,
        "v4" | "4" | "ipv4" => IpVersion::IPv4,
        "v6" | "6" | "ipv6" => IpVersion::IPv6,
        _ => return Err("expected none, v4 or v6".to_owned()),
    };
    add(&mut filter.ip_version, version.into())
}

pub(super) fn ipv4(filter: &mut FlowFilter, _: &str) -> Checked {
    add(&mut filter.ip_version, IpVersion::IPv4.into())
}

pub(super) fn ipv6(filter: &mut FlowFilter, _: &str) -> Checked {
    add(&mut filter.ip_version, IpVersion::IPv6.into())
}

pub(super) fn node_name(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.node_name, value.to_owned())
}

pub(super) fn node_label(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.node_labels, value.to_owned())
}

pub(super) fn uuid(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.uuid, value.to_owned())
}

pub(super) fn trace_id(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.trace_id, value.to_owned())
}

pub(super) fn ip_trace_id(filter: &mut FlowFilter, value: &str) -> Checked {
    match value.parse() {
        Ok(id) if id > 0 => add(&mut filter.ip_trace_id, id),
        _ => Err("expected a number above 0".to_owned()),
    }
}

pub(super) fn interface(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.interface, NetworkInterface { name: value.to_owned(), index: 0 })
}

pub(super) fn encrypted(filter: &mut FlowFilter, _: &str) -> Checked {
    add(&mut filter.encrypted, true)
}

pub(super) fn unencrypted(filter: &mut FlowFilter, _: &str) -> Checked {
    add(&mut filter.encrypted, false)
}

pub(super) fn reply(filter: &mut FlowFilter, value: &str) -> Checked {
    let reply = value.to_ascii_lowercase().parse().map_err(|_| "expected true or false".to_owned())?;
    add(&mut filter.reply, reply)
}

pub(super) fn http_status(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.http_status_code, value.to_owned())
}

pub(super) fn http_method(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.http_method, value.to_owned())
}

pub(super) fn http_path(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.http_path, value.to_owned())
}

pub(super) fn http_url(filter: &mut FlowFilter, value: &str) -> Checked {
    add(&mut filter.http_url, value.to_owned())
}

pub(super) fn http_header(filter: &mut FlowFilter, value: &str) -> Checked {
    let (key, value) = value.split_once(':').ok_or("expected KEY:VALUE")?;
    add(&mut filter.http_header, HttpHeader { key: key.to_owned(), value: value.to_owned() })
}

pub(super) fn cel_expression(filter: &mut FlowFilter, value: &str) -> Checked {
    let experimental = filter.experimental.get_or_insert_with(flow_filter::Experimental::default);
    add(&mut experimental.cel_expression, value.to_owned())
}

/// Observation points have names; what the numbers of other types mean depends on the type.
fn sub_type(event_type: i32, text: &str) -> Result<i32, String> {
    let point = TRACE_POINTS.iter().position(|name| *name == text);
    match point.filter(|_| event_type == TRACE).and_then(|index| i32::try_from(index).ok()) {
        Some(number) => Ok(number),
        None => text.parse::<u8>().map(i32::from).map_err(|_| match event_type {
            TRACE => format!("unknown point {text:?}; expected one of {}", TRACE_POINTS.join(", ")),
            _ => format!("expected a number as sub type, found {text:?}"),
        }),
    }
}

fn push<T>(side: Side, source: &mut Vec<T>, destination: &mut Vec<T>, value: T) -> Checked {
    match side {
        Side::Source => add(source, value),
        Side::Destination => add(destination, value),
    }
}

fn add<T>(list: &mut Vec<T>, value: T) -> Checked {
    list.push(value);
    Ok(())
}
