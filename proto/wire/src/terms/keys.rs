//! The keys as data: name, help, shape of the value, and what it means. Flags, help, suggestions
//! and translation are made from the same rows.

use super::words::{DNS_RCODES, OUTCOMES, RESERVED_IDENTITIES, VERDICTS};
use super::{exclude, fields, own};
use crate::flow::FlowFilter;
use crate::v1::Filter;

/// A side of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// Who sent the packet.
    Source,
    /// Who it was sent to.
    Destination,
}

/// Which side a key speaks of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// `from-…`
    From,
    /// `to-…`
    To,
    /// Without prefix: one of the two.
    Either,
}

/// What a key does to a filter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// A property of the whole flow.
    Whole(fn(&mut FlowFilter, &str) -> Result<(), String>),
    /// A property of one side.
    OneSide(Reach, fn(&mut FlowFilter, Side, &str) -> Result<(), String>),
    /// A property that Hubble's filters do not have.
    Own(fn(&mut Filter, &str) -> Result<(), String>),
    /// A port or a range of ports.
    Ports(Reach),
    /// A pod; completed by the namespaces of the same reach.
    Pod(Reach),
    /// A service; completed likewise.
    Service(Reach),
    /// A namespace of pods and services.
    Namespace(Reach),
    /// Any namespace.
    AllNamespaces(Reach),
    /// Flows to leave out.
    Exclude,
}

/// What values of a key look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// There is no value.
    Switch,
    /// An IP address or a CIDR.
    Address,
    /// A name in which `*` stands for any characters.
    Glob,
    /// `NAMESPACE/PREFIX`, `NAMESPACE/`, `/PREFIX`, or `PREFIX` in namespace default.
    Pod,
    /// A Kubernetes label selector.
    Selector,
    /// A number from 0 to 65535, or a range `N-M`.
    Ports,
    /// A number from 0 to 65535.
    Port,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number, or one of these names of numbers.
    Number(&'static [&'static str]),
    /// A regular expression.
    Regex,
    /// Words of a query bar.
    Terms,
    /// Any text.
    Text,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The long flag without its dashes.
    pub name: &'static str,
    /// The short flag.
    pub short: Option<char>,
    /// Placeholder of the value; none: the key takes no value.
    pub value: Option<&'static str>,
    /// What values look like.
    pub shape: Shape,
    /// One line for people.
    pub help: &'static str,
    /// Whether Hubble's command line does not have it.
    pub own: bool,
    pub(super) meaning: Meaning,
}

impl Key {
    /// Which side it speaks of; none: of the whole flow.
    pub fn reach(&self) -> Option<Reach> {
        match self.meaning {
            OneSide(reach, _)
            | Ports(reach)
            | Pod(reach)
            | Service(reach)
            | Namespace(reach)
            | AllNamespaces(reach) => Some(reach),
            Whole(_) | Own(_) | Exclude => None,
        }
    }
}

/// The key with this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The name that was most likely meant by `name`: one that it is a part of, else one that is alike.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let names = || KEYS.iter().map(|key| key.name);
    let part = |key: &&str| name.len() >= 3 && key.contains(&name);
    let alike = || {
        names()
            .map(|key| (strsim::jaro_winkler(&name, key), key))
            .filter(|(likeness, _)| *likeness >= 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, key)| key)
    };
    names().find(part).or_else(alike)
}

const fn key(name: &'static str, value: &'static str, shape: Shape, help: &'static str, meaning: Meaning) -> Key {
    Key { name, short: None, value: Some(value), shape, help, own: false, meaning }
}

const fn switch(name: &'static str, help: &'static str, meaning: Meaning) -> Key {
    Key { name, short: None, value: None, shape: Shape::Switch, help, own: false, meaning }
}

const fn ours(key: Key) -> Key {
    Key { own: true, ..key }
}

const fn short(key: Key, short: char) -> Key {
    Key { short: Some(short), ..key }
}

use Meaning::{AllNamespaces, Exclude, Namespace, OneSide, Own, Pod, Ports, Service, Whole};
use Reach::{Either, From, To};
use Shape::{Address, Glob, Number, Regex, Selector, Text, Word};

