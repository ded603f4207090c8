//! Lays the cables: turns the plan into namespaces, links, addresses and routes.
//!
//! ```text
//!   pod eth0 ── veth… node eth0 ── port… [bridge underlay] internet outside ── eth0 outside
//!  10.244.n.x        172.19.0.1n          172.19.0.1        192.0.2.1    192.0.2.2, lo: servers
//! ```
//!
//! The router knows the way to every pod CIDR: a pod address that leaks is seen outside and
//! even gets its answer, so that a leak shows as a wrong address and not as a time-out.

use std::net::Ipv4Addr;

use anyhow::Result;
use ipnet::Ipv4Net;

use crate::netlink::{ANYWHERE, Netlink, Peer, host, set_sysctl};
use crate::netns::Netns;
use crate::topology::{
    Attachment, NodeSpec, OUTSIDE_HOST, OUTSIDE_ROUTER, POD_MTU, Pod, UNDERLAY_NET, UNDERLAY_ROUTER,
};
use crate::zone;

/// The uplink's name in every namespace that has one.
pub(crate) const UPLINK: &str = "eth0";
const UNDERLAY_BRIDGE: &str = "underlay";
const POD_BRIDGE: &str = "cni0";
const UNDERLAY_MTU: u32 = 1500;

/// Makes the router and the outside host behind it.
pub(crate) fn lay_outside(internet: &Netns, outside: &Netns) -> Result<()> {
    let outside_file = outside.open()?;
    internet.run(|| -> Result<()> {
        let net = router()?;
        net.add_bridge(UNDERLAY_BRIDGE)?;
        net.add_address(UNDERLAY_BRIDGE, Ipv4Net::new_assert(UNDERLAY_ROUTER, UNDERLAY_NET.prefix_len()))?;
        net.set_up(UNDERLAY_BRIDGE)?;
        let far_end = Peer { name: UPLINK, netns: &outside_file };
        net.add_veth("outside", &far_end, UNDERLAY_MTU)?;
        net.add_address("outside", Ipv4Net::new_assert(OUTSIDE_ROUTER, 30))?;
        net.set_up("outside")
    })??;
    outside.run(|| -> Result<()> {
        let net = host_stack()?;
        net.add_address(UPLINK, Ipv4Net::new_assert(OUTSIDE_HOST, 30))?;
        net.set_up(UPLINK)?;
        net.add_route(ANYWHERE, OUTSIDE_ROUTER)?;
        for address in zone::addresses() {
            net.add_address("lo", host(address))?;
        }
        Ok(())
    })??;
    // The far end must be up before a route through the link is usable.
    internet.run(|| Netlink::open()?.add_route(ANYWHERE, OUTSIDE_HOST))?
}

/// Makes a node's uplink and its routes to the other nodes' pods.
pub(crate) fn lay_node(internet: &Netns, netns: &Netns, node: &NodeSpec, all: &[NodeSpec]) -> Result<()> {
    let node_file = netns.open()?;
    // Forwarding is inherited by links that are made later, so it comes first.
    netns.run(router)??;
    let port = port_of(node);
    internet.run(|| -> Result<()> {
        let net = Netlink::open()?;
        let near_end = Peer { name: UPLINK, netns: &node_file };
        net.add_veth(&port, &near_end, UNDERLAY_MTU)?;
        net.enslave(&port, UNDERLAY_BRIDGE)?;
        net.set_up(&port)?;
        net.add_route(node.pod_cidr, node.address)
    })??;
    netns.run(|| -> Result<()> {
        let net = Netlink::open()?;
        net.add_address(UPLINK, Ipv4Net::new_assert(node.address, UNDERLAY_NET.prefix_len()))?;
        net.set_up(UPLINK)?;
        net.add_route(ANYWHERE, UNDERLAY_ROUTER)?;
        // The pods' gateway: the node answers ARP for its own addresses on every link.
        net.add_address("lo", host(node.pod_gateway()))?;
        for other in all.iter().filter(|other| other.name != node.name) {
            net.add_route(other.pod_cidr, other.address)?;
        }
        Ok(())
    })?
}

