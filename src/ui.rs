//! `tidegate ui`: the dashboard alone, in front of a relay.

use anyhow::Context as _;
use clap::{ArgMatches, Command};
use tidegate_ops::settings::{self, Role};
use tidegate_ops::{logs, stop};

use crate::exit::Exit;

/// The command with its settings as flags.
pub(crate) fn command() -> Command {
    Command::new("ui").about("Serve the dashboard of the relay that --server names").args(settings::args(Role::Ui))
}

/// Serves until a stop signal.
///
/// # Errors
/// When the settings are not usable or the address cannot be served. A relay that does not answer
/// is none: the dashboard says so, and waits for it.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let settings = settings::resolve(matches, Role::Ui)?;
    logs::init(settings.log_format, settings.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        let stop = stop::Signal::from_os().context("listen for stop signals")?;
        tidegate_ui::run((&settings).into(), stop).await
    })?;
    Ok(Exit::Done)
}
