//! Any node is the gateway of any pod.

use std::collections::BTreeSet;

use tidegate_lab::zone;

use crate::SUITE;
use crate::policy::{CLIENTS, egress};
use crate::terminal::Terminal;

#[test]
fn any_node_may_be_the_gateway_of_any_pod() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let outside = terminal.world.capture_outside().unwrap();
    for round in 0..CLIENTS.len() {
        // In three rounds each pod has each node.
        let gateway_of = |pod: usize| CLIENTS[(pod + round) % CLIENTS.len()].1;
        let policies: String =
            CLIENTS.iter().enumerate().map(|(pod, (_, node))| egress(node, gateway_of(pod), "")).collect();
        terminal.applies(&policies);
        for (index, (pod, _)) in CLIENTS.iter().enumerate() {
            let gateway = terminal.world.node(gateway_of(index)).unwrap();
            terminal.awaits_gateway(pod, &gateway.name, gateway.address);
            outside.clear();
            let seen = terminal.seen_address(pod);
            assert_eq!(seen, gateway.address.to_string(), "{pod} through {}", gateway.name);
            assert_eq!(outside.sources_to(zone::IFCONFIG), BTreeSet::from([gateway.address]), "{pod}, outside");
        }
    }
    assert_eq!(outside.dropped().unwrap(), 0, "the witness saw everything");
}
