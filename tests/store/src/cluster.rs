//! A cluster that does not exist: its nodes, its pods, and the world outside as they know it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use tidegate_flow::flow::{Emitter, Endpoint, Interface, Node, ServiceName, Workload};
use tidegate_flow::{Fqdn, identity};

use crate::random::Random;

/// How large the cluster is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Nodes that run our collector.
    pub nodes: usize,
    /// Namespaces with pods.
    pub namespaces: usize,
    /// Workloads in all of them.
    pub workloads: usize,
    /// Pods of each workload.
    pub replicas: usize,
    /// Names outside that are asked for.
    pub names: usize,
    /// What the rest follows from.
    pub seed: u64,
}

impl Shape {
    /// Enough to have several of everything.
    pub const SMALL: Self = Self { nodes: 3, namespaces: 4, workloads: 12, replicas: 3, names: 60, seed: 1 };
    /// Of a size that is met in practice: 3,000 pods, 20,000 names.
    pub const LARGE: Self = Self { nodes: 24, namespaces: 40, workloads: 600, replicas: 5, names: 20_000, seed: 1 };
}

/// Who is there.
#[derive(Debug)]
pub struct Cluster {
    /// Nodes that run our collector.
    pub nodes: Vec<Arc<Node>>,
    /// Nodes whose flows come from another program.
    pub foreign: Vec<Arc<Node>>,
    /// All pods; those that are talked to most come first.
    pub pods: Vec<Pod>,
    /// Names outside; those that are asked for most come first.
    pub names: Vec<Outside>,
    /// Who leaves by which address.
    pub policies: Vec<Policy>,
    /// Whoever is no pod, outside the cluster.
    pub world: Arc<Endpoint>,
    /// The node itself.
    pub host: Arc<Endpoint>,
}

/// A pod.
#[derive(Debug)]
pub struct Pod {
    /// Index of its node.
    pub node: usize,
    /// Its address of either version.
    pub addresses: [IpAddr; 2],
    /// What is known about it.
    pub endpoint: Arc<Endpoint>,
    /// Its device on the node.
    pub interface: Interface,
    /// The service in front of it.
    pub service: Option<Arc<ServiceName>>,
    /// Index of the policy that selects it.
    pub policy: Option<usize>,
}

/// A name outside.
#[derive(Debug)]
pub struct Outside {
    /// The name.
    pub name: Fqdn,
    /// Where it leads; other names may lead there too.
    pub addresses: Vec<IpAddr>,
    /// Other names of its first address.
    pub rivals: Vec<Fqdn>,
}

/// An egress policy.
#[derive(Debug)]
pub struct Policy {
    /// Its name.
    pub name: Arc<str>,
    /// Index of the node that translates.
    pub gateway: usize,
    /// Address of that node.
    pub gateway_address: IpAddr,
    /// Address that the world sees.
    pub egress: IpAddr,
}

const NAMESPACES: [&str; 10] = [
    "payments",
    "checkout",
    "search",
    "inventory",
    "billing",
    "media",
    "identity",
    "logistics",
    "reports",
    "kube-system",
];
const APPS: [&str; 12] =
    ["api", "worker", "web", "gateway", "scheduler", "cache", "indexer", "mailer", "sync", "export", "auth", "stream"];
const HOSTS: [&str; 8] = ["api", "cdn", "auth", "static", "hooks", "s3", "mail", "telemetry"];
const DOMAINS: [&str; 6] = [
    "paypath.example",
    "cloud.example.com",
    "maps.example.net",
    "geo_data.example.org",
    "crm.example",
    "push.example.net",
];
const KINDS: [&str; 4] = ["Deployment", "Deployment", "StatefulSet", "Job"];

impl Cluster {
    /// The cluster of this shape.
    #[must_use]
    pub fn new(shape: &Shape) -> Self {
        let mut random = Random::new(shape.seed);
        let label =
            |n: usize| vec!["kubernetes.io/arch=amd64".into(), format!("topology.kubernetes.io/zone=z{}", n % 3)];
        let node = |name: String, n, emitter: &str| {
            let emitter = Emitter { name: emitter.to_owned(), version: "1.2.3".to_owned() };
            Arc::new(Node { name, labels: label(n), emitter })
        };
        let nodes = (0..shape.nodes).map(|n| node(format!("worker-{n:02}"), n, "tidegate"));
        let foreign = (0..2).map(|n| node(format!("west/edge-{n}"), n, "hubble"));
        let policies: Vec<_> = (0..shape.nodes.div_ceil(2)).map(|n| policy(n, shape)).collect();
        let mut pods = Vec::new();
        for workload in 0..shape.workloads {
            for replica in 0..shape.replicas {
                pods.push(pod(workload, replica, shape, policies.len(), &mut random));
            }
        }
        // Replicas of one workload are equally busy; workloads are not.
        let names = names(shape.names, &mut random);
        let reserved = |identity: u32, label: &str| {
            Arc::new(Endpoint { identity, labels: vec![label.to_owned()], ..Endpoint::default() })
        };
        Self {
            nodes: nodes.collect(),
            foreign: foreign.collect(),
            pods,
            names,
            policies,
            world: reserved(identity::WORLD, "reserved:world"),
            host: reserved(identity::HOST, "reserved:host"),
        }
    }
}

