//! `tidegate completion`: what a shell needs to complete our command lines.

use std::io::{self, Write as _};

use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;

use crate::exit::Exit;

/// The command.
pub(crate) fn command() -> Command {
    let shell = Arg::new("shell").required(true).value_parser(clap::value_parser!(Shell));
    Command::new("completion")
        .about("Print a completion script, for `source <(tidegate completion bash)`")
        .arg(shell.help("bash, zsh, fish, powershell or elvish"))
}

/// Prints the script for `program`, which holds all commands.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn run(matches: &ArgMatches, mut program: Command) -> anyhow::Result<Exit> {
    if let Some(shell) = matches.get_one::<Shell>("shell") {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut program, "tidegate", &mut script);
        io::stdout().write_all(&script)?;
    }
    Ok(Exit::Done)
}
