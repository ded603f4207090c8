//! `tidegate status`: whether a server is well, and how full and busy it is.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use tidegate_proto::json;
use tidegate_proto::observer::observer_client::ObserverClient;
use tidegate_proto::observer::{ServerStatusRequest, ServerStatusResponse};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::client::{self, Client};
use crate::exit::{Exit, complain};

/// The name under which Hubble's servers report their health.
const SERVICE: &str = "hubble.server.Observer";

/// The command with its flags.
pub(crate) fn command() -> Command {
    let output = Arg::new("output").short('o').long("output").value_name("FORMAT");
    let output = output.value_parser(["compact", "dict", "json"]).default_value("compact");
    client::with_args(Command::new("status"))
        .about("Show whether a relay or collector is well")
        .arg(output.help("compact, dict or json"))
}

/// Prints health and status.
///
/// # Errors
/// When nothing answers or the server cannot tell.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let format = matches.get_one::<String>("output").map_or("compact", String::as_str);
    client::run(async {
        let client = Client::connect(matches).await?;
        let health = health(&client).await?;
        if format == "compact" {
            let line = health.as_ref().map_or_else(String::as_str, |()| "Ok");
            writeln!(io::stdout(), "Healthcheck (via {}): {line}", client.address)?;
        }
        if health.is_err() {
            complain("not healthy");
            return Ok(Exit::Failed);
        }
        let mut observer = ObserverClient::new(client.channel.clone());
        let status = observer.server_status(client.request(ServerStatusRequest {})).await;
        let status = status.map_err(|status| client.explain(&status))?.into_inner();
        let text = match format {
            "json" => json::to_string(&status)? + "\n",
            "dict" => dict(&status),
            _ => compact(&status),
        };
        io::stdout().write_all(text.as_bytes())?;
        Ok(Exit::Done)
    })
}

/// The outer error is a call that failed, the inner one a server that is not well.
async fn health(client: &Client) -> anyhow::Result<Result<(), String>> {
    let mut health = HealthClient::new(client.channel.clone());
    let request = client.request(HealthCheckRequest { service: SERVICE.to_owned() });
    Ok(match health.check(request).await.map(|answer| answer.into_inner().status()) {
        Ok(ServingStatus::Serving) => Ok(()),
        Ok(other) => Err(format!("Unavailable: {}", other.as_str_name())),
        Err(status) if status.code() == Code::NotFound => Err(format!("Unavailable: {SERVICE} is not served here")),
        Err(status) => return Err(client.explain(&status)),
    })
}

fn compact(status: &ServerStatusResponse) -> String {
    let mut text = String::new();
    let (flows, most) = (grouped(status.num_flows), grouped(status.max_flows));
    let share = percent(status.num_flows, status.max_flows);
    let _ = writeln!(text, "Current/Max Flows: {flows}/{most} ({share:.2}%)");
    let _ = match rate(status) {
        Some(rate) => writeln!(text, "Flows/s: {rate:.2}"),
        None => writeln!(text, "Flows/s: N/A"),
    };
    if let Some(connected) = status.num_connected_nodes {
        let unavailable = status.num_unavailable_nodes.unwrap_or_default();
        let _ = writeln!(text, "Connected Nodes: {connected}/{}", connected + unavailable);
        if unavailable > 0 {
            let _ = writeln!(text, "Unavailable Nodes: {unavailable}");
        }
        let named = &status.unavailable_nodes;
        for node in named {
            let _ = writeln!(text, "  - {node}");
        }
        let unnamed = usize::try_from(unavailable).unwrap_or_default().saturating_sub(named.len());
        if unnamed > 0 && !named.is_empty() {
            let _ = writeln!(text, "  - and {unnamed} more");
        }
    }
    text
}

