//! Writing intent into the kernel: the difference between what is wanted and what is there.

use std::{collections::HashMap, hash::Hash, net::Ipv4Addr};

use anyhow::Context;
use aya::{
    Ebpf,
    maps::{Array, HashMap as BpfHashMap, LpmTrie, MapData, MapError, PerCpuArray, lpm_trie::Key},
};
use ipnet::Ipv4Net;
use tidegate_ebpf_abi::policy::{Config, Endpoint, Location, Rule, RuleKey};

use super::{raw::Raw, take};

/// The maps that the collector writes.
pub struct Tables {
    config: Array<MapData, Raw<Config>>,
    endpoints: BpfHashMap<MapData, u32, Raw<Endpoint>>,
    inside: LpmTrie<MapData, u32, u32>,
    rules: LpmTrie<MapData, Raw<RuleKey>, Raw<Rule>>,
    nodes: BpfHashMap<MapData, u32, u32>,
    locations: BpfHashMap<MapData, u32, Raw<Location>>,
    owners: BpfHashMap<MapData, u32, u32>,
    counters: PerCpuArray<MapData, u64>,
}

/// Everything that the probes shall know, as a value: what the maps hold, or shall hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EgressState {
    /// Endpoint -> ruleset and node.
    pub endpoints: HashMap<Ipv4Addr, Endpoint>,
    /// Prefixes inside the cluster.
    pub inside: HashMap<Ipv4Net, u32>,
    /// (ruleset, destination) -> rule.
    pub rules: HashMap<(u32, Ipv4Net), Rule>,
    /// Nodes whose overlay packets are taken.
    pub nodes: HashMap<Ipv4Addr, u32>,
}

impl Tables {
    pub(super) fn take(ebpf: &mut Ebpf) -> anyhow::Result<Self> {
        Ok(Self {
            config: take(ebpf, "CONFIG")?.try_into()?,
            endpoints: take(ebpf, "ENDPOINTS")?.try_into()?,
            inside: take(ebpf, "INSIDE")?.try_into()?,
            rules: take(ebpf, "RULES")?.try_into()?,
            nodes: take(ebpf, "NODES")?.try_into()?,
            locations: take(ebpf, "LOCATIONS")?.try_into()?,
            owners: take(ebpf, "OWNERS")?.try_into()?,
            counters: take(ebpf, "COUNTERS")?.try_into()?,
        })
    }

    /// Sets the run-time settings of the probes.
    pub fn configure(&mut self, config: Config) -> anyhow::Result<()> {
        self.config.set(0, Raw(config), 0).context("cannot write map CONFIG")
    }

    /// Brings the maps to `wanted` and returns the number of entries changed.
    ///
    /// The order keeps egress closed at every moment: networks and rules come first, then the
    /// endpoints that point to them; what nobody points to any more goes last.
    pub fn apply(&mut self, wanted: &EgressState) -> anyhow::Result<usize> {
        let now = self.read()?;
        let mut changed = 0;
        for (net, kind) in differing(&wanted.inside, &now.inside) {
            self.inside.insert(&prefix(*net), *kind, 0).context("map INSIDE")?;
            changed += 1;
        }
        for (node, one) in differing(&wanted.nodes, &now.nodes) {
            self.nodes.insert(word(*node), *one, 0).context("map NODES")?;
            changed += 1;
        }
        for ((ruleset, net), rule) in differing(&wanted.rules, &now.rules) {
            self.rules
                .insert(&rule_prefix(*ruleset, *net), Raw(*rule), 0)
                .context("map RULES (is egress-gateway-policy-map-max too small?)")?;
            changed += 1;
        }
        for (address, endpoint) in differing(&wanted.endpoints, &now.endpoints) {
            self.endpoints.insert(word(*address), Raw(*endpoint), 0).context("map ENDPOINTS")?;
            changed += 1;
        }
        for address in now.endpoints.keys().filter(|key| !wanted.endpoints.contains_key(key)) {
            absent(self.endpoints.remove(&word(*address)))?;
            changed += 1;
        }
        for (ruleset, net) in now.rules.keys().filter(|key| !wanted.rules.contains_key(key)) {
            absent(self.rules.remove(&rule_prefix(*ruleset, *net)))?;
            changed += 1;
        }
        for net in now.inside.keys().filter(|key| !wanted.inside.contains_key(key)) {
            absent(self.inside.remove(&prefix(*net)))?;
            changed += 1;
        }
        for node in now.nodes.keys().filter(|key| !wanted.nodes.contains_key(key)) {
            absent(self.nodes.remove(&word(*node)))?;
            changed += 1;
        }
        Ok(changed)
    }

