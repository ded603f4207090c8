//! Flows of a cluster that does not exist: events as the probes would report them, the names and
//! pods behind them, and a process that serves them as a collector would.
//!
//! Each connection is one of a selected pod through its own node's egress address, closed by its
//! FIN, with a name that the pod was told: five events, nine flows.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use clap::{ArgMatches, Command};
use serde_json::json;
use tidegate_collector::clock::Offset;
use tidegate_collector::enrich::{self, Context, Numbering};
use tidegate_collector::history::{Entry, History, Recorded};
use tidegate_collector::inventory::Inventory;
use tidegate_collector::inventory::manifests::Manifests;
use tidegate_collector::names::{Learned, Names};
use tidegate_collector::serve::{Listeners, serve_history};
use tidegate_ebpf_abi::event::{Event, kind, point};
use tidegate_ebpf_abi::tuple::{TCP, Tuple, tcp_flag};
use tidegate_flow::flow::Node;
use tidegate_flow::{Fqdn, Source};
use tidegate_ops::settings::{self, Role, Settings, Surroundings};
use tidegate_ops::stop;
use tidegate_proto::encode::Encoded;

use crate::scratch::Scratch;

/// The hidden command that serves such flows.
pub(crate) const SERVE: &str = "serve-history";
/// Events of one connection, and the flows that are made of them.
pub(crate) const EVENTS: u32 = 5;
const FLOWS: u32 = 9;
const PODS: u32 = 100;
/// Names that each pod was told.
const NAMES: u32 = 50;
/// Nanoseconds between two connections.
const PACE: u64 = 10_000;
const SECOND: u64 = 1_000_000_000;

/// What a collector knows when it makes flows of events.
#[derive(Debug)]
pub(crate) struct Workload {
    context: Context,
    names: Names,
    offset: Offset,
    numbering: Numbering,
    /// Monotonic time of the first connection.
    begin: u64,
}

impl Workload {
    /// Of a node whose first connection begins at the monotonic time `begin`.
    ///
    /// # Errors
    /// When the manifests cannot be written and read again.
    pub(crate) fn new(node: &str, begin: u64) -> Result<Self> {
        let offset = Offset::now();
        let mut names = Names::default();
        for n in 0..PODS * NAMES {
            let connection = tuple(n);
            let learned = Learned {
                endpoint: address(connection.source),
                address: address(connection.destination),
                fqdn: Fqdn::new(&format!("api-{}.shop.example.com", n / PODS)),
                learned: offset.wall(begin) - SECOND,
                expires: offset.wall(begin) + 60 * SECOND,
            };
            names.learn(&learned, Source::Dns);
        }
        let labels = vec!["kubernetes.io/arch=amd64".into(), format!("kubernetes.io/hostname={node}")];
        let context = Context {
            node: Arc::new(Node { name: node.to_owned(), labels, ..Node::default() }),
            gateway: node.into(),
            inventory: inventory(node)?,
            policies: [(1, Arc::from("egress-by-node"))].into(),
            devices: [(7, Arc::from("veth1b2c3d4e"))].into(),
        };
        Ok(Self { context, names, offset, numbering: Numbering::new(begin), begin })
    }

    /// The events of these connections, in order of time.
    pub(crate) fn events(&self, connections: Range<u32>) -> Vec<Event> {
        connections.flat_map(|n| connection(n, self.begin + u64::from(n) * PACE)).collect()
    }

    /// Makes flows of events and appends them, as the collector's loop does with one drain of its
    /// ring.
    pub(crate) fn finish(&mut self, events: &[Event], history: &History) {
        let mut out = Vec::new();
        for event in events {
            enrich::flows(event, &self.context, &self.names, self.offset, &mut self.numbering, |flow| {
                let encoded = Encoded::new(&flow);
                out.push(Entry::Flow(Box::new(Recorded { flow, encoded })));
            });
        }
        out.sort_by_key(Entry::time);
        history.append(out);
    }
}

/// A full history of `capacity` flows.
///
/// # Errors
/// As [`Workload::new`].
pub(crate) fn history(node: &str, capacity: u32, begin: u64) -> Result<Arc<History>> {
    let history = History::new(capacity);
    let mut workload = Workload::new(node, begin)?;
    let events = workload.events(0..capacity / FLOWS + 1);
    for events in events.chunks(4096) {
        workload.finish(events, &history);
    }
    Ok(Arc::new(history))
}

/// The command that [`serve`] runs.
pub(crate) fn command() -> Command {
    Command::new(SERVE).args(settings::args(Role::Collector))
}

/// Serves a full history until told to stop, as `tidegate collector` would serve its own.
///
/// # Errors
/// When the settings are not usable or the addresses cannot be served.
pub(crate) fn serve(matches: &ArgMatches) -> Result<()> {
    let settings = settings_of(matches)?;
    let history = history(&settings.node_name, settings.history_events, tidegate_collector::clock::monotonic())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        let stop = stop::Signal::from_os().context("listen for stop signals")?;
        let listeners = Listeners::bind(&settings).await?;
        serve_history(listeners, settings.node_name.clone(), history, stop).await
    })
}

