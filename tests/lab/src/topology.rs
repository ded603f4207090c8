//! The plan of a world as plain data: which nodes and pods exist and which address each has.
//!
//! Nothing here touches the kernel, so addresses can be checked without root.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// Every pod address; node `n` owns the `/24` number `n`.
pub const POD_NET: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 244, 0, 0), 16);
/// Service addresses.
pub const SERVICE_NET: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 96, 0, 0), 16);
/// The nodes' own network.
pub const UNDERLAY_NET: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 19, 0, 0), 16);
/// The router of the underlay, in the `internet` namespace.
pub const UNDERLAY_ROUTER: Ipv4Addr = Ipv4Addr::new(172, 19, 0, 1);
/// The service address that pods use as their resolver.
pub const KUBE_DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// The router's and the outside host's ends of the link between them.
pub const OUTSIDE_ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// See [`OUTSIDE_ROUTER`].
pub const OUTSIDE_HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// The pods' MTU: room for VXLAN over IPv4 on an underlay of 1500.
pub const POD_MTU: u32 = 1450;

/// The namespace of the router that stands for the internet.
pub const INTERNET: &str = "internet";
/// The namespace that holds every server address.
pub const OUTSIDE: &str = "outside";
/// The pod that runs the resolver.
pub const KUBE_DNS: &str = "kube-dns";

/// The first and last host numbers given to pods of a node.
const POD_HOSTS: std::ops::RangeInclusive<u8> = 10..=250;

/// A node: a network namespace with an uplink `eth0` on the underlay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Kubernetes name, and the last part of the namespace's name.
    pub name: String,
    /// Address on the underlay.
    pub address: Ipv4Addr,
    /// The pods' addresses on this node.
    pub pod_cidr: Ipv4Net,
    /// Labels besides `kubernetes.io/hostname`.
    pub labels: BTreeMap<String, String>,
}

impl NodeSpec {
    /// Node number `index` (0 is the first): 172.19.0.(10 + index) and 10.244.index.0/24.
    pub fn new(name: &str, index: u8) -> Result<Self> {
        check_name("node", name)?;
        ensure!(index < 200, "a world has at most 200 nodes, and {name} is one more");
        Ok(Self {
            name: name.to_owned(),
            address: Ipv4Addr::new(172, 19, 0, 10 + index),
            pod_cidr: Ipv4Net::new_assert(Ipv4Addr::new(10, 244, index, 0), 24),
            labels: BTreeMap::new(),
        })
    }

    /// The node's own address in its pod CIDR, which its pods use as their gateway.
    pub fn pod_gateway(&self) -> Ipv4Addr {
        let [a, b, c, _] = self.pod_cidr.network().octets();
        Ipv4Addr::new(a, b, c, 1)
    }
}

/// How a pod's link is joined to its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attachment {
    /// A `/32` route to the host end of the veth, as Calico, Cilium and the clouds do.
    #[default]
    Routed,
    /// The host end is a port of the bridge `cni0`, as flannel and the bridge plugin do.
    Bridged,
}

/// A pod to be made: a network namespace behind a veth pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodSpec {
    /// Unique in the world, whatever its Kubernetes namespace.
    pub name: String,
    /// Kubernetes namespace.
    pub namespace: String,
    /// The node it runs on.
    pub node: String,
    pub labels: BTreeMap<String, String>,
    pub node_selector: BTreeMap<String, String>,
    /// The Deployment that owns it (through a ReplicaSet), if any.
    pub deployment: Option<String>,
    /// The next free address of the node's pod CIDR when absent.
    pub address: Option<Ipv4Addr>,
    pub attachment: Attachment,
    /// Whether a Pod object is written to the manifests.
    pub manifest: bool,
}

impl PodSpec {
    /// A routed pod without labels in the namespace `default`.
    pub fn new(name: &str, node: &str) -> Self {
        Self {
            name: name.to_owned(),
            namespace: "default".to_owned(),
            node: node.to_owned(),
            labels: BTreeMap::new(),
            node_selector: BTreeMap::new(),
            deployment: None,
            address: None,
            attachment: Attachment::Routed,
            manifest: true,
        }
    }

    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// A `nodeSelector` on the node's hostname, and the label `node` that an admission rule
    /// would derive from it.
    pub fn pinned(mut self) -> Self {
        self.node_selector.insert("kubernetes.io/hostname".to_owned(), self.node.clone());
        let node = self.node.clone();
        self.label("node", &node)
    }

    /// Owned by a ReplicaSet of this Deployment.
    pub fn deployment(mut self, name: &str) -> Self {
        self.deployment = Some(name.to_owned());
        self
    }

    pub fn address(mut self, address: Ipv4Addr) -> Self {
        self.address = Some(address);
        self
    }