fn dict(status: &ServerStatusResponse) -> String {
    let or_absent = |number: Option<u32>| number.map_or("N/A".to_owned(), |n| n.to_string());
    let rate = Some(status.flows_rate).filter(|rate| *rate > 0.0);
    let rows = [
        ("NUM FLOWS", grouped(status.num_flows)),
        ("MAX FLOWS", grouped(status.max_flows)),
        ("SEEN FLOWS", grouped(status.seen_flows)),
        ("FLOWS PER SECOND", rate.map_or("N/A".to_owned(), |rate| format!("{rate:.2}"))),
        ("UPTIME", uptime(status.uptime_ns)),
        ("NUM CONNECTED NODES", or_absent(status.num_connected_nodes)),
        ("NUM UNAVAIL. NODES", or_absent(status.num_unavailable_nodes)),
        ("VERSION", status.version.clone()),
    ];
    rows.into_iter().map(|(key, value)| format!("{key:>19}: {value}\n")).collect()
}

/// The server's own rate; of a server that gives none, the mean since its start.
pub(crate) fn rate(status: &ServerStatusResponse) -> Option<f64> {
    mean_rate(status.flows_rate, status.seen_flows, status.uptime_ns)
}

/// `rate`, or flows per second of uptime when it is 0; none when nothing is known.
pub(crate) fn mean_rate(rate: f64, seen: u64, uptime_ns: u64) -> Option<f64> {
    if rate > 0.0 {
        return Some(rate);
    }
    let uptime = Duration::from_nanos(uptime_ns).as_secs_f64();
    (uptime > 0.0).then(|| seen as f64 / uptime)
}

/// How much of the capacity is used; 0 without capacity.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

/// Thousands separated by commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Hours, minutes and seconds with all digits, as "2h0m1.5s".
fn uptime(nanos: u64) -> String {
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let mut text = String::new();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if seconds >= 60 {
        let _ = write!(text, "{minutes}m");
    }
    let _ = write!(text, "{}", seconds % 60);
    if fraction > 0 {
        let fraction = format!("{fraction:09}");
        let _ = write!(text, ".{}", fraction.trim_end_matches('0'));
    }
    text + "s"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_no_lines_about_nodes() {
        let status = ServerStatusResponse {
            num_flows: 11,
            max_flows: 4095,
            flows_rate: 1.93,
            ..ServerStatusResponse::default()
        };
        assert_eq!(compact(&status), "Current/Max Flows: 11/4,095 (0.27%)\nFlows/s: 1.93\n");
    }

    #[test]
    fn a_relay_says_which_nodes_are_missing() {
        let status = ServerStatusResponse {
            num_flows: 17,
            max_flows: 12_285,
            seen_flows: 15,
            uptime_ns: 12_500_000_000,
            num_connected_nodes: Some(3),
            num_unavailable_nodes: Some(1),
            unavailable_nodes: vec!["node-c".to_owned()],
            ..ServerStatusResponse::default()
        };
        assert_eq!(
            compact(&status),
            "Current/Max Flows: 17/12,285 (0.14%)\nFlows/s: 1.20\nConnected Nodes: 3/4\n\
             Unavailable Nodes: 1\n  - node-c\n"
        );
    }

    #[test]
    fn dict_aligns_the_keys_to_the_right() {
        let status = ServerStatusResponse {
            num_flows: 11,
            max_flows: 4095,
            seen_flows: 11,
            uptime_ns: 8_367_897_261,
            version: "cilium v1.19.4+glab".to_owned(),
            ..ServerStatusResponse::default()
        };
        let expected = "          NUM FLOWS: 11\n          MAX FLOWS: 4,095\n         SEEN FLOWS: 11\n   \
             FLOWS PER SECOND: N/A\n             UPTIME: 8.367897261s\nNUM CONNECTED NODES: N/A\n \
             NUM UNAVAIL. NODES: N/A\n            VERSION: cilium v1.19.4+glab\n";
        assert_eq!(dict(&status), expected);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn an_uptime_shows_no_empty_leading_units() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m0s"), (7201, "2h0m1s")] {
            assert_eq!(uptime(seconds * 1_000_000_000), text);
        }
        assert_eq!(uptime(1_500_000_000), "1.5s");
    }
}