/// Every key, in the order of the help: first Hubble's, then ours.
#[rustfmt::skip]
pub static KEYS: &[Key] = &[
    key("ip", "ADDRESS", Address, "Address or CIDR of either side", OneSide(Either, fields::ip)),
    key("from-ip", "ADDRESS", Address, "Address or CIDR of the source", OneSide(From, fields::ip)),
    key("to-ip", "ADDRESS", Address, "Address or CIDR of the destination", OneSide(To, fields::ip)),
    key("fqdn", "NAME", Glob, "Name of either side; * stands for any characters", OneSide(Either, fields::fqdn)),
    key("from-fqdn", "NAME", Glob, "Name of the source, as in replies from it", OneSide(From, fields::fqdn)),
    key("to-fqdn", "NAME", Glob, "Name of the destination, as in requests to it", OneSide(To, fields::fqdn)),
    key("pod", "POD", Shape::Pod, "Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default", Pod(Either)),
    key("from-pod", "POD", Shape::Pod, "Pod of the source; /PREFIX for any namespace", Pod(From)),
    key("to-pod", "POD", Shape::Pod, "Pod of the destination; /PREFIX for any namespace", Pod(To)),
    short(key("namespace", "NAMESPACE", Text, "Namespace of either side", Namespace(Either)), 'n'),
    key("from-namespace", "NAMESPACE", Text, "Namespace of the source", Namespace(From)),
    key("to-namespace", "NAMESPACE", Text, "Namespace of the destination", Namespace(To)),
    short(switch("all-namespaces", "Any pod on either side", AllNamespaces(Either)), 'A'),
    switch("from-all-namespaces", "Any pod as the source", AllNamespaces(From)),
    switch("to-all-namespaces", "Any pod as the destination", AllNamespaces(To)),
    key("service", "SERVICE", Shape::Pod, "Service of either side: NAMESPACE/PREFIX", Service(Either)),
    key("from-service", "SERVICE", Shape::Pod, "Service of the source", Service(From)),
    key("to-service", "SERVICE", Shape::Pod, "Service of the destination", Service(To)),
    short(key("label", "SELECTOR", Selector, "Labels of either side, as a Kubernetes selector", OneSide(Either, fields::label)), 'l'),
    key("from-label", "SELECTOR", Selector, "Labels of the source", OneSide(From, fields::label)),
    key("to-label", "SELECTOR", Selector, "Labels of the destination", OneSide(To, fields::label)),
    key("port", "PORT", Shape::Ports, "Port of either side, or a range such as 8000-8100", Ports(Either)),
    key("from-port", "PORT", Shape::Ports, "Port of the source, or a range", Ports(From)),
    key("to-port", "PORT", Shape::Ports, "Port of the destination, or a range", Ports(To)),
    key("workload", "WORKLOAD", Text, "Workload of either side: NAME, KIND/NAME or KIND/", OneSide(Either, fields::workload)),
    key("from-workload", "WORKLOAD", Text, "Workload of the source", OneSide(From, fields::workload)),
    key("to-workload", "WORKLOAD", Text, "Workload of the destination", OneSide(To, fields::workload)),
    key("identity", "IDENTITY", Number(&RESERVED_IDENTITIES), "Identity of either side: a number or a reserved name such as world", OneSide(Either, fields::identity)),
    key("from-identity", "IDENTITY", Number(&RESERVED_IDENTITIES), "Identity of the source", OneSide(From, fields::identity)),
    key("to-identity", "IDENTITY", Number(&RESERVED_IDENTITIES), "Identity of the destination", OneSide(To, fields::identity)),
    key("cluster", "CLUSTER", Text, "Cluster of either side, exactly", OneSide(Either, fields::cluster)),
    key("from-cluster", "CLUSTER", Text, "Cluster of the source, exactly", OneSide(From, fields::cluster)),
    key("to-cluster", "CLUSTER", Text, "Cluster of the destination, exactly", OneSide(To, fields::cluster)),
    key("snat-ip", "ADDRESS", Address, "Egress address that the source was translated to, or a CIDR", Whole(fields::snat_ip)),
    key("protocol", "PROTOCOL", Text, "tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ...", Whole(fields::protocol)),
    key("verdict", "VERDICT", Word(&VERDICTS), "FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED", Whole(fields::verdict)),
    short(key("type", "TYPE[:SUB]", Text, "drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers", Whole(fields::event_type)), 't'),
    key("drop-reason-desc", "REASON", Text, "Reason of a drop, such as NO_EGRESS_GATEWAY", Whole(fields::drop_reason)),
    key("traffic-direction", "DIRECTION", Word(&["ingress", "egress"]), "ingress or egress", Whole(fields::traffic_direction)),
    key("tcp-flags", "FLAGS", Text, "TCP flags that must all be set, such as SYN,ACK", Whole(fields::tcp_flags)),
    key("ip-version", "VERSION", Word(&["none", "v4", "v6"]), "none, v4 or v6", Whole(fields::ip_version)),
    short(switch("ipv4", "IPv4 only", Whole(fields::ipv4)), '4'),
    short(switch("ipv6", "IPv6 only", Whole(fields::ipv6)), '6'),
    key("node-name", "PATTERN", Glob, "Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters", Whole(fields::node_name)),
    key("node-label", "SELECTOR", Selector, "Labels of the node", Whole(fields::node_label)),
    key("uuid", "UUID", Text, "The flow with this uuid", Whole(fields::uuid)),
    key("trace-id", "ID", Text, "W3C trace id found in HTTP headers", Whole(fields::trace_id)),
    key("ip-trace-id", "NUMBER", Number(&[]), "Trace id found in an IP option", Whole(fields::ip_trace_id)),
    key("interface", "NAME", Text, "Interface where the packet was seen", Whole(fields::interface)),
    switch("encrypted", "Encrypted traffic only", Whole(fields::encrypted)),
    switch("unencrypted", "Unencrypted traffic only", Whole(fields::unencrypted)),
    key("http-status", "CODE", Text, "HTTP status such as 404 or 4+", Whole(fields::http_status)),
    key("http-method", "METHOD", Text, "HTTP method", Whole(fields::http_method)),
    key("http-path", "REGEX", Regex, "HTTP path", Whole(fields::http_path)),
    key("http-url", "REGEX", Regex, "HTTP URL", Whole(fields::http_url)),
    key("http-header", "KEY:VALUE", Text, "HTTP header", Whole(fields::http_header)),
    key("cel-expression", "CEL", Text, "CEL expression over _flow", Whole(fields::cel_expression)),
    ours(key("snat-port", "PORT", Shape::Port, "Egress port that the source was translated to", Own(own::snat_port))),
    ours(key("egress-policy", "POLICY", Text, "Policy that chose the egress address", Own(own::egress_policy))),
    ours(key("egress-gateway", "NODE", Text, "Node that translated", Own(own::egress_gateway))),
    ours(key("outcome", "OUTCOME", Word(&OUTCOMES), "forwarded, translated, dropped, audit or error", Own(own::outcome))),
    ours(key("dns-rcode", "RCODE", Number(&DNS_RCODES), "Response code of a DNS answer: NXDOMAIN, SERVFAIL, ..., or a number", Own(own::dns_rcode))),
    ours(switch("unresolved", "Destination outside whose name is not known", Own(own::unresolved))),
    ours(key("reply", "BOOL", Word(&["true", "false"]), "Whether the packet answers: true or false", Whole(fields::reply))),
    ours(key(exclude::KEY, "TERMS", Shape::Terms, "Leave out the flows that match all of TERMS, such as 'to-port:53 verdict:DROPPED'; each use by itself", Exclude)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_listed_once() {
        for (at, key) in KEYS.iter().enumerate() {
            let later = &KEYS[at + 1..];
            assert!(later.iter().all(|other| other.name != key.name), "{}", key.name);
            assert!(key.short.is_none() || later.iter().all(|other| other.short != key.short), "-{:?}", key.short);
        }
    }

    #[test]
    fn a_key_speaks_of_the_side_in_its_name() {
        for key in KEYS {
            let expected = match key.name {
                name if name.starts_with("from-") => Some(From),
                name if name.starts_with("to-") => Some(To),
                _ => key.reach().map(|_| Either),
            };
            assert_eq!(key.reach(), expected, "{}", key.name);
        }
    }

    #[test]
    fn a_key_without_value_is_a_switch() {
        for key in KEYS {
            assert_eq!(key.value.is_none(), key.shape == Shape::Switch, "{}", key.name);
        }
    }

    #[test]
    fn a_slip_is_told_the_key_that_was_meant() {
        for (slip, meant) in [
            ("to-fqnd", "to-fqdn"),
            ("Verdit", "verdict"),
            ("from-namspace", "from-namespace"),
            ("policy", "egress-policy"),
            ("drop-reason", "drop-reason-desc"),
        ] {
            assert_eq!(nearest(slip), Some(meant), "{slip}");
        }
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(""), None);
    }
}
