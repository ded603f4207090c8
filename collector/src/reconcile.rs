//! Intent into the kernel: manifests and the node's network in; maps, links, guard and the
//! context of observation out. Everything is computed anew from what is read; only differences
//! are written.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs,
    net::{IpAddr, Ipv4Addr},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context as _;
use tidegate_ebpf_abi::policy::{Config, inside};
use tidegate_flow::flow::{Emitter, Node};
use tidegate_ops::settings::{Aggregation, Settings};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use crate::{
    enrich::Context,
    inventory::{
        Inventory,
        manifests::{Manifests, Problem, Reading},
    },
    kernel::{Hook, Probes, Tables},
    names::share::Shared,
    network::{Device, Network, View, guard::Guard, overlay},
    policy::{Compiled, PolicyStatus, compile},
};

/// Wait after a network change for the ones that come with it.
const SETTLE: Duration = Duration::from_millis(30);
/// Longest time without a look at the node's network, changes announced or not.
const LOOK: Duration = Duration::from_secs(30);

/// A device, by index and name, and what is attached there.
type Place = (u32, String, Hook);

/// Ports handed out for translations when the endpoint's own is taken.
const PORTS: (u16, u16) = (1024, 65_535);

/// What servers show of the reconciler.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// How each policy came out here.
    pub policies: Vec<PolicyStatus>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Policy number -> name.
    pub names: HashMap<u32, Arc<str>>,
    /// Other nodes' endpoints that leave through this one, with the underlay address of their node.
    pub served: HashMap<IpAddr, Ipv4Addr>,
    /// Every node with an address, by name.
    pub nodes: Vec<(String, Ipv4Addr)>,
}

/// The parts of the process that reconciliation writes to.
pub struct Outputs {
    /// Kernel maps; servers read them too.
    pub tables: Arc<Mutex<Tables>>,
    /// For the pipeline.
    pub context: Arc<RwLock<Arc<Context>>>,
    /// For name sharing.
    pub shared: Arc<Shared>,
    /// For servers.
    pub state: watch::Sender<Arc<State>>,
}

/// The loop's own state.
pub struct Reconciler {
    settings: Settings,
    network: Network,
    probes: Probes,
    outputs: Outputs,
    manifests: Option<Manifests>,
    reading: Reading,
    view: View,
    /// What is in force; `None` if that is not known.
    guard: Option<Option<Guard>>,
    reported: HashSet<Problem>,
}

impl Reconciler {
    /// Takes over the loaded probes.
    pub fn new(settings: Settings, network: Network, probes: Probes, outputs: Outputs) -> Self {
        let manifests = settings.manifests.as_deref().map(Manifests::new);
        Self {
            settings,
            network,
            probes,
            outputs,
            manifests,
            reading: Reading::default(),
            view: View::default(),
            guard: None,
            reported: HashSet::new(),
        }
    }

