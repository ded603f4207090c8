//! Conditions that Hubble's filters do not have: over the message, and over the facts that a
//! server of ours adds to it.

use prost::Message as _;
use tidegate_flow::identity;
use tidegate_proto::flow::{Flow, L7FlowType, Verdict, layer7};
use tidegate_proto::v1::{Filter, FlowInfo, Outcome, PortRange};

use super::matching::Conditions;
use super::parts::{ports, record};

/// Collects the conditions of fields that are set.
pub(super) fn conditions(filter: &Filter, all: &mut Conditions) {
    let wanted = filter.egress_policy.clone();
    all.add(&filter.egress_policy, move |flow| info(flow).is_some_and(|info| wanted.contains(&info.policy)));
    let wanted = filter.egress_gateway.clone();
    all.add(&filter.egress_gateway, move |flow| info(flow).is_some_and(|info| wanted.contains(&info.gateway)));
    // Only the packet on its way out carries the egress address.
    let wanted = filter.snat_port.clone();
    all.add(&filter.snat_port, move |flow| {
        let egress = info(flow).filter(|info| flow.is_reply == Some(false) && !info.egress_ip.is_empty());
        egress.is_some_and(|info| wanted.contains(&info.egress_port))
    });
    let wanted = filter.dns_rcode.clone();
    all.add(&filter.dns_rcode, move |flow| rcode(flow).is_some_and(|code| wanted.contains(&code)));
    let wanted = filter.outcome.clone();
    all.add(&filter.outcome, move |flow| wanted.contains(&i32::from(outcome(flow))));
    all.add(filter.unresolved.as_slice(), {
        let wanted = filter.unresolved;
        move |flow| Some(is_unresolved(flow)) == wanted
    });
    let wanted = filter.source_port_range.clone();
    all.add(&filter.source_port_range, move |flow| ports(flow).is_some_and(|(port, _)| within(&wanted, port)));
    let wanted = filter.destination_port_range.clone();
    all.add(&filter.destination_port_range, move |flow| ports(flow).is_some_and(|(_, port)| within(&wanted, port)));
}

fn info(flow: &Flow) -> Option<FlowInfo> {
    let any = flow.extensions.as_ref().filter(|any| any.type_url.ends_with("/tidegate.v1.FlowInfo"))?;
    FlowInfo::decode(any.value.as_slice()).ok()
}

fn rcode(flow: &Flow) -> Option<u32> {
    match record(flow)? {
        layer7::Record::Dns(dns) if flow.l7.as_ref()?.r#type() == L7FlowType::Response => Some(dns.rcode),
        _ => None,
    }
}

fn outcome(flow: &Flow) -> Outcome {
    let stock = || flow.ip.as_ref().is_some_and(|ip| !ip.source_xlated.is_empty());
    let own = || info(flow).is_some_and(|info| !info.egress_ip.is_empty());
    match flow.verdict() {
        Verdict::Dropped => Outcome::Dropped,
        Verdict::Audit => Outcome::Audit,
        Verdict::Error => Outcome::Error,
        _ if stock() || own() => Outcome::Translated,
        _ => Outcome::Forwarded,
    }
}

fn is_unresolved(flow: &Flow) -> bool {
    let outside = flow.destination.as_ref().is_some_and(|endpoint| identity::is_outside(endpoint.identity));
    outside && flow.destination_names.is_empty()
}

fn within(ranges: &[PortRange], port: u32) -> bool {
    ranges.iter().any(|range| (range.first..=range.last).contains(&port))
}

#[cfg(test)]
mod tests {
    use tidegate_proto::json;
    use tidegate_proto::terms::{self, bar};

    use super::super::matching::Matcher;
    use super::*;

    const TRANSLATED: &str = r#"{
        "verdict": "FORWARDED", "is_reply": false, "source": {"identity": 41395}, "destination": {"identity": 2},
        "l4": {"TCP": {"source_port": 40000, "destination_port": 8080}},
        "extensions": {"@type": "type.googleapis.com/tidegate.v1.FlowInfo", "egress_ip": "203.0.113.7",
                       "egress_port": 41234, "policy": "payments", "gateway": "gw-1"}}"#;
    const REPLY: &str = r#"{
        "verdict": "FORWARDED", "is_reply": true, "source": {"identity": 2}, "destination": {"identity": 41395},
        "l4": {"TCP": {"source_port": 8080, "destination_port": 40000}},
        "extensions": {"@type": "type.googleapis.com/tidegate.v1.FlowInfo", "egress_ip": "203.0.113.7",
                       "egress_port": 41234, "policy": "payments", "gateway": "gw-1"}}"#;
    const NXDOMAIN: &str = r#"{
        "verdict": "FORWARDED", "is_reply": true, "destination": {"identity": 41395},
        "l7": {"type": "RESPONSE", "dns": {"query": "a.example.", "rcode": 3}}}"#;
    const QUERY: &str = r#"{"verdict": "FORWARDED", "l7": {"type": "REQUEST", "dns": {"query": "a.example."}}}"#;
    const DROPPED: &str = r#"{
        "verdict": "DROPPED", "destination": {"identity": 2}, "destination_names": ["a.example"],
        "IP": {"source_xlated": "203.0.113.7"}}"#;

    /// Which of the flows above a query asks for.
    fn admitted(query: &str) -> Vec<usize> {
        let matcher = Matcher::new(&terms::translate(&bar::parse(query).unwrap()).unwrap()).unwrap();
        let flows = [TRANSLATED, REPLY, NXDOMAIN, QUERY, DROPPED].map(|text| json::from_str::<Flow>(text).unwrap());
        flows.iter().enumerate().filter(|(_, flow)| matcher.admits(flow)).map(|(index, _)| index).collect()
    }

    #[test]
    fn every_key_of_ours_matches_its_flows_and_no_others() {
        for (query, flows) in [
            ("egress-policy:payments", &[0, 1][..]),
            ("egress-policy:pay", &[]),
            ("egress-gateway:gw-1", &[0, 1]),
            ("snat-port:41234", &[0]),
            ("snat-port:0", &[]),
            ("dns-rcode:nxdomain", &[2]),
            ("dns-rcode:0", &[]),
            ("outcome:translated", &[0, 1]),
            ("outcome:forwarded outcome:dropped", &[2, 3, 4]),
            ("unresolved", &[0]),
            ("!unresolved", &[1, 2, 3, 4]),
            ("to-port:8000-8100", &[0]),
            ("from-port:53 from-port:8000-8100", &[1]),
            ("port:8080-8080 outcome:translated", &[0, 1]),
            ("port:8081-9000", &[]),
            ("verdict:forwarded egress-policy:payments snat-port:41234", &[0]),
        ] {
            assert_eq!(admitted(query), flows, "{query}");
        }
    }
}
