//! Egress addresses and gateways: those that can be had, and those that cannot.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::Value;
use tidegate_lab::zone;

use crate::SUITE;
use crate::policy::egress;
use crate::terminal::{Terminal, eventually};

const NO_GATEWAY: u64 = 194;
const NO_EGRESS_ADDRESS: u64 = 204;

#[test]
fn a_fixed_egress_address_is_used_once_the_gateway_has_it() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let fixed = Ipv4Addr::new(172, 19, 0, 100);
    terminal.world.add_node_address("worker2", "172.19.0.100/16".parse().unwrap()).unwrap();
    terminal.applies(&egress("worker", "worker2", "egressIP: 172.19.0.100"));
    terminal.awaits_gateway("client", "worker2", fixed);
    let outside = terminal.world.capture_outside().unwrap();
    assert_eq!(terminal.seen_address("client"), "172.19.0.100");
    assert_eq!(outside.sources_to(zone::IFCONFIG), BTreeSet::from([fixed]), "what arrived outside");
    assert_eq!(outside.dropped().unwrap(), 0, "the witness saw everything");
    let status = policy_status(&terminal, "worker2");
    assert_eq!((&status["egressIPs"][0], &status["problems"]), (&"172.19.0.100".into(), &Value::Array(vec![])));
}

#[test]
fn an_egress_address_that_no_device_has_drops_and_says_why() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    terminal.applies(&egress("worker", "worker2", "egressIP: 192.168.1.100"));
    terminal.awaits_gateway("client", "worker2", Ipv4Addr::UNSPECIFIED);
    nothing_gets_out(&terminal, "worker2", NO_EGRESS_ADDRESS, "No Egress IP configured");
    let status = policy_status(&terminal, "worker2");
    let problem = status["problems"][0].as_str().unwrap_or_default();
    assert!(problem.contains("egressIP 192.168.1.100"), "{status}");
    let table = terminal.types("tidegate egress policies").done();
    assert!(table.contains("egress-worker") && table.contains(problem), "{table}");
}

#[test]
fn an_address_given_to_the_gateway_later_heals_the_policy() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    terminal.applies(&egress("worker", "worker2", "egressIP: 172.19.0.100"));
    terminal.awaits_gateway("client", "worker2", Ipv4Addr::UNSPECIFIED);
    terminal.world.add_node_address("worker2", "172.19.0.100/16".parse().unwrap()).unwrap();
    terminal.awaits_gateway("client", "worker2", Ipv4Addr::new(172, 19, 0, 100));
    assert_eq!(terminal.seen_address("client"), "172.19.0.100");
}

#[test]
fn a_policy_whose_gateway_is_no_node_drops_and_says_so() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    terminal.applies(&egress("worker", "nowhere", ""));
    let client = terminal.world.pod("client").unwrap();
    terminal.awaits_entries(client.address, |entries| {
        entries.iter().any(|entry| entry["Node"] == "worker" && entry["GatewayIP"] == "Not Found")
    });
    nothing_gets_out(&terminal, "worker", NO_GATEWAY, "No egress gateway found");
    let status = policy_status(&terminal, "worker");
    let problem = status["problems"][0].as_str().unwrap_or_default();
    assert!(problem.contains("no node matches"), "{status}");

    terminal.types("tidegate delete cegp egress-worker").done();
    terminal.awaits_entries(client.address, <[Value]>::is_empty);
    assert_eq!(terminal.seen_address("client"), client.address.to_string(), "back to normal");
}

/// The page does not come, nobody outside hears of it, and the drop is a flow on `node`.
fn nothing_gets_out(terminal: &Terminal, node: &str, reason: u64, words: &str) {
    let outside = terminal.world.capture_outside().unwrap();
    // The name is known before, so that only the fetch itself can fail.
    terminal.world.run("client", &["getent", "hosts", "ifconfig.me"]).unwrap();
    let curl = terminal.world.exec("client", &["curl", "-sS", "-m", "4", "https://ifconfig.me"]).unwrap();
    assert_eq!(curl.status.code(), Some(28), "a time-out: {}", String::from_utf8_lossy(&curl.stderr));
    assert_eq!(outside.sources_to(zone::IFCONFIG), BTreeSet::new(), "nothing arrived outside");
    assert_eq!(outside.dropped().unwrap(), 0, "the witness saw everything");

    let flags = "--verdict DROPPED --type drop --to-fqdn ifconfig.me --from-pod default/client";
    let drop = eventually(|| terminal.observed(flags).pop().ok_or("no drop by that name"));
    assert_eq!(drop["drop_reason"], reason, "{drop}");
    assert_eq!(drop["event_type"], serde_json::json!({ "type": 1, "sub_type": reason }), "{drop}");
    assert_eq!((&drop["verdict"], &drop["node_name"]), (&"DROPPED".into(), &node.into()), "{drop}");
    let line = terminal.types(&format!("tidegate observe {flags} --last 1")).done();
    assert!(line.contains(&format!("-> ifconfig.me:443 (world) {words} DROPPED (TCP Flags: SYN)").replace("->", "<>")));
}

/// How a node says that the policy of the worker's clients came out.
fn policy_status(terminal: &Terminal, node: &str) -> Value {
    let text = terminal.types("tidegate egress policies -o json").done();
    let list: Vec<Value> = serde_json::from_str(&text).unwrap();
    let found = list.into_iter().find(|policy| policy["name"] == "egress-worker" && policy["node"] == node);
    found.unwrap_or_else(|| panic!("{node} does not know the policy: {text}"))
}
