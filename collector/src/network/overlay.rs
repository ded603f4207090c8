//! The overlay device: VXLAN in collect-metadata mode, so that one device reaches every node and
//! the probes choose which. It has a port of its own: such a device cannot share one.

use std::fs;

use anyhow::{Context, bail};
use futures_util::TryStreamExt;
use rtnetlink::{LinkUnspec, LinkVxlan};

use super::Network;

/// Name of the device.
pub const DEVICE: &str = "tidegate0";

/// Makes the device if it is missing, brings it up, and returns its index.
pub async fn ensure(network: &Network, port: u16) -> anyhow::Result<u32> {
    if find(network).await?.is_none() {
        let device = LinkVxlan::new(DEVICE, 0).collect_metadata(true).port(port).learning(false).up().build();
        if let Err(error) = network.handle.link().add(device).execute().await {
            bail!(
                "cannot make the overlay device {DEVICE} on UDP port {port}: {error} (is another VXLAN device on that port? set tunnel-port)"
            );
        }
    }
    let index = find(network).await?.with_context(|| format!("the overlay device {DEVICE} is gone"))?;
    network
        .handle
        .link()
        .set(LinkUnspec::new_with_index(index).up().build())
        .execute()
        .await
        .with_context(|| format!("cannot bring {DEVICE} up"))?;
    // The route lookup of a packet that comes out of the overlay asks whether this device forwards.
    let forwarding = format!("/proc/sys/net/ipv4/conf/{DEVICE}/forwarding");
    fs::write(&forwarding, "1").with_context(|| format!("cannot write {forwarding}"))?;
    Ok(index)
}

/// Removes the device, if it is there.
pub async fn remove(network: &Network) -> anyhow::Result<bool> {
    let Some(index) = find(network).await? else {
        return Ok(false);
    };
    network.handle.link().del(index).execute().await.with_context(|| format!("cannot remove {DEVICE}"))?;
    Ok(true)
}

/// Index of the device, if it is there.
pub async fn find(network: &Network) -> anyhow::Result<Option<u32>> {
    let mut links = network.handle.link().get().match_name(DEVICE.to_owned()).execute();
    match links.try_next().await {
        Ok(link) => Ok(link.map(|link| link.header.index)),
        Err(rtnetlink::Error::NetlinkError(message)) if message.raw_code() == -nix::libc::ENODEV => Ok(None),
        Err(error) => Err(error).context("cannot look for the overlay device"),
    }
}
