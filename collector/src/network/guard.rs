//! The guard: an nftables chain that outlives the collector and keeps egress closed.
//!
//! Translated packets never meet it. What does meet it and comes from a pod network may leave
//! only if its address and MAC are known to be selected by nothing. An address that nobody has
//! heard of, a veth born while no collector runs, a probe that is not attached: closed. Without
//! a policy there is no guard.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    net::Ipv4Addr,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use ipnet::Ipv4Net;

const TABLE: &str = "inet tidegate";

/// What the guard shall hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Networks of pods.
    pub pods: BTreeSet<Ipv4Net>,
    /// Networks inside the cluster.
    pub inside: BTreeSet<Ipv4Net>,
    /// Pods that may leave through the stack: address and MAC.
    pub open: BTreeSet<(Ipv4Addr, [u8; 6])>,
}

impl Guard {
    /// Puts the guard in force, in one step.
    pub fn install(&self) -> anyhow::Result<()> {
        nft(&self.ruleset())
    }

    /// Takes the guard away; nothing happens if there is none.
    pub fn remove() -> anyhow::Result<()> {
        nft(&format!("table {TABLE} {{}}\ndelete table {TABLE}\n"))
    }

    /// The text for `nft -f`. The table is made, deleted and made anew within one transaction, so
    /// there is no moment without it.
    fn ruleset(&self) -> String {
        let mut text = format!("table {TABLE} {{}}\ndelete table {TABLE}\ntable {TABLE} {{\n");
        set(
            &mut text,
            "pods",
            "type ipv4_addr; flags interval; auto-merge;",
            self.pods.iter().map(ToString::to_string),
        );
        set(
            &mut text,
            "inside",
            "type ipv4_addr; flags interval; auto-merge;",
            self.inside.iter().map(ToString::to_string),
        );
        let open = self.open.iter().map(|(address, mac)| {
            let mac: Vec<_> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{address} . {}", mac.join(":"))
        });
        set(&mut text, "open", "type ipv4_addr . ether_addr;", open);
        text += "chain forward {
            type filter hook forward priority -5; policy accept;
            ip saddr != @pods accept
            ip daddr @inside accept
            ct direction reply accept
            ct state established accept
            ip saddr . ether saddr @open accept
            counter drop
        }
        }\n";
        text
    }
}

fn set(text: &mut String, name: &str, kind: &str, elements: impl Iterator<Item = String>) {
    let elements: Vec<_> = elements.collect();
    let _ = writeln!(text, "set {name} {{ {kind}");
    if !elements.is_empty() {
        let _ = writeln!(text, "elements = {{ {} }}", elements.join(", "));
    }
    text.push_str("}\n");
}

fn nft(ruleset: &str) -> anyhow::Result<()> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run nft: install nftables, or set egress-fail-closed to false")?;
    child.stdin.take().context("nft has no input")?.write_all(ruleset.as_bytes()).context("nft went away")?;
    let output = child.wait_with_output().context("nft went away")?;
    if !output.status.success() {
        bail!("nft refused the guard: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_ends_in_a_drop_and_opens_by_address_and_mac() {
        let guard = Guard {
            pods: ["10.244.0.0/16".parse().unwrap()].into(),
            inside: BTreeSet::new(),
            open: [([10, 244, 1, 6].into(), [2, 0, 0, 0, 0, 1])].into(),
        };
        let text = guard.ruleset();
        assert!(text.contains("10.244.1.6 . 02:00:00:00:00:01"), "{text}");
        let rules: Vec<_> = text.lines().map(str::trim).collect();
        let drop = rules.iter().position(|rule| *rule == "counter drop").unwrap();
        assert_eq!(rules[drop + 1], "}");
        assert!(!text.contains("elements = {  }"));
    }
}
