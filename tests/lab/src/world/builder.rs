//! From a description to a running world, in the order in which things depend on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail, ensure};

use super::{World, check_world_name};
use crate::firewall::Preset;
use crate::process::ProcessId;
use crate::rundir::{Lock, RunDir, State};
use crate::teardown;
use crate::topology::{INTERNET, NodeSpec, OUTSIDE, PodSpec, default_nodes, default_pods, kube_dns_pod};

/// Where the relay listens unless told otherwise.
pub(super) const RELAY_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4245);
/// Where the dashboard listens unless told otherwise.
pub(super) const UI_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 12000);

/// The description of a world.
#[must_use = "a description does nothing until it is built"]
pub struct Builder {
    name: String,
    nodes: Option<Vec<String>>,
    pods: Option<Vec<PodSpec>>,
    more_pods: Vec<PodSpec>,
    firewall: BTreeMap<String, Vec<Preset>>,
    firewall_everywhere: Vec<Preset>,
    binary: Option<PathBuf>,
    collectors: bool,
    relay_listen: SocketAddr,
    stores: bool,
    ui_listen: Option<SocketAddr>,
    collector_args: Vec<String>,
    relay_args: Vec<String>,
    servers_as_processes: bool,
    progress: Box<dyn Fn(&str) + Send>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            nodes: None,
            pods: None,
            more_pods: Vec::new(),
            firewall: BTreeMap::new(),
            firewall_everywhere: Vec::new(),
            binary: None,
            collectors: true,
            relay_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            stores: true,
            ui_listen: None,
            collector_args: Vec::new(),
            relay_args: Vec::new(),
            servers_as_processes: false,
            progress: Box::new(|_| {}),
        }
    }

    /// These nodes in place of `control-plane`, `worker`, `worker2`; the first runs `kube-dns`.
    pub fn nodes(mut self, names: &[&str]) -> Self {
        self.nodes = Some(names.iter().map(|&name| name.to_owned()).collect());
        self
    }

    /// These pods in place of the default ones (`kube-dns` is always there).
    pub fn pods(mut self, pods: Vec<PodSpec>) -> Self {
        self.pods = Some(pods);
        self
    }

    /// One pod more.
    pub fn pod(mut self, pod: PodSpec) -> Self {
        self.more_pods.push(pod);
        self
    }

    /// Netfilter presets of one node.
    pub fn firewall(mut self, node: &str, presets: &[Preset]) -> Self {
        self.firewall.entry(node.to_owned()).or_default().extend(presets);
        self
    }

    /// Netfilter presets of every node.
    pub fn firewall_everywhere(mut self, presets: &[Preset]) -> Self {
        self.firewall_everywhere.extend(presets);
        self
    }

    /// The `tidegate` program that collectors and relay are started from.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Neither collectors nor relay are started; they can be started later.
    pub fn without_collectors(mut self) -> Self {
        self.collectors = false;
        self
    }

    /// The relay's address on the host; by default a free port of loopback.
    pub fn relay_listen(mut self, address: SocketAddr) -> Self {
        self.relay_listen = address;
        self
    }

    /// The relay's port on loopback; 0 takes a free one.
    pub fn relay_port(self, port: u16) -> Self {
        self.relay_listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// The relay stores nothing.
    pub fn without_store(mut self) -> Self {
        self.stores = false;
        self
    }

    /// A dashboard at this address on the host; port 0 takes a free one. Without it there is none.
    pub fn dashboard(mut self, address: SocketAddr) -> Self {
        self.ui_listen = Some(address);
        self
    }

    /// Flags for every collector, after the lab's own.
    pub fn collector_args(mut self, args: &[&str]) -> Self {
        self.collector_args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Flags for the relay, after the lab's own.
    pub fn relay_args(mut self, args: &[&str]) -> Self {
        self.relay_args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Runs the lab's servers as children of the program, so that they outlive this process.
    pub(crate) fn servers_as_processes(mut self) -> Self {
        self.servers_as_processes = true;
        self
    }

    /// Is told each stage as it begins.
    pub fn progress(mut self, report: impl Fn(&str) + Send + 'static) -> Self {
        self.progress = Box::new(report);
        self
    }

    /// Makes the world; what was made before an error is taken down again.
    pub fn build(self) -> Result<World> {
        let nodes = self.checked_nodes()?;
        let pods = self.checked_pods(&nodes)?;
        ensure!(
            self.binary.is_some() || (!self.collectors && !self.servers_as_processes),
            "a world with collectors needs the path of the tidegate program"
        );
        let presets = self.presets_by_node(&nodes)?;
        teardown::sweep();
        let lock = claim(&self.name)?;
        // From here on the value cleans up after itself.
        let world = World {
            dir: RunDir::of(&self.name),
            state: Mutex::new(State {
                owner: Some(ProcessId::own()?),
                binary: self.binary.clone(),
                relay: None,
                stores: self.stores,
                ui: None,
                nodes,
                pods: Vec::new(),
            }),
            children: Mutex::default(),
            servers: Mutex::default(),
            extra_collector_args: self.collector_args,
            extra_relay_args: self.relay_args,
            relay_listen: self.relay_listen,
            ui_listen: self.ui_listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            lock: Some(lock),
            down_on_drop: true,
            name: self.name,
        };
        let report = self.progress;
        world.prepare_folder()?;
        report("network: the internet and the hosts outside");
        world.lay_network()?;
        let names = |list: &[String]| list.join(", ");
        report(&format!("pods: {}", names(&pods.iter().map(|p| p.name.clone()).collect::<Vec<_>>())));
        for pod in pods {
            world.add_pod(pod)?;
        }
        for (node, presets) in &presets {
            world.lay_rules(node, presets)?;
        }
        report("servers: DNS, HTTP, HTTPS and echo outside; kube-dns");
        world.start_servers(self.servers_as_processes)?;
        if self.collectors {
            let nodes: Vec<_> = world.nodes().into_iter().map(|node| node.name).collect();
            report(&format!("collectors: {}", names(&nodes)));
            world.start_collectors()?;
            report("relay");
            world.start_relay()?;
            if self.ui_listen.is_some() {
                report("dashboard");
                world.start_ui()?;
            }
        }
        world.write_config()?;
        Ok(world)
    }

    fn checked_nodes(&self) -> Result<Vec<NodeSpec>> {
        check_world_name(&self.name)?;
        let Some(names) = &self.nodes else {
            return default_nodes();
        };
        ensure!(!names.is_empty(), "lab world {} has no node; give it one", self.name);
        let mut seen = BTreeSet::new();
        let mut nodes = Vec::new();
        for (index, name) in names.iter().enumerate() {
            if !seen.insert(name) || name.starts_with("pod-") || [INTERNET, OUTSIDE].contains(&name.as_str()) {
                bail!("node name {name:?} is taken; choose another");
            }
            nodes.push(NodeSpec::new(name, u8::try_from(index).context("a world has at most 200 nodes")?)?);
        }
        Ok(nodes)
    }

    fn checked_pods(&self, nodes: &[NodeSpec]) -> Result<Vec<PodSpec>> {
        let mut pods = vec![kube_dns_pod(&nodes[0].name)];
        match &self.pods {
            Some(given) => pods.extend(given.iter().cloned()),
            // A world with other nodes has those of the default pods that fit.
            None => pods.extend(default_pods().into_iter().filter(|pod| nodes.iter().any(|n| n.name == pod.node))),
        }
        pods.extend(self.more_pods.iter().cloned());
        Ok(pods)
    }

    fn presets_by_node(&self, nodes: &[NodeSpec]) -> Result<BTreeMap<String, Vec<Preset>>> {
        for name in self.firewall.keys() {
            ensure!(
                nodes.iter().any(|node| &node.name == name),
                "firewall presets are given for {name}, which is no node of lab world {}",
                self.name
            );
        }
        let of = |node: &NodeSpec| {
            let own = self.firewall.get(&node.name).into_iter().flatten();
            own.chain(&self.firewall_everywhere).copied().collect()
        };
        Ok(nodes.iter().map(|node| (node.name.clone(), of(node))).collect())
    }
}

/// Takes the world's lock and clears away what a dead owner left.
fn claim(name: &str) -> Result<Lock> {
    let Some(lock) = Lock::try_take(name)? else {
        bail!("lab world {name} belongs to a running process; end it, or run `tidegate lab down --world {name}`");
    };
    let dir = RunDir::of(name);
    if let Ok(state) = dir.read_state()
        && state.owner.is_none()
        && teardown::has_running_role(&dir)
    {
        bail!("lab world {name} is up already; take it down first with `tidegate lab down --world {name}`");
    }
    teardown::tear_down(name).context("cannot clear away the world's leftovers")?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::KUBE_DNS;

    #[test]
    fn a_world_whose_name_could_be_mistaken_is_refused() {
        for name in ["", "lab-2", "../x", "Lab"] {
            let error = World::builder(name).without_collectors().build().unwrap_err();
            assert!(error.to_string().contains("lab world name"), "{error}");
        }
    }

    #[test]
    fn default_pods_without_their_node_are_left_out() {
        let builder = World::builder("x").nodes(&["worker"]);
        let nodes = builder.checked_nodes().unwrap();
        let pods = builder.checked_pods(&nodes).unwrap();
        let names: Vec<_> = pods.iter().map(|pod| pod.name.as_str()).collect();
        assert_eq!(names, [KUBE_DNS, "client", "other"]);
    }

    #[test]
    fn presets_for_an_unknown_node_are_refused() {
        let builder = World::builder("x").firewall("nowhere", &[Preset::Masquerade]);
        let nodes = builder.checked_nodes().unwrap();
        let error = builder.presets_by_node(&nodes).unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
    }
}