/// Makes a pod's link and routes, on both sides.
pub(crate) fn lay_pod(node_netns: &Netns, pod_netns: &Netns, node: &NodeSpec, pod: &Pod) -> Result<()> {
    let pod_file = pod_netns.open()?;
    pod_netns.run(host_stack)??;
    let link = pod.host_link.as_str();
    node_netns.run(|| -> Result<()> {
        let net = Netlink::open()?;
        if pod.spec.attachment == Attachment::Bridged {
            ensure_pod_bridge(&net, node)?;
        }
        let pod_end = Peer { name: UPLINK, netns: &pod_file };
        net.add_veth(link, &pod_end, POD_MTU)?;
        if pod.spec.attachment == Attachment::Bridged {
            net.enslave(link, POD_BRIDGE)?;
        }
        net.set_up(link)?;
        if pod.spec.attachment == Attachment::Routed {
            net.add_link_route(host(pod.address), link)?;
        }
        Ok(())
    })??;
    pod_netns.run(|| -> Result<()> {
        let net = Netlink::open()?;
        let gateway = node.pod_gateway();
        match pod.spec.attachment {
            Attachment::Routed => {
                net.add_address(UPLINK, host(pod.address))?;
                net.set_up(UPLINK)?;
                net.add_link_route(host(gateway), UPLINK)?;
            }
            Attachment::Bridged => {
                let prefix = node.pod_cidr.prefix_len();
                net.add_address(UPLINK, Ipv4Net::new_assert(pod.address, prefix))?;
                net.set_up(UPLINK)?;
            }
        }
        net.add_route(ANYWHERE, gateway)
    })?
}

/// Removes a pod's link from its node at once; the namespace's own end would be slow.
pub(crate) fn cut_pod(node_netns: &Netns, pod: &Pod) -> Result<()> {
    node_netns.run(|| Netlink::open()?.delete_link(&pod.host_link))?
}

/// Adds an address to a node's uplink.
pub(crate) fn add_node_address(netns: &Netns, address: Ipv4Net) -> Result<()> {
    netns.run(|| Netlink::open()?.add_address(UPLINK, address))?
}

/// Sends a range of addresses from the internet to a node.
pub(crate) fn route_to_node(internet: &Netns, to: Ipv4Net, via: Ipv4Addr) -> Result<()> {
    internet.run(|| Netlink::open()?.add_route(to, via))?
}

/// The bridge of bridged pods; made with the first of them.
fn ensure_pod_bridge(net: &Netlink, node: &NodeSpec) -> Result<()> {
    if nix::net::if_::if_nametoindex(POD_BRIDGE).is_ok() {
        return Ok(());
    }
    net.add_bridge(POD_BRIDGE)?;
    net.add_address(POD_BRIDGE, Ipv4Net::new_assert(node.pod_gateway(), node.pod_cidr.prefix_len()))?;
    // Bridged pods take the whole /24 for on-link; routed ones are reached through the node.
    set_sysctl(&format!("ipv4/conf/{POD_BRIDGE}/proxy_arp"), "1")?;
    net.set_up(POD_BRIDGE)
}

fn router() -> Result<Netlink> {
    set_sysctl("ipv4/ip_forward", "1")?;
    for scope in ["all", "default"] {
        set_sysctl(&format!("ipv4/conf/{scope}/forwarding"), "1")?;
        set_sysctl(&format!("ipv4/conf/{scope}/send_redirects"), "0")?;
    }
    host_stack()
}

/// What every namespace needs: loopback, no reverse-path filter, no IPv6 chatter, and ICMP
/// sockets for whoever wants them.
fn host_stack() -> Result<Netlink> {
    for scope in ["all", "default"] {
        set_sysctl(&format!("ipv4/conf/{scope}/rp_filter"), "0")?;
        // Absent where the kernel has no IPv6: then there is nothing to switch off.
        if std::path::Path::new("/proc/sys/net/ipv6").exists() {
            set_sysctl(&format!("ipv6/conf/{scope}/disable_ipv6"), "1")?;
        }
    }
    set_sysctl("ipv4/ping_group_range", "0 2147483647")?;
    let net = Netlink::open()?;
    net.set_up("lo")?;
    Ok(net)
}

/// A node's port on the underlay bridge: named by its last octet, since node names are longer
/// than link names may be.
fn port_of(node: &NodeSpec) -> String {
    format!("port{}", node.address.octets()[3])
}
