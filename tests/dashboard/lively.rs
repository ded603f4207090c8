//! A cluster in which something is going on: a page with much to show, and the manual's pictures.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, thread};

use tidegate_lab::World;
use tidegate_lab::topology::PodSpec;
use tidegate_lab::world::Builder;

use crate::browser::play;
use crate::terminal::Terminal;

/// Namespace, workload and node of each pod.
const PODS: [(&str, &str, &str); 11] = [
    ("payments", "checkout", "worker"),
    ("payments", "ledger", "worker2"),
    ("payments", "fraud-score", "worker"),
    ("payments", "fx-rates", "control-plane"),
    ("search", "indexer", "worker"),
    ("search", "query", "worker2"),
    ("storefront", "web", "worker"),
    ("storefront", "cart", "control-plane"),
    ("storefront", "images", "worker2"),
    ("analytics", "events", "control-plane"),
    ("analytics", "exports", "worker"),
];

/// Policy, the label `team` that it selects, gateway, and egress address.
const POLICIES: [(&str, &str, &str, &str); 3] = [
    ("payments-egress", "payments", "worker2", "203.0.113.10"),
    ("search-egress", "search", "worker", "203.0.113.20"),
    ("analytics-egress", "analytics", "worker2", UNASSIGNED),
];

/// An address that no node has: nothing leaves by it.
const UNASSIGNED: &str = "203.0.113.77";

/// How many bursts the pictures show, and the time between two of them.
const BURSTS: usize = 16;
const BETWEEN: Duration = Duration::from_secs(18);

/// The cluster, without its traffic.
pub(crate) fn world() -> Builder {
    let pod = |(namespace, workload, node): (&str, &str, &str)| {
        PodSpec::new(workload, node).namespace(namespace).label("team", namespace).deployment(workload)
    };
    World::builder(&World::unique_name()).pods(PODS.map(pod).to_vec())
}

/// Gives it its policies, and its pods something to do.
pub(crate) fn comes_alive(terminal: &Terminal) {
    let world = &terminal.world;
    for (_, _, node, egress) in POLICIES.into_iter().filter(|(.., egress)| *egress != UNASSIGNED) {
        let egress = format!("{egress}/32").parse().unwrap();
        world.add_node_address(node, egress).unwrap();
        world.route_to_node(egress, node).unwrap();
    }
    terminal.applies(&POLICIES.map(policy).concat());
    for (_, workload, _) in PODS {
        world.start_traffic(workload).unwrap();
    }
}

fn policy((name, team, gateway, egress): (&str, &str, &str, &str)) -> String {
    format!(
        r#"---
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata:
  name: {name}
spec:
  selectors:
    - podSelector:
        matchLabels:
          team: {team}
  destinationCIDRs: ["0.0.0.0/0"]
  excludedCIDRs: ["10.244.0.0/16", "10.96.0.0/16", "172.19.0.0/16"]
  egressGateway:
    nodeSelector:
      matchLabels:
        kubernetes.io/hostname: {gateway}
    egressIP: {egress}
"#
    )
}

/// Makes the manual's pictures, when `DASHBOARD_PICTURES` names a folder: after five minutes of a
/// life with ups and downs.
pub(crate) fn is_pictured(terminal: &Terminal) {
    let Some(folder) = env::var_os("DASHBOARD_PICTURES").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).unwrap();
    for burst in 0..BURSTS {
        // Toward the end somebody tries to export, again and again.
        let (pod, requests) = match burst {
            11..=13 => ("exports", 60),
            _ => (PODS[burst * 7 % PODS.len()].1, 8 + burst * 5 % 23),
        };
        let fetch =
            format!("for i in $(seq {requests}); do curl -s -m 1 -o /dev/null http://www.example.com & done; wait");
        terminal.world.exec(pod, &["sh", "-c", &fetch]).unwrap();
        thread::sleep(BETWEEN);
    }
    play(terminal, "pictures.mjs", &[("DASHBOARD_PICTURES", OsStr::new(&folder.canonicalize().unwrap()))]);
}
