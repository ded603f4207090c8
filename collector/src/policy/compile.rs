//! From all policies and all objects to what this node's kernel shall hold.
//!
//! Each local pod, and each remote pod whose gateway this node is, gets the number of a ruleset:
//! the distinct combination of rules that its policies give. Entries are O(pods + CIDRs), not
//! their product. Numbers are hashes of contents, so that a restarted collector writes the same
//! ones and finds nothing to change.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::Ipv4Net;
use tidegate_ebpf_abi::policy::{Endpoint, Rule, inside, rule_kind};

use super::spec::{EgressAddress, Gateway, Policy};
use crate::{
    inventory::{
        Inventory, NodeFacts, PodFacts,
        objects::{Body, Object},
    },
    kernel::EgressState,
};

/// Addresses of this node that can be egress addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalAddresses {
    /// IPv4 addresses of each device, in the kernel's order.
    pub devices: BTreeMap<String, Vec<Ipv4Addr>>,
    /// Device of the IPv4 default route.
    pub default_device: Option<String>,
}

/// What follows from the policies.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// What the maps shall hold.
    pub state: EgressState,
    /// Policy number -> name.
    pub names: HashMap<u32, Arc<str>>,
    /// One per policy, in order of name.
    pub status: Vec<PolicyStatus>,
}

/// How a policy came out on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyStatus {
    /// Name of the policy.
    pub name: String,
    /// Selected pods of the cluster, `namespace/name`.
    pub matched: Vec<String>,
    /// Gateway nodes, one per entry that has one.
    pub gateways: Vec<String>,
    /// Egress addresses on this node, if it is a gateway.
    pub egress: Vec<Ipv4Addr>,
    /// What keeps it from working as written.
    pub problems: Vec<String>,
}

/// Networks that are nobody's outside: own host, link-local, multicast, broadcast.
const NEVER_OUTSIDE: [&str; 4] = ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"];

/// One policy with everything that is the same for all pods.
struct Candidate<'a> {
    name: &'a str,
    number: u32,
    policy: &'a Policy,
    /// Rule for the pods of each gateway entry; entries without a node are left out.
    gateways: Vec<(String, Rule)>,
}

/// Computes the contents of the maps of node `local`.
#[must_use]
pub fn compile(inventory: &Inventory, objects: &[Object], local: &str, addresses: &LocalAddresses) -> Compiled {
    let mut compiled = Compiled::default();
    networks(inventory, addresses, &mut compiled.state);
    let mut policies: Vec<(&Object, &Policy)> = objects
        .iter()
        .filter_map(|object| match &object.body {
            Body::Policy(policy) => Some((object, policy)),
            _ => None,
        })
        .collect();
    // Who wins where two policies name the same destination for one pod: the older, then the
    // first by name. Objects without a time come last.
    policies.sort_by_key(|(object, _)| (object.created.is_empty(), object.created.clone(), object.name.clone()));
    let mut statuses: Vec<PolicyStatus> = Vec::new();
    let candidates: Vec<Candidate<'_>> = policies
        .iter()
        .map(|(object, policy)| {
            let (candidate, status) = candidate(&object.name, policy, inventory, local, addresses);
            statuses.push(status);
            candidate
        })
        .collect();
    for candidate in &candidates {
        compiled.names.insert(candidate.number, candidate.name.into());
    }
    for pod in &inventory.pods {
        place(pod, &candidates, &mut statuses, inventory, local, &mut compiled);
    }
    statuses.sort_by(|a, b| a.name.cmp(&b.name));
    compiled.status = statuses;
    compiled
}

