//! The filter flags of `observe` as data: name, help, and what a value means. Flags, help and
//! translation are made from the same rows, and the order of the command line is kept, because
//! `--not` belongs to the flag after it.

use clap::{Arg, ArgAction, ArgMatches};
use tidegate_proto::flow::FlowFilter;

use super::fields;

/// A side of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    /// Who sent the packet.
    Source,
    /// Who it was sent to.
    Destination,
}

/// Which side a flag speaks of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    /// `--from-…`
    From,
    /// `--to-…`
    To,
    /// Without prefix: one of the two.
    Either,
}

/// What a flag's value is.
#[derive(Clone, Copy)]
pub(crate) enum Meaning {
    /// A property of the whole flow.
    Whole(fn(&mut FlowFilter, &str) -> Result<(), String>),
    /// A property of one side.
    OneSide(Reach, fn(&mut FlowFilter, Side, &str) -> Result<(), String>),
    /// A pod; completed by the namespaces of the same reach.
    Pod(Reach),
    /// A service; completed likewise.
    Service(Reach),
    /// A namespace of pods and services.
    Namespace(Reach),
    /// Any namespace.
    AllNamespaces(Reach),
}

/// One filter flag.
pub(crate) struct Flag {
    /// Without dashes.
    pub(crate) name: &'static str,
    short: Option<char>,
    /// Placeholder of the value; none: the flag takes no value.
    value: Option<&'static str>,
    help: &'static str,
    /// What a value does to the filter.
    pub(crate) meaning: Meaning,
}

/// One use of a flag.
#[derive(Clone, Copy)]
pub(crate) struct Use<'a> {
    /// Which flag.
    pub(crate) flag: &'static Flag,
    /// Its value; "true" when it takes none.
    pub(crate) value: &'a str,
    /// Whether `--not` stood before it.
    pub(crate) negated: bool,
}

/// The clap arguments of all filter flags, `--not` included.
pub(crate) fn args() -> impl Iterator<Item = Arg> {
    let not =
        Arg::new(NOT).long(NOT).help("Leave out the flows that the next filter matches; repeat before each filter");
    let flags = FLAGS.iter().map(|flag| {
        let arg = Arg::new(flag.name).long(flag.name).help(flag.help).action(ArgAction::Append);
        let arg = match flag.value {
            Some(value) => arg.value_name(value),
            None => valueless(arg),
        };
        match flag.short {
            Some(short) => arg.short(short),
            None => arg,
        }
    });
    std::iter::once(valueless(not)).chain(flags).map(|arg| arg.help_heading("Filters"))
}

/// The uses of filter flags in the order of the command line.
///
/// # Errors
/// When a `--not` has no filter after it.
pub(crate) fn uses(matches: &ArgMatches) -> anyhow::Result<Vec<Use<'_>>> {
    let mut found: Vec<(usize, Option<Use<'_>>)> = Vec::new();
    for flag in FLAGS {
        let values = matches.get_many::<String>(flag.name).into_iter().flatten();
        let indices = matches.indices_of(flag.name).into_iter().flatten();
        found.extend(
            indices
                .zip(values)
                .map(|(index, value)| (index, Some(Use { flag, value: value.as_str(), negated: false }))),
        );
    }
    found.extend(matches.indices_of(NOT).into_iter().flatten().map(|index| (index, None)));
    found.sort_by_key(|(index, _)| *index);

    let mut uses = Vec::with_capacity(found.len());
    let mut negated = false;
    for (_, found) in found {
        match found {
            Some(found) => uses.push(Use { negated: std::mem::take(&mut negated), ..found }),
            None => negated = true,
        }
    }
    anyhow::ensure!(!negated, "trailing --not found in the arguments");
    Ok(uses)
}

const NOT: &str = "not";

fn valueless(arg: Arg) -> Arg {
    arg.action(ArgAction::Append).num_args(0).default_missing_value("true")
}