/// A collector's settings from these flags alone.
///
/// # Errors
/// When a value is not usable.
pub(crate) fn settings_of(matches: &ArgMatches) -> Result<Settings> {
    // Neither this machine's settings nor its environment are meant.
    let none = PathBuf::from("/nonexistent");
    let around = Surroundings { env: [].into(), default_file: none.clone(), lab_file: none };
    Ok(settings::resolve_in(matches, Role::Collector, &around)?)
}

/// The life of connection `n`: opened, answered, closed by both, ended.
fn connection(n: u32, time: u64) -> [Event; EVENTS as usize] {
    let base = Event {
        time,
        first: time,
        packets: 1,
        bytes: 60,
        tuple: tuple(n),
        egress: word([203, 0, 113, 10]),
        policy: 1,
        ifindex: 7,
        egress_port: (32_768 + n as u16 % 16_384).to_be(),
        kind: kind::FLAGS,
        point: point::FROM_ENDPOINT,
        ..Event::default()
    };
    let forth = |after: u64, flags| Event { time: time + after, packets: 5, bytes: 712, flags, ..base };
    let back = |after: u64, flags| Event {
        point: point::FROM_NETWORK,
        reply: 1,
        reply_packets: 4,
        reply_bytes: 5_120,
        ..forth(after, flags)
    };
    [
        Event { kind: kind::NEW, flags: tcp_flag::SYN, ..base },
        back(1_000, tcp_flag::SYN | tcp_flag::ACK),
        forth(2_000, tcp_flag::FIN | tcp_flag::ACK),
        back(3_000, tcp_flag::FIN | tcp_flag::ACK),
        Event { kind: kind::END, reply_packets: 4, reply_bytes: 5_120, ..forth(4_000, 0) },
    ]
}

/// Pods take turns, and each walks through its names.
fn tuple(n: u32) -> Tuple {
    let (pod, name) = (n % PODS, n / PODS % NAMES);
    Tuple {
        source: word([10, 244, 1, 10 + pod as u8]),
        destination: word([198, 51, 100, 10 + name as u8]),
        source_port: (32_768 + n as u16 % 28_232).to_be(),
        destination_port: 443u16.to_be(),
        protocol: TCP,
        pad: [0; 3],
    }
}

fn inventory(node: &str) -> Result<Inventory> {
    let mut objects = vec![
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": node, "labels": { "kubernetes.io/hostname": node } },
            "spec": { "podCIDR": "10.244.1.0/24" },
            "status": { "addresses": [{ "type": "InternalIP", "address": "172.19.0.11" }] },
        }),
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": "shop", "labels": { "kubernetes.io/metadata.name": "shop" } },
        }),
    ];
    for n in 0..PODS {
        let name = format!("checkout-6d4b75cb6d-{n:05}");
        objects.push(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": "shop",
                "labels": { "app": "checkout", "pod-template-hash": "6d4b75cb6d", "tier": "web" },
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "checkout-6d4b75cb6d" }],
            },
            "spec": { "nodeName": node },
            "status": { "phase": "Running", "podIPs": [{ "ip": format!("10.244.1.{}", 10 + n) }] },
        }));
    }
    let scratch = Scratch::new(&format!("manifests-{node}"))?;
    // JSON is YAML, a document to a line.
    let documents: Vec<_> = objects.iter().map(ToString::to_string).collect();
    fs::write(scratch.path().join("cluster.yaml"), documents.join("\n---\n")).context("cannot write the manifests")?;
    let reading = Manifests::new(scratch.path()).read();
    ensure!(reading.problems.is_empty(), "the manifests of the benchmark are refused: {}", reading.problems[0]);
    Ok(Inventory::new(&reading.objects, node, "default"))
}

fn word(address: [u8; 4]) -> u32 {
    u32::from_ne_bytes(address)
}

fn address(word: u32) -> IpAddr {
    Ipv4Addr::from(word.to_ne_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flow_has_its_pod_its_name_and_its_place_in_time() {
        let history = history("worker", 1_000, 3_600 * SECOND).unwrap();
        let entries = history.read(0, usize::MAX).entries;
        assert_eq!(entries.len(), 1_000);
        assert!(entries.is_sorted_by_key(|entry| entry.time()));
        for entry in &entries {
            let Entry::Flow(recorded) = &**entry else { panic!("{entry:?}") };
            let (pod, world) = match recorded.flow.reply {
                Some(true) => (&recorded.flow.destination, &recorded.flow.source),
                _ => (&recorded.flow.source, &recorded.flow.destination),
            };
            assert!(pod.endpoint.pod.starts_with("checkout-"), "{recorded:?}");
            assert!(world.names[0].fqdn.as_str().ends_with(".shop.example.com"), "{recorded:?}");
        }
    }

    #[test]
    fn a_connection_is_as_many_events_and_flows_as_are_counted() {
        let history = History::new(100);
        let mut workload = Workload::new("worker", 3_600 * SECOND).unwrap();
        let events = workload.events(0..1);
        workload.finish(&events, &history);
        assert_eq!((events.len() as u32, history.range().1), (EVENTS, u64::from(FLOWS)));
    }
}
