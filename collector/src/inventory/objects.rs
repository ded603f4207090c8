//! The shapes of what is read. Of core objects only the fields that matter are named, the rest
//! passes by; policies are ours to check, so there an unknown field is an error.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use serde_yaml_ng::Value;

use crate::policy::spec::Policy;

/// One object, with the place it was read from.
#[derive(Clone, Debug)]
pub struct Object {
    /// Kind, as in the manifest.
    pub kind: &'static str,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `metadata.uid`, or the name.
    pub uid: String,
    /// `metadata.creationTimestamp`, RFC 3339; empty if absent.
    pub created: String,
    /// File and position, such as `policies.yaml, document 2`.
    pub origin: String,
    /// The rest.
    pub body: Body,
    /// The document as it was read, for `get -o yaml`.
    pub document: Value,
}

/// What an object says.
#[derive(Clone, Debug)]
pub enum Body {
    /// v1 Node.
    Node(Node),
    /// v1 Namespace.
    Namespace(Namespace),
    /// v1 Pod.
    Pod(Pod),
    /// v1 Service.
    Service(Service),
    /// cilium.io/v2 CiliumEgressGatewayPolicy.
    Policy(Policy),
}

/// A node's relevant fields.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    cidrs: Vec<String>,
    addresses: Vec<TypedAddress>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct TypedAddress {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    address: String,
}

/// A namespace's relevant fields.
#[derive(Clone, Debug, Default)]
pub struct Namespace {
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A pod's relevant fields.
#[derive(Clone, Debug, Default)]
pub struct Pod {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Kind and name of its owners.
    pub owners: Vec<(String, String)>,
    /// Its node.
    pub node: String,
    host_network: bool,
    phase: String,
    ips: Vec<String>,
}

/// A service's relevant fields.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Labels of the pods behind it; empty if it selects none.
    pub selector: BTreeMap<String, String>,
    ips: Vec<String>,
}

impl Node {
    /// Address of type `InternalIP`, IPv4.
    #[must_use]
    pub fn internal_address(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().filter(|one| one.kind == "InternalIP").find_map(|one| one.address.parse().ok())
    }

    /// Every IPv4 address.
    #[must_use]
    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        self.addresses.iter().filter_map(|one| one.address.parse().ok()).collect()
    }

    /// IPv4 networks of its pods.
    #[must_use]
    pub fn pod_cidrs(&self) -> Vec<Ipv4Net> {
        self.cidrs
            .iter()
            .filter_map(|cidr| match cidr.parse() {
                Ok(IpNet::V4(net)) => Some(net.trunc()),
                _ => None,
            })
            .collect()
    }
}

impl Pod {
    /// Whether it has addresses of its own: not one that shares its node's network or has ended.
    #[must_use]
    pub fn has_own_address(&self) -> bool {
        !self.host_network && !matches!(self.phase.as_str(), "Succeeded" | "Failed") && !self.node.is_empty()
    }

    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.ips.iter().filter_map(|ip| ip.parse().ok())
    }
}

impl Service {
    /// Cluster, external and load balancer addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.ips.iter().filter_map(|ip| ip.parse().ok())
    }
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawMeta {
    labels: BTreeMap<String, String>,
    owner_references: Vec<RawOwner>,
}

#[derive(Deserialize)]
struct RawOwner {
    kind: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawNode {
    metadata: RawMeta,
    spec: RawNodeSpec,
    status: RawNodeStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawNodeSpec {
    #[serde(rename = "podCIDR")]
    pod_cidr: Option<String>,
    #[serde(rename = "podCIDRs")]
    pod_cidrs: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawNodeStatus {
    addresses: Vec<TypedAddress>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawPod {
    metadata: RawMeta,
    spec: RawPodSpec,
    status: RawPodStatus,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawPodSpec {
    node_name: String,
    host_network: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawPodStatus {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Vec<RawIp>,
}

#[derive(Deserialize)]
struct RawIp {
    ip: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawService {
    spec: RawServiceSpec,
    status: RawServiceStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawServiceSpec {
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Vec<String>,
    #[serde(rename = "externalIPs")]
    external_ips: Vec<String>,
    selector: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawServiceStatus {
    load_balancer: RawLoadBalancer,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawLoadBalancer {
    ingress: Vec<RawIngress>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawIngress {
    ip: Option<String>,
}

/// Reads the relevant fields of a core object; the error names the field.
pub(super) fn core(kind: &str, document: &Value) -> Option<Result<Body, String>> {
    Some(match kind {
        "Node" => typed::<RawNode>(document).map(|raw| {
            let mut cidrs = raw.spec.pod_cidrs;
            cidrs.extend(raw.spec.pod_cidr);
            cidrs.sort();
            cidrs.dedup();
            Body::Node(Node { labels: raw.metadata.labels, cidrs, addresses: raw.status.addresses })
        }),
        "Namespace" => {
            #[derive(Deserialize, Default)]
            #[serde(default)]
            struct RawNamespace {
                metadata: RawMeta,
            }
            typed::<RawNamespace>(document).map(|raw| Body::Namespace(Namespace { labels: raw.metadata.labels }))
        }
        "Pod" => typed::<RawPod>(document).map(|raw| {
            let mut ips: Vec<_> = raw.status.pod_ips.into_iter().map(|one| one.ip).collect();
            ips.extend(raw.status.pod_ip);
            ips.sort();
            ips.dedup();
            Body::Pod(Pod {
                labels: raw.metadata.labels,
                owners: raw.metadata.owner_references.into_iter().map(|owner| (owner.kind, owner.name)).collect(),
                node: raw.spec.node_name,
                host_network: raw.spec.host_network,
                phase: raw.status.phase,
                ips,
            })
        }),
        "Service" => typed::<RawService>(document).map(|raw| {
            let mut ips = raw.spec.cluster_ips;
            ips.extend(raw.spec.cluster_ip);
            ips.extend(raw.spec.external_ips);
            ips.extend(raw.status.load_balancer.ingress.into_iter().filter_map(|one| one.ip));
            Body::Service(Service { selector: raw.spec.selector, ips })
        }),
        _ => return None,
    })
}

/// Reads a document as `T`; the error starts with the path of the field.
pub(crate) fn typed<T: for<'de> Deserialize<'de>>(document: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(document.clone()).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if path == "." { inner.to_string() } else { format!("{path}: {inner}") }
    })
}
