//! The node's own network, as the kernel tells it over rtnetlink: devices, addresses, routes,
//! neighbours. [`overlay`] makes the tunnel device, [`guard`] closes the door behind us.

pub mod guard;
pub mod overlay;

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr},
};

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::{
    Handle, MulticastGroup, RouteMessageBuilder,
    packet_route::{
        address::AddressAttribute,
        link::{InfoKind, LinkAttribute, LinkInfo, LinkLayerType},
        route::{RouteAddress, RouteAttribute, RouteMessage},
    },
};
use tokio::sync::watch;

use crate::policy::LocalAddresses;

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Interface index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Whether it is the loopback device.
    pub loopback: bool,
    /// Whether it is one end of a veth pair.
    pub veth: bool,
    /// Whether the other end is in another network namespace.
    pub peer_elsewhere: bool,
}

/// What the kernel says at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Devices by index.
    pub devices: BTreeMap<u32, Device>,
    /// IPv4 addresses of each device, in the kernel's order.
    pub addresses: BTreeMap<u32, Vec<Ipv4Addr>>,
    /// Device of the IPv4 default route with the lowest metric.
    pub default_device: Option<u32>,
    /// IPv4 host routes: address -> device.
    pub host_routes: HashMap<Ipv4Addr, u32>,
}

impl View {
    /// Addresses that can be egress addresses.
    #[must_use]
    pub fn local_addresses(&self) -> LocalAddresses {
        let name = |index: &u32| self.devices.get(index).map(|device| device.name.clone());
        LocalAddresses {
            devices: self.addresses.iter().filter_map(|(index, list)| Some((name(index)?, list.clone()))).collect(),
            default_device: self.default_device.as_ref().and_then(name),
        }
    }

    /// Devices of endpoints: the named ones, or every veth whose other end is elsewhere.
    pub fn endpoint_devices<'a>(&'a self, named: &'a [String]) -> impl Iterator<Item = &'a Device> {
        let uplinks = self.default_device;
        self.devices.values().filter(move |device| match named {
            [] => device.veth && device.peer_elsewhere && Some(device.index) != uplinks,
            names => names.contains(&device.name),
        })
    }

    /// Uplinks: the named devices, or that of the default route.
    pub fn uplinks<'a>(&'a self, named: &'a [String]) -> impl Iterator<Item = &'a Device> {
        self.devices.values().filter(move |device| match named {
            [] => Some(device.index) == self.default_device,
            names => names.contains(&device.name),
        })
    }
}

/// A netlink connection.
#[derive(Debug)]
pub struct Network {
    handle: Handle,
}

impl Network {
    /// Connects, in the network namespace of the calling thread. Must be called inside a runtime.
    pub fn connect() -> anyhow::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection().context("cannot open a netlink socket")?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// A value that changes whenever devices, addresses or routes do.
    pub fn changes() -> anyhow::Result<watch::Receiver<u64>> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv4Route];
        let (connection, _, mut messages) =
            rtnetlink::new_multicast_connection(&groups).context("cannot listen for network changes")?;
        tokio::spawn(connection);
        let (sender, receiver) = watch::channel(0);
        tokio::spawn(async move {
            while messages.next().await.is_some() {
                sender.send_modify(|count| *count += 1);
            }
        });
        Ok(receiver)
    }

    /// Reads everything.
    pub async fn view(&self) -> anyhow::Result<View> {
        let mut view = View::default();
        self.read_devices(&mut view).await.context("cannot list devices")?;
        self.read_addresses(&mut view).await.context("cannot list addresses")?;
        self.read_routes(&mut view).await.context("cannot list routes")?;
        Ok(view)
    }

    async fn read_devices(&self, view: &mut View) -> Result<(), rtnetlink::Error> {
        let mut links = self.handle.link().get().execute();
        while let Some(link) = links.try_next().await? {
            let mut device = Device {
                index: link.header.index,
                name: String::new(),
                loopback: link.header.link_layer_type == LinkLayerType::Loopback,
                veth: false,
                peer_elsewhere: false,
            };
            for attribute in link.attributes {
                match attribute {
                    LinkAttribute::IfName(name) => device.name = name,
                    LinkAttribute::LinkNetNsId(_) => device.peer_elsewhere = true,
                    LinkAttribute::LinkInfo(infos) => {
                        device.veth = infos.iter().any(|info| matches!(info, LinkInfo::Kind(InfoKind::Veth)));
                    }
                    _ => {}
                }
            }
            view.devices.insert(device.index, device);
        }
        Ok(())
    }

    async fn read_addresses(&self, view: &mut View) -> Result<(), rtnetlink::Error> {
        let mut addresses = self.handle.address().get().execute();
        while let Some(message) = addresses.try_next().await? {
            let mut found = None;
            for attribute in &message.attributes {
                match attribute {
                    AddressAttribute::Local(IpAddr::V4(address)) => found = Some(*address),
                    AddressAttribute::Address(IpAddr::V4(address)) if found.is_none() => found = Some(*address),
                    _ => {}
                }
            }
            if let Some(address) = found.filter(|address| !address.is_loopback()) {
                view.addresses.entry(message.header.index).or_default().push(address);
            }
        }
        Ok(())
    }

    async fn read_routes(&self, view: &mut View) -> Result<(), rtnetlink::Error> {
        const MAIN: u8 = 254;
        let mut routes = self.handle.route().get(RouteMessageBuilder::<Ipv4Addr>::new().build()).execute();
        let mut metric_of_default = u32::MAX;
        while let Some(route) = routes.try_next().await? {
            if route.header.table != MAIN {
                continue;
            }
            let Some(device) = device_of(&route) else { continue };
            match (route.header.destination_prefix_length, destination_of(&route)) {
                (0, _) => {
                    let metric = route
                        .attributes
                        .iter()
                        .find_map(|attribute| match attribute {
                            RouteAttribute::Priority(metric) => Some(*metric),
                            _ => None,
                        })
                        .unwrap_or(0);
                    if metric < metric_of_default {
                        metric_of_default = metric;
                        view.default_device = Some(device);
                    }
                }
                (32, Some(address)) => {
                    view.host_routes.insert(address, device);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn device_of(route: &RouteMessage) -> Option<u32> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

fn destination_of(route: &RouteMessage) -> Option<Ipv4Addr> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    })
}
