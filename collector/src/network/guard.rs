//! The guard: an nftables chain that outlives the collector and keeps egress closed.
//!
//! Translated packets never meet it. What does meet it and comes from a pod network may leave only
//! if the probe at the pod's device has marked it: untranslated by decision. A veth born while no
//! collector runs, a probe that is not attached, an address that nobody has heard of: no mark,
//! hence closed. Without a policy there is no guard.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use ipnet::Ipv4Net;
use tidegate_ebpf_abi::policy::PASS_MARK;

const TABLE: &str = "inet tidegate";

/// What the guard shall hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Networks of pods.
    pub pods: BTreeSet<Ipv4Net>,
    /// Networks inside the cluster.
    pub inside: BTreeSet<Ipv4Net>,
}

impl Guard {
    /// Puts the guard in force, in one step.
    pub fn install(&self) -> anyhow::Result<()> {
        nft(&self.ruleset())
    }

    /// Whether a guard is in force, of whatever contents. Without nft there is none.
    pub fn exists() -> bool {
        let mut list = Command::new("nft");
        list.args(["list", "table"]).args(TABLE.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
        list.status().is_ok_and(|status| status.success())
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
        // IPv6 is not translated, so there is no IPv6 destination that a policy selects.
        let _ = writeln!(
            text,
            "chain forward {{
                type filter hook forward priority -5; policy accept;
                meta nfproto != ipv4 accept
                ip saddr != @pods accept
                ip daddr @inside accept
                ct direction reply accept
                ct state established accept
                meta mark & {PASS_MARK:#x} == {PASS_MARK:#x} accept
                counter drop
            }}
            }}"
        );
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
    fn the_chain_ends_in_a_drop_that_only_the_mark_opens() {
        let guard = Guard { pods: ["10.244.0.0/16".parse().unwrap()].into(), inside: BTreeSet::new() };
        let text = guard.ruleset();
        let rules: Vec<_> = text.lines().map(str::trim).collect();
        let drop = rules.iter().position(|rule| *rule == "counter drop").unwrap();
        assert_eq!(rules[drop - 1], "meta mark & 0x2000 == 0x2000 accept");
        assert_eq!(rules[drop + 1], "}");
        assert!(!text.contains("elements = {  }"));
    }
}
