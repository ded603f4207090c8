//! A connection through another node, as both nodes show it: with its name, its pod and its
//! egress address.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::SUITE;
use crate::policy::egress;
use crate::terminal::{Terminal, eventually};

#[test]
fn both_nodes_show_a_connection_by_the_name_that_its_pod_asked_for() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let gateway = terminal.world.node("worker2").unwrap();
    terminal.applies(&egress("worker", "worker2", ""));
    terminal.awaits_gateway("client", "worker2", gateway.address);
    assert_eq!(terminal.seen_address("client"), gateway.address.to_string());

    // The whole path of one SYN, each step once.
    let syn = |point: &str, node: &str| {
        let flags = "--to-fqdn ifconfig.me --from-pod default/client --tcp-flags SYN";
        eventually(|| {
            let mut flows = terminal.observed(flags);
            flows.retain(|flow| flow["trace_observation_point"] == point && flow["node_name"] == node);
            if flows.len() == 1 { Ok(flows.remove(0)) } else { Err(flows) }
        })
    };
    let leaving = syn("FROM_ENDPOINT", "worker");
    let tunneled = syn("TO_OVERLAY", "worker");
    let arriving = syn("FROM_OVERLAY", "worker2");
    let translated = syn("TO_NETWORK", "worker2");

    let client = terminal.world.pod("client").unwrap().address.to_string();
    for flow in [&leaving, &tunneled, &arriving, &translated] {
        assert_eq!(flow["destination_names"], serde_json::json!(["ifconfig.me"]), "{flow}");
        assert_eq!((&flow["IP"]["source"], &flow["source"]["pod_name"]), (&client.as_str().into(), &"client".into()));
        assert_eq!(flow["l4"]["TCP"]["source_port"], leaving["l4"]["TCP"]["source_port"], "{flow}");
        assert_eq!(flow["l4"]["TCP"]["destination_port"], 443, "{flow}");
        assert_eq!(flow["source"]["identity"], leaving["source"]["identity"], "the same number on every node");
        assert_eq!(flow["destination"]["labels"], serde_json::json!(["reserved:world"]), "{flow}");
        assert_eq!((&flow["is_reply"], &flow["verdict"]), (&Value::Bool(false), &"FORWARDED".into()), "{flow}");
    }
    assert_eq!(translated["IP"]["source_xlated"], gateway.address.to_string());
    for flow in [&leaving, &tunneled, &arriving] {
        assert_eq!(flow["IP"].get("source_xlated"), None, "not translated yet: {flow}");
    }

    let printed = terminal.types("tidegate observe --to-fqdn ifconfig.me --print-node-name").done();
    let shows = |node: &str, point: &str| {
        printed.lines().any(|line| {
            line.contains(&format!("[{node}]: default/client:"))
                && line.contains(&format!("-> ifconfig.me:443 (world) {point} FORWARDED"))
        })
    };
    assert!(shows("worker", "from-endpoint") && shows("worker2", "to-network"), "{printed}");

    let informed = terminal.observed(&format!("--flow-info --uuid {}", translated["uuid"].as_str().unwrap()));
    let info = &informed[0]["extensions"];
    assert_eq!((&info["policy"], &info["gateway"]), (&"egress-worker".into(), &"worker2".into()), "{info}");
    assert_eq!(info["egress_ip"], gateway.address.to_string(), "{info}");

    no_number_is_given_twice(&terminal);
}

#[test]
fn the_answers_that_names_come_from_are_flows_themselves() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    terminal.world.run("client", &["getent", "ahostsv4", "shop.example.com"]).unwrap();
    let flows = eventually(|| {
        let flows = terminal.observed("--type l7 --protocol dns --pod default/client --node-name worker");
        let both = ["REQUEST", "RESPONSE"].map(|kind| flows.iter().find(|flow| flow["l7"]["type"] == kind).cloned());
        if let [Some(request), Some(response)] = both { Ok([request, response]) } else { Err(flows) }
    });
    for flow in &flows {
        assert_eq!(flow["Type"], "L7", "{flow}");
        assert_eq!(flow["event_type"]["type"], 129, "{flow}");
        assert_eq!(flow["l7"]["dns"]["query"], "shop.example.com.", "{flow}");
    }
    let [request, response] = &flows;
    assert_eq!((&request["is_reply"], &response["is_reply"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(
        (&request["source"]["pod_name"], &response["destination"]["pod_name"]),
        (&"client".into(), &"client".into())
    );
    let answer = &response["l7"]["dns"];
    assert_eq!(answer["ips"], serde_json::json!(["198.51.100.30"]), "{response}");
    assert_eq!(answer["qtypes"], serde_json::json!(["A"]), "{response}");
    let chain: BTreeSet<_> = answer["cnames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(chain, BTreeSet::from(["shop.cdn.example.net.", "edge-7.cdn.example.net."]), "{response}");
    let printed = terminal.types("tidegate observe --protocol dns --pod default/client --node-name worker").done();
    assert!(printed.contains("dns-request agent FORWARDED (DNS Query shop.example.com. A)"), "{printed}");
    assert!(printed.contains("dns-response agent FORWARDED (DNS Answer \"198.51.100.30\""), "{printed}");
}

/// The uuid is the key of a flow, over all nodes.
fn no_number_is_given_twice(terminal: &Terminal) {
    let flows = terminal.observed("--all");
    let nodes: BTreeSet<_> = flows.iter().filter_map(|flow| flow["node_name"].as_str()).collect();
    assert_eq!(nodes, BTreeSet::from(["control-plane", "worker", "worker2"]), "every node has seen something");
    let numbers: BTreeSet<_> = flows.iter().map(|flow| flow["uuid"].as_str().expect("a uuid")).collect();
    assert_eq!(numbers.len(), flows.len());
}