/// What is inside the cluster, and who may speak on the overlay.
fn networks(inventory: &Inventory, addresses: &LocalAddresses, state: &mut EgressState) {
    for net in NEVER_OUTSIDE {
        state.inside.insert(net.parse().expect("a constant"), inside::NODE);
    }
    for node in inventory.nodes.values() {
        for cidr in &node.pod_cidrs {
            state.inside.insert(*cidr, inside::PODS);
        }
    }
    for pod in &inventory.pods {
        let covered = inventory.nodes.values().flat_map(|node| &node.pod_cidrs).any(|cidr| cidr.contains(&pod.address));
        if !covered {
            state.inside.insert(pod.address.into(), inside::PODS);
        }
    }
    for service in inventory.service_addresses() {
        if let IpAddr::V4(address) = service {
            state.inside.insert(address.into(), inside::SERVICE);
        }
    }
    for node in inventory.nodes.values() {
        for address in &node.addresses {
            state.inside.insert((*address).into(), inside::NODE);
        }
        if let Some(address) = node.address {
            state.nodes.insert(address, 1);
        }
    }
    for address in addresses.devices.values().flatten() {
        state.inside.entry((*address).into()).or_insert(inside::NODE);
    }
}

/// Resolves gateways and egress addresses of one policy.
fn candidate<'a>(
    name: &'a str,
    policy: &'a Policy,
    inventory: &Inventory,
    local: &str,
    addresses: &LocalAddresses,
) -> (Candidate<'a>, PolicyStatus) {
    let number = number_of(name);
    let mut status = PolicyStatus { name: name.to_owned(), ..PolicyStatus::default() };
    let mut gateways = Vec::new();
    for gateway in &policy.gateways {
        let found = inventory.nodes.iter().find(|(_, node)| gateway.node.matches_map(&node.labels));
        let Some((node_name, node)) = found else {
            status.problems.push("no node matches the nodeSelector of a gateway".into());
            continue;
        };
        status.gateways.push(node_name.clone());
        let rule = rule_of(gateway, number, node_name == local, node, addresses, &mut status);
        gateways.push((node_name.clone(), rule));
    }
    (Candidate { name, number, policy, gateways }, status)
}

fn rule_of(
    gateway: &Gateway,
    policy: u32,
    here: bool,
    node: &NodeFacts,
    addresses: &LocalAddresses,
    status: &mut PolicyStatus,
) -> Rule {
    if !here {
        return match node.address {
            Some(address) => Rule { kind: rule_kind::TUNNEL, policy, gateway: word(address), egress: 0 },
            None => {
                status.problems.push("the gateway node has no InternalIP".into());
                Rule { kind: rule_kind::NO_GATEWAY, policy, ..Rule::default() }
            }
        };
    }
    let own = node.address.map_or(0, word);
    match egress_address(&gateway.address, addresses) {
        Ok(address) => {
            status.egress.push(address);
            Rule { kind: rule_kind::TRANSLATE, policy, gateway: own, egress: word(address) }
        }
        Err(problem) => {
            status.problems.push(problem);
            Rule { kind: rule_kind::NO_EGRESS_IP, policy, gateway: own, egress: 0 }
        }
    }
}

/// The egress address that a gateway entry means on this node, or why there is none.
fn egress_address(wanted: &EgressAddress, addresses: &LocalAddresses) -> Result<Ipv4Addr, String> {
    let first_of = |device: &str| {
        addresses
            .devices
            .get(device)
            .ok_or_else(|| format!("no device {device} on the gateway"))?
            .first()
            .copied()
            .ok_or_else(|| format!("device {device} of the gateway has no IPv4 address"))
    };
    match wanted {
        EgressAddress::Fixed(IpAddr::V4(address)) if addresses.devices.values().flatten().any(|own| own == address) => {
            Ok(*address)
        }
        EgressAddress::Fixed(address) => {
            Err(format!("egressIP {address} is on no device of the gateway: add it there"))
        }
        EgressAddress::Interface(device) => first_of(device),
        EgressAddress::Default => match &addresses.default_device {
            Some(device) => first_of(device),
            None => {
                Err("the gateway has no IPv4 default route to take an address from: set egressIP or interface".into())
            }
        },
    }
}

