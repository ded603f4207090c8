//! Many connections behind one address: each has a port of its own there.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::thread;

use crate::client::{self, ANSWER, Connection};
use crate::site::{BY_WORKER, BY_WORKER2, HOST, MIRROR, Nodes, Site, assert_only, selected_pod};

const CONNECTIONS: u16 = 400;

#[test]
fn pods_with_equal_ports_on_two_nodes_never_share_a_translation() {
    check("on-worker", "on-worker2");
}

#[test]
fn pods_with_equal_ports_on_one_node_never_share_a_translation() {
    check("on-worker", "also-on-worker");
}

#[test]
fn a_port_that_is_used_again_at_once_is_a_new_connection() {
    let pods = vec![selected_pod("local", "worker", "worker"), selected_pod("remote", "worker", "worker2").bridged()];
    let Some(site) = Site::with_policies(Nodes::Filtered, pods) else { return };
    for (pod, egress) in [("local", BY_WORKER), ("remote", BY_WORKER2)] {
        let again = || {
            let mut connection = Connection::open_from(20_000, MIRROR, ANSWER)?;
            let seen = connection.ask()?;
            connection.abort().map(|()| seen.ip())
        };
        let seen = site.at(pod, || (0..CONNECTIONS).map(|_| again()).collect::<io::Result<BTreeSet<_>>>());
        assert_eq!(seen.unwrap_or_else(|error| panic!("{pod}: {error}")), [egress.into()].into(), "{pod}");
    }
}

/// 400 times: both pods connect to one server from the same port, at the same time.
fn check(a: &str, b: &str) {
    let pods = vec![
        selected_pod("on-worker", "worker", "worker2"),
        selected_pod("also-on-worker", "worker", "worker2").bridged(),
        selected_pod("on-worker2", "worker2", "worker2"),
    ];
    let Some(site) = Site::with_policies(Nodes::Filtered, pods) else { return };
    let capture = site.capture_outside().unwrap();
    let over_tcp = both(&site, a, b, |port| {
        let mut connection = Connection::open_from(port, MIRROR, ANSWER)?;
        // Kept open, so that no translation ends before the last one is made.
        connection.ask().map(|seen| (seen, Some(connection)))
    });
    assert_eq!(over_tcp.len(), 2 * usize::from(CONNECTIONS), "distinct translations over TCP");
    let over_udp = both(&site, a, b, |port| Ok((client::who_by_datagram_from(port, MIRROR, ANSWER)?, None)));
    assert_eq!(over_udp.len(), 2 * usize::from(CONNECTIONS), "distinct translations over UDP");
    assert_only(&capture, HOST, BY_WORKER2, "both pods");
}

/// Every translation that the server saw; none fails.
fn both(
    site: &Site,
    a: &str,
    b: &str,
    connect: impl Fn(u16) -> io::Result<(SocketAddr, Option<Connection>)> + Sync,
) -> BTreeSet<SocketAddr> {
    let open = |pod| site.at(pod, || (20_000..20_000 + CONNECTIONS).map(&connect).collect::<io::Result<Vec<_>>>());
    let (of_a, of_b) = thread::scope(|scope| {
        let of_a = scope.spawn(|| open(a));
        let of_b = scope.spawn(|| open(b));
        (of_a.join().unwrap(), of_b.join().unwrap())
    });
    let (of_a, of_b) = (of_a.unwrap(), of_b.unwrap());
    of_a.iter().chain(&of_b).map(|(seen, _)| *seen).collect()
}
