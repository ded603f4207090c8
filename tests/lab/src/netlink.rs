//! Links, addresses and routes of one network namespace, over rtnetlink.
//!
//! A netlink socket belongs to the namespace of the thread that made it, so a [`Netlink`] is
//! opened inside [`Netns::run`](crate::netns::Netns::run) and used there. Calls block; each
//! value carries a small runtime for the asynchronous client below it.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::{fs, future::Future};

use anyhow::{Context as _, Result};
use ipnet::Ipv4Net;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkMessage};
use rtnetlink::packet_route::route::RouteScope;
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, RouteMessageBuilder};
use tokio::runtime::Runtime;

/// The other end of a veth pair.
#[derive(Debug)]
pub(crate) struct Peer<'a> {
    pub(crate) name: &'a str,
    /// The namespace it is born in.
    pub(crate) netns: &'a File,
}

/// A connection to the kernel's routing tables in the namespace of the thread that opened it.
pub(crate) struct Netlink {
    runtime: Runtime,
    handle: Handle,
}

impl Netlink {
    pub(crate) fn open() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .context("cannot start a runtime for netlink")?;
        let (connection, handle, _) = {
            let _entered = runtime.enter();
            rtnetlink::new_connection().context("cannot open a netlink socket")?
        };
        runtime.spawn(connection);
        Ok(Self { runtime, handle })
    }

    /// A veth pair; `name` stays here. Both ends get the MTU and are down.
    pub(crate) fn add_veth(&self, name: &str, peer: &Peer<'_>, mtu: u32) -> Result<()> {
        let other = LinkMessageBuilder::<LinkUnspec>::new()
            .name(peer.name)
            .mtu(mtu)
            .setns_by_fd(peer.netns.as_raw_fd())
            .build();
        let pair = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Veth)
            .name(name)
            .mtu(mtu)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(other)))
            .build();
        self.wait(self.handle.link().add(pair).execute())
            .with_context(|| format!("cannot create veth pair {name} - {}", peer.name))
    }

    pub(crate) fn add_bridge(&self, name: &str) -> Result<()> {
        self.wait(self.handle.link().add(LinkBridge::new(name).build()).execute())
            .with_context(|| format!("cannot create bridge {name}"))
    }

    /// Makes `port` a port of `bridge`.
    pub(crate) fn enslave(&self, port: &str, bridge: &str) -> Result<()> {
        let message = link(port)?.controller(index(bridge)?).build();
        self.set(message).with_context(|| format!("cannot make {port} a port of {bridge}"))
    }

    pub(crate) fn set_up(&self, name: &str) -> Result<()> {
        self.set(link(name)?.up().build()).with_context(|| format!("cannot set link {name} up"))
    }

    pub(crate) fn delete_link(&self, name: &str) -> Result<()> {
        let request = self.handle.link().del(index(name)?);
        self.wait(request.execute()).with_context(|| format!("cannot delete link {name}"))
    }

    pub(crate) fn add_address(&self, name: &str, address: Ipv4Net) -> Result<()> {
        let request = self.handle.address().add(index(name)?, address.addr().into(), address.prefix_len());
        self.wait(request.execute()).with_context(|| format!("cannot add address {address} to {name}"))
    }

    /// A route to destinations on the link itself.
    pub(crate) fn add_link_route(&self, to: Ipv4Net, name: &str) -> Result<()> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(to.addr(), to.prefix_len())
            .output_interface(index(name)?)
            .scope(RouteScope::Link)
            .build();
        self.wait(self.handle.route().add(route).execute()).with_context(|| format!("cannot add route {to} dev {name}"))
    }

    /// A route through a next hop.
    pub(crate) fn add_route(&self, to: Ipv4Net, gateway: Ipv4Addr) -> Result<()> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(to.addr(), to.prefix_len())
            .gateway(gateway)
            .build();
        self.wait(self.handle.route().add(route).replace().execute())
            .with_context(|| format!("cannot add route {to} via {gateway}"))
    }

    fn set(&self, message: LinkMessage) -> Result<(), rtnetlink::Error> {
        self.wait(self.handle.link().set(message).execute())
    }

    fn wait<T>(&self, request: impl Future<Output = T>) -> T {
        self.runtime.block_on(request)
    }
}

/// The default route.
pub(crate) const ANYWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);

/// An address with all its bits.
pub(crate) fn host(address: Ipv4Addr) -> Ipv4Net {
    Ipv4Net::new_assert(address, 32)
}

/// Writes a sysctl below `/proc/sys/net`, which shows the namespace of the thread that opens it.
pub(crate) fn set_sysctl(key: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/net/{key}");
    fs::write(&path, value).with_context(|| format!("cannot write {value} to {path}"))
}

fn link(name: &str) -> Result<LinkMessageBuilder<LinkUnspec>> {
    Ok(LinkUnspec::new_with_index(index(name)?))
}

fn index(name: &str) -> Result<u32> {
    nix::net::if_::if_nametoindex(name).with_context(|| format!("link {name} does not exist"))
}
