//! The first packets of a pod: sent before anybody knows whose they are.

use std::time::Duration;

use tidegate_lab::Pod;

use crate::load::Load;
use crate::site::{BY_WORKER, BY_WORKER2, HOST, Nodes, Site, selected_pod};

const PODS: usize = 50;
/// Pods that start together.
const AT_ONCE: usize = 10;

#[test]
fn a_selected_pods_first_packets_leave_by_its_egress_address_or_not_at_all_on_plain_nodes() {
    check(Nodes::Plain);
}

#[test]
fn a_selected_pods_first_packets_leave_by_its_egress_address_or_not_at_all_on_masquerading_nodes() {
    check(Nodes::Masquerading);
}

fn check(nodes: Nodes) {
    let Some(site) = Site::with_policies(nodes, vec![selected_pod("first", "worker", "worker")]) else { return };
    let capture = site.capture_outside().unwrap();
    for wave in 0..PODS / AT_ONCE {
        let born: Vec<_> = (0..AT_ONCE).map(|number| bear(&site, wave * AT_ONCE + number)).collect();
        for (pod, load) in born {
            let gateway = &pod.spec.labels[crate::site::LABEL];
            let egress = if gateway == "worker" { BY_WORKER } else { BY_WORKER2 };
            load.goes_on(1, &format!("from the new pod {}", pod.spec.name));
            let outcome = load.stop();
            assert_eq!(outcome.seen_as, [egress.into()].into(), "{} on {nodes:?} nodes", pod.spec.name);
            site.remove_pod(&pod.spec.name).unwrap();
        }
    }
    assert_eq!(capture.sources_to(HOST), [BY_WORKER, BY_WORKER2].into(), "{nodes:?}");
    capture.stop().unwrap();
}

/// A pod that connects from its first instant, a moment before it is announced.
fn bear(site: &Site, number: usize) -> (Pod, Load) {
    let gateway = ["worker", "worker2"][number % 2];
    let spec = selected_pod(&format!("new-{number}"), "worker", gateway).unannounced();
    let spec = if number % 4 < 2 { spec } else { spec.bridged() };
    let pod = site.add_pod(spec).unwrap();
    let load = Load::start(site, &pod.spec.name, HOST, Duration::from_millis(500));
    site.announce_pod(&pod.spec.name).unwrap();
    (pod, load)
}
