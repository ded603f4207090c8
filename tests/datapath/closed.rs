//! A policy that cannot be fulfilled lets nothing out, and says so.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tidegate_lab::process::wait_until;

use crate::client;
use crate::site::{HOST, MIRROR, Nodes, PATIENCE, Policy, Site, selected_pod};

/// Hubble's numbers of the two reasons.
const NO_EGRESS_IP: u64 = 204;
const NO_EGRESS_GATEWAY: u64 = 194;
/// No answer will come: long enough to send the question.
const NO_ANSWER: Duration = Duration::from_millis(200);

#[test]
fn a_policy_without_a_usable_address_or_gateway_lets_nothing_out_of_plain_nodes() {
    check(Nodes::Plain);
}

#[test]
fn a_policy_without_a_usable_address_or_gateway_lets_nothing_out_of_masquerading_nodes() {
    check(Nodes::Masquerading);
}

fn check(nodes: Nodes) {
    let pods = vec![
        selected_pod("addressless-near", "worker", "nearby"),
        selected_pod("addressless-far", "worker", "far-away"),
        selected_pod("gatewayless", "worker", "nowhere"),
    ];
    let Some(site) = Site::build(nodes, pods) else { return };
    let nobodys = Ipv4Addr::new(203, 0, 113, 77);
    let unusable = Policy { egress: nobodys, ..Policy::by_worker() };
    site.put(&Policy { name: "no-address-near", selects: "nearby", ..unusable.clone() });
    site.put(&Policy { name: "no-address-far", selects: "far-away", gateway: "worker2", ..unusable.clone() });
    site.put(&Policy { name: "no-gateway", selects: "nowhere", gateway: "nowhere", ..unusable });
    let pods =
        [("addressless-near", NO_EGRESS_IP), ("addressless-far", NO_EGRESS_IP), ("gatewayless", NO_EGRESS_GATEWAY)];
    for (pod, reason) in pods {
        // What happens before the policy is in force is not its fault.
        until_dropped(&site, pod, reason, &["TCP"]);
    }
    let capture = site.capture_outside().unwrap();
    for (pod, reason) in pods {
        until_dropped(&site, pod, reason, &["TCP", "UDP", "ICMPv4"]);
    }
    assert_eq!(capture.sources_to(HOST), BTreeSet::new(), "{nodes:?}");
    assert_eq!(capture.dropped().unwrap(), 0, "the capture is complete");
}

/// Tries to get out until flows show that the pod's packets of these kinds were dropped for
/// that reason; never does one get an answer after the first drop.
fn until_dropped(site: &Site, pod: &str, reason: u64, kinds: &[&str]) {
    let mut last = String::new();
    let what = format!("drops of {pod} with reason {reason} over {kinds:?}");
    let waited = wait_until(&what, PATIENCE, || {
        let tried = [
            site.at(pod, || client::who(MIRROR, NO_ANSWER)).is_ok(),
            site.at(pod, || client::who_by_datagram(MIRROR, NO_ANSWER)).is_ok(),
            site.at(pod, || client::ping(HOST, NO_ANSWER)).is_ok(),
        ];
        let drops = drops_of(site, pod);
        last = format!("answers {tried:?}, drops {drops:?}");
        kinds.iter().all(|kind| drops.contains(&((*kind).to_owned(), reason)))
    });
    waited.unwrap_or_else(|error| panic!("{error}: {last}"));
}

/// Protocol and drop reason of the pod's dropped flows, as the relay shows them.
fn drops_of(site: &Site, pod: &str) -> BTreeSet<(String, u64)> {
    let relay = site.relay_address().unwrap().to_string();
    let from = format!("default/{pod}");
    let args =
        ["observe", "--server", &relay, "--verdict", "DROPPED", "--from-pod", &from, "--last", "500", "-o", "json"];
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let flows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    flows
        .filter_map(|line| {
            let flow = &line["flow"];
            let kind = flow["l4"].as_object()?.keys().next()?.clone();
            Some((kind, flow["drop_reason"].as_u64()?))
        })
        .collect()
}
