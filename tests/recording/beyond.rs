//! Flows that no collector holds any more are still found.

use std::time::Duration;

use tidegate_lab::World;

use crate::SUITE;
use crate::load::Load;
use crate::terminal::{PROGRAM, Terminal, eventually, may_run};

#[test]
fn stored_flows_outlive_rings_relays_and_collectors() {
    if !may_run(SUITE) {
        return;
    }
    let builder = World::builder(&World::unique_name()).binary(PROGRAM);
    let world = builder.collector_args(&["--history-events", "500"]).build();
    let terminal = Terminal { world: world.expect("a world with its collectors and relay comes up") };
    terminal.seen_address("client");
    let named = || terminal.observed("--since 1h --to-fqdn ifconfig.me --from-pod client");
    let before = eventually(|| match named() {
        flows if flows.iter().any(|flow| ["FIN", "RST"].iter().any(|end| flow["l4"]["TCP"]["flags"][end] == true)) => {
            Ok(flows)
        }
        flows => Err(flows),
    });
    let load = Load::start(&terminal.world, &["other"], Duration::from_millis(1));
    // Out of the ring of its node: nothing but the store can know them.
    let collector = format!("{}:4244", terminal.world.node("worker").unwrap().address);
    let held = [PROGRAM, "observe", "--server", &collector, "--all", "--from-pod", "client"];
    eventually(|| match terminal.world.run("worker", &held).unwrap() {
        nothing if nothing.is_empty() => Ok(()),
        flows => Err(flows),
    });
    drop(load);
    let ids = |flows: &[serde_json::Value]| flows.iter().map(|flow| flow["uuid"].clone()).collect::<Vec<_>>();
    let known = |what: &str| {
        let flows = eventually(|| match named() {
            flows if flows.len() >= before.len() => Ok(flows),
            flows => Err(flows),
        });
        let mut unique = ids(&flows).iter().map(ToString::to_string).collect::<Vec<_>>();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), flows.len(), "each once, {what}");
        for flow in &before {
            assert!(flows.contains(flow), "{what}: {flow} as it was, among {flows:#?}");
        }
    };
    known("while everything runs");
    terminal.world.kill_relay().unwrap();
    terminal.world.start_relay().unwrap();
    known("after the relay's death");
    for node in terminal.world.nodes() {
        terminal.world.kill_collector(&node.name).unwrap();
        terminal.world.start_collector(&node.name).unwrap();
    }
    known("with collectors that know nothing");
}
