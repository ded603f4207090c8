//! A stranger's client, made from server reflection alone, against both roles that serve: what
//! is offered on 4245 can be used by somebody who has none of our files.

mod stranger;
#[path = "../terminal/mod.rs"]
mod terminal;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stranger::Stranger;
use terminal::{Terminal, eventually};

/// The name under which `TIDEGATE_SKIP` leaves this suite out.
const SUITE: &str = "interop";

const REFUSED: [(&str, &str); 3] = [
    ("protocol", r#"{"whitelist": [{"protocol": ["zzz"]}]}"#),
    ("address", r#"{"whitelist": [{"source_ip": ["10.0.0.0/99"]}]}"#),
    ("pattern", r#"{"blacklist": [{"node_name": ["a b"]}]}"#),
];

#[test]
fn a_client_made_from_reflection_reads_flows_from_relay_and_collectors() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    terminal.seen_address("client");
    eventually(|| terminal.observed("--to-fqdn ifconfig.me").pop().ok_or("no flow by that name"));

    let relay = Stranger::of(terminal.world.relay_address().unwrap().to_string());
    offers(&relay, &["observer.Observer", "grpc.health.v1.Health", "tidegate.v1.Egress"]);
    shows_flows_by_name(&relay);
    refuses_filters(&relay);
    let nodes = relay.asks("observer.Observer/GetNodes", "{}");
    let nodes: Vec<_> = nodes[0]["nodes"].as_array().unwrap().iter().collect();
    let named: Vec<_> = nodes.iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["control-plane", "worker", "worker2"]);
    assert!(nodes.iter().all(|node| node["state"] == "NODE_CONNECTED"), "{nodes:?}");
    let status = relay.asks("observer.Observer/ServerStatus", "{}");
    assert_eq!(status[0]["num_connected_nodes"], 3, "{status:?}");
    let namespaces = relay.asks("observer.Observer/GetNamespaces", "{}");
    let names: Vec<_> = namespaces[0]["namespaces"].as_array().unwrap().iter().map(|one| &one["namespace"]).collect();
    assert_eq!(names, ["default", "kube-system"]);

    let collector = Stranger::of(format!("unix://{}", terminal.world.dir().collector_socket("worker").display()));
    offers(&collector, &["observer.Observer", "peer.Peer", "grpc.health.v1.Health"]);
    shows_flows_by_name(&collector);
    refuses_filters(&collector);
    let status = collector.asks("observer.Observer/ServerStatus", "{}");
    assert_eq!(status[0]["max_flows"], "65535", "{status:?}");
    let peers: [Value; 3] = collector.first("peer.Peer/Notify", "{}");
    let named: BTreeSet<_> = peers.iter().map(|peer| peer["name"].as_str().unwrap()).collect();
    assert_eq!(named, BTreeSet::from(["control-plane", "worker", "worker2"]), "{peers:?}");
    assert!(peers.iter().all(|peer| peer["type"] == "PEER_ADDED"), "{peers:?}");
}

fn offers(server: &Stranger, wanted: &[&str]) {
    let services = server.services();
    for name in wanted {
        assert!(services.iter().any(|service| service == name), "{name} is not among {services:?}");
    }
    let health = server.asks("grpc.health.v1.Health/Check", "{}");
    assert_eq!(health[0]["status"], "SERVING");
}

fn shows_flows_by_name(server: &Stranger) {
    let request = json!({ "number": "5", "whitelist": [{ "destination_fqdn": ["ifconfig.me"] }] });
    let answers = server.asks("observer.Observer/GetFlows", &request.to_string());
    let flows: Vec<_> = answers.iter().filter_map(|answer| answer.get("flow")).collect();
    assert!((1..=5).contains(&flows.len()), "{answers:?}");
    for flow in &flows {
        assert_eq!(flow["destination_names"], json!(["ifconfig.me"]), "{flow}");
        assert_eq!((&flow["verdict"], &flow["Type"]), (&"FORWARDED".into(), &"L3_L4".into()), "{flow}");
        assert_eq!(flow["source"]["pod_name"], "client", "{flow}");
        assert_eq!(flow["IP"]["destination"], "34.160.111.145", "{flow}");
        assert_eq!(flow["l4"]["TCP"]["destination_port"], 443, "{flow}");
    }
    let newest = server.asks("observer.Observer/GetFlows", r#"{"number": "5"}"#);
    assert_eq!(newest.iter().filter(|answer| answer.get("flow").is_some()).count(), 5, "{newest:?}");
}

fn refuses_filters(server: &Stranger) {
    for (what, request) in REFUSED {
        let refusal = server.asks_in_vain("observer.Observer/GetFlows", request);
        assert_eq!(refusal["code"], "INVALID_ARGUMENT", "{what}: {refusal}");
        assert_ne!(refusal["message"], Value::from(""), "{what}");
    }
}
