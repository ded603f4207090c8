//! `tidegate egress`: what the kernels hold, and how the policies came out. Against a relay the
//! answer is the cluster's, against a collector its node's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use tidegate_proto::v1::egress_client::EgressClient;
use tidegate_proto::v1::{EgressEntry, EntryKind, ListEntriesRequest, ListPoliciesRequest, NodeFailure, PolicyStatus};

use crate::client::{self, Client};
use crate::exit::{Exit, complain};
use crate::print::grid::Grid;

/// The command with its subcommands.
pub(crate) fn command() -> Command {
    let output = || {
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("FORMAT")
            .value_parser(["table", "json"])
            .default_value("table")
            .help("table or json")
    };
    let per_node = Arg::new("per-node")
        .long("per-node")
        .action(ArgAction::SetTrue)
        .help("Every node's own entries, instead of one line for what all of them hold");
    Command::new("egress")
        .about("Show egress state as the kernels have it")
        .subcommand_required(true)
        .subcommand(
            client::with_args(Command::new("list"))
                .about("List the entries of the policy maps")
                .arg(output())
                .arg(per_node),
        )
        .subcommand(client::with_args(Command::new("policies")).about("Show how each policy came out").arg(output()))
}

/// Prints the list.
///
/// # Errors
/// When nothing answers.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let Some((what, matches)) = matches.subcommand() else {
        return Ok(Exit::Failed);
    };
    let json = matches.get_one::<String>("output").is_some_and(|format| format == "json");
    let (text, failures) = client::run(async {
        let client = Client::connect(matches).await?;
        let mut egress = EgressClient::new(client.channel.clone());
        if what == "list" {
            let answer = egress.list_entries(client.request(ListEntriesRequest {})).await;
            let answer = answer.map_err(|status| client.explain(&status))?.into_inner();
            let entries = if matches.get_flag("per-node") { answer.entries } else { merged(answer.entries) };
            Ok((entries_text(&entries, json, matches.get_flag("per-node"))?, answer.failures))
        } else {
            let answer = egress.list_policies(client.request(ListPoliciesRequest {})).await;
            let answer = answer.map_err(|status| client.explain(&status))?.into_inner();
            Ok((policies_text(&answer.policies, json)?, answer.failures))
        }
    })?;
    io::stdout().write_all(text.as_bytes())?;
    for NodeFailure { node, message } in &failures {
        complain(&format!("{node} is missing from this answer: {message}"));
    }
    Ok(if failures.is_empty() { Exit::Done } else { Exit::Failed })
}

/// The same (source, destination) on several nodes is one line: the gateway's, which alone knows
/// the egress address.
fn merged(entries: Vec<EgressEntry>) -> Vec<EgressEntry> {
    let mut lines: BTreeMap<(String, String), EgressEntry> = BTreeMap::new();
    for entry in entries {
        let key = (entry.source_ip.clone(), entry.destination_cidr.clone());
        match lines.get(&key) {
            Some(known) if weight(known) >= weight(&entry) => {}
            _ => {
                lines.insert(key, entry);
            }
        }
    }
    lines.into_values().collect()
}

fn weight(entry: &EgressEntry) -> u8 {
    match entry.kind() {
        EntryKind::NoEgressIp => 3,
        EntryKind::Egress if entry.egress_ip != "0.0.0.0" => 2,
        EntryKind::Egress => 1,
        _ => 0,
    }
}

/// What the gateway column says: as in the stock tool, words where there is no gateway.
fn gateway(entry: &EgressEntry) -> String {
    match entry.kind() {
        EntryKind::Excluded => "Excluded CIDR".into(),
        EntryKind::NoGateway => "Not Found".into(),
        _ => entry.gateway_ip.clone(),
    }
}

/// One entry in JSON, under the names of the stock tool and ours.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    #[serde(rename = "SourceIP")]
    source: &'a str,
    #[serde(rename = "DestCIDR")]
    destination: &'a str,
    #[serde(rename = "EgressIP")]
    egress: &'a str,
    #[serde(rename = "GatewayIP")]
    gateway: String,
    policy: &'a str,
    node: &'a str,
}

