//! A world: nodes, pods and an outside network on one machine, as one value.
//!
//! Building order is [`builder`]; what can be done to a world afterwards is in [`pods`],
//! [`roles`], [`front`] and [`exec`].

mod builder;
mod exec;
mod front;
mod pods;
mod roles;
mod stages;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, ensure};
use ipnet::Ipv4Net;

pub use builder::Builder;
pub(crate) use roles::TRAFFIC;

use crate::capture::Capture;
use crate::firewall::{self, Preset};
use crate::netns::Netns;
use crate::process::write_atomically;
use crate::rundir::{Lock, Role, RunDir, State};
use crate::servers::ServerThread;
use crate::topology::{INTERNET, KUBE_DNS, NodeSpec, OUTSIDE, Pod};
use crate::{manifests, teardown, wiring};

/// A running world.
///
/// One that was built by a test goes down when the value is dropped; one that was built to
/// stay, or opened, does not. Methods take `&self`: a world may be shared between threads.
#[derive(Debug)]
pub struct World {
    name: String,
    dir: RunDir,
    state: Mutex<State>,
    /// Children of this process, kept to be reaped.
    children: Mutex<BTreeMap<Role, Child>>,
    servers: Mutex<Vec<ServerThread>>,
    extra_collector_args: Vec<String>,
    extra_relay_args: Vec<String>,
    relay_listen: std::net::SocketAddr,
    ui_listen: std::net::SocketAddr,
    /// Held by the process that owns the world.
    lock: Option<Lock>,
    down_on_drop: bool,
}

impl World {
    /// Starts the description of a new world.
    pub fn builder(name: &str) -> Builder {
        Builder::new(name)
    }

