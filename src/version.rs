//! `tidegate version`.

use std::env::consts::{ARCH, OS};
use std::io::{self, Write as _};

use clap::Command;

use crate::exit::Exit;

/// The command.
pub(crate) fn command() -> Command {
    Command::new("version").about("Show the version")
}

/// Prints name, version and platform.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn run() -> anyhow::Result<Exit> {
    writeln!(io::stdout(), "tidegate {} on {OS}/{ARCH}", env!("CARGO_PKG_VERSION"))?;
    Ok(Exit::Done)
}
