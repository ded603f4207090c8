//! What no policy is for goes its way as if Tidegate were not there.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tidegate_lab::Preset;
use tidegate_lab::topology::{KUBE_DNS, OUTSIDE};

use crate::client::{self, ANSWER};
use crate::mirror::{self, Mirror};
use crate::site::{BY_WORKER, BY_WORKER2, HOST, Nodes, Policy, Site, free_pod, selected_pod};

/// Inside a destination of the policies, and excluded there.
const EXCLUDED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 50);
/// Inside no destination of the policies.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 70);
/// Pods that the policies select, all on `worker`.
const SELECTED: [&str; 2] = ["routed", "bridged"];
/// No answer is on its way: long enough to send the question.
const NO_ANSWER: Duration = Duration::from_millis(500);

#[test]
fn what_is_not_selected_goes_its_way_from_plain_nodes() {
    check(Nodes::Plain);
}

#[test]
fn what_is_not_selected_goes_its_way_from_masquerading_nodes() {
    check(Nodes::Masquerading);
}

#[test]
fn what_is_not_selected_meets_the_rules_of_filtered_nodes() {
    check(Nodes::Filtered);
}

fn check(nodes: Nodes) {
    let pods = vec![
        selected_pod("routed", "worker", "worker"),
        selected_pod("bridged", "worker", "worker2").bridged(),
        free_pod("near", "worker"),
        free_pod("away", "worker2"),
    ];
    let Some(site) = Site::build(nodes, pods) else { return };
    let _mirrors = mirrors(&site);
    for policy in [Policy::by_worker(), Policy::by_worker2()] {
        let destinations = &["34.160.111.0/24", "198.51.100.0/26"];
        site.put(&Policy { destinations, excluded: &["198.51.100.50/32"], ..policy });
    }
    site.until_seen_as("routed", BY_WORKER);
    site.until_seen_as("bridged", BY_WORKER2);
    for pod in SELECTED {
        names_are_asked_of_kube_dns(&site, pod);
        for (peer, address) in [("near", site.address("near")), ("away", site.address("away"))] {
            seen_as(&site, pod, address, Some(site.address(pod)), &format!("pod {peer}"));
        }
        let node = |name: &str| site.node(name).unwrap().address;
        seen_as(&site, pod, node("worker"), Some(site.address(pod)), "its own node");
        // On its way to another node it is forwarded by its own.
        let forwarded = (nodes != Nodes::Filtered).then(|| site.address(pod));
        seen_as(&site, pod, node("worker2"), forwarded, "another node");
        seen_as(&site, pod, EXCLUDED, source_outside(&site, nodes, pod), "an excluded destination");
        seen_as(&site, pod, ELSEWHERE, source_outside(&site, nodes, pod), "a destination of no policy");
        callers_from_outside_are_answered(&site, pod);
    }
    let what = "the outside, selected by nothing";
    seen_as(&site, "near", HOST, source_outside(&site, nodes, "near"), what);
}

/// Mirrors in pods, on nodes, and outside where the policies do not reach.
fn mirrors(site: &Site) -> Vec<Mirror> {
    let mut mirrors: Vec<_> =
        ["routed", "bridged", "near", "away"].iter().map(|pod| Mirror::start(site, pod, site.address(pod))).collect();
    mirrors
        .extend(["worker", "worker2"].iter().map(|node| Mirror::start(site, node, site.node(node).unwrap().address)));
    mirrors.extend([EXCLUDED, ELSEWHERE].iter().map(|address| Mirror::start(site, OUTSIDE, *address)));
    mirrors
}

/// The source that a packet has outside which no policy is for, if the node lets it out.
fn source_outside(site: &Site, nodes: Nodes, pod: &str) -> Option<Ipv4Addr> {
    match nodes {
        Nodes::Plain => Some(site.address(pod)),
        Nodes::Masquerading => Some(site.node(&site.pod(pod).unwrap().spec.node).unwrap().address),
        Nodes::Filtered => None,
    }
}

/// The mirror on `to` sees `pod` as `source`, or the node's own FORWARD rule has dropped the
/// packets.
fn seen_as(site: &Site, pod: &str, to: Ipv4Addr, source: Option<Ipv4Addr>, what: &str) {
    let what = format!("from {pod} to {what}");
    let mirror = SocketAddr::from((to, mirror::PORT));
    let Some(source) = source else {
        let node = site.pod(pod).unwrap().spec.node;
        let dropped = || site.firewall_packets(&node, Preset::ForwardDrop).unwrap().unwrap();
        for (kind, ask) in [("TCP", client::who as fn(_, _) -> _), ("UDP", client::who_by_datagram)] {
            let before = dropped();
            let seen = site.at(pod, || ask(mirror, NO_ANSWER));
            assert!(seen.is_err() && dropped() > before, "{kind} {what}: {seen:?}, dropped {before} {}", dropped());
        }
        return;
    };
    let by_tcp = site.at(pod, || client::who(mirror, ANSWER));
    assert_eq!(by_tcp.unwrap_or_else(|error| panic!("TCP {what}: {error}")).ip(), source, "TCP {what}");
    let by_udp = site.at(pod, || client::who_by_datagram(mirror, ANSWER));
    assert_eq!(by_udp.unwrap_or_else(|error| panic!("UDP {what}: {error}")).ip(), source, "UDP {what}");
    site.at(pod, || client::ping(to, ANSWER)).unwrap_or_else(|error| panic!("ICMP {what}: {error}"));
}

/// The resolver sees the pod's own address; that the service address is translated is not ours.
fn names_are_asked_of_kube_dns(site: &Site, pod: &str) {
    let capture = site.capture(KUBE_DNS, "eth0").unwrap();
    let answer = site.run(pod, &["getent", "ahostsv4", "ifconfig.me"]).unwrap();
    assert!(answer.contains("34.160.111.145"), "{pod}: {answer}");
    assert!(capture.packets_from(site.address(pod)) > 0, "{pod} is not seen at {KUBE_DNS}");
}

/// A client takes no answer from an address it has not asked: an answer shows whose it is.
fn callers_from_outside_are_answered(site: &Site, pod: &str) {
    let address = site.address(pod);
    let mirror = SocketAddr::from((address, mirror::PORT));
    let by_tcp = site.at(OUTSIDE, || client::who(mirror, ANSWER));
    by_tcp.unwrap_or_else(|error| panic!("TCP from outside to {pod}: {error}"));
    let by_udp = site.at(OUTSIDE, || client::who_by_datagram(mirror, ANSWER));
    by_udp.unwrap_or_else(|error| panic!("UDP from outside to {pod}: {error}"));
    let by_icmp = site.at(OUTSIDE, || client::ping(address, ANSWER));
    by_icmp.unwrap_or_else(|error| panic!("ICMP from outside to {pod}: {error}"));
}
