//! `tidegate list`: what a relay knows about its nodes, and which namespaces had flows.

use std::io::{self, Write as _};

use clap::{Arg, ArgMatches, Command};
use tidegate_proto::json;
use tidegate_proto::observer::observer_client::ObserverClient;
use tidegate_proto::observer::{GetNamespacesRequest, GetNodesRequest, Namespace, Node};
use tidegate_proto::relay::NodeState;

use crate::client::{self, Client};
use crate::exit::Exit;
use crate::print::grid::Grid;
use crate::status::{mean_rate, percent};

/// The command with its subcommands.
pub(crate) fn command() -> Command {
    let output = Arg::new("output").short('o').long("output").value_name("FORMAT");
    let output = output.value_parser(["table", "wide", "json"]).default_value("table");
    let output = output.help("table, wide or json");
    let list = |name| client::with_args(Command::new(name)).arg(output.clone());
    Command::new("list")
        .about("List nodes or namespaces")
        .subcommand_required(true)
        .subcommand(list("nodes").alias("node").about("List the nodes behind a relay"))
        .subcommand(list("namespaces").alias("namespace").about("List namespaces with flows"))
}

/// Prints the list.
///
/// # Errors
/// When nothing answers or the server cannot tell.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let Some((what, matches)) = matches.subcommand() else {
        return Ok(Exit::Failed);
    };
    let format = matches.get_one::<String>("output").map_or("table", String::as_str);
    let text = client::run(async {
        let client = Client::connect(matches).await?;
        match what {
            "nodes" => nodes(&client, format).await,
            _ => namespaces(&client, format).await,
        }
    })?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

async fn nodes(client: &Client, format: &str) -> anyhow::Result<String> {
    let mut observer = ObserverClient::new(client.channel.clone());
    let answer = observer.get_nodes(client.request(GetNodesRequest {})).await;
    let mut nodes = answer.map_err(|status| client.explain_for(&status, "a relay"))?.into_inner().nodes;
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(match format {
        "json" => array(&nodes)?,
        format => node_table(&nodes, format == "wide"),
    })
}

async fn namespaces(client: &Client, format: &str) -> anyhow::Result<String> {
    let mut observer = ObserverClient::new(client.channel.clone());
    let answer = observer.get_namespaces(client.request(GetNamespacesRequest {})).await;
    let namespaces = answer.map_err(|status| client.explain(&status))?.into_inner().namespaces;
    Ok(match format {
        "json" => array(&namespaces)?,
        format => namespace_table(&namespaces, format == "wide"),
    })
}

fn array<M: prost::Message + prost::Name>(messages: &[M]) -> anyhow::Result<String> {
    let objects = messages.iter().map(json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[{}]\n", objects.join(",")))
}

fn node_table(nodes: &[Node], wide: bool) -> String {
    let columns = if wide { 8 } else { 5 };
    let titles = ["NAME", "STATUS", "AGE", "FLOWS/S", "CURRENT/MAX-FLOWS", "VERSION", "ADDRESS", "TLS"];
    let mut grid = Grid::default();
    grid.row(titles.into_iter().take(columns));
    for node in nodes {
        let absent = || "N/A".to_owned();
        let known = node.state() == NodeState::NodeConnected && node.uptime_ns > 0;
        let rate = mean_rate(0.0, node.seen_flows, node.uptime_ns).filter(|_| known);
        let flows = || {
            let share = percent(node.num_flows, node.max_flows);
            format!("{}/{} ({share:6.2}%)", node.num_flows, node.max_flows)
        };
        let tls = if node.tls.as_ref().is_some_and(|tls| tls.enabled) { "Enabled" } else { "Disabled" };
        let version = Some(node.version.clone()).filter(|version| !version.is_empty());
        let row = [
            node.name.clone(),
            state(node.state()).to_owned(),
            if known { age(node.uptime_ns / 1_000_000_000) } else { absent() },
            rate.map_or_else(absent, |rate| format!("{rate:.2}")),
            if known { flows() } else { absent() },
            version.unwrap_or_else(absent),
            node.address.clone(),
            tls.to_owned(),
        ];
        grid.row(row.into_iter().take(columns));
    }
    grid.take()
}

fn namespace_table(namespaces: &[Namespace], wide: bool) -> String {
    let mut grid = Grid::default();
    let columns = if wide { 2 } else { 1 };
    grid.row(["NAMESPACE", "CLUSTER"].into_iter().take(columns));
    for namespace in namespaces {
        let row = [namespace.namespace.clone(), namespace.cluster.clone()];
        grid.row(row.into_iter().take(columns));
    }
    grid.take()
}

fn state(state: NodeState) -> &'static str {
    match state {
        NodeState::NodeConnected => "Connected",
        NodeState::NodeUnavailable => "Unavailable",
        NodeState::NodeGone => "Gone",
        NodeState::NodeError => "Error",
        NodeState::UnknownNodeState => "Unknown",
    }
}

/// The two leading units of a length of time, as "13s", "5m20s", "3h12m", "2d4h".
fn age(seconds: u64) -> String {
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
    let first = units.iter().position(|(size, _)| seconds >= *size).unwrap_or(units.len() - 1);
    let (size, unit) = units[first];
    let mut text = format!("{}{unit}", seconds / size);
    if let Some((smaller, unit)) = units.get(first + 1)
        && seconds % size / smaller > 0
    {
        text += &format!("{}{unit}", seconds % size / smaller);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> [Node; 2] {
        let connected = Node {
            name: "gw-1".to_owned(),
            version: "cilium v1.19.4+glab".to_owned(),
            address: "127.0.0.1:14403".to_owned(),
            state: NodeState::NodeConnected.into(),
            uptime_ns: 13_333_000_000,
            num_flows: 2,
            max_flows: 4095,
            seen_flows: 2,
            ..Node::default()
        };
        let unavailable = Node {
            name: "node-c".to_owned(),
            address: "127.0.0.1:14499".to_owned(),
            state: NodeState::NodeUnavailable.into(),
            ..Node::default()
        };
        [connected, unavailable]
    }

    #[test]
    fn the_wide_list_of_nodes_has_version_address_and_tls() {
        assert_eq!(
            node_table(&nodes(), true),
            "NAME     STATUS        AGE   FLOWS/S   CURRENT/MAX-FLOWS   VERSION               \
             ADDRESS           TLS\n\
             gw-1     Connected     13s   0.15      2/4095 (  0.05%)    cilium v1.19.4+glab   \
             127.0.0.1:14403   Disabled\n\
             node-c   Unavailable   N/A   N/A       N/A                 N/A                   \
             127.0.0.1:14499   Disabled\n"
        );
    }

    #[test]
    fn the_short_list_ends_with_the_flows() {
        let table = node_table(&nodes(), false);
        assert!(table.lines().all(|line| !line.contains("14499")), "{table}");
        assert!(table.starts_with("NAME     STATUS        AGE   FLOWS/S   CURRENT/MAX-FLOWS\n"));
    }

    #[test]
    fn namespaces_are_listed_one_per_line() {
        let namespaces =
            ["kube-system", "shop"].map(|name| Namespace { namespace: name.to_owned(), cluster: String::new() });
        assert_eq!(namespace_table(&namespaces, false), "NAMESPACE\nkube-system\nshop\n");
    }

    #[test]
    fn an_age_shows_its_two_leading_units() {
        for (seconds, text) in
            [(0, "0s"), (13, "13s"), (320, "5m20s"), (11_520, "3h12m"), (187_200, "2d4h"), (86_400, "1d")]
        {
            assert_eq!(age(seconds), text);
        }
    }
}
