//! Who is who: Kubernetes objects, read from a folder of manifests, as one immutable snapshot.
//!
//! [`manifests`] reads the folder, [`edit`] changes it, [`objects`] are the shapes of what is read, and
//! [`Inventory`] answers "whose address is this?".

pub mod edit;
pub mod manifests;
pub mod objects;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::Ipv4Net;
use tidegate_flow::{
    flow::{Endpoint, ServiceName, Workload},
    identity,
};

use objects::{Body, Namespace, Node, Object, Pod, Service};

/// Pods, nodes, services and namespaces at one moment.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Nodes by name.
    pub nodes: BTreeMap<String, NodeFacts>,
    /// Pods with an address of their own, in order of namespace and name.
    pub pods: Vec<PodFacts>,
    endpoints: HashMap<IpAddr, Arc<Endpoint>>,
    services: HashMap<IpAddr, Arc<ServiceName>>,
    /// Addresses of this node's own devices.
    own: HashSet<IpAddr>,
    host: Arc<Endpoint>,
    world: Arc<Endpoint>,
}

/// What is known of a node.
#[derive(Clone, Debug, Default)]
pub struct NodeFacts {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Address by which other nodes reach it (`InternalIP`).
    pub address: Option<Ipv4Addr>,
    /// Every IPv4 address that the object names.
    pub addresses: Vec<Ipv4Addr>,
    /// Networks of its pods.
    pub pod_cidrs: Vec<Ipv4Net>,
}

/// What policies ask of a pod.
#[derive(Clone, Debug)]
pub struct PodFacts {
    /// `namespace/name`.
    pub name: String,
    /// Unique identifier; the name if the object has none.
    pub uid: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Labels of its namespace.
    pub namespace_labels: BTreeMap<String, String>,
    /// Namespace.
    pub namespace: String,
    /// Its node.
    pub node: String,
    /// IPv4 address.
    pub address: Ipv4Addr,
}

impl Inventory {
    /// The snapshot of these objects, seen from node `local` of cluster `cluster`.
    #[must_use]
    pub fn new(objects: &[Object], local: &str, cluster: &str) -> Self {
        let mut inventory = Self { world: Arc::new(reserved(identity::WORLD)), ..Self::default() };
        let namespaces: BTreeMap<&str, &Namespace> = objects
            .iter()
            .filter_map(|object| match &object.body {
                Body::Namespace(namespace) => Some((object.name.as_str(), namespace)),
                _ => None,
            })
            .collect();
        for object in objects {
            match &object.body {
                Body::Node(node) => inventory.add_node(&object.name, node, local),
                Body::Pod(pod) => {
                    let labels = namespaces
                        .get(object.namespace.as_str())
                        .map(|namespace| namespace.labels.clone())
                        .unwrap_or_default();
                    inventory.add_pod(object, pod, labels, local, cluster);
                }
                Body::Service(service) => {
                    let name = Arc::new(ServiceName { namespace: object.namespace.clone(), name: object.name.clone() });
                    for address in service.addresses() {
                        inventory.services.insert(address, Arc::clone(&name));
                    }
                }
                Body::Namespace(_) | Body::Policy(_) => {}
            }
        }
        inventory.pods.sort_by(|a, b| a.name.cmp(&b.name));
        for object in objects {
            if let Body::Service(service) = &object.body {
                inventory.identify_service(object, service);
            }
        }
        inventory
    }

    /// The same, on a node that has these addresses, whether or not an object names them.
    #[must_use]
    pub fn on_node_with(self, own: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        Self { own: own.into_iter().map(IpAddr::V4).collect(), host: Arc::new(reserved(identity::HOST)), ..self }
    }

    /// Who has the address; outside the cluster it is the world.
    #[must_use]
    pub fn endpoint(&self, address: IpAddr) -> Arc<Endpoint> {
        let unknown = || if self.is_host(address) { &self.host } else { &self.world };
        Arc::clone(self.endpoints.get(&address).unwrap_or_else(unknown))
    }

    /// Under which address the DNS answers to `address` are known: those to the node itself are
    /// answers to one asker, whichever of its addresses it asks from.
    #[must_use]
    pub fn asker(&self, address: IpAddr) -> IpAddr {
        if self.is_host(address) { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { address }
    }

    fn is_host(&self, address: IpAddr) -> bool {
        self.own.contains(&address) || address.is_loopback()
    }

    /// Whether the address belongs to the same pod as in `other`, or to none in either.
    #[must_use]
    pub fn same_pod(&self, other: &Self, address: IpAddr) -> bool {
        let of = |inventory: &Self| {
            inventory.endpoints.get(&address).map(|endpoint| (endpoint.namespace.clone(), endpoint.pod.clone()))
        };
        of(self) == of(other)
    }

    /// The service that owns the address.
    #[must_use]
    pub fn service(&self, address: IpAddr) -> Option<Arc<ServiceName>> {
        self.services.get(&address).cloned()
    }

    /// Addresses of all services.
    pub fn service_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.services.keys().copied()
    }

    /// Name of the node with this underlay address.
    #[must_use]
    pub fn node_at(&self, address: Ipv4Addr) -> Option<&str> {
        self.nodes.iter().find(|(_, node)| node.addresses.contains(&address)).map(|(name, _)| name.as_str())
    }

