//! Hubble's `FlowFilter` over decoded messages. Patterns, addresses and selectors are those of
//! the servers (`tidegate_flow::filter`); here they meet the fields of a message that may come
//! from another server and hold what ours never sends.

use std::net::IpAddr;

use regex::Regex;
use tidegate_flow::filter::{AddressSet, Pattern, PodPattern};
use tidegate_flow::label::Selector;
use tidegate_proto::flow::{self, Flow, FlowFilter, layer4, layer7};
use tidegate_proto::terms::Filters;
use tidegate_proto::v1::Filter;

use super::own;
use super::parts::{has_workload, http, includes, labels, path, pod, ports, record, service, tcp_flags};

/// The filters of a request, built once.
pub(super) struct Matcher {
    allow: Vec<Vec<Condition>>,
    deny: Vec<Vec<Condition>>,
}

/// All conditions of a filter must hold.
type Condition = Box<dyn Fn(&Flow) -> bool>;

impl Matcher {
    /// # Errors
    /// When a filter's value is malformed.
    pub(super) fn new(filters: &Filters) -> anyhow::Result<Self> {
        let build = |list: &[Filter]| list.iter().map(conditions).collect::<Result<_, _>>();
        Ok(Self { allow: build(&filters.allow)?, deny: build(&filters.deny)? })
    }

    /// Whether the flow is to be shown.
    pub(super) fn admits(&self, flow: &Flow) -> bool {
        let matches = |filter: &Vec<Condition>| filter.iter().all(|holds| holds(flow));
        (self.allow.is_empty() || self.allow.iter().any(matches)) && !self.deny.iter().any(matches)
    }
}

fn conditions(filter: &Filter) -> anyhow::Result<Vec<Condition>> {
    let mut all = Conditions(Vec::new());
    if let Some(stock) = &filter.flow {
        stock_conditions(stock, &mut all)?;
    }
    own::conditions(filter, &mut all);
    Ok(all.0)
}

fn stock_conditions(filter: &FlowFilter, all: &mut Conditions) -> anyhow::Result<()> {
    anyhow::ensure!(
        filter.experimental.as_ref().is_none_or(|cel| cel.cel_expression.is_empty()),
        "--cel-expression is not supported with --input-file; use the other filters"
    );
    sides(filter, all)?;
    whole(filter, all)?;
    application(filter, all)
}

/// Collects the conditions of fields that are set.
pub(super) struct Conditions(Vec<Condition>);

impl Conditions {
    pub(super) fn add<T>(&mut self, values: &[T], holds: impl Fn(&Flow) -> bool + 'static) {
        if !values.is_empty() {
            self.0.push(Box::new(holds));
        }
    }

    /// One of the filter's values equals what the flow has.
    fn equal<T: PartialEq + Clone + 'static>(&mut self, values: &[T], of: fn(&Flow) -> Option<T>) {
        let wanted = values.to_vec();
        self.add(values, move |flow| of(flow).is_some_and(|value| wanted.contains(&value)));
    }

    fn addresses(&mut self, values: &[String], of: fn(&Flow) -> Option<&str>) -> anyhow::Result<()> {
        let set = AddressSet::parse(values.iter().map(String::as_str))?;
        self.add(values, move |flow| {
            let address = of(flow).and_then(|text| text.parse::<IpAddr>().ok());
            address.is_some_and(|address| set.contains(address))
        });
        Ok(())
    }

    fn pods(&mut self, values: &[String], of: fn(&Flow) -> Option<(&str, &str)>) -> anyhow::Result<()> {
        let patterns: Vec<_> = values.iter().map(|text| PodPattern::parse(text)).collect::<Result<_, _>>()?;
        self.add(values, move |flow| {
            of(flow).is_some_and(|(namespace, name)| {
                let known = !namespace.is_empty() || !name.is_empty();
                known && patterns.iter().any(|pattern| pattern.matches_pod(namespace, name))
            })
        });
        Ok(())
    }

    fn names(&mut self, values: &[String], of: fn(&Flow) -> &[String]) -> anyhow::Result<()> {
        let patterns: Vec<_> = values.iter().map(|text| Pattern::fqdn(text)).collect::<Result<_, _>>()?;
        self.add(values, move |flow| of(flow).iter().any(|name| patterns.iter().any(|pattern| pattern.matches(name))));
        Ok(())
    }

    fn labels(&mut self, values: &[String], of: fn(&Flow) -> &[String]) -> anyhow::Result<()> {
        let selectors: Vec<_> = values.iter().map(|text| Selector::parse(text)).collect::<Result<_, _>>()?;
        self.add(values, move |flow| selectors.iter().any(|selector| selector.matches_list(of(flow))));
        Ok(())
    }

    fn expressions(&mut self, values: &[String], of: fn(&Flow) -> Option<&str>) -> anyhow::Result<()> {
        let expressions: Vec<_> = values.iter().map(|text| Regex::new(text)).collect::<Result<_, _>>()?;
        self.add(values, move |flow| of(flow).is_some_and(|text| expressions.iter().any(|one| one.is_match(text))));
        Ok(())
    }
}

