//! `tidegate relay`: the cluster's view on port 4245.

use anyhow::Context as _;
use clap::{ArgMatches, Command};
use tidegate_ops::settings::{self, Role};
use tidegate_ops::{logs, stop};

use crate::exit::Exit;

/// The command with its settings as flags.
pub(crate) fn command() -> Command {
    Command::new("relay").about("Serve the flows of all nodes on one address").args(settings::args(Role::Relay))
}

/// Serves until a stop signal.
///
/// # Errors
/// When the settings are not usable or the address cannot be served.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let settings = settings::resolve(matches, Role::Relay)?;
    logs::init(settings.log_format, settings.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        let stop = stop::Signal::from_os().context("listen for stop signals")?;
        tidegate_relay::run((&settings).into(), stop).await
    })?;
    Ok(Exit::Done)
}
