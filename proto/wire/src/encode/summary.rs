//! The text in parentheses that ends a line of the stock client.

use std::fmt::{self, Display};

use tidegate_flow::{
    Fqdn,
    flow::{Dns, Event, Flow, L4, L7Kind},
};

/// The summary of a flow, as text.
pub(super) struct Summary<'a>(pub(super) &'a Flow);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(flow) = self;
        if let (Event::L7(kind), Some(dns)) = (flow.event, flow.dns.as_deref()) {
            return message(f, kind, dns);
        }
        match flow.l4 {
            // The record of an end is of no packet.
            L4::Tcp { flags: 0, .. } if flow.counters.end != 0 => f.write_str("Connection ended"),
            L4::Tcp { flags, .. } => tcp(f, flags),
            L4::Udp { .. } => f.write_str("UDP"),
            L4::IcmpV4 { kind, .. } => icmp(f, "ICMPv4", kind, icmp_v4(kind)),
            L4::IcmpV6 { kind, .. } => icmp(f, "ICMPv6", kind, icmp_v6(kind)),
            L4::Sctp { .. } | L4::Other(132) => f.write_str("SCTP"),
            L4::Other(_) if flow.source.address.is_ipv6() => f.write_str("IPv6"),
            L4::Other(_) => f.write_str("IPv4"),
        }
    }
}

fn tcp(f: &mut fmt::Formatter<'_>, flags: u8) -> fmt::Result {
    const ORDER: [(u8, &str); 8] = [
        (0x02, "SYN"),
        (0x10, "ACK"),
        (0x04, "RST"),
        (0x01, "FIN"),
        (0x08, "PSH"),
        (0x20, "URG"),
        (0x40, "ECE"),
        (0x80, "CWR"),
    ];
    f.write_str("TCP Flags: ")?;
    let names = ORDER.iter().filter(|(mask, _)| flags & mask != 0).map(|(_, name)| name);
    for (at, name) in names.enumerate() {
        f.write_str(if at == 0 { "" } else { ", " })?;
        f.write_str(name)?;
    }
    Ok(())
}

fn icmp(f: &mut fmt::Formatter<'_>, protocol: &str, kind: u8, name: Option<&str>) -> fmt::Result {
    match name {
        Some(name) => write!(f, "{protocol} {name}"),
        None => write!(f, "{protocol} Type {kind}"),
    }
}

/// Type numbers of RFC 792.
fn icmp_v4(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "EchoReply",
        3 => "DestinationUnreachable",
        8 => "EchoRequest",
        11 => "TimeExceeded",
        _ => return None,
    })
}

/// Type numbers of RFC 4443.
fn icmp_v6(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "DestinationUnreachable",
        2 => "PacketTooBig",
        3 => "TimeExceeded",
        128 => "EchoRequest",
        129 => "EchoReply",
        _ => return None,
    })
}

fn message(f: &mut fmt::Formatter<'_>, kind: L7Kind, dns: &Dns) -> fmt::Result {
    let types = dns.types.join(",");
    if kind == L7Kind::Request {
        return write!(f, "DNS Query {}. {types}", dns.query);
    }
    f.write_str("DNS Answer ")?;
    if dns.rcode != 0 {
        write!(f, "RCode: {} ", rcode(dns.rcode))?;
    } else {
        if !dns.addresses.is_empty() {
            write!(f, "{:?} ", joined(&dns.addresses, ToString::to_string))?;
        }
        if !dns.cnames.is_empty() {
            write!(f, "CNAMEs: {:?} ", joined(&dns.cnames, |name: &Fqdn| format!("{name}.")))?;
        }
    }
    write!(f, "TTL: {} (Query {}. {types})", dns.ttl, dns.query)
}

fn joined<T>(list: &[T], text: impl Fn(&T) -> String) -> String {
    list.iter().map(text).collect::<Vec<_>>().join(",")
}

fn rcode(rcode: u16) -> String {
    match rcode {
        1 => "Format Error".into(),
        2 => "Server Failure".into(),
        3 => "Non-Existent Domain".into(),
        4 => "Not Implemented".into(),
        5 => "Query Refused".into(),
        other => other.to_string(),
    }
}
