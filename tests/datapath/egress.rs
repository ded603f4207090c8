//! What a policy selects leaves from the policy's address and gets its answers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tidegate_lab::{ECHO_PORTS, PodSpec};

use crate::client::{self, ANSWER};
use crate::site::{BY_WORKER, BY_WORKER2, HOST, MIRROR, Nodes, Site, WEB, assert_only, selected_pod};

const BULK: usize = 3_000_000;

/// Both ways to be joined to a node, both places of a gateway.
fn pods() -> Vec<PodSpec> {
    vec![
        selected_pod("routed-local", "worker", "worker"),
        selected_pod("routed-remote", "worker", "worker2"),
        selected_pod("bridged-local", "worker", "worker").bridged(),
        selected_pod("bridged-remote", "worker", "worker2").bridged(),
    ]
}

#[test]
fn selected_pods_leave_only_by_their_egress_address_from_plain_nodes() {
    check(Nodes::Plain);
}

#[test]
fn selected_pods_leave_only_by_their_egress_address_from_filtered_nodes() {
    check(Nodes::Filtered);
}

fn check(nodes: Nodes) {
    let Some(site) = Site::with_policies(nodes, pods()) else { return };
    let capture = site.capture_outside().unwrap();
    for pod in pods() {
        let egress = if pod.name.ends_with("local") { BY_WORKER } else { BY_WORKER2 };
        let name = &pod.name;
        let what = |deed: &str| format!("{deed} of {name} on {nodes:?} nodes");
        capture.clear();
        talk(&site, name, egress, &what);
        assert_only(&capture, HOST, egress, &what("everything"));
        assert_eq!(capture.packets_from(site.address(name)), 0, "{}", what("packets with the address"));
        for kind in [1, 6, 17] {
            assert!(capture.count(|seen| seen.protocol == kind && seen.source == egress) > 0, "protocol {kind}");
        }
    }
}

/// TCP small and bulk both ways, UDP of several sizes, echo.
fn talk(site: &Site, pod: &str, egress: Ipv4Addr, what: &dyn Fn(&str) -> String) {
    let echo = SocketAddr::from((HOST, ECHO_PORTS[0]));
    assert_eq!(done(site.at(pod, || client::who(MIRROR, ANSWER)), what("TCP")).ip(), egress);
    assert_eq!(done(site.at(pod, || client::who_by_datagram(MIRROR, ANSWER)), what("UDP")).ip(), egress);
    done(site.at(pod, || client::download(WEB, BULK as u64, |_| true)), what("download"));
    done(site.at(pod, || client::upload(WEB, BULK)), what("upload"));
    for size in [10, 1200, 1400] {
        for checksum in [true, false] {
            let deed = what(&format!("UDP echo, {size} bytes, checksum {checksum}"));
            done(site.at(pod, || client::echo(echo, size, checksum)), deed);
        }
    }
    done(site.at(pod, || client::ping(HOST, ANSWER)), what("ICMP echo"));
}

fn done<T>(result: io::Result<T>, what: String) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}
