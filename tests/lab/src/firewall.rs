//! Netfilter rules that other software puts on a node: kube-proxy's, Docker's and a CNI's.
//!
//! Services live in the table `lab-services`, presets in the table `lab`; both are replaced as
//! a whole. Every rule that matters has a counter and a comment, so that a test can ask whether
//! a packet met it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::netns::Netns;
use crate::topology::{KUBE_DNS_SERVICE, NodeSpec, POD_NET, SERVICE_NET, UNDERLAY_NET};

/// A set of rules that some nodes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The node's pods leave the cluster with the node's address (a CNI's masquerade).
    Masquerade,
    /// The FORWARD policy is drop, and only replies and packets to pods pass (Docker's rule with
    /// a CNI's exceptions). The resolver pod may ask outside, or no name would resolve.
    ForwardDrop,
    /// What conntrack calls invalid is dropped (kube-proxy's rule).
    CtInvalidDrop,
}

impl Preset {
    pub const ALL: [Self; 3] = [Self::Masquerade, Self::ForwardDrop, Self::CtInvalidDrop];

    pub fn name(self) -> &'static str {
        match self {
            Self::Masquerade => "masquerade",
            Self::ForwardDrop => "forward-drop",
            Self::CtInvalidDrop => "ct-invalid-drop",
        }
    }
}

impl std::str::FromStr for Preset {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == text).with_context(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("firewall preset {text:?} does not exist; known are {known}")
        })
    }
}

/// The service address of the resolver, translated to its pod.
pub(crate) fn services(resolver: Ipv4Addr) -> String {
    let mut text = String::from("table ip lab-services\ndelete table ip lab-services\n");
    text.push_str("table ip lab-services {\n");
    for (chain, hook) in [("prerouting", "prerouting"), ("output", "output")] {
        writeln!(text, "  chain {chain} {{").expect("writing to a string");
        writeln!(text, "    type nat hook {hook} priority -100; policy accept;").expect("writing to a string");
        for protocol in ["udp", "tcp"] {
            writeln!(text, "    ip daddr {KUBE_DNS_SERVICE} {protocol} dport 53 counter dnat to {resolver}")
                .expect("writing to a string");
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

/// The rules of the presets on one node; without presets the table is removed.
pub(crate) fn presets(node: &NodeSpec, resolver: Option<Ipv4Addr>, presets: &[Preset]) -> String {
    let mut text = String::from("table ip lab\ndelete table ip lab\n");
    if presets.is_empty() {
        return text;
    }
    text.push_str("table ip lab {\n");
    if presets.contains(&Preset::CtInvalidDrop) {
        text.push_str(
            "  chain invalid {\n    type filter hook forward priority -10; policy accept;\n    \
             ct state invalid counter drop comment \"ct-invalid-drop\"\n  }\n",
        );
    }
    if presets.contains(&Preset::ForwardDrop) {
        text.push_str(
            "  chain forward {\n    type filter hook forward priority 0; policy drop;\n    \
             ct state established,related accept\n",
        );
        writeln!(text, "    ip daddr {POD_NET} accept").expect("writing to a string");
        if let Some(resolver) = resolver {
            writeln!(text, "    ip saddr {resolver} accept").expect("writing to a string");
        }
        text.push_str("    counter drop comment \"forward-drop\"\n  }\n");
    }
    if presets.contains(&Preset::Masquerade) {
        text.push_str("  chain postrouting {\n    type nat hook postrouting priority 100; policy accept;\n");
        writeln!(
            text,
            "    ip saddr {} ip daddr != {{ {POD_NET}, {SERVICE_NET}, {UNDERLAY_NET} }} \
             counter masquerade comment \"masquerade\"\n  }}",
            node.pod_cidr
        )
        .expect("writing to a string");
    }
    text.push_str("}\n");
    text
}

/// Runs an nft script in a namespace and returns what it printed.
pub(crate) fn nft(netns: &Netns, script: &str) -> Result<String> {
    let output = netns
        .run(|| -> std::io::Result<std::process::Output> {
            let mut child = Command::new("nft")
                .args(["-f", "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            let mut input = child.stdin.take().expect("the child was given a pipe");
            input.write_all(script.as_bytes())?;
            drop(input);
            child.wait_with_output()
        })?
        .context("cannot run nft; install the package nftables")?;
    if !output.status.success() {
        bail!(
            "nft refused the rules of {}: {}\n{script}",
            netns.name(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The packet count of the preset's rule in the text of `list table ip lab`.
pub(crate) fn rule_packets(listing: &str, preset: Preset) -> Option<u64> {
    let comment = format!("comment \"{}\"", preset.name());
    let line = listing.lines().find(|line| line.contains(&comment))?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "packets");
    words.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_presets_has_no_table() {
        let node = NodeSpec::new("worker", 1).unwrap();
        assert!(!presets(&node, None, &[]).contains('{'));
    }

    #[test]
    fn the_count_of_a_rule_is_found_by_its_comment() {
        let listing = "\t\tct state invalid counter packets 3 bytes 120 drop comment \"ct-invalid-drop\"\n\
                       \t\tcounter packets 17 bytes 900 drop comment \"forward-drop\"\n";
        assert_eq!(rule_packets(listing, Preset::ForwardDrop), Some(17));
        assert_eq!(rule_packets(listing, Preset::CtInvalidDrop), Some(3));
        assert_eq!(rule_packets(listing, Preset::Masquerade), None);
    }

    #[test]
    fn an_unknown_preset_is_refused_with_the_known_ones() {
        let error = "docker".parse::<Preset>().unwrap_err().to_string();
        assert!(error.contains("docker") && error.contains("forward-drop"), "{error}");
    }
}