    /// Reconciles once; to be called before anything is served.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.read_manifests();
        self.view = self.network.view().await?;
        self.apply().await?;
        self.probes.remove_other_layouts();
        Ok(())
    }

    /// Reconciles on every change until `stop` returns.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut changes = Network::changes()?;
        let mut look = tokio::time::interval(self.settings.egress_gateway_reconciliation_trigger_interval);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // What changed between the first reading and the subscription is read once more.
        let mut network_changed = true;
        let mut looked = Instant::now();
        tokio::pin!(stop);
        loop {
            let mut manifests_changed = false;
            tokio::select! {
                () = &mut stop => return Ok(()),
                changed = changes.changed() => {
                    changed.context("the kernel no longer tells of network changes")?;
                    tokio::time::sleep(SETTLE).await;
                    changes.mark_unchanged();
                    network_changed = true;
                }
                _ = look.tick() => {
                    manifests_changed = self.manifests.as_ref().is_some_and(Manifests::changed);
                    network_changed |= looked.elapsed() >= LOOK;
                }
            }
            if manifests_changed {
                self.read_manifests();
            }
            if !manifests_changed && !network_changed {
                continue;
            }
            looked = Instant::now();
            match self.reconcile().await {
                Ok(()) => network_changed = false,
                // Tried again at the next look, whether or not anything changes until then.
                Err(error) => {
                    tracing::error!("cannot bring the kernel to what is wanted, trying again: {error:#}");
                    network_changed = true;
                }
            }
        }
    }

    async fn reconcile(&mut self) -> anyhow::Result<()> {
        self.view = self.network.view().await?;
        self.apply().await
    }

    fn read_manifests(&mut self) {
        let Some(manifests) = &mut self.manifests else { return };
        self.reading = manifests.read();
        let problems: HashSet<Problem> = self.reading.problems.iter().cloned().collect();
        for problem in problems.difference(&self.reported) {
            tracing::error!("{problem}");
        }
        self.reported = problems;
    }

    async fn apply(&mut self) -> anyhow::Result<()> {
        let (node, cluster) = (&self.settings.node_name, &self.settings.cluster_name);
        let own = self.view.addresses.values().flatten().copied();
        let inventory = Inventory::new(&self.reading.objects, node, cluster).on_node_with(own);
        let compiled = compile(&inventory, &self.reading.objects, node, &self.view.local_addresses());
        let active = self.settings.enable_egress_gateway && !compiled.status.is_empty();
        // Closed first, then translated, then attached: at no moment is a selected pod open. A part
        // that fails does not keep the others from being done.
        let guarded = self.guard_egress(&compiled, active);
        let overlay = match active {
            true => overlay::ensure(&self.network, self.settings.tunnel_port).await,
            // Connections of a policy that is gone live on in it.
            false => overlay::find(&self.network).await.map(Option::unwrap_or_default),
        };
        let overlay_ifindex = *overlay.as_ref().unwrap_or(&0);
        // A program runs some time before its link is ours to pin, and a death in between takes it
        // away again. So what replies come in by is pinned before anything is sent that has replies.
        let entrances = self.attach(self.entrances(&compiled, overlay_ifindex));
        let written = self.write_tables(&compiled, active, overlay_ifindex);
        let endpoints = self.attach(self.endpoints());
        self.detach_from_gone(overlay_ifindex);
        self.publish(inventory, &compiled);
        guarded.and(overlay.map(|_| ())).and(entrances).and(written).and(endpoints)
    }

    fn guard_egress(&mut self, compiled: &Compiled, active: bool) -> anyhow::Result<()> {
        let wanted = (self.settings.egress_fail_closed && active).then(|| {
            let of_kind = |kind: Option<u32>| {
                let nets = compiled.state.inside.iter().filter(move |(_, is)| kind.is_none_or(|kind| kind == **is));
                nets.map(|(net, _)| *net).collect::<BTreeSet<_>>()
            };
            Guard { pods: of_kind(Some(inside::PODS)), inside: of_kind(None) }
        });
        if self.guard.as_ref() == Some(&wanted) {
            return Ok(());
        }
        match &wanted {
            Some(guard) => guard.install()?,
            // On a node that never had one, nft need not be installed.
            None if self.guard.is_some() || Guard::exists() => Guard::remove()?,
            None => {}
        }
        self.guard = Some(wanted);
        Ok(())
    }

    fn write_tables(&self, compiled: &Compiled, active: bool, overlay_ifindex: u32) -> anyhow::Result<()> {
        let settings = &self.settings;
        let mut flags = 0;
        if settings.monitor_aggregation == Aggregation::None {
            flags |= Config::PER_PACKET;
        }
        if settings.dns_capture {
            flags |= Config::CAPTURE_DNS;
        }
        if active {
            flags |= Config::EGRESS;
        }
        let mut tables = self.tables();
        let changed = tables.apply(&compiled.state)?;
        tables.configure(Config {
            active_interval: u64::try_from(settings.monitor_aggregation_interval.as_nanos()).unwrap_or(u64::MAX),
            overlay_ifindex,
            vni: settings.tunnel_vni,
            flags,
            port_min: PORTS.0,
            port_max: PORTS.1,
        })?;
        // A location goes with its device, and where a host route says otherwise.
        let devices = &self.view.devices;
        let routes = &self.view.host_routes;
        tables.forget_locations(&|address, ifindex| {
            !devices.contains_key(&ifindex) || routes.get(&address).is_some_and(|device| *device != ifindex)
        })?;
        if changed > 0 {
            tracing::info!(changed, policies = compiled.status.len(), "egress state written");
        }
        Ok(())
    }

    /// Where packets come in that are for others: the overlay and the uplinks; and what the node
    /// itself sends and asks.
    fn entrances(&self, compiled: &Compiled, overlay_ifindex: u32) -> Vec<Place> {
        let view = &self.view;
        // Replies come in where the egress address lives, which need not be the default route's device.
        let egress = |device: &Device| {
            let addresses = view.addresses.get(&device.index).into_iter().flatten();
            addresses.into_iter().any(|address| compiled.status.iter().any(|policy| policy.egress.contains(address)))
        };
        let named = view.uplinks(&self.settings.devices).map(|device| device.index);
        let uplinks: BTreeSet<u32> =
            named.chain(view.devices.values().filter(|device| egress(device)).map(|device| device.index)).collect();
        let mut places = Vec::new();
        if overlay_ifindex != 0 {
            places.push((overlay_ifindex, overlay::DEVICE.to_owned(), Hook::OverlayIn));
        }
        for device in uplinks.iter().filter_map(|index| view.devices.get(index)) {
            places.push((device.index, device.name.clone(), Hook::UplinkIn));
            places.push((device.index, device.name.clone(), Hook::UplinkOut));
        }
        let loopback = view.devices.values().filter(|device| device.loopback);
        places.extend(loopback.map(|device| (device.index, device.name.clone(), Hook::LoopbackIn)));
        places
    }

    fn endpoints(&self) -> Vec<Place> {
        let devices = self.view.endpoint_devices(&self.settings.endpoint_interfaces);
        let hooks = |device: &Device| {
            let name = device.name.clone();
            [(device.index, name.clone(), Hook::PodFrom), (device.index, name, Hook::PodTo)]
        };
        devices.flat_map(hooks).collect()
    }

    fn attach(&mut self, places: Vec<Place>) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for (ifindex, device, hook) in places {
            // A veth may be gone again by now; the guard holds the others' door meanwhile.
            let attached = self.probes.attach(ifindex, &device, hook);
            if outcome.is_ok() {
                outcome = attached;
            }
        }
        outcome
    }

    fn detach_from_gone(&mut self, overlay_ifindex: u32) {
        let mut devices: BTreeMap<u32, String> =
            self.view.devices.values().map(|device| (device.index, device.name.clone())).collect();
        if overlay_ifindex != 0 {
            devices.insert(overlay_ifindex, overlay::DEVICE.to_owned());
        }
        self.probes.keep_only(&devices);
    }

    fn publish(&self, inventory: Inventory, compiled: &Compiled) {
        let settings = &self.settings;
        let mut gateways: HashMap<IpAddr, HashSet<Ipv4Addr>> = HashMap::new();
        for (address, endpoint) in compiled.state.endpoints.iter().filter(|(_, endpoint)| endpoint.node == 0) {
            let peers: HashSet<_> = compiled
                .state
                .rules
                .iter()
                .filter(|((ruleset, _), rule)| {
                    *ruleset == endpoint.ruleset && rule.kind == tidegate_ebpf_abi::policy::rule_kind::TUNNEL
                })
                .map(|(_, rule)| Ipv4Addr::from(rule.gateway.to_ne_bytes()))
                .collect();
            if !peers.is_empty() {
                gateways.insert(IpAddr::V4(*address), peers);
            }
        }
        self.outputs.shared.set_gateways(gateways);
        let served = compiled
            .state
            .endpoints
            .iter()
            .filter(|(_, endpoint)| endpoint.node != 0)
            .map(|(address, endpoint)| (IpAddr::V4(*address), Ipv4Addr::from(endpoint.node.to_ne_bytes())))
            .collect();
        let nodes = inventory.nodes.iter().filter_map(|(name, node)| Some((name.clone(), node.address?))).collect();
        let labels = inventory
            .nodes
            .get(&settings.node_name)
            .map(|node| node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect());
        let context = Context {
            node: Arc::new(Node {
                name: qualified(&settings.cluster_name, &settings.node_name),
                labels: labels.unwrap_or_default(),
                emitter: Emitter { name: "Tidegate".into(), version: env!("CARGO_PKG_VERSION").into() },
            }),
            gateway: settings.node_name.as_str().into(),
            inventory,
            policies: compiled.names.clone(),
            devices: self.view.devices.values().map(|device| (device.index, device.name.as_str().into())).collect(),
        };
        *self.outputs.context.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(context);
        self.outputs.state.send_replace(Arc::new(State {
            policies: compiled.status.clone(),
            problems: self.reading.problems.clone(),
            names: compiled.names.clone(),
            served,
            nodes,
        }));
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.outputs.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Name of a node as flows carry it: with its cluster, unless that is the default one.
#[must_use]
pub fn qualified(cluster: &str, node: &str) -> String {
    if cluster == "default" { node.to_owned() } else { format!("{cluster}/{node}") }
}

/// Removes what a collector leaves behind on this node: links, maps, overlay device, guard, socket.
/// Says what it did, line by line.
///
/// # Errors
/// When a collector is still at work here, or the kernel keeps something of ours.
pub async fn cleanup(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let mut done = Vec::new();
    if settings.bpffs_dir.exists() {
        crate::kernel::remove_all(&settings.bpffs_dir)?;
        done.push(format!("removed the pins in {}", settings.bpffs_dir.display()));
    }
    let network = Network::connect()?;
    if overlay::remove(&network).await? {
        done.push(format!("removed the device {}", overlay::DEVICE));
    }
    if Guard::exists() {
        Guard::remove().context("cannot remove the guard")?;
        done.push("removed the guard".into());
    }
    let socket = &settings.collector_socket;
    // One that answers is somebody's, whatever his pins.
    if socket.exists() && UnixStream::connect(socket).is_err() {
        fs::remove_file(socket).with_context(|| format!("cannot remove {}", socket.display()))?;
        done.push(format!("removed {}", socket.display()));
    }
    Ok(done)
}
