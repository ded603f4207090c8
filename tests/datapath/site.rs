//! A world with egress policies, and the questions that every module asks of it.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use tidegate_lab::process::wait_until;
use tidegate_lab::{Capture, PodSpec, Preset, World, zone};

use crate::client;
use crate::mirror::{self, Mirror};

/// The outside host that pods talk to, and its mirror.
pub(crate) const HOST: Ipv4Addr = zone::IFCONFIG;
pub(crate) const MIRROR: SocketAddr = SocketAddr::new(IpAddr::V4(HOST), mirror::PORT);
pub(crate) const WEB: SocketAddr = SocketAddr::new(IpAddr::V4(HOST), 80);
/// Egress addresses of the two gateways.
pub(crate) const BY_WORKER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(crate) const BY_WORKER2: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// The label by which policies select pods; its value names the gateway.
pub(crate) const LABEL: &str = "leaves-by";

/// How long a state may take to come about.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What else is on the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// Nothing: a pod address that leaks arrives outside as it is.
    Plain,
    /// A CNI's masquerade and kube-proxy's rule: a leak shows as the node's address.
    Masquerading,
    /// FORWARD drop as well: only what goes past netfilter arrives at all.
    Filtered,
}

impl Nodes {
    fn presets(self) -> &'static [Preset] {
        match self {
            Self::Plain => &[],
            Self::Masquerading => &[Preset::Masquerade, Preset::CtInvalidDrop],
            Self::Filtered => &Preset::ALL,
        }
    }
}

/// A world whose gateways have their egress addresses, with a mirror outside.
pub(crate) struct Site {
    // Before the world: it lives in one of its namespaces.
    _mirror: Mirror,
    world: World,
}

impl Deref for Site {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Site {
    /// Builds it with these pods, without a policy. `None` if the suite is to be left out.
    pub(crate) fn build(nodes: Nodes, pods: Vec<PodSpec>) -> Option<Self> {
        if !needs_root() {
            return None;
        }
        let world = World::builder(&World::unique_name())
            .binary(env!("CARGO_BIN_EXE_tidegate"))
            .firewall_everywhere(nodes.presets())
            .collector_args(&["--egress-gateway-reconciliation-trigger-interval", "100ms"])
            .pods(pods)
            .build()
            .unwrap();
        for (node, address) in [("worker", BY_WORKER), ("worker2", BY_WORKER2)] {
            world.add_node_address(node, address.into()).unwrap();
            world.route_to_node(address.into(), node).unwrap();
        }
        let mirror = Mirror::start(&world, tidegate_lab::topology::OUTSIDE, HOST);
        Some(Self { _mirror: mirror, world })
    }

    /// The same with both policies in force.
    pub(crate) fn with_policies(nodes: Nodes, pods: Vec<PodSpec>) -> Option<Self> {
        let site = Self::build(nodes, pods)?;
        site.put(&Policy::by_worker());
        site.put(&Policy::by_worker2());
        for pod in site.pods() {
            match pod.spec.labels.get(LABEL).map(String::as_str) {
                Some("worker") => site.until_seen_as(&pod.spec.name, BY_WORKER),
                Some("worker2") => site.until_seen_as(&pod.spec.name, BY_WORKER2),
                _ => {}
            }
        }
        Some(site)
    }

    /// Writes a policy to the manifests.
    pub(crate) fn put(&self, policy: &Policy) {
        self.apply(&format!("{}.yaml", policy.name), &policy.yaml()).unwrap();
    }

    pub(crate) fn remove(&self, policy: &Policy) {
        self.delete_manifest(&format!("{}.yaml", policy.name)).unwrap();
    }

    /// Runs what a pod does, in its namespace.
    pub(crate) fn at<T: Send>(&self, target: &str, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        self.in_netns(target, work).unwrap()
    }

    pub(crate) fn address(&self, pod: &str) -> Ipv4Addr {
        self.pod(pod).unwrap().address
    }

    /// Waits until new connections of the pod arrive outside from `address`.
    pub(crate) fn until_seen_as(&self, pod: &str, address: Ipv4Addr) {
        let mut last = String::new();
        let what = format!("new connections of {pod} seen as {address}");
        let waited = wait_until(&what, PATIENCE, || {
            let seen = self.at(pod, || client::who(MIRROR, Duration::from_secs(2)));
            last = format!("{seen:?}");
            seen.is_ok_and(|seen| seen.ip() == address)
        });
        waited.unwrap_or_else(|error| panic!("{error}: {last}"));
    }
}

/// For `to`, the capture saw packets, all of them, and no source but `address`.
pub(crate) fn assert_only(capture: &Capture, to: Ipv4Addr, address: Ipv4Addr, what: &str) {
    assert_eq!(capture.sources_to(to), BTreeSet::from([address]), "sources at {to}: {what}");
    assert_eq!(capture.dropped().unwrap(), 0, "the capture is complete: {what}");
}

/// A policy for the pods whose label [`LABEL`] has the value `selects`.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) selects: &'static str,
    pub(crate) gateway: &'static str,
    pub(crate) egress: Ipv4Addr,
    pub(crate) destinations: &'static [&'static str],
    pub(crate) excluded: &'static [&'static str],
}

impl Policy {
    pub(crate) fn by_worker() -> Self {
        Self {
            name: "by-worker",
            selects: "worker",
            gateway: "worker",
            egress: BY_WORKER,
            destinations: &["0.0.0.0/0"],
            excluded: &[],
        }
    }

    pub(crate) fn by_worker2() -> Self {
        Self { name: "by-worker2", selects: "worker2", gateway: "worker2", egress: BY_WORKER2, ..Self::by_worker() }
    }

    fn yaml(&self) -> String {
        let policy = serde_json::json!({
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumEgressGatewayPolicy",
            "metadata": { "name": self.name },
            "spec": {
                "selectors": [{ "podSelector": { "matchLabels": { LABEL: self.selects } } }],
                "destinationCIDRs": self.destinations,
                "excludedCIDRs": self.excluded,
                "egressGateway": {
                    "nodeSelector": { "matchLabels": { "kubernetes.io/hostname": self.gateway } },
                    "egressIP": self.egress,
                },
            },
        });
        serde_yaml_ng::to_string(&policy).unwrap()
    }
}

/// A pod on `node` that no policy selects.
pub(crate) fn free_pod(name: &str, node: &str) -> PodSpec {
    PodSpec::new(name, node)
}

/// A pod on `node` whose traffic leaves by `gateway`.
pub(crate) fn selected_pod(name: &str, node: &str, gateway: &str) -> PodSpec {
    PodSpec::new(name, node).label(LABEL, gateway)
}

/// True for root. Otherwise the test fails, unless the operator skipped the suite by name.
fn needs_root() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let skipped = std::env::var("TIDEGATE_SKIP").unwrap_or_default();
    assert!(
        skipped.split(',').any(|name| name == "datapath"),
        "the datapath needs root: run as root, or set TIDEGATE_SKIP=datapath to leave its tests out"
    );
    false
}
