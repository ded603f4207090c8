use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::inventory::manifests::Manifests;

const CLUSTER: &str = "
apiVersion: v1
kind: Node
metadata: {name: worker, labels: {kubernetes.io/hostname: worker}}
spec: {podCIDR: 10.244.1.0/24}
status: {addresses: [{type: InternalIP, address: 172.19.0.11}]}
---
apiVersion: v1
kind: Node
metadata: {name: worker2, labels: {kubernetes.io/hostname: worker2}}
spec: {podCIDR: 10.244.2.0/24}
status: {addresses: [{type: InternalIP, address: 172.19.0.12}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {nodeName: worker}
status: {podIP: 10.244.1.5}
---
apiVersion: v1
kind: Pod
metadata: {name: other, labels: {app: other}}
spec: {nodeName: worker}
status: {podIP: 10.244.1.6}
";

fn policy(name: &str, gateway: &str, extra: &str) -> String {
    format!(
        "---
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata: {{name: {name}}}
spec:
  selectors: [{{podSelector: {{matchLabels: {{app: client}}}}}}]
  destinationCIDRs: [0.0.0.0/0]
  excludedCIDRs: [10.96.0.0/16]
  egressGateway:
    nodeSelector: {{matchLabels: {{kubernetes.io/hostname: {gateway}}}}}
{extra}
"
    )
}

/// What node `local` makes of the cluster with these policies.
fn compiled(local: &str, policies: &str) -> Compiled {
    static WORLDS: AtomicU32 = AtomicU32::new(0);
    let world = WORLDS.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("tidegate-compile-{}-{world}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("all.yaml"), format!("{CLUSTER}{policies}")).unwrap();
    let reading = Manifests::new(&folder).read();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(reading.problems, []);
    let inventory = Inventory::new(&reading.objects, local, "default");
    let own = if local == "worker" { [172, 19, 0, 11] } else { [172, 19, 0, 12] };
    let addresses =
        LocalAddresses { devices: [("eth0".to_owned(), vec![own.into()])].into(), default_device: Some("eth0".into()) };
    compile(&inventory, &reading.objects, local, &addresses)
}

fn client() -> Ipv4Addr {
    [10, 244, 1, 5].into()
}

fn rule(compiled: &Compiled, net: &str) -> Rule {
    let ruleset = compiled.state.endpoints[&client()].ruleset;
    compiled.state.rules[&(ruleset, net.parse().unwrap())]
}

#[test]
fn the_source_node_tunnels_and_the_gateway_translates() {
    let policies = policy("p", "worker2", "");
    let source = compiled("worker", &policies);
    assert_eq!(rule(&source, "0.0.0.0/0").kind, rule_kind::TUNNEL);
    assert_eq!(rule(&source, "0.0.0.0/0").gateway, word([172, 19, 0, 12].into()));
    assert_eq!(rule(&source, "10.96.0.0/16").kind, rule_kind::EXCLUDED);
    let gateway = compiled("worker2", &policies);
    assert_eq!(rule(&gateway, "0.0.0.0/0").kind, rule_kind::TRANSLATE);
    assert_eq!(rule(&gateway, "0.0.0.0/0").egress, word([172, 19, 0, 12].into()));
    assert_eq!(gateway.state.endpoints[&client()].node, word([172, 19, 0, 11].into()));
}

#[test]
fn a_pod_that_nothing_selects_has_no_rules() {
    let compiled = compiled("worker", &policy("p", "worker", ""));
    assert_eq!(compiled.state.endpoints[&Ipv4Addr::new(10, 244, 1, 6)].ruleset, 0);
    assert!(compiled.state.rules.keys().all(|(ruleset, _)| *ruleset != 0));
}

#[test]
fn without_a_matching_node_the_rule_is_to_drop() {
    let compiled = compiled("worker", &policy("p", "nowhere", ""));
    assert_eq!(rule(&compiled, "0.0.0.0/0").kind, rule_kind::NO_GATEWAY);
    assert!(compiled.status[0].problems[0].contains("no node matches"));
}

#[test]
fn an_address_that_the_gateway_lacks_is_no_egress_address() {
    let compiled = compiled("worker", &policy("p", "worker", "    egressIP: 192.168.1.100"));
    assert_eq!(rule(&compiled, "0.0.0.0/0").kind, rule_kind::NO_EGRESS_IP);
    assert!(compiled.status[0].problems[0].contains("192.168.1.100"));
}

#[test]
fn of_two_policies_for_one_destination_the_first_by_name_wins_and_the_other_says_so() {
    let both = policy("b", "worker2", "") + &policy("a", "worker", "");
    let compiled = compiled("worker", &both);
    assert_eq!(rule(&compiled, "0.0.0.0/0").kind, rule_kind::TRANSLATE);
    assert_eq!(compiled.status[1].name, "b");
    assert!(compiled.status[1].problems[0].contains("a comes first"));
}

#[test]
fn a_restart_writes_the_same_numbers() {
    let policies = policy("p", "worker", "");
    assert_eq!(compiled("worker", &policies).state, compiled("worker", &policies).state);
}

#[test]
fn adding_a_gateway_moves_only_its_share_of_the_pods() {
    let pick = |gateways: &[&str], pod: usize| {
        gateways
            .iter()
            .max_by_key(|node| fnv64([format!("default/pod-{pod}").as_bytes(), b"uid", node.as_bytes()]))
            .unwrap()
            .to_string()
    };
    let moved = (0..2000).filter(|pod| pick(&["a", "b", "c"], *pod) != pick(&["a", "b", "c", "d"], *pod)).count();
    assert!(moved > 0 && moved <= 2000 * 30 / 100, "{moved}");
}