const fn whole(
    name: &'static str,
    value: &'static str,
    help: &'static str,
    put: fn(&mut FlowFilter, &str) -> Result<(), String>,
) -> Flag {
    Flag { name, short: None, value: Some(value), help, meaning: Whole(put) }
}

const fn switch(name: &'static str, short: Option<char>, help: &'static str, meaning: Meaning) -> Flag {
    Flag { name, short, value: None, help, meaning }
}

const fn side(name: &'static str, value: &'static str, help: &'static str, meaning: Meaning) -> Flag {
    Flag { name, short: None, value: Some(value), help, meaning }
}

const fn short(flag: Flag, short: char) -> Flag {
    Flag { short: Some(short), ..flag }
}

use Meaning::{AllNamespaces, Namespace, OneSide, Pod, Service, Whole};
use Reach::{Either, From, To};

#[rustfmt::skip]
const FLAGS: &[Flag] = &[
    side("ip", "ADDRESS", "Address or CIDR of either side", OneSide(Either, fields::ip)),
    side("from-ip", "ADDRESS", "Address or CIDR of the source", OneSide(From, fields::ip)),
    side("to-ip", "ADDRESS", "Address or CIDR of the destination", OneSide(To, fields::ip)),
    side("fqdn", "NAME", "Name of either side; * stands for any characters", OneSide(Either, fields::fqdn)),
    side("from-fqdn", "NAME", "Name of the source, as in replies from it", OneSide(From, fields::fqdn)),
    side("to-fqdn", "NAME", "Name of the destination, as in requests to it", OneSide(To, fields::fqdn)),
    side("pod", "POD", "Pod of either side: NAMESPACE/PREFIX, or PREFIX in namespace default", Pod(Either)),
    side("from-pod", "POD", "Pod of the source; /PREFIX for any namespace", Pod(From)),
    side("to-pod", "POD", "Pod of the destination; /PREFIX for any namespace", Pod(To)),
    short(side("namespace", "NAMESPACE", "Namespace of either side", Namespace(Either)), 'n'),
    side("from-namespace", "NAMESPACE", "Namespace of the source", Namespace(From)),
    side("to-namespace", "NAMESPACE", "Namespace of the destination", Namespace(To)),
    switch("all-namespaces", Some('A'), "Any pod on either side", AllNamespaces(Either)),
    switch("from-all-namespaces", None, "Any pod as the source", AllNamespaces(From)),
    switch("to-all-namespaces", None, "Any pod as the destination", AllNamespaces(To)),
    side("service", "SERVICE", "Service of either side: NAMESPACE/PREFIX", Service(Either)),
    side("from-service", "SERVICE", "Service of the source", Service(From)),
    side("to-service", "SERVICE", "Service of the destination", Service(To)),
    short(side("label", "SELECTOR", "Labels of either side, as a Kubernetes selector", OneSide(Either, fields::label)), 'l'),
    side("from-label", "SELECTOR", "Labels of the source", OneSide(From, fields::label)),
    side("to-label", "SELECTOR", "Labels of the destination", OneSide(To, fields::label)),
    side("port", "PORT", "Port of either side", OneSide(Either, fields::port)),
    side("from-port", "PORT", "Port of the source", OneSide(From, fields::port)),
    side("to-port", "PORT", "Port of the destination", OneSide(To, fields::port)),
    side("workload", "WORKLOAD", "Workload of either side: NAME, KIND/NAME or KIND/", OneSide(Either, fields::workload)),
    side("from-workload", "WORKLOAD", "Workload of the source", OneSide(From, fields::workload)),
    side("to-workload", "WORKLOAD", "Workload of the destination", OneSide(To, fields::workload)),
    side("identity", "IDENTITY", "Identity of either side: a number or a reserved name such as world", OneSide(Either, fields::identity)),
    side("from-identity", "IDENTITY", "Identity of the source", OneSide(From, fields::identity)),
    side("to-identity", "IDENTITY", "Identity of the destination", OneSide(To, fields::identity)),
    side("cluster", "CLUSTER", "Cluster of either side, exactly", OneSide(Either, fields::cluster)),
    side("from-cluster", "CLUSTER", "Cluster of the source, exactly", OneSide(From, fields::cluster)),
    side("to-cluster", "CLUSTER", "Cluster of the destination, exactly", OneSide(To, fields::cluster)),
    whole("snat-ip", "ADDRESS", "Egress address that the source was translated to, or a CIDR", fields::snat_ip),
    whole("protocol", "PROTOCOL", "tcp, udp, sctp, icmp, icmpv4, icmpv6, dns, http, ...", fields::protocol),
    whole("verdict", "VERDICT", "FORWARDED, DROPPED, AUDIT, REDIRECTED, ERROR, TRACED or TRANSLATED", fields::verdict),
    short(whole("type", "TYPE[:SUB]", "drop, trace, trace:to-network, l7, policy-verdict, ..., or numbers", fields::event_type), 't'),
    whole("drop-reason-desc", "REASON", "Reason of a drop, such as NO_EGRESS_GATEWAY", fields::drop_reason),
    whole("traffic-direction", "DIRECTION", "ingress or egress", fields::traffic_direction),
    whole("tcp-flags", "FLAGS", "TCP flags that must all be set, such as SYN,ACK", fields::tcp_flags),
    whole("ip-version", "VERSION", "none, v4 or v6", fields::ip_version),
    switch("ipv4", Some('4'), "IPv4 only", Whole(fields::ipv4)),
    switch("ipv6", Some('6'), "IPv6 only", Whole(fields::ipv6)),
    whole("node-name", "PATTERN", "Node: NODE, CLUSTER/NODE or CLUSTER/; * stands for any characters", fields::node_name),
    whole("node-label", "SELECTOR", "Labels of the node", fields::node_label),
    whole("uuid", "UUID", "The flow with this uuid", fields::uuid),
    whole("trace-id", "ID", "W3C trace id found in HTTP headers", fields::trace_id),
    whole("ip-trace-id", "NUMBER", "Trace id found in an IP option", fields::ip_trace_id),
    whole("interface", "NAME", "Interface where the packet was seen", fields::interface),
    switch("encrypted", None, "Encrypted traffic only", Whole(fields::encrypted)),
    switch("unencrypted", None, "Unencrypted traffic only", Whole(fields::unencrypted)),
    whole("http-status", "CODE", "HTTP status such as 404 or 4+", fields::http_status),
    whole("http-method", "METHOD", "HTTP method", fields::http_method),
    whole("http-path", "REGEX", "HTTP path", fields::http_path),
    whole("http-url", "REGEX", "HTTP URL", fields::http_url),
    whole("http-header", "KEY:VALUE", "HTTP header", fields::http_header),
    whole("cel-expression", "CEL", "CEL expression over _flow", fields::cel_expression),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_listed_once() {
        for (at, flag) in FLAGS.iter().enumerate() {
            let later = &FLAGS[at + 1..];
            assert!(later.iter().all(|other| other.name != flag.name), "{}", flag.name);
            assert!(flag.short.is_none() || later.iter().all(|other| other.short != flag.short), "-{:?}", flag.short);
        }
    }

    #[test]
    fn a_flag_speaks_of_the_side_in_its_name() {
        for flag in FLAGS {
            let expected = match flag.name {
                name if name.starts_with("from-") => From,
                name if name.starts_with("to-") => To,
                _ => Either,
            };
            match flag.meaning {
                OneSide(reach, _) | Pod(reach) | Service(reach) | Namespace(reach) | AllNamespaces(reach) => {
                    assert_eq!(reach, expected, "{}", flag.name);
                }
                Whole(_) => assert_eq!(expected, Either, "{}", flag.name),
            }
        }
    }
}