    /// Behind the bridge `cni0` of its node.
    pub fn bridged(mut self) -> Self {
        self.attachment = Attachment::Bridged;
        self
    }

    /// Without a Pod object: an endpoint that nobody has announced.
    pub fn unannounced(mut self) -> Self {
        self.manifest = false;
        self
    }
}

/// A pod as it exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    pub spec: PodSpec,
    pub address: Ipv4Addr,
    /// The host end of its veth pair, in the node's namespace.
    pub host_link: String,
    /// Kubernetes UID.
    pub uid: String,
}

/// The nodes of a world that was not given any.
pub fn default_nodes() -> Result<Vec<NodeSpec>> {
    let names = ["control-plane", "worker", "worker2"];
    let mut nodes = (0u8..).zip(names).map(|(index, name)| NodeSpec::new(name, index)).collect::<Result<Vec<_>>>()?;
    nodes[0].labels.insert("node-role.kubernetes.io/control-plane".to_owned(), String::new());
    Ok(nodes)
}

/// The resolver pod, on the world's first node.
pub fn kube_dns_pod(node: &str) -> PodSpec {
    PodSpec::new(KUBE_DNS, node).namespace("kube-system").label("k8s-app", "kube-dns").deployment("coredns")
}

/// The workload pods of a world that was not given any.
pub fn default_pods() -> Vec<PodSpec> {
    let client = |name, node| PodSpec::new(name, node).label("app", "client").deployment("client").pinned();
    vec![
        client("client", "worker"),
        client("client2", "worker2"),
        client("client-cp", "control-plane"),
        PodSpec::new("other", "worker").label("app", "other").deployment("other"),
    ]
}

/// The first address of `node` that no pod in `taken` has.
pub fn free_address(node: &NodeSpec, taken: impl Iterator<Item = Ipv4Addr>) -> Result<Ipv4Addr> {
    let taken: std::collections::BTreeSet<_> = taken.collect();
    let [a, b, c, _] = node.pod_cidr.network().octets();
    POD_HOSTS
        .map(|host| Ipv4Addr::new(a, b, c, host))
        .find(|address| !taken.contains(address))
        .with_context(|| format!("every pod address of {} is in use; put the pod on another node", node.name))
}

/// The host end of a pod's veth pair: at most 15 bytes, the same for the same pod.
pub fn host_link(pod: &str) -> String {
    // FNV-1a: short, stable between builds, and collisions only fail the creation.
    let hash = pod.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("veth{hash:08x}")
}

/// Refuses a name that is not a DNS label (it becomes a path and a Kubernetes name).
pub fn check_name(what: &str, name: &str) -> Result<()> {
    let fits = !name.is_empty() && name.len() <= 40;
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fits || !letters || name.starts_with('-') || name.ends_with('-') {
        bail!("{what} name {name:?} is not a DNS label of 1 to 40 characters (a-z, 0-9, -)");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_nodes_have_the_addresses_of_the_tutorial() {
        let nodes = default_nodes().unwrap();
        let seen: Vec<_> =
            nodes.iter().map(|n| format!("{} {} {} {}", n.name, n.address, n.pod_cidr, n.pod_gateway())).collect();
        assert_eq!(
            seen,
            [
                "control-plane 172.19.0.10 10.244.0.0/24 10.244.0.1",
                "worker 172.19.0.11 10.244.1.0/24 10.244.1.1",
                "worker2 172.19.0.12 10.244.2.0/24 10.244.2.1",
            ]
        );
    }

    #[test]
    fn a_free_address_skips_those_in_use_and_a_full_node_says_so() {
        let node = NodeSpec::new("worker", 1).unwrap();
        let first: Ipv4Addr = "10.244.1.10".parse().unwrap();
        assert_eq!(free_address(&node, std::iter::empty()).unwrap(), first);
        let next: Ipv4Addr = "10.244.1.11".parse().unwrap();
        assert_eq!(free_address(&node, [first].into_iter()).unwrap(), next);
        let all = POD_HOSTS.map(|host| Ipv4Addr::new(10, 244, 1, host));
        let full = free_address(&node, all).unwrap_err().to_string();
        assert!(full.contains("worker"), "{full}");
    }

    #[test]
    fn host_links_of_a_thousand_pods_differ_and_fit_the_kernel() {
        let links: std::collections::BTreeSet<_> = (0..1000).map(|n| host_link(&format!("pod-{n}"))).collect();
        assert_eq!(links.len(), 1000);
        assert!(links.iter().all(|link| link.len() <= 15));
    }

    #[test]
    fn a_name_that_would_leave_its_folder_is_refused() {
        assert!(check_name("pod", "../../etc").is_err());
        assert!(check_name("pod", "").is_err());
        assert!(check_name("pod", "client-2").is_ok());
    }
}
