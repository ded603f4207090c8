//! The journeys, each before a world of its own.

use std::net::{Ipv4Addr, SocketAddr};

use tidegate_lab::World;
use tidegate_lab::world::Builder;

use crate::browser::{may_browse, play};
use crate::lively;
use crate::terminal::{PROGRAM, Terminal};

/// The pod `client` on `worker`, which leaves through `worker2`.
const BY_ANOTHER_NODE: &str = r#"---
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata:
  name: by-worker2
spec:
  selectors:
    - podSelector:
        matchLabels:
          app: client
          node: worker
  destinationCIDRs: ["0.0.0.0/0"]
  egressGateway:
    nodeSelector:
      matchLabels:
        kubernetes.io/hostname: worker2
"#;

#[test]
fn what_a_pod_opened_is_found_by_name_opened_linked_and_narrowed_in_time() {
    let Some(terminal) = translating() else { return };
    play(&terminal, "finding.mjs", &[]);
}

#[test]
fn following_shows_every_flow_once_even_when_relay_and_dashboard_are_killed() {
    let Some(terminal) = translating() else { return };
    play(&terminal, "following.mjs", &[]);
}

#[test]
fn the_page_is_used_by_keyboard_alone_and_fit_to_be_read_in_both_themes() {
    if !may_browse() {
        return;
    }
    let terminal = Terminal { world: with_dashboard(lively::world()) };
    lively::comes_alive(&terminal);
    play(&terminal, "reading.mjs", &[]);
    lively::is_pictured(&terminal);
}

/// A world whose pod `client` is translated on another node; `None` where the suite is left out.
fn translating() -> Option<Terminal> {
    may_browse().then(|| {
        let terminal = Terminal { world: with_dashboard(World::builder(&World::unique_name())) };
        terminal.applies(BY_ANOTHER_NODE);
        let gateway = terminal.world.node("worker2").unwrap().address;
        terminal.awaits_gateway("client", "worker2", gateway);
        terminal
    })
}

fn with_dashboard(builder: Builder) -> World {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let world = builder.binary(PROGRAM).dashboard(any_port).build();
    world.expect("a world with its dashboard comes up")
}