/// Enters one pod: selected by what, hence by which ruleset.
fn place(
    pod: &PodFacts,
    candidates: &[Candidate<'_>],
    statuses: &mut [PolicyStatus],
    inventory: &Inventory,
    local: &str,
    compiled: &mut Compiled,
) {
    let no_labels = BTreeMap::new();
    let node = inventory.nodes.get(&pod.node);
    let node_labels = node.map_or(&no_labels, |node| &node.labels);
    let mut rules: BTreeMap<Ipv4Net, Rule> = BTreeMap::new();
    let mut owners: BTreeMap<Ipv4Net, &str> = BTreeMap::new();
    let mut selected = false;
    for candidate in candidates {
        if !selects(candidate.policy, pod, node_labels) {
            continue;
        }
        selected = true;
        let rule = rule_for(candidate, pod);
        let status = statuses.iter_mut().find(|status| status.name == candidate.name);
        let mut lost: Option<&str> = None;
        let excluded = candidate
            .policy
            .excluded
            .iter()
            .map(|net| (*net, Rule { kind: rule_kind::EXCLUDED, policy: candidate.number, ..Rule::default() }));
        // Within one policy an exclusion wins over the same destination.
        let mut own: BTreeMap<Ipv4Net, Rule> = candidate.policy.destinations.iter().map(|net| (*net, rule)).collect();
        own.extend(excluded);
        for (net, rule) in own {
            match owners.get(&net) {
                Some(winner) => lost = Some(winner),
                None => {
                    owners.insert(net, candidate.name);
                    rules.insert(net, rule);
                }
            }
        }
        if let Some(status) = status {
            status.matched.push(pod.name.clone());
            if let Some(winner) = lost {
                let problem = format!("{winner} comes first for the same destination of {}", pod.name);
                status.problems.push(problem);
            }
        }
    }
    let here = pod.node == local;
    let serves = rules.values().any(|rule| matches!(rule.kind, rule_kind::TRANSLATE | rule_kind::NO_EGRESS_IP));
    if !here && !serves {
        return;
    }
    let ruleset = if selected { number_of_rules(&rules) } else { 0 };
    let node = if here { 0 } else { node.and_then(|node| node.address).map_or(0, word) };
    if !here && node == 0 {
        return;
    }
    compiled.state.endpoints.insert(pod.address, Endpoint { ruleset, node });
    for (net, rule) in rules {
        compiled.state.rules.insert((ruleset, net), rule);
    }
}

fn selects(policy: &Policy, pod: &PodFacts, node_labels: &BTreeMap<String, String>) -> bool {
    policy.selectors.iter().any(|rule| {
        // The namespace is a label of the pod too, as Cilium's identities have it.
        let pod_label = |key: &str| match key {
            "io.kubernetes.pod.namespace" => Some(pod.namespace.as_str()),
            _ => pod.labels.get(key).map(String::as_str),
        };
        rule.pod.as_ref().is_none_or(|selector| selector.matches(pod_label))
            && rule.namespace.as_ref().is_none_or(|selector| selector.matches_map(&pod.namespace_labels))
            && rule.node.as_ref().is_none_or(|selector| selector.matches_map(node_labels))
    })
}

/// The rule of the gateway that serves this pod: by rendezvous hashing, so that one gateway more
/// or less moves only its share of the pods.
fn rule_for(candidate: &Candidate<'_>, pod: &PodFacts) -> Rule {
    candidate
        .gateways
        .iter()
        .max_by_key(|(node, _)| fnv64([pod.name.as_bytes(), pod.uid.as_bytes(), node.as_bytes()]))
        .map_or(Rule { kind: rule_kind::NO_GATEWAY, policy: candidate.number, ..Rule::default() }, |(_, rule)| *rule)
}

/// Number of a policy: a hash of its name, never 0.
fn number_of(name: &str) -> u32 {
    (fnv64([name.as_bytes()]) as u32).max(1)
}

/// Number of a ruleset: a hash of its contents, never 0.
fn number_of_rules(rules: &BTreeMap<Ipv4Net, Rule>) -> u32 {
    let text = format!("{rules:?}");
    (fnv64([text.as_bytes()]) as u32).max(1)
}

fn fnv64<const N: usize>(parts: [&[u8]; N]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    // FNV-1a mixes its last bytes poorly, and rendezvous hashing compares whole numbers: two rounds
    // of multiply and shift let every byte reach every bit.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

fn word(address: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(address.octets())
}

#[cfg(test)]
mod tests;
