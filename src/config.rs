//! `tidegate config view`: every setting in force, with where its value is from.

use std::io::{self, Write as _};

use clap::{ArgMatches, Command};
use tidegate_ops::settings::{self, Address, Role};
use tidegate_proto::v1::ViewConfigRequest;
use tidegate_proto::v1::config_client::ConfigClient;
use tonic::transport::Endpoint;

use crate::client;
use crate::exit::Exit;

/// The command with its subcommand.
pub(crate) fn command() -> Command {
    let view = Command::new("view")
        .about("Show every setting, its value and where it is from")
        .long_about(
            "Show every setting, its value and where it is from. A running collector or relay that --server names \
             shows its own; without --server the collector on this machine does, if it runs.",
        )
        .args(settings::args(Role::View));
    Command::new("config").about("Show settings").subcommand_required(true).subcommand(view)
}

/// Prints the settings.
///
/// # Errors
/// When a setting is not usable, or the named server does not answer.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let Some((_, matches)) = matches.subcommand() else {
        return Ok(Exit::Failed);
    };
    let settings = settings::resolve(matches, Role::View)?;
    let named = matches.value_source("server").is_some();
    let collector = Address::Unix(settings.collector_socket.clone());
    let rows = match client::run(ask(if named { &settings.server } else { &collector })) {
        Ok(rows) => rows,
        Err(error) if named => return Err(error),
        // Nothing runs here: what would be in force.
        Err(_) => {
            settings.view().into_iter().map(|one| [one.key.to_owned(), one.value, one.origin.to_string()]).collect()
        }
    };
    let widest = rows.iter().map(|[key, ..]| key.len()).max().unwrap_or(0);
    let mut out = io::stdout().lock();
    for [key, value, origin] in rows {
        // The value is not padded: a long one must not push every origin off the screen.
        writeln!(out, "{key:<widest$} {value} ({origin})")?;
    }
    Ok(Exit::Done)
}

async fn ask(address: &Address) -> anyhow::Result<Vec<[String; 3]>> {
    let uri = match address {
        Address::Tcp(host_port) => format!("http://{host_port}"),
        Address::Unix(path) => format!("unix://{}", path.display()),
    };
    let channel = Endpoint::from_shared(uri)?.connect().await.map_err(|_| {
        anyhow::anyhow!("nothing answers on {address}: start a collector or relay, or leave --server out")
    })?;
    let answer = ConfigClient::new(channel).view(ViewConfigRequest {}).await?.into_inner();
    Ok(answer.settings.into_iter().map(|one| [one.key, one.value, one.origin]).collect())
}
