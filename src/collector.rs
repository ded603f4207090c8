//! `tidegate collector`: the node agent; `tidegate cleanup`: what it leaves behind, removed.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::{Arg, ArgMatches, Command};
use tidegate_lab::cli::DEFAULT_WORLD;
use tidegate_ops::settings::{self, Role};
use tidegate_ops::{logs, stop};

use crate::exit::Exit;

/// `collector` with its settings as flags.
pub(crate) fn command() -> Command {
    Command::new("collector")
        .about("Enforce egress and observe flows on this node")
        .long_about(
            "Enforce egress and observe flows on this node. Needs root. What it puts into the kernel stays when it \
             stops, so that traffic goes on; `tidegate cleanup` removes it.",
        )
        .args(settings::args(Role::Collector))
}

/// `cleanup` with the settings that say where things are.
pub(crate) fn cleanup_command() -> Command {
    let world = Arg::new("world").long("world").value_name("NAME").default_value(DEFAULT_WORLD);
    Command::new("cleanup")
        .about("Remove everything of Tidegate from this machine's kernel: programs, pins, device, guard; and a lab")
        .arg(world.help("Name of the lab"))
        .args(settings::args(Role::Collector))
}

/// Runs the node agent until a stop signal.
///
/// # Errors
/// When the settings are not usable, the kernel refuses the probes, or an address is taken.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let settings = settings::resolve(matches, Role::Collector)?;
    logs::init(settings.log_format, settings.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        let stop = stop::Signal::from_os().context("listen for stop signals")?;
        tidegate_collector::run(settings, stop).await
    })?;
    Ok(Exit::Done)
}

/// Removes what collectors and labs left behind.
///
/// # Errors
/// When something of ours is there and cannot be removed.
pub(crate) fn cleanup(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let settings = settings::resolve(matches, Role::Collector)?;
    let world = matches.get_one::<String>("world").map_or(DEFAULT_WORLD, String::as_str);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    for line in runtime.block_on(tidegate_collector::cleanup(&settings))? {
        writeln!(io::stdout(), "{line}")?;
    }
    tidegate_lab::cli::down(world)?;
    Ok(Exit::Done)
}
