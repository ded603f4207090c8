//! Names that the language has for numbers of the protocol.

/// Names of `flow.CiliumEventType.sub_type` of trace events, by number.
pub const TRACE_POINTS: [&str; 14] = [
    "to-endpoint",
    "to-proxy",
    "to-host",
    "to-stack",
    "to-overlay",
    "from-endpoint",
    "from-proxy",
    "from-host",
    "from-stack",
    "from-overlay",
    "from-network",
    "to-network",
    "from-crypto",
    "to-crypto",
];

/// Names of the reserved identities, by number.
pub const RESERVED_IDENTITIES: [&str; 12] = [
    "unknown",
    "host",
    "world",
    "unmanaged",
    "health",
    "init",
    "remote-node",
    "kube-apiserver",
    "ingress",
    "world-ipv4",
    "world-ipv6",
    "encrypted-overlay",
];

/// Names of event types with their numbers.
pub(super) const EVENT_TYPES: [(&str, i32); 9] = [
    ("drop", 1),
    ("debug", 2),
    ("capture", 3),
    ("trace", TRACE),
    ("policy-verdict", 5),
    ("recorder-capture", 6),
    ("trace-sock", 7),
    ("l7", L7),
    ("agent", 130),
];
/// The event type whose sub types have names.
pub(super) const TRACE: i32 = 4;
/// The event type of HTTP, DNS and other layer 7 records.
pub(super) const L7: i32 = 129;

/// Verdicts that a flow can have.
pub(super) const VERDICTS: [&str; 7] = ["FORWARDED", "DROPPED", "ERROR", "AUDIT", "REDIRECTED", "TRACED", "TRANSLATED"];

/// What became of a flow, in the order of `tidegate.v1.Outcome` from 1 on.
pub(super) const OUTCOMES: [&str; 5] = ["forwarded", "translated", "dropped", "audit", "error"];

/// Names of DNS response codes, by number: RFC 1035 4.1.1, RFC 2136 2.2.
pub(super) const DNS_RCODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
    "NOTZONE",
];

/// The number of `word` in a list of names, in any case.
pub(super) fn number(names: &[&str], word: &str) -> Option<u32> {
    let index = names.iter().position(|name| name.eq_ignore_ascii_case(word));
    index.and_then(|index| u32::try_from(index).ok())
}