fn sides(filter: &FlowFilter, all: &mut Conditions) -> anyhow::Result<()> {
    all.addresses(&filter.source_ip, |flow| Some(&flow.ip.as_ref()?.source))?;
    all.addresses(&filter.destination_ip, |flow| Some(&flow.ip.as_ref()?.destination))?;
    all.addresses(&filter.source_ip_xlated, |flow| Some(&flow.ip.as_ref()?.source_xlated))?;
    all.pods(&filter.source_pod, |flow| pod(flow.source.as_ref()))?;
    all.pods(&filter.destination_pod, |flow| pod(flow.destination.as_ref()))?;
    all.pods(&filter.source_service, |flow| service(flow.source_service.as_ref()))?;
    all.pods(&filter.destination_service, |flow| service(flow.destination_service.as_ref()))?;
    all.names(&filter.source_fqdn, |flow| &flow.source_names)?;
    all.names(&filter.destination_fqdn, |flow| &flow.destination_names)?;
    all.labels(&filter.source_label, |flow| labels(flow.source.as_ref()))?;
    all.labels(&filter.destination_label, |flow| labels(flow.destination.as_ref()))?;
    all.equal(&filter.source_port, |flow| Some(ports(flow)?.0.to_string()));
    all.equal(&filter.destination_port, |flow| Some(ports(flow)?.1.to_string()));
    all.equal(&filter.source_identity, |flow| Some(flow.source.as_ref()?.identity));
    all.equal(&filter.destination_identity, |flow| Some(flow.destination.as_ref()?.identity));
    all.equal(&filter.source_cluster_name, |flow| Some(flow.source.as_ref()?.cluster_name.clone()));
    all.equal(&filter.destination_cluster_name, |flow| Some(flow.destination.as_ref()?.cluster_name.clone()));
    let wanted = filter.source_workload.clone();
    all.add(&filter.source_workload, move |flow| has_workload(flow.source.as_ref(), &wanted));
    let wanted = filter.destination_workload.clone();
    all.add(&filter.destination_workload, move |flow| has_workload(flow.destination.as_ref(), &wanted));
    Ok(())
}