fn entries_text(entries: &[EgressEntry], json: bool, per_node: bool) -> anyhow::Result<String> {
    if json {
        let lines: Vec<_> = entries
            .iter()
            .map(|entry| Line {
                source: &entry.source_ip,
                destination: &entry.destination_cidr,
                egress: &entry.egress_ip,
                gateway: gateway(entry),
                policy: &entry.policy,
                node: &entry.node,
            })
            .collect();
        return Ok(serde_json::to_string_pretty(&lines)? + "\n");
    }
    if entries.is_empty() {
        complain("No entries found.");
        return Ok(String::new());
    }
    let columns = 4 + usize::from(per_node);
    let mut grid = Grid::default();
    grid.row(["Source IP", "Destination CIDR", "Egress IP", "Gateway IP", "Node"].into_iter().take(columns));
    for entry in entries {
        let row = [
            entry.source_ip.clone(),
            entry.destination_cidr.clone(),
            entry.egress_ip.clone(),
            gateway(entry),
            entry.node.clone(),
        ];
        grid.row(row.into_iter().take(columns));
    }
    Ok(grid.take())
}

/// One policy in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy<'a> {
    name: &'a str,
    node: &'a str,
    matched_endpoints: &'a [String],
    gateways: &'a [String],
    #[serde(rename = "egressIPs")]
    egress_ips: &'a [String],
    problems: &'a [String],
}

fn policies_text(policies: &[PolicyStatus], json: bool) -> anyhow::Result<String> {
    if json {
        let list: Vec<_> = policies
            .iter()
            .map(|policy| Policy {
                name: &policy.name,
                node: &policy.node,
                matched_endpoints: &policy.matched_endpoints,
                gateways: &policy.gateways,
                egress_ips: &policy.egress_ips,
                problems: &policy.problems,
            })
            .collect();
        return Ok(serde_json::to_string_pretty(&list)? + "\n");
    }
    // One line per policy: pods and gateways are the same on every node, addresses are the
    // gateway's, and a problem counts wherever it is seen.
    let mut lines: BTreeMap<&str, (usize, [BTreeSet<&str>; 3])> = BTreeMap::new();
    for policy in policies {
        let (endpoints, lists) = lines.entry(&policy.name).or_default();
        *endpoints = policy.matched_endpoints.len().max(*endpoints);
        for (all, new) in lists.iter_mut().zip([&policy.gateways, &policy.egress_ips, &policy.problems]) {
            all.extend(new.iter().map(String::as_str));
        }
    }
    let mut grid = Grid::default();
    grid.row(["NAME", "ENDPOINTS", "GATEWAYS", "EGRESS IPS", "PROBLEMS"]);
    let or_none = |list: BTreeSet<&str>, between| {
        let list: Vec<_> = list.into_iter().collect();
        if list.is_empty() { "<none>".to_owned() } else { list.join(between) }
    };
    for (name, (endpoints, [gateways, addresses, problems])) in lines {
        let row = [
            name.to_owned(),
            endpoints.to_string(),
            or_none(gateways, ","),
            or_none(addresses, ","),
            or_none(problems, "; "),
        ];
        grid.row(row);
    }
    Ok(grid.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(node: &str, egress: &str, kind: EntryKind) -> EgressEntry {
        EgressEntry {
            source_ip: "10.244.1.5".into(),
            destination_cidr: "0.0.0.0/0".into(),
            egress_ip: egress.into(),
            gateway_ip: "172.19.0.12".into(),
            node: node.into(),
            kind: kind as i32,
            ..EgressEntry::default()
        }
    }

    #[test]
    fn the_clusters_line_is_the_one_of_the_gateway() {
        let both =
            vec![entry("worker", "0.0.0.0", EntryKind::Egress), entry("worker2", "172.19.0.12", EntryKind::Egress)];
        let lines = merged(both);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].egress_ip, "172.19.0.12");
    }

    #[test]
    fn words_stand_where_there_is_no_gateway() {
        assert_eq!(gateway(&entry("worker", "0.0.0.0", EntryKind::Excluded)), "Excluded CIDR");
        assert_eq!(gateway(&entry("worker", "0.0.0.0", EntryKind::NoGateway)), "Not Found");
    }
}
