//! From the filters of a request to [`Filter`]: built once, before the first flow is looked at.

use std::ops::RangeInclusive;

use regex::RegexBuilder;
use tidegate_flow::{
    filter::{AddressSet, Condition, Filter, FilterError, Pattern, PodPattern, Protocol, Side},
    flow::Outcome,
    label::Selector,
};

use crate::{
    flow::{FlowFilter, TcpFlags},
    v1,
};

/// Largest compiled regular expression, bytes: a request must not cost more than it is worth.
const MAX_REGEX: usize = 1 << 20;

/// Builds the filters of a list.
pub fn filters(list: &[FlowFilter]) -> Result<Vec<Filter>, FilterError> {
    list.iter().map(filter).collect()
}

/// Builds one filter: every field that is set is a condition.
pub fn filter(wire: &FlowFilter) -> Result<Filter, FilterError> {
    use Side::{Destination, Source};
    let mut conditions = Vec::new();
    let mut add = |values: usize, condition: Result<Condition, FilterError>| -> Result<(), FilterError> {
        if values > 0 {
            conditions.push(condition?);
        }
        Ok(())
    };
    let w = wire;
    add(w.source_ip.len(), addresses(&w.source_ip).map(|set| Condition::Address(Source, set)))?;
    add(w.destination_ip.len(), addresses(&w.destination_ip).map(|set| Condition::Address(Destination, set)))?;
    add(w.source_ip_xlated.len(), addresses(&w.source_ip_xlated).map(Condition::Egress))?;
    add(w.source_pod.len(), pods(&w.source_pod).map(|pods| Condition::Pod(Source, pods)))?;
    add(w.destination_pod.len(), pods(&w.destination_pod).map(|pods| Condition::Pod(Destination, pods)))?;
    add(w.source_service.len(), pods(&w.source_service).map(|names| Condition::Service(Source, names)))?;
    add(w.destination_service.len(), pods(&w.destination_service).map(|names| Condition::Service(Destination, names)))?;
    add(w.source_fqdn.len(), fqdns(&w.source_fqdn).map(|list| Condition::Fqdn(Source, list)))?;
    add(w.destination_fqdn.len(), fqdns(&w.destination_fqdn).map(|list| Condition::Fqdn(Destination, list)))?;
    add(w.source_label.len(), selectors(&w.source_label).map(|list| Condition::Label(Source, list)))?;
    add(w.destination_label.len(), selectors(&w.destination_label).map(|list| Condition::Label(Destination, list)))?;
    add(w.source_port.len(), ports(&w.source_port).map(|list| Condition::Port(Source, list)))?;
    add(w.destination_port.len(), ports(&w.destination_port).map(|list| Condition::Port(Destination, list)))?;
    add(w.source_identity.len(), Ok(Condition::Identity(Source, w.source_identity.clone())))?;
    add(w.destination_identity.len(), Ok(Condition::Identity(Destination, w.destination_identity.clone())))?;
    add(w.source_workload.len(), Ok(Condition::Workload(Source, workloads(&w.source_workload))))?;
    add(w.destination_workload.len(), Ok(Condition::Workload(Destination, workloads(&w.destination_workload))))?;
    add(w.source_cluster_name.len(), Ok(Condition::Cluster(Source, w.source_cluster_name.clone())))?;
    add(w.destination_cluster_name.len(), Ok(Condition::Cluster(Destination, w.destination_cluster_name.clone())))?;
    add(w.verdict.len(), Ok(Condition::Verdict(w.verdict.clone())))?;
    add(w.event_type.len(), Ok(event_types(w)))?;
    add(w.protocol.len(), protocols(&w.protocol))?;
    add(w.reply.len(), Ok(Condition::Reply(w.reply.clone())))?;
    add(w.tcp_flags.len(), Ok(Condition::TcpFlags(w.tcp_flags.iter().map(flag_bits).collect())))?;
    add(w.node_name.len(), nodes(&w.node_name))?;
    add(w.node_labels.len(), selectors(&w.node_labels).map(Condition::NodeLabel))?;
    add(w.ip_version.len(), Ok(ip_versions(&w.ip_version)))?;
    add(w.traffic_direction.len(), Ok(Condition::Direction(w.traffic_direction.clone())))?;
    add(w.drop_reason_desc.len(), Ok(Condition::DropReason(w.drop_reason_desc.clone())))?;
    add(w.uuid.len(), Ok(Condition::Uuid(w.uuid.clone())))?;
    let interfaces = w.interface.iter().map(|one| (one.index, one.name.clone())).collect();
    add(w.interface.len(), Ok(Condition::Interface(interfaces)))?;
    add(w.encrypted.len(), Ok(Condition::Encrypted(w.encrypted.clone())))?;
    add(w.dns_query.len(), regexes(&w.dns_query).map(Condition::DnsQuery))?;
    // The values are checked although no flow of ours can match them: a slip must not look like
    // "no such flows".
    add(
        w.http_path.len() + w.http_url.len(),
        regexes(w.http_path.iter().chain(&w.http_url)).map(|_| Condition::Never),
    )?;
    let absent = w.http_status_code.len() + w.http_method.len() + w.http_header.len();
    add(absent + w.trace_id.len() + w.ip_trace_id.len(), Ok(Condition::Never))?;
    if w.experimental.as_ref().is_some_and(|experimental| !experimental.cel_expression.is_empty()) {
        return Err(FilterError::Unsupported("cel_expression"));
    }
    Ok(Filter { conditions })
}

