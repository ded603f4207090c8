//! A world for each way through a node: one pod, its node, and a server one link behind it.
//!
//! The server is in the namespace of the underlay's router, so that the node is the only hop and
//! its share is not diluted by others. A collector is stopped (SIGSTOP) while other ways have
//! their turn: its work on what happened in its own turn must not fall into theirs.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use tidegate_lab::process::ProcessId;
use tidegate_lab::topology::{INTERNET, UNDERLAY_ROUTER};
use tidegate_lab::{PodSpec, World};

use super::client;
use super::server::{self, Servers};
use crate::ask::Asker;
use crate::cpu;
use crate::options::Options;

const NODE: &str = "node";
const POD: &str = "client";
/// The egress address of those who translate, on the node's uplink.
const EGRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// How long a way may take to come about.
const PATIENCE: Duration = Duration::from_secs(60);
/// A collector that uses less than a fiftieth of a CPU over this long has nothing left to do.
const QUIET: Duration = Duration::from_millis(200);

/// How a node forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Routing alone: no netfilter rule, no conntrack, no program.
    Plain,
    /// One rule that asks for the state of a connection, as kube-proxy has it on every node.
    Conntrack,
    /// `snat to` in nftables.
    Nftables,
    /// A collector with a policy: translated, and every connection reported.
    Tidegate,
    /// A collector without a policy: every connection reported, nothing else.
    Observing,
}

impl Way {
    pub(crate) const ALL: [Self; 5] = [Self::Plain, Self::Conntrack, Self::Nftables, Self::Tidegate, Self::Observing];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Conntrack => "plain+ct",
            Self::Nftables => "nftables snat",
            Self::Tidegate => "tidegate",
            Self::Observing => "observing",
        }
    }

    pub(crate) fn has_collector(self) -> bool {
        matches!(self, Self::Tidegate | Self::Observing)
    }

    fn translates(self) -> bool {
        matches!(self, Self::Nftables | Self::Tidegate)
    }
}

/// A built way. The servers stand before the world, whose namespaces they are in.
#[derive(Debug)]
pub(crate) struct Site {
    way: Way,
    pub(crate) servers: Servers,
    world: World,
    /// The address that the server has to see.
    source: Ipv4Addr,
    collector: Option<ProcessId>,
}

impl Site {
    /// Builds it, and stops its collector.
    ///
    /// # Errors
    /// When something cannot be made, or the pod's connections do not take this way.
    pub(crate) fn build(way: Way, options: &Options) -> Result<Self> {
        let world = World::builder(&World::unique_name())
            .nodes(&[NODE])
            .pods(vec![PodSpec::new(POD, NODE).label("app", POD)])
            .binary(&options.program)
            .without_collectors()
            .build()?;
        // The lab's services need conntrack, and no way has any but its own.
        world.nft(NODE, "flush ruleset")?;
        world.add_node_address(NODE, EGRESS.into())?;
        world.route_to_node(EGRESS.into(), NODE)?;
        match way {
            Way::Plain | Way::Observing => {}
            Way::Conntrack => drop(world.nft(NODE, CONNTRACK)?),
            Way::Nftables => drop(world.nft(NODE, &snat())?),
            Way::Tidegate => world.apply("policy.yaml", &policy())?,
        }
        let servers = world.in_netns(INTERNET, || Servers::start(UNDERLAY_ROUTER))??;
        let source = if way.translates() { EGRESS } else { world.pod(POD)?.address };
        let mut site = Self { way, servers, world, source, collector: None };
        if way.has_collector() {
            site.start_collector()?;
        }
        site.await_way()?;
        site.pause()?;
        Ok(site)
    }

    /// Lets the collector go on, and waits until it has done what was left.
    ///
    /// # Errors
    /// When it has ended, or connections do not take this way.
    pub(crate) fn resume(&self) -> Result<()> {
        if let Some(collector) = self.collector {
            ensure!(collector.is_alive(), "the collector of {} has ended", self.way.name());
            collector.signal(Signal::SIGCONT)?;
            self.settle()?;
        }
        self.await_way()
    }

    /// Stops the collector until the next turn.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub(crate) fn pause(&self) -> Result<()> {
        self.collector.map_or(Ok(()), |collector| collector.signal(Signal::SIGSTOP))
    }

    /// Waits until the collector is quiet, for a while.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let before = self.collector_cpu()?;
            thread::sleep(QUIET);
            if self.collector_cpu()? - before < QUIET / 50 {
                break;
            }
        }
        Ok(())
    }

    /// CPU time of the collector so far; none without one.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn collector_cpu(&self) -> Result<Duration> {
        self.collector.map_or(Ok(Duration::ZERO), |collector| cpu::of_process(collector.pid))
    }

    /// Runs `work` in the pod.
    ///
    /// # Errors
    /// Those of `work`, with the way's name.
    pub(crate) fn in_pod<T: Send>(&self, work: impl FnOnce() -> std::io::Result<T> + Send) -> Result<T> {
        self.world.in_netns(POD, work)?.with_context(|| format!("the pod's connection by way of {}", self.way.name()))
    }

    fn start_collector(&mut self) -> Result<()> {
        self.world.start_collector(NODE)?;
        self.collector = self.world.collector(NODE);
        // It must see the pod's traffic, or its absence would be measured.
        let socket = self.world.dir().collector_socket(NODE);
        let mut asker = Asker::connect(&format!("unix://{}", socket.display()))?;
        asker.await_status("a flow of the pod", |status| {
            drop(self.in_pod(|| client::seen_as(at(server::lone(0)))));
            status.seen_flows > 0
        })?;
        Ok(())
    }

    /// Waits until the server sees the address that this way gives.
    fn await_way(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.in_pod(|| client::seen_as(at(server::lone(0)))) {
                Ok(seen) if seen == self.source => return Ok(()),
                last => ensure!(
                    Instant::now() < deadline,
                    "the server does not see {} by way of {}: {last:?}",
                    self.source,
                    self.way.name()
                ),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The server at a port.
pub(crate) fn at(port: u16) -> SocketAddr {
    SocketAddr::from((UNDERLAY_ROUTER, port))
}

const CONNTRACK: &str = "table ip bench {
    chain forward { type filter hook forward priority 0; policy accept; ct state invalid drop; }
}";

fn snat() -> String {
    format!(
        "table ip bench {{
    chain out {{
        type nat hook postrouting priority 100; policy accept;
        ip saddr 10.244.0.0/16 oifname \"eth0\" snat to {EGRESS}
    }}
}}"
    )
}

fn policy() -> String {
    serde_json::json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumEgressGatewayPolicy",
        "metadata": { "name": "bench" },
        "spec": {
            "selectors": [{ "podSelector": { "matchLabels": { "app": POD } } }],
            "destinationCIDRs": ["0.0.0.0/0"],
            "egressGateway": {
                "nodeSelector": { "matchLabels": { "kubernetes.io/hostname": NODE } },
                "egressIP": EGRESS,
            },
        },
    })
    .to_string()
}
