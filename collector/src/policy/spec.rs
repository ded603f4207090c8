//! `cilium.io/v2 CiliumEgressGatewayPolicy`, read unchanged and checked in full: the error names
//! the field and what it should be.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use serde_yaml_ng::Value;
use tidegate_flow::label::{Operator, Requirement, Selector};

use crate::inventory::objects::typed;

/// What a policy asks, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Any rule may select a pod.
    pub selectors: Vec<Rule>,
    /// Destinations, IPv4.
    pub destinations: Vec<Ipv4Net>,
    /// Destinations that are left alone, IPv4.
    pub excluded: Vec<Ipv4Net>,
    /// Gateways; pods are spread over them.
    pub gateways: Vec<Gateway>,
}

/// A rule selects pods that satisfy all of its selectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Asked of the pod's labels.
    pub pod: Option<Selector>,
    /// Asked of the labels of its namespace.
    pub namespace: Option<Selector>,
    /// Asked of the labels of its node.
    pub node: Option<Selector>,
}

/// One gateway: a node and the address there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Asked of the node's labels; of several nodes the first by name is taken.
    pub node: Selector,
    /// Which address is the egress address.
    pub address: EgressAddress,
}

/// Which address of the gateway is the egress address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgressAddress {
    /// The first one of the device of the default route.
    Default,
    /// The first one of this device.
    Interface(String),
    /// This one.
    Fixed(IpAddr),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawPolicy {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "metadata")]
    _metadata: Value,
    spec: RawSpec,
    #[serde(rename = "status", default)]
    _status: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawSpec {
    selectors: Vec<RawRule>,
    #[serde(rename = "destinationCIDRs")]
    destination_cidrs: Vec<String>,
    #[serde(rename = "excludedCIDRs", default)]
    excluded_cidrs: Vec<String>,
    egress_gateway: Option<RawGateway>,
    #[serde(default)]
    egress_gateways: Vec<RawGateway>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawRule {
    pod_selector: Option<RawSelector>,
    namespace_selector: Option<RawSelector>,
    node_selector: Option<RawSelector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawGateway {
    node_selector: Option<RawSelector>,
    interface: Option<String>,
    #[serde(rename = "egressIP")]
    egress_ip: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct RawSelector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<RawExpression>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpression {
    key: String,
    operator: String,
    #[serde(default)]
    values: Vec<String>,
}

/// Reads a policy document; the error starts with the field.
pub fn read(document: &Value) -> Result<Policy, String> {
    let raw: RawPolicy = typed(document)?;
    let spec = raw.spec;
    if spec.selectors.is_empty() {
        return Err("spec.selectors: give at least one".into());
    }
    let selectors = spec
        .selectors
        .iter()
        .enumerate()
        .map(|(at, rule)| read_rule(rule, &format!("spec.selectors[{at}]")))
        .collect::<Result<_, _>>()?;
    if spec.destination_cidrs.is_empty() {
        return Err("spec.destinationCIDRs: give at least one".into());
    }
    let gateways = match (spec.egress_gateways.is_empty(), &spec.egress_gateway) {
        (false, _) => spec
            .egress_gateways
            .iter()
            .enumerate()
            .map(|(at, gateway)| read_gateway(gateway, &format!("spec.egressGateways[{at}]")))
            .collect::<Result<_, _>>()?,
        (true, Some(gateway)) => vec![read_gateway(gateway, "spec.egressGateway")?],
        (true, None) => return Err("spec.egressGateway: is missing".into()),
    };
    Ok(Policy {
        selectors,
        destinations: read_cidrs(&spec.destination_cidrs, "spec.destinationCIDRs")?,
        excluded: read_cidrs(&spec.excluded_cidrs, "spec.excludedCIDRs")?,
        gateways,
    })
}

fn read_rule(rule: &RawRule, path: &str) -> Result<Rule, String> {
    if rule.pod_selector.is_none() && rule.namespace_selector.is_none() {
        return Err(format!("{path}: give podSelector or namespaceSelector ({{}} selects all)"));
    }
    let read = |selector: &Option<RawSelector>, field| {
        selector.as_ref().map(|selector| read_selector(selector, &format!("{path}.{field}"))).transpose()
    };
    Ok(Rule {
        pod: read(&rule.pod_selector, "podSelector")?,
        namespace: read(&rule.namespace_selector, "namespaceSelector")?,
        node: read(&rule.node_selector, "nodeSelector")?,
    })
}

fn read_gateway(gateway: &RawGateway, path: &str) -> Result<Gateway, String> {
    let Some(node) = &gateway.node_selector else {
        return Err(format!("{path}.nodeSelector: is missing"));
    };
    let address = match (&gateway.interface, &gateway.egress_ip) {
        (Some(_), Some(_)) => return Err(format!("{path}: give interface or egressIP, not both")),
        (Some(name), None) if name.is_empty() => return Err(format!("{path}.interface: is empty")),
        (Some(name), None) => EgressAddress::Interface(name.clone()),
        (None, Some(ip)) => {
            EgressAddress::Fixed(ip.parse().map_err(|_| format!("{path}.egressIP: {ip:?} is no IP address"))?)
        }
        (None, None) => EgressAddress::Default,
    };
    Ok(Gateway { node: read_selector(node, &format!("{path}.nodeSelector"))?, address })
}

fn read_selector(selector: &RawSelector, path: &str) -> Result<Selector, String> {
    let mut requirements: Vec<_> = selector
        .match_labels
        .iter()
        .map(|(key, value)| Requirement { key: key.clone(), operator: Operator::In(vec![value.clone()]) })
        .collect();
    for (at, expression) in selector.match_expressions.iter().enumerate() {
        let operator = Operator::parse(&expression.key, &expression.operator, expression.values.clone())
            .map_err(|error| format!("{path}.matchExpressions[{at}]: {error}"))?;
        requirements.push(Requirement { key: expression.key.clone(), operator });
    }
    Ok(Selector::new(requirements))
}

/// The IPv4 networks of a list; IPv6 ones are checked and passed by, they have no datapath yet.
fn read_cidrs(texts: &[String], path: &str) -> Result<Vec<Ipv4Net>, String> {
    let mut nets = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(IpNet::V4(net)) => nets.push(net.trunc()),
            Ok(IpNet::V6(_)) => tracing::warn!(cidr = %text, "IPv6 destinations are not translated yet"),
            Err(_) => return Err(format!("{path}[{at}]: {text:?} is no CIDR (such as 203.0.113.0/24)")),
        }
    }
    Ok(nets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUTORIAL: &str = "
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata: {name: egress-worker}
spec:
  selectors:
    - podSelector: {matchLabels: {app: client, node: worker}}
  destinationCIDRs: [0.0.0.0/0]
  excludedCIDRs: [10.244.0.0/16, 10.96.0.0/16, 172.19.0.0/16]
  egressGateway:
    nodeSelector: {matchLabels: {kubernetes.io/hostname: worker}}
";

    fn check(change: (&str, &str), expected: &str) {
        assert!(TUTORIAL.contains(change.0), "the change must change something");
        let text = TUTORIAL.replace(change.0, change.1);
        let error = read(&serde_yaml_ng::from_str(&text).unwrap()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn the_tutorials_policy_is_read_as_it_is() {
        let policy = read(&serde_yaml_ng::from_str(TUTORIAL).unwrap()).unwrap();
        assert_eq!(policy.destinations, ["0.0.0.0/0".parse().unwrap()]);
        assert_eq!(policy.excluded.len(), 3);
        assert_eq!(policy.gateways[0].address, EgressAddress::Default);
    }

    #[test]
    fn every_error_names_its_field() {
        check(("podSelector", "podSelecter"), "spec.selectors[0]");
        check(("[0.0.0.0/0]", "[garbage]"), "spec.destinationCIDRs[0]: \"garbage\"");
        check(("[0.0.0.0/0]", "[]"), "spec.destinationCIDRs");
        check(
            ("  egressGateway:", "  egressGateway:\n    interface: eth0\n    egressIP: 1.2.3.4"),
            "interface or egressIP, not both",
        );
        check(("  egressGateway:", "  egressGateway:\n    egressIP: 1.2.3"), "spec.egressGateway.egressIP");
        check(
            ("    nodeSelector: {matchLabels: {kubernetes.io/hostname: worker}}", "    interface: eth0"),
            "spec.egressGateway.nodeSelector",
        );
        check(
            ("{matchLabels: {app: client, node: worker}}", "{matchExpressions: [{key: a, operator: Gt}]}"),
            "matchExpressions[0]",
        );
        check(
            ("    - podSelector: {matchLabels: {app: client, node: worker}}", "    - nodeSelector: {}"),
            "spec.selectors[0]",
        );
    }
}