/// Builds the filters of a list of ours.
pub fn own_filters(list: &[v1::Filter]) -> Result<Vec<Filter>, FilterError> {
    list.iter().map(own_filter).collect()
}

/// Builds one of our filters: Hubble's, and what it does not know.
pub fn own_filter(wire: &v1::Filter) -> Result<Filter, FilterError> {
    let mut filter = wire.flow.as_ref().map(filter).transpose()?.unwrap_or_default();
    let mut add = |values: usize, condition| {
        if values > 0 {
            filter.conditions.push(condition);
        }
    };
    let w = wire;
    add(w.egress_policy.len(), Condition::EgressPolicy(w.egress_policy.clone()));
    add(w.egress_gateway.len(), Condition::EgressGateway(w.egress_gateway.clone()));
    add(w.snat_port.len(), Condition::SnatPort(each(&w.snat_port, |port| FilterError::Port(port.to_string()))?));
    add(w.dns_rcode.len(), Condition::DnsRcode(each(&w.dns_rcode, FilterError::DnsRcode)?));
    add(w.outcome.len(), Condition::Outcome(outcomes(&w.outcome)?));
    add(w.source_port_range.len(), Condition::PortRange(Side::Source, port_ranges(&w.source_port_range)?));
    add(
        w.destination_port_range.len(),
        Condition::PortRange(Side::Destination, port_ranges(&w.destination_port_range)?),
    );
    filter.conditions.extend(w.unresolved.map(Condition::Unresolved));
    Ok(filter)
}

/// Numbers that must fit 16 bits.
fn each(numbers: &[u32], error: impl Fn(u32) -> FilterError) -> Result<Vec<u16>, FilterError> {
    numbers.iter().map(|number| u16::try_from(*number).map_err(|_| error(*number))).collect()
}

fn outcomes(numbers: &[i32]) -> Result<Vec<Outcome>, FilterError> {
    numbers.iter().map(|number| Outcome::of(*number).ok_or(FilterError::Outcome(*number))).collect()
}

fn port_ranges(ranges: &[v1::PortRange]) -> Result<Vec<RangeInclusive<u16>>, FilterError> {
    let one = |range: &v1::PortRange| {
        let ends = u16::try_from(range.first).ok().zip(u16::try_from(range.last).ok());
        ends.filter(|(first, last)| first <= last)
            .map(|(first, last)| first..=last)
            .ok_or(FilterError::PortRange(range.first, range.last))
    };
    ranges.iter().map(one).collect()
}

fn addresses(texts: &[String]) -> Result<AddressSet, FilterError> {
    AddressSet::parse(texts.iter().map(String::as_str))
}

fn pods(texts: &[String]) -> Result<Vec<PodPattern>, FilterError> {
    texts.iter().map(|text| PodPattern::parse(text)).collect()
}

fn fqdns(texts: &[String]) -> Result<Vec<Pattern>, FilterError> {
    texts.iter().map(|text| Ok(Pattern::fqdn(text)?)).collect()
}

fn nodes(texts: &[String]) -> Result<Condition, FilterError> {
    texts.iter().map(|text| Ok(Pattern::node(text)?)).collect::<Result<_, FilterError>>().map(Condition::NodeName)
}

fn selectors(texts: &[String]) -> Result<Vec<Selector>, FilterError> {
    texts.iter().map(|text| Ok(Selector::parse(text)?)).collect()
}

fn ports(texts: &[String]) -> Result<Vec<u16>, FilterError> {
    texts.iter().map(|text| text.parse().map_err(|_| FilterError::Port(text.clone()))).collect()
}

fn protocols(texts: &[String]) -> Result<Condition, FilterError> {
    texts.iter().map(|text| Protocol::parse(text)).collect::<Result<_, _>>().map(Condition::Protocol)
}

