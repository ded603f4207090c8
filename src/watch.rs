//! `tidegate watch peers`: the nodes that a collector knows, and every change.

use std::io::{self, Write as _};

use clap::{ArgMatches, Command};
use tidegate_proto::peer::peer_client::PeerClient;
use tidegate_proto::peer::{ChangeNotification, NotifyRequest};

use crate::client::{self, Client};
use crate::exit::Exit;

/// The command with its subcommand.
pub(crate) fn command() -> Command {
    let peers = client::with_args(Command::new("peers")).alias("peer");
    Command::new("watch")
        .about("Watch the nodes that a collector knows")
        .subcommand_required(true)
        .subcommand(peers.about("Print one line per node that comes, goes or moves"))
}

/// Prints changes until the server ends the stream or the user interrupts.
///
/// # Errors
/// When nothing answers or the server is no collector.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let Some((_, matches)) = matches.subcommand() else {
        return Ok(Exit::Failed);
    };
    client::run(async {
        let client = Client::connect(matches).await?;
        let mut peers = PeerClient::new(client.channel.clone());
        let answer = peers.notify(NotifyRequest {}).await;
        let mut changes = answer.map_err(|status| client.explain_for(&status, "a collector"))?.into_inner();
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        loop {
            let change = tokio::select! {
                change = changes.message() => change,
                _ = &mut interrupted => return Ok(Exit::Done),
            };
            match change.map_err(|status| client.explain(&status))? {
                Some(change) => io::stdout().write_all(line(&change).as_bytes())?,
                None => return Ok(Exit::Done),
            }
        }
    })
}

fn line(change: &ChangeNotification) -> String {
    let tls = change.tls.as_ref().map(|tls| format!(" (TLS.ServerName: {})", tls.server_name));
    let tls = tls.unwrap_or_default();
    format!("{:<12} {} {}{tls}\n", change.r#type().as_str_name(), change.address, change.name)
}

#[cfg(test)]
mod tests {
    use tidegate_proto::peer::ChangeNotificationType;

    use super::*;

    #[test]
    fn a_change_is_one_line_with_the_kind_padded() {
        let change = ChangeNotification {
            name: "node-a".to_owned(),
            address: "127.0.0.1:14401".to_owned(),
            r#type: ChangeNotificationType::PeerAdded.into(),
            tls: None,
        };
        assert_eq!(line(&change), "PEER_ADDED   127.0.0.1:14401 node-a\n");
    }
}