fn policy(n: usize, shape: &Shape) -> Policy {
    let gateway = n % shape.nodes;
    Policy {
        name: format!("egress-{}", NAMESPACES[n % NAMESPACES.len()]).into(),
        gateway,
        gateway_address: v4(172, 19, 0, 10 + gateway),
        egress: if n % 4 == 3 { v6(0x2001_0db8_00ee, n) } else { v4(203, 0, 113, 10 + n % 200) },
    }
}

fn pod(workload: usize, replica: usize, shape: &Shape, policies: usize, random: &mut Random) -> Pod {
    let number = workload * shape.replicas + replica;
    let space = workload % shape.namespaces;
    let namespace = match space / NAMESPACES.len() {
        0 => NAMESPACES[space].to_owned(),
        again => format!("{}-{again}", NAMESPACES[space % NAMESPACES.len()]),
    };
    let (app, kind) = (APPS[workload % APPS.len()], KINDS[workload % KINDS.len()]);
    let name = if workload < APPS.len() { app.to_owned() } else { format!("{app}-{}", workload / APPS.len()) };
    let mut labels = vec![
        format!("k8s:app={name}"),
        format!("k8s:io.kubernetes.pod.namespace={namespace}"),
        format!("k8s:team=t{}", space % 5),
    ];
    labels.sort();
    let mut workloads = vec![Workload { kind: kind.to_owned(), name: name.clone() }];
    if kind == "Job" {
        workloads.push(Workload { kind: "CronJob".to_owned(), name: format!("nightly-{name}") });
    }
    let pod = match kind {
        "StatefulSet" => format!("{name}-{replica}"),
        _ => format!("{name}-{:09x}-{:05x}", random.below(1 << 36), random.below(1 << 20)),
    };
    let node = (workload + replica) % shape.nodes;
    let endpoint = Endpoint {
        id: 100 + number as u32,
        identity: identity::of_labels(&labels),
        namespace: namespace.clone(),
        pod,
        labels,
        workloads,
        cluster: "default".to_owned(),
    };
    Pod {
        node,
        addresses: [v4(10, 244 + number / 64_000, number / 250 % 256, 2 + number % 250), v6(0xfd00_0010_0244, number)],
        endpoint: Arc::new(endpoint),
        interface: Interface { index: 10 + number as u32, name: format!("lxc{:08x}", number * 7919).into() },
        service: (!workload.is_multiple_of(3)).then(|| Arc::new(ServiceName { namespace, name })),
        policy: (workload % 5 < 2).then_some(workload % policies),
    }
}

/// Two names in three have an address of their own; the rest share one with a name before.
fn names(count: usize, random: &mut Random) -> Vec<Outside> {
    let mut names: Vec<Outside> = Vec::with_capacity(count);
    for n in 0..count {
        let (host, domain) = (HOSTS[n % HOSTS.len()], DOMAINS[n / HOSTS.len() % DOMAINS.len()]);
        let name = Fqdn::new(&match n / (HOSTS.len() * DOMAINS.len()) {
            0 => format!("{host}.{domain}"),
            more => format!("{host}.r{more}.{domain}"),
        });
        let address = |nth: usize| match n % 7 {
            6 => v6(0x2001_0db8_0001, n * 4 + nth),
            _ => v4(198, 18 + n / 20_000, n * 3 / 250 % 256, 1 + (n * 3 + nth) % 250),
        };
        let mut addresses: Vec<_> = (0..1 + n % 3).map(address).collect();
        let mut rivals = Vec::new();
        if n % 3 == 2 {
            let before = random.below(n as u64) as usize;
            addresses = names[before].addresses.clone();
            rivals.push(names[before].name.clone());
            if names[before].rivals.len() < 4 {
                names[before].rivals.push(name.clone());
            }
        }
        names.push(Outside { name, addresses, rivals });
    }
    names
}

fn v4(a: usize, b: usize, c: usize, d: usize) -> IpAddr {
    Ipv4Addr::from([a, b, c, d].map(|part| part as u8)).into()
}

/// The `n`th address below a prefix of 48 bits.
fn v6(prefix: u64, n: usize) -> IpAddr {
    Ipv6Addr::from(u128::from(prefix) << 80 | (n as u128 + 1)).into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_pods_share_an_address_and_some_names_do() {
        let cluster = Cluster::new(&Shape::LARGE);
        let addresses: HashSet<_> = cluster.pods.iter().flat_map(|pod| pod.addresses).collect();
        assert_eq!(addresses.len(), 2 * cluster.pods.len());
        let names: HashSet<_> = cluster.names.iter().map(|outside| &outside.name).collect();
        assert_eq!(names.len(), Shape::LARGE.names);
        assert!(cluster.names.iter().filter(|outside| !outside.rivals.is_empty()).count() > names.len() / 3);
    }
}