    /// What the maps hold.
    pub fn read(&self) -> anyhow::Result<EgressState> {
        let mut state = EgressState::default();
        for entry in self.endpoints.iter() {
            let (address, Raw(endpoint)) = entry.context("map ENDPOINTS")?;
            state.endpoints.insert(ip(address), endpoint);
        }
        for entry in self.inside.iter() {
            let (key, kind) = entry.context("map INSIDE")?;
            state.inside.insert(net(key.prefix_len(), key.data()), kind);
        }
        for entry in self.rules.iter() {
            let (key, Raw(rule)) = entry.context("map RULES")?;
            let Raw(data) = key.data();
            let net = net(key.prefix_len().saturating_sub(32), data.destination);
            state.rules.insert((data.ruleset, net), rule);
        }
        for entry in self.nodes.iter() {
            let (address, one) = entry.context("map NODES")?;
            state.nodes.insert(ip(address), one);
        }
        Ok(state)
    }

    /// Forgets how to reach the endpoints for which `gone` says so, given address and device.
    pub fn forget_locations(&mut self, gone: &dyn Fn(Ipv4Addr, u32) -> bool) -> anyhow::Result<()> {
        let stale: Vec<u32> = self
            .locations
            .iter()
            .flatten()
            .filter(|(address, Raw(location))| gone(ip(*address), location.ifindex))
            .map(|(address, _)| address)
            .collect();
        for address in stale {
            absent(self.locations.remove(&address))?;
        }
        let stale = self.owners.iter().flatten().filter(|(device, address)| gone(ip(*address), *device));
        for device in stale.map(|(device, _)| device).collect::<Vec<_>>() {
            absent(self.owners.remove(&device))?;
        }
        Ok(())
    }

    /// Values of counter `index`, one per CPU.
    pub fn counter(&self, index: u32) -> anyhow::Result<Vec<u64>> {
        Ok(self.counters.get(&index, 0).context("map COUNTERS")?.to_vec())
    }
}

fn differing<'a, K: Eq + Hash, V: PartialEq>(
    wanted: &'a HashMap<K, V>,
    now: &'a HashMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    wanted.iter().filter(|(key, value)| now.get(key) != Some(value))
}

/// An entry that is gone already is as good as removed.
fn absent(result: Result<(), MapError>) -> anyhow::Result<()> {
    match result {
        Err(MapError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(MapError::KeyNotFound) => Ok(()),
        other => other.context("cannot remove an entry"),
    }
}

/// An address as the probes keep it: its bytes in packet order.
pub(super) fn word(address: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(address.octets())
}

/// The address of such a word.
pub(super) fn ip(word: u32) -> Ipv4Addr {
    Ipv4Addr::from(word.to_ne_bytes())
}

fn prefix(net: Ipv4Net) -> Key<u32> {
    Key::new(u32::from(net.prefix_len()), word(net.network()))
}

fn rule_prefix(ruleset: u32, net: Ipv4Net) -> Key<Raw<RuleKey>> {
    Key::new(32 + u32::from(net.prefix_len()), Raw(RuleKey { ruleset, destination: word(net.network()) }))
}

fn net(length: u32, network: u32) -> Ipv4Net {
    let length = u8::try_from(length.min(32)).unwrap_or(32);
    Ipv4Net::new_assert(ip(network), length)
}
