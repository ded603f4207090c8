//! The stages of building a world, up to the point where processes start.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};

use super::{World, front};
use crate::firewall::Preset;
use crate::netns::Netns;
use crate::process::write_atomically;
use crate::topology::{INTERNET, KUBE_DNS, KUBE_DNS_SERVICE, OUTSIDE};
use crate::{certificates, firewall, manifests, wiring, zone};

impl World {
    pub(super) fn prepare_folder(&self) -> Result<()> {
        self.dir.create()?;
        self.dir.write_state(&self.state())?;
        let nodes = self.nodes();
        for node in &nodes {
            let path = self.dir.node(&node.name).join("state");
            fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        }
        for path in [self.dir.manifests(), self.dir.bpffs()] {
            fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        }
        mount_bpffs(&self.dir.bpffs())?;
        for node in &nodes {
            let path = self.dir.bpffs_of(&node.name);
            fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        }
        certificates::write(&self.dir.ca(), &self.dir.file("server.pem"), &self.dir.file("server.key"))?;
        let resolver = |address| format!("nameserver {address}\noptions timeout:3 attempts:3\n");
        write_atomically(&self.dir.file("resolv.conf"), resolver(KUBE_DNS_SERVICE).as_bytes())?;
        write_atomically(&self.dir.file("resolv-node.conf"), resolver(zone::RESOLVER).as_bytes())?;
        manifests::write_cluster(&self.dir.manifests(), &nodes, &["default", "kube-system"])
    }

    pub(super) fn lay_network(&self) -> Result<()> {
        let nodes = self.nodes();
        for place in [INTERNET, OUTSIDE] {
            Netns::create(self.place(place).name())?;
        }
        let internet = self.place(INTERNET);
        wiring::lay_outside(&internet, &self.place(OUTSIDE))?;
        for node in &nodes {
            let netns = Netns::create(self.place(&node.name).name())?;
            wiring::lay_node(&internet, &netns, node, &nodes)
                .with_context(|| format!("cannot lay node {}", node.name))?;
        }
        Ok(())
    }

    pub(super) fn lay_rules(&self, node: &str, presets: &[Preset]) -> Result<()> {
        let resolver = self.pod(KUBE_DNS)?.address;
        firewall::nft(&self.place(node), &firewall::services(resolver))?;
        if presets.is_empty() {
            return Ok(());
        }
        self.set_firewall(node, presets)
    }

    /// Settings for the program's own commands in this world.
    pub(super) fn write_config(&self) -> Result<()> {
        let relay = self.relay_address().unwrap_or(self.relay_listen);
        let config = serde_json::json!({
            "manifests": self.dir.manifests(),
            "relay-listen": relay,
            "server": relay,
            "peers": self.peers(),
            "store": self.store_url(),
            "retention-size": front::STORE_SIZE,
            "ui-listen": self.ui_address().unwrap_or(self.ui_listen),
        });
        let text = serde_yaml_ng::to_string(&config).context("cannot encode the world's settings")?;
        write_atomically(&self.dir.file("config.yaml"), text.as_bytes())
    }
}

fn mount_bpffs(path: &Path) -> Result<()> {
    mount(Some("bpf"), path, Some("bpf"), MsFlags::empty(), Some("mode=0700"))
        .with_context(|| format!("cannot mount a bpffs at {} (is this root?)", path.display()))
}