fn whole(filter: &FlowFilter, all: &mut Conditions) -> anyhow::Result<()> {
    all.equal(&filter.verdict, |flow| Some(flow.verdict));
    all.equal(&filter.drop_reason_desc, |flow| Some(flow.drop_reason_desc));
    all.equal(&filter.traffic_direction, |flow| Some(flow.traffic_direction));
    all.equal(&filter.uuid, |flow| Some(flow.uuid.clone()));
    all.equal(&filter.ip_version, |flow| Some(flow.ip.as_ref()?.ip_version));
    all.equal(&filter.encrypted, |flow| Some(flow.ip.as_ref().is_some_and(|ip| ip.encrypted)));
    all.equal(&filter.ip_trace_id, |flow| Some(flow.ip_trace_id.as_ref()?.trace_id));
    all.equal(&filter.trace_id, |flow| Some(flow.trace_context.as_ref()?.parent.as_ref()?.trace_id.clone()));
    // A dropped packet never became a reply.
    all.equal(&filter.reply, |flow| match flow.verdict() {
        flow::Verdict::Dropped => Some(flow.is_reply.unwrap_or_default()),
        _ => flow.is_reply,
    });
    all.labels(&filter.node_labels, |flow| &flow.node_labels)?;

    let wanted = filter.event_type.clone();
    all.add(&filter.event_type, move |flow| {
        flow.event_type.as_ref().is_some_and(|event| {
            wanted.iter().any(|wanted| {
                (wanted.r#type == 0 || wanted.r#type == event.r#type)
                    && (!wanted.match_sub_type || wanted.sub_type == event.sub_type)
            })
        })
    });
    let wanted = filter.interface.clone();
    all.add(&filter.interface, move |flow| {
        flow.interface.as_ref().is_some_and(|device| {
            wanted.iter().any(|wanted| {
                (wanted.index == 0 || wanted.index == device.index)
                    && (wanted.name.is_empty() || wanted.name == device.name)
            })
        })
    });
    let wanted = filter.tcp_flags.clone();
    all.add(&filter.tcp_flags, move |flow| {
        tcp_flags(flow).is_some_and(|set| wanted.iter().any(|wanted| includes(set, wanted)))
    });
    let patterns: Vec<_> = filter.node_name.iter().map(|text| Pattern::node(text)).collect::<Result<_, _>>()?;
    all.add(&filter.node_name, move |flow| {
        let name = match flow.node_name.contains('/') {
            true => flow.node_name.clone(),
            false => format!("default/{}", flow.node_name),
        };
        patterns.iter().any(|pattern| pattern.matches(&name))
    });
    let wanted: Vec<_> = filter.protocol.iter().map(|name| name.to_ascii_lowercase()).collect();
    for name in &wanted {
        anyhow::ensure!(PROTOCOLS.contains(&name.as_str()), "invalid protocol filter: unknown protocol: {name:?}");
    }
    all.add(&filter.protocol, move |flow| wanted.iter().any(|name| speaks(flow, name)));
    Ok(())
}

fn application(filter: &FlowFilter, all: &mut Conditions) -> anyhow::Result<()> {
    all.expressions(&filter.dns_query, |flow| match record(flow)? {
        layer7::Record::Dns(dns) => Some(&dns.query),
        _ => None,
    })?;
    all.expressions(&filter.http_url, |flow| Some(&http(flow)?.url))?;
    all.expressions(&filter.http_path, |flow| Some(path(&http(flow)?.url)))?;
    let wanted = filter.http_method.clone();
    all.add(&filter.http_method, move |flow| {
        http(flow).is_some_and(|http| wanted.iter().any(|w| w.eq_ignore_ascii_case(&http.method)))
    });
    let wanted = filter.http_header.clone();
    all.add(&filter.http_header, move |flow| {
        http(flow).is_some_and(|http| wanted.iter().any(|header| http.headers.contains(header)))
    });
    for code in &filter.http_status_code {
        let digits = code.strip_suffix('+').unwrap_or(code);
        let number = digits.bytes().all(|byte| byte.is_ascii_digit());
        anyhow::ensure!(
            number && digits.starts_with(['1', '2', '3', '4', '5']) && digits.len() <= 3,
            "invalid http status code filter: invalid status code prefix: {code:?}"
        );
    }
    let wanted = filter.http_status_code.clone();
    all.add(&filter.http_status_code, move |flow| {
        http(flow).filter(|http| http.code != 0).is_some_and(|http| {
            let code = http.code.to_string();
            wanted.iter().any(|wanted| match wanted.strip_suffix('+') {
                Some(prefix) => code.starts_with(prefix),
                None => code == *wanted,
            })
        })
    });
    Ok(())
}

const PROTOCOLS: [&str; 11] =
    ["icmp", "icmpv4", "icmpv6", "tcp", "udp", "sctp", "vrrp", "igmp", "dns", "http", "kafka"];

fn speaks(flow: &Flow, protocol: &str) -> bool {
    use layer4::Protocol::{IcmPv4, IcmPv6, Igmp, Sctp, Tcp, Udp, Vrrp};
    use layer7::Record::{Dns, Http, Kafka};
    let l4 = match flow.l4.as_ref().and_then(|l4| l4.protocol.as_ref()) {
        Some(IcmPv4(_)) => protocol == "icmpv4" || protocol == "icmp",
        Some(IcmPv6(_)) => protocol == "icmpv6" || protocol == "icmp",
        Some(Tcp(_)) => protocol == "tcp",
        Some(Udp(_)) => protocol == "udp",
        Some(Sctp(_)) => protocol == "sctp",
        Some(Vrrp(_)) => protocol == "vrrp",
        Some(Igmp(_)) => protocol == "igmp",
        None => false,
    };
    let l7 = match record(flow) {
        Some(Dns(_)) => protocol == "dns",
        Some(Http(_)) => protocol == "http",
        Some(Kafka(_)) => protocol == "kafka",
        None => false,
    };
    l4 || l7
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