    /// Before the node chooses a backend, a service's address stands for all of them: it has the
    /// identity that its pods share, and no pod's name.
    fn identify_service(&mut self, object: &Object, service: &Service) {
        if service.selector.is_empty() {
            return;
        }
        let behind = self.pods.iter().find(|pod| {
            pod.namespace == object.namespace
                && service.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
        });
        let Some(backend) = behind.and_then(|pod| self.endpoints.get(&IpAddr::V4(pod.address))) else {
            return;
        };
        let endpoint = Arc::new(Endpoint { id: 0, pod: String::new(), ..Endpoint::clone(backend) });
        for address in service.addresses() {
            self.endpoints.insert(address, Arc::clone(&endpoint));
        }
    }

    fn add_node(&mut self, name: &str, node: &Node, local: &str) {
        let addresses = node.addresses();
        let kind = if name == local { identity::HOST } else { identity::REMOTE_NODE };
        let endpoint = Arc::new(reserved(kind));
        for address in &addresses {
            self.endpoints.insert(IpAddr::V4(*address), Arc::clone(&endpoint));
        }
        let facts = NodeFacts {
            labels: node.labels.clone(),
            address: node.internal_address(),
            addresses,
            pod_cidrs: node.pod_cidrs(),
        };
        self.nodes.insert(name.to_owned(), facts);
    }

    fn add_pod(
        &mut self,
        object: &Object,
        pod: &Pod,
        namespace_labels: BTreeMap<String, String>,
        local: &str,
        cluster: &str,
    ) {
        if !pod.has_own_address() {
            return;
        }
        let mut labels: Vec<String> = pod.labels.iter().map(|(key, value)| format!("k8s:{key}={value}")).collect();
        labels.extend(
            namespace_labels.iter().map(|(key, value)| format!("k8s:io.cilium.k8s.namespace.labels.{key}={value}")),
        );
        labels.push(format!("k8s:io.cilium.k8s.policy.cluster={cluster}"));
        labels.push(format!("k8s:io.kubernetes.pod.namespace={}", object.namespace));
        labels.sort();
        let mut endpoint = Endpoint {
            id: 0,
            identity: identity::of_labels(&labels),
            namespace: object.namespace.clone(),
            pod: object.name.clone(),
            labels,
            workloads: pod.owners.iter().map(|(kind, name)| workload(kind, name, &pod.labels)).collect(),
            cluster: cluster.to_owned(),
        };
        for address in pod.addresses() {
            if pod.node == local {
                endpoint.id = endpoint_id(address);
            }
            self.endpoints.insert(address, Arc::new(endpoint.clone()));
            if let IpAddr::V4(address) = address {
                self.pods.push(PodFacts {
                    name: format!("{}/{}", object.namespace, object.name),
                    uid: object.uid.clone(),
                    labels: pod.labels.clone(),
                    namespace_labels: namespace_labels.clone(),
                    namespace: object.namespace.clone(),
                    node: pod.node.clone(),
                    address,
                });
            }
        }
    }
}

/// The owner that people know: a ReplicaSet that a Deployment made is told by the hash which both
/// carry (`pod-template-hash`).
fn workload(kind: &str, name: &str, labels: &BTreeMap<String, String>) -> Workload {
    let hash = labels.get("pod-template-hash").filter(|_| kind == "ReplicaSet");
    let deployment = hash.and_then(|hash| name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    match deployment {
        Some(deployment) => Workload { kind: "Deployment".into(), name: deployment.to_owned() },
        None => Workload { kind: kind.to_owned(), name: name.to_owned() },
    }
}

/// Number of a local endpoint: the low bits of its address, which are unique within a node's
/// pod network.
fn endpoint_id(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => u32::from(address) & 0xffff,
        IpAddr::V6(address) => address.to_bits() as u32 & 0xffff,
    }
}

fn reserved(number: u32) -> Endpoint {
    Endpoint {
        identity: number,
        labels: identity::reserved_label(number).map(str::to_owned).into_iter().collect(),
        ..Endpoint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_own_addresses_are_one_host_that_asks() {
        let inventory = Inventory::new(&[], "node", "default").on_node_with([Ipv4Addr::new(192, 0, 2, 7)]);
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(inventory.endpoint(of("192.0.2.7")).identity, identity::HOST);
        assert_eq!(inventory.endpoint(of("192.0.2.8")).identity, identity::WORLD);
        assert_eq!(inventory.asker(of("192.0.2.7")), inventory.asker(of("127.0.0.53")));
        assert_eq!(inventory.asker(of("10.244.1.5")), of("10.244.1.5"));
    }

    #[test]
    fn a_replica_set_of_a_deployment_is_the_deployment() {
        let labels = BTreeMap::from([("pod-template-hash".to_owned(), "6d4b".to_owned())]);
        let named = |kind, name, labels: &BTreeMap<_, _>| {
            let workload = workload(kind, name, labels);
            format!("{}/{}", workload.kind, workload.name)
        };
        assert_eq!(named("ReplicaSet", "client-6d4b", &labels), "Deployment/client");
        assert_eq!(named("ReplicaSet", "other", &labels), "ReplicaSet/other");
        assert_eq!(named("ReplicaSet", "client-6d4b", &BTreeMap::new()), "ReplicaSet/client-6d4b");
        assert_eq!(named("DaemonSet", "agent-6d4b", &labels), "DaemonSet/agent-6d4b");
    }
}