    /// A name that no other world of this process or machine has.
    pub fn unique_name() -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("t{}w{number}", std::process::id())
    }

    /// A world that is up already, to look at or to run something in.
    pub fn open(name: &str) -> Result<Self> {
        check_world_name(name)?;
        let dir = RunDir::of(name);
        ensure!(dir.root().exists(), "lab world {name} is not up; start it with `tidegate lab up`");
        let state = dir.read_state()?;
        let relay_listen = state.relay.unwrap_or(builder::RELAY_LISTEN);
        let ui_listen = state.ui.unwrap_or(builder::UI_LISTEN);
        Ok(Self {
            name: name.to_owned(),
            dir,
            state: Mutex::new(state),
            children: Mutex::default(),
            servers: Mutex::default(),
            extra_collector_args: Vec::new(),
            extra_relay_args: Vec::new(),
            relay_listen,
            ui_listen,
            lock: None,
            down_on_drop: false,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The paths of this world's files.
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    pub fn nodes(&self) -> Vec<NodeSpec> {
        self.state().nodes.clone()
    }

    pub fn node(&self, name: &str) -> Result<NodeSpec> {
        let nodes = self.nodes();
        let known = nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
        nodes
            .iter()
            .find(|node| node.name == name)
            .cloned()
            .with_context(|| format!("lab world {} has no node {name}; it has {known}", self.name))
    }

    pub fn pods(&self) -> Vec<Pod> {
        self.state().pods.clone()
    }

    pub fn pod(&self, name: &str) -> Result<Pod> {
        let pods = self.pods();
        let found = pods.into_iter().find(|pod| pod.spec.name == name);
        found.with_context(|| format!("lab world {} has no pod {name}", self.name))
    }

    /// The namespace of a node, a pod, `outside` or `internet`.
    pub fn netns(&self, target: &str) -> Result<Netns> {
        let state = self.state();
        if matches!(target, INTERNET | OUTSIDE) || state.nodes.iter().any(|n| n.name == target) {
            return Ok(self.place(target));
        }
        if state.pods.iter().any(|pod| pod.spec.name == target) {
            return Ok(self.pod_netns(target));
        }
        let mut known: Vec<_> = state.nodes.iter().map(|node| node.name.as_str()).collect();
        known.extend(state.pods.iter().map(|pod| pod.spec.name.as_str()));
        anyhow::bail!(
            "lab world {} has no node or pod {target}; it has {}, {OUTSIDE}, {INTERNET}",
            self.name,
            known.join(", ")
        )
    }

    /// Records what arrives at the outside host.
    pub fn capture_outside(&self) -> Result<Capture> {
        Capture::start(&self.place(OUTSIDE), wiring::UPLINK)
    }

    /// Records what arrives at a link of a node, a pod, `outside` or `internet`.
    pub fn capture(&self, target: &str, link: &str) -> Result<Capture> {
        Capture::start(&self.netns(target)?, link)
    }

    /// Gives a node these netfilter presets, and takes away those it had.
    pub fn set_firewall(&self, node: &str, presets: &[Preset]) -> Result<()> {
        let spec = self.node(node)?;
        let resolver = self.pod(KUBE_DNS).ok().map(|pod| pod.address);
        firewall::nft(&self.place(node), &firewall::presets(&spec, resolver, presets))?;
        Ok(())
    }

    /// The packets that met a preset's rule on a node; `None` when the node has no such rule.
    pub fn firewall_packets(&self, node: &str, preset: Preset) -> Result<Option<u64>> {
        // Asking for a table that is not there is an error, so all of them are listed.
        let listing = self.nft(node, "list ruleset")?;
        Ok(firewall::rule_packets(&listing, preset))
    }

    /// Runs an nft script in the namespace of a node or pod and returns its output.
    pub fn nft(&self, target: &str, script: &str) -> Result<String> {
        firewall::nft(&self.netns(target)?, script)
    }

    /// Adds an address to a node's uplink, such as an egress address.
    pub fn add_node_address(&self, node: &str, address: Ipv4Net) -> Result<()> {
        wiring::add_node_address(&self.netns(node)?, address)
    }

    /// Makes the internet send a range of addresses to a node.
    pub fn route_to_node(&self, range: Ipv4Net, node: &str) -> Result<()> {
        let via: Ipv4Addr = self.node(node)?.address;
        wiring::route_to_node(&self.place(INTERNET), range, via)
    }

    /// Writes a file of objects into the manifests folder, in one step.
    pub fn apply(&self, file: &str, yaml: &str) -> Result<()> {
        write_atomically(&self.dir.manifests().join(file), yaml.as_bytes())
    }

    /// Removes a file from the manifests folder; absence is not an error.
    pub fn delete_manifest(&self, file: &str) -> Result<()> {
        manifests::remove(&self.dir.manifests().join(file))
    }

    /// Takes the world down, as dropping it does, but with an answer.
    pub fn down(mut self) -> Result<()> {
        self.end()
    }

    /// Leaves the world up when this value goes.
    pub(crate) fn leave(mut self) -> Result<()> {
        self.down_on_drop = false;
        {
            let mut state = self.state();
            state.owner = None;
            self.dir.write_state(&state)?;
        }
        match self.lock.take() {
            Some(lock) => lock.release().context("cannot release the world's lock"),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Result<()> {
        self.down_on_drop = false;
        // Threads first: they hold sockets in the namespaces.
        self.servers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        let result = teardown::tear_down(&self.name);
        for child in self.children.get_mut().unwrap_or_else(PoisonError::into_inner).values_mut() {
            // It has ended; this only takes its exit status from the kernel.
            drop(child.try_wait());
        }
        if let Some(lock) = self.lock.take() {
            drop(lock.release());
        }
        teardown::remove_empty_folders();
        result
    }

    /// The namespace of a node, `outside` or `internet`.
    fn place(&self, name: &str) -> Netns {
        Netns::named(format!("{}-{name}", self.name))
    }

    fn pod_netns(&self, name: &str) -> Netns {
        Netns::named(format!("{}-pod-{name}", self.name))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.down_on_drop
            && let Err(error) = self.end()
        {
            tracing::error!("lab world {} did not go down: {error:#}", self.name);
        }
    }
}

/// Refuses a name that could not be told from another world's in namespace and link names.
pub(crate) fn check_world_name(name: &str) -> Result<()> {
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    ensure!(
        letters && (1..=20).contains(&name.len()),
        "lab world name {name:?} must be 1 to 20 characters of a-z and 0-9"
    );
    Ok(())
}