fn regexes<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<Vec<regex::Regex>, FilterError> {
    let one = |text: &String| {
        RegexBuilder::new(text).size_limit(MAX_REGEX).build().map_err(|_| FilterError::Regex(text.clone()))
    };
    texts.into_iter().map(one).collect()
}

fn workloads(list: &[crate::flow::Workload]) -> Vec<(String, String)> {
    list.iter().map(|workload| (workload.name.clone(), workload.kind.clone())).collect()
}

fn event_types(wire: &FlowFilter) -> Condition {
    let one = |filter: &crate::flow::EventTypeFilter| (filter.r#type, filter.match_sub_type.then_some(filter.sub_type));
    Condition::EventType(wire.event_type.iter().map(one).collect())
}

/// `flow.IPVersion` 1 is IPv4, 2 is IPv6.
fn ip_versions(numbers: &[i32]) -> Condition {
    let one = |number: &i32| match number {
        1 => 4,
        2 => 6,
        _ => 0,
    };
    Condition::IpVersion(numbers.iter().map(one).collect())
}

fn flag_bits(flags: &TcpFlags) -> u8 {
    [flags.fin, flags.syn, flags.rst, flags.psh, flags.ack, flags.urg, flags.ece, flags.cwr]
        .into_iter()
        .enumerate()
        .fold(0, |bits, (at, set)| bits | (u8::from(set) << at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_filter_has_no_conditions() {
        assert!(filter(&FlowFilter::default()).unwrap().conditions.is_empty());
    }

    #[test]
    fn a_bad_value_is_named() {
        let bad = FlowFilter { destination_fqdn: vec!["a b".into()], ..FlowFilter::default() };
        assert_eq!(filter(&bad).unwrap_err().to_string(), "' ': invalid rune in pattern");
        let bad = FlowFilter { protocol: vec!["zzz".into()], ..FlowFilter::default() };
        assert_eq!(filter(&bad).unwrap_err().to_string(), "invalid protocol filter: unknown protocol: \"zzz\"");
        let bad = FlowFilter { http_path: vec!["(".into()], ..FlowFilter::default() };
        assert!(filter(&bad).is_err());
    }

    #[test]
    fn our_filter_is_hubbles_and_more() {
        let wire = v1::Filter {
            flow: Some(FlowFilter { destination_port: vec!["443".into()], ..FlowFilter::default() }),
            egress_policy: vec!["p".into()],
            egress_gateway: vec!["g".into()],
            snat_port: vec![65_535],
            unresolved: Some(false),
            dns_rcode: vec![3],
            outcome: vec![v1::Outcome::Dropped as i32],
            destination_port_range: vec![v1::PortRange { first: 8000, last: 8100 }],
            source_port_range: vec![v1::PortRange { first: 0, last: 65_535 }],
        };
        let text = format!("{:?}", own_filter(&wire).unwrap().conditions);
        assert_eq!(
            text,
            "[Port(Destination, [443]), EgressPolicy([\"p\"]), EgressGateway([\"g\"]), SnatPort([65535]), \
             DnsRcode([3]), Outcome([Dropped]), PortRange(Source, [0..=65535]), PortRange(Destination, [8000..=8100]), \
             Unresolved(false)]"
        );
        assert!(own_filter(&v1::Filter::default()).unwrap().conditions.is_empty());
    }

    #[test]
    fn a_bad_value_of_ours_is_named() {
        let refusal = |wire: v1::Filter| own_filter(&wire).unwrap_err().to_string();
        let range = |first, last| vec![v1::PortRange { first, last }];
        let bad = v1::Filter { source_port_range: range(9, 8), ..v1::Filter::default() };
        assert!(refusal(bad).starts_with("invalid port range 9-8"));
        let bad = v1::Filter { destination_port_range: range(0, 65_536), ..v1::Filter::default() };
        assert!(refusal(bad).starts_with("invalid port range 0-65536"));
        let bad = v1::Filter { snat_port: vec![65_536], ..v1::Filter::default() };
        assert!(refusal(bad).contains("65536"));
        let bad = v1::Filter { dns_rcode: vec![70_000], ..v1::Filter::default() };
        assert!(refusal(bad).contains("70000"));
        for outcome in [0, 6] {
            let bad = v1::Filter { outcome: vec![outcome], ..v1::Filter::default() };
            assert_eq!(refusal(bad), format!("unknown outcome {outcome}"));
        }
    }

    #[test]
    fn flags_become_header_bits() {
        assert_eq!(flag_bits(&TcpFlags { syn: true, ack: true, ..TcpFlags::default() }), 0x12);
    }
}
