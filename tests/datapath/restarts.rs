//! Nothing leaks and nothing breaks while collectors die and come back.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate_lab::World;

use crate::client::{ANSWER, Connection};
use crate::load::Load;
use crate::site::{BY_WORKER, BY_WORKER2, HOST, MIRROR, Nodes, Site, selected_pod};

const ROUNDS: usize = 3;
const IDLE: usize = 20;
/// New connections of each kind that must succeed in every state.
const MORE: u64 = 20;

/// A way to end the collector of a node.
type End = fn(&World, &str) -> anyhow::Result<()>;

#[test]
fn traffic_goes_on_by_the_egress_address_while_collectors_of_plain_nodes_die() {
    check_deaths(Nodes::Plain);
}

#[test]
fn traffic_goes_on_by_the_egress_address_while_collectors_of_masquerading_nodes_die() {
    check_deaths(Nodes::Masquerading);
}

#[test]
fn a_pod_born_without_a_collector_on_a_plain_node_is_closed_until_there_is_one() {
    check_birth(Nodes::Plain);
}

#[test]
fn a_pod_born_without_a_collector_on_a_masquerading_node_is_closed_until_there_is_one() {
    check_birth(Nodes::Masquerading);
}

fn check_deaths(nodes: Nodes) {
    let pods = vec![selected_pod("local", "worker", "worker"), selected_pod("remote", "worker", "worker2").bridged()];
    let Some(site) = Site::with_policies(nodes, pods) else { return };
    let capture = site.capture_outside().unwrap();
    let mut open = [idle(&site, "local"), idle(&site, "remote")];
    let loads = [Load::start(&site, "local", HOST, ANSWER), Load::start(&site, "remote", HOST, ANSWER)];
    let mut all_is_well = |when: &str| {
        for load in &loads {
            load.goes_on(MORE, when);
        }
        for (connection, seen) in open.iter_mut().flatten() {
            let now = connection.ask().unwrap_or_else(|error| panic!("an open connection {when}: {error}"));
            assert_eq!(now, *seen, "{when}");
        }
    };
    let ways: [(&str, End); 2] = [("killed", World::kill_collector), ("stopped", World::stop_collector)];
    for round in 0..ROUNDS {
        for node in ["worker", "worker2"] {
            let (how, end) = ways[round % 2];
            end(&site, node).unwrap();
            all_is_well(&format!("with the collector of {node} {how}, round {round}"));
            site.start_collector(node).unwrap();
            all_is_well(&format!("with the collector of {node} back, round {round}"));
        }
    }
    for (load, egress) in loads.into_iter().zip([BY_WORKER, BY_WORKER2]) {
        let outcome = load.stop();
        assert!(outcome.failures.is_empty(), "{outcome:?}");
        assert_eq!(outcome.seen_as, [egress.into()].into());
    }
    assert_eq!(capture.sources_to(HOST), [BY_WORKER, BY_WORKER2].into(), "{nodes:?}");
    capture.stop().unwrap();
}

fn check_birth(nodes: Nodes) {
    let Some(site) = Site::with_policies(nodes, vec![selected_pod("first", "worker", "worker")]) else { return };
    let capture = site.capture_outside().unwrap();
    for (round, gateway, egress) in [(0, "worker", BY_WORKER), (1, "worker2", BY_WORKER2)] {
        site.kill_collector("worker").unwrap();
        let spec = selected_pod(&format!("late-{round}"), "worker", gateway);
        // Both ways to be joined to the node.
        let spec = if round == 0 { spec } else { spec.bridged() };
        let pod = site.add_pod(spec).unwrap();
        let at_the_node = site.capture("worker", &pod.host_link).unwrap();
        let load = Load::start(&site, &pod.spec.name, HOST, Duration::from_millis(300));
        let what = format!("packets of {} at its node", pod.spec.name);
        let sent = |kind| at_the_node.count(|seen| seen.protocol == kind && seen.destination == HOST);
        let waited =
            tidegate_lab::process::wait_until(&what, ANSWER, || [1, 6, 17].iter().all(|kind| sent(*kind) >= 5));
        waited.unwrap();
        assert_eq!(capture.sources_to(HOST), [].into(), "{} without a collector, {nodes:?}", pod.spec.name);
        site.start_collector("worker").unwrap();
        site.until_seen_as(&pod.spec.name, egress);
        load.goes_on(MORE, "with the collector back");
        let outcome = load.stop();
        assert_eq!(outcome.seen_as, [egress.into()].into(), "{nodes:?}");
        assert_eq!(capture.sources_to(HOST), [egress].into(), "{} with a collector, {nodes:?}", pod.spec.name);
        assert_eq!(capture.dropped().unwrap(), 0, "the capture is complete");
        capture.clear();
    }
}

/// Open connections of a pod, and how the server sees each.
fn idle(site: &Site, pod: &str) -> Vec<(Connection, SocketAddr)> {
    let open = || {
        let mut connection = Connection::open(MIRROR)?;
        connection.ask().map(|seen| (connection, seen))
    };
    site.at(pod, || (0..IDLE).map(|_| open()).collect()).unwrap()
}
