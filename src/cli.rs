//! The command line: which commands there are, and which file runs each.

use std::ffi::OsString;

use clap::{ArgMatches, Command};

use crate::exit::{Exit, complain};
use crate::{completion, list, observe, status, version, watch};

/// Every command with its flags.
pub(crate) fn command() -> Command {
    Command::new("tidegate")
        .about("Egress gateway and flow observability by name")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(observe::command())
        .subcommand(status::command())
        .subcommand(list::command())
        .subcommand(watch::command())
        .subcommand(version::command())
        .subcommand(completion::command())
}

/// Runs the command that `args`, the program's name first, spell out.
///
/// # Errors
/// Those of the command.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<Exit> {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => {
            complain(error.render().to_string().trim_end());
            return Ok(Exit::Failed);
        }
        Err(help) => {
            help.print()?;
            return Ok(Exit::Done);
        }
    };
    dispatch(&matches)
}

fn dispatch(matches: &ArgMatches) -> anyhow::Result<Exit> {
    match matches.subcommand() {
        Some(("observe", matches)) => observe::run(matches),
        Some(("status", matches)) => status::run(matches),
        Some(("list", matches)) => list::run(matches),
        Some(("watch", matches)) => watch::run(matches),
        Some(("version", _)) => version::run(),
        Some(("completion", matches)) => completion::run(matches, command()),
        _ => Ok(Exit::Failed),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_of_all_commands_is_consistent() {
        super::command().debug_assert();
    }
}
