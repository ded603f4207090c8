//! The chapter as it is typed: settings, policies, entries, the page outside, and back.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use tidegate_lab::zone;

use crate::SUITE;
use crate::policy::CLIENTS;
use crate::terminal::{Terminal, eventually};

const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/walkthrough/egress-gateway-policy.yaml");

#[test]
fn the_settings_show_the_gateway_enabled_and_its_interval() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let collector = terminal.world.dir().collector_socket("worker");
    for line in
        ["tidegate config view".to_owned(), format!("tidegate config view --server unix://{}", collector.display())]
    {
        let view = terminal.types(&line).done();
        let value = |key| row(&view, key)[1].clone();
        assert_eq!(value("enable-egress-gateway"), "true", "{line}");
        assert_eq!(value("egress-gateway-reconciliation-trigger-interval"), "1s", "{line}");
    }
}

#[test]
fn the_tutorials_policies_work_unchanged_from_apply_to_delete() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let outside = terminal.world.capture_outside().unwrap();
    assert_eq!(terminal.seen_address("client"), address_of_pod(&terminal, "client"), "nothing is translated yet");

    let applied = terminal.types(&format!("tidegate apply -f {POLICIES}")).done();
    let names = ["egress-worker", "egress-worker2", "egress-control-plane"];
    let created = names.map(|name| format!("ciliumegressgatewaypolicy/{name} created\n"));
    assert_eq!(applied, created.concat());

    let got = terminal.types("tidegate get ciliumegressgatewaypolicies").done();
    assert_eq!(got.split_whitespace().next(), Some("NAME"));
    let shown: BTreeSet<_> = got.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(shown, BTreeSet::from(names));

    let nodes = CLIENTS.map(|(_, node)| terminal.world.node(node).unwrap().address);
    for ((pod, node), address) in CLIENTS.into_iter().zip(nodes) {
        terminal.awaits_gateway(pod, node, address);
    }
    the_list_has_the_four_columns(&terminal);

    outside.clear();
    for ((pod, _), address) in CLIENTS.into_iter().zip(nodes) {
        let line = format!("tidegate lab exec --world {} {pod} -- curl -sS https://ifconfig.me", terminal.world.name());
        assert_eq!(terminal.types(&line).done().trim(), address.to_string(), "what {pod} is seen as");
    }
    assert_eq!(outside.sources_to(zone::IFCONFIG), BTreeSet::from(nodes), "what arrived outside");
    let unselected = address_of_pod(&terminal, "other");
    assert_eq!(terminal.seen_address("other"), unselected, "a pod that no policy selects is left alone");
    assert_eq!(outside.dropped().unwrap(), 0, "the witness saw everything");

    let deleted = terminal.types(&format!("tidegate delete -f {POLICIES}")).done();
    let gone = names.map(|name| format!("ciliumegressgatewaypolicy/{name} deleted\n"));
    assert_eq!(deleted, gone.concat());
    eventually(|| {
        let said = terminal.types("tidegate egress list");
        if said.out.is_empty() && said.err == "No entries found.\n" { Ok(()) } else { Err(said) }
    });
    for (pod, _) in CLIENTS {
        assert_eq!(terminal.seen_address(pod), address_of_pod(&terminal, pod), "{pod} leaves as before");
    }
    let said = terminal.types("tidegate get ciliumegressgatewaypolicies");
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
}

/// Each client goes out through its own node, and three ranges are left alone.
fn the_list_has_the_four_columns(terminal: &Terminal) {
    let list = terminal.types("tidegate egress list").done();
    let mut lines = list.lines().map(cells);
    assert_eq!(lines.next().unwrap(), ["Source IP", "Destination CIDR", "Egress IP", "Gateway IP"]);
    let mut wanted = BTreeSet::new();
    for (pod, node) in CLIENTS {
        let pod = address_of_pod(terminal, pod);
        let node = terminal.world.node(node).unwrap().address.to_string();
        wanted.insert([pod.clone(), "0.0.0.0/0".into(), node.clone(), node].to_vec());
        for range in ["10.244.0.0/16", "10.96.0.0/16", "172.19.0.0/16"] {
            wanted.insert([pod.as_str(), range, "0.0.0.0", "Excluded CIDR"].map(str::to_owned).to_vec());
        }
    }
    assert_eq!(lines.collect::<BTreeSet<_>>(), wanted);

    let json: Vec<serde_json::Value> =
        serde_json::from_str(&terminal.types("tidegate egress list -o json").done()).unwrap();
    let keys = ["SourceIP", "DestCIDR", "EgressIP", "GatewayIP"];
    let rows = json.iter().map(|entry| keys.map(|key| entry[key].as_str().unwrap().to_owned()).to_vec());
    assert_eq!(rows.collect::<BTreeSet<_>>(), wanted, "the same in JSON");
}

fn address_of_pod(terminal: &Terminal, pod: &str) -> String {
    let address: Ipv4Addr = terminal.world.pod(pod).unwrap().address;
    address.to_string()
}

/// The cells of a printed row: columns are three blanks apart.
fn cells(line: &str) -> Vec<String> {
    line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

/// The words of the row that begins with `key`.
fn row(table: &str, key: &str) -> Vec<String> {
    let row = table.lines().find(|line| line.split_whitespace().next() == Some(key));
    let row = row.unwrap_or_else(|| panic!("no row {key} in:\n{table}"));
    row.split_whitespace().map(str::to_owned).collect()
}
