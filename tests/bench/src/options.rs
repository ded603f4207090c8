//! What can be asked for on the command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tidegate_ops::stop::Signal;

use crate::{flows, store};

/// A group of measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Ways through a node.
    Datapath,
    /// A collector without its kernel half.
    Observe,
    /// The relay over ten collectors.
    Relay,
    /// The store over a million flows.
    Store,
}

impl Part {
    const ALL: [(&'static str, Self); 4] =
        [("datapath", Self::Datapath), ("observe", Self::Observe), ("relay", Self::Relay), ("store", Self::Store)];
}

/// What to measure, and how long.
#[derive(Debug)]
pub(crate) struct Options {
    /// In the order of [`Part`].
    pub(crate) parts: Vec<Part>,
    /// How often everything is measured.
    pub(crate) rounds: usize,
    /// How long one measure of the datapath takes.
    pub(crate) slice: Duration,
    /// The `tidegate` program that is measured.
    pub(crate) program: PathBuf,
    /// Set when the user has had enough.
    pub(crate) stop: Signal,
}

/// The command line.
pub(crate) fn command() -> Command {
    let only = Arg::new("only").long("only").action(ArgAction::Append).value_parser(Part::ALL.map(|(name, _)| name));
    let rounds = Arg::new("rounds").long("rounds").value_parser(value_parser!(u32).range(1..)).default_value("10");
    let slice = Arg::new("slice").long("slice").value_parser(value_parser!(u64).range(10..)).default_value("500");
    let program = Arg::new("program").long("program").value_parser(value_parser!(PathBuf));
    Command::new("tidegate-bench")
        .about("Measure what Tidegate costs against other ways to do the same")
        .subcommand(flows::command().hide(true))
        .subcommand(store::command().hide(true))
        .arg(only.value_name("PART").help("Measure this part alone; may be repeated"))
        .arg(rounds.value_name("NUMBER").help("How often everything is measured"))
        .arg(slice.value_name("MS").help("Milliseconds of each measure of the datapath"))
        .arg(program.value_name("PATH").help("The tidegate program [default: the one beside this program]"))
}

impl Options {
    /// Reads the flags.
    ///
    /// # Errors
    /// When there is no program to measure.
    pub(crate) fn read(matches: &ArgMatches, stop: Signal) -> Result<Self> {
        let only: Vec<_> = matches.get_many::<String>("only").into_iter().flatten().collect();
        let wanted = |name: &str| only.is_empty() || only.iter().any(|one| *one == name);
        let program = match matches.get_one::<PathBuf>("program") {
            Some(path) => path.clone(),
            None => std::env::current_exe().context("cannot find this program")?.with_file_name("tidegate"),
        };
        ensure!(program.exists(), "{} does not exist; build it with `cargo build --release`", program.display());
        let number = |name| matches.get_one::<u64>(name).copied().unwrap_or_default();
        Ok(Self {
            parts: Part::ALL.into_iter().filter(|(name, _)| wanted(name)).map(|(_, part)| part).collect(),
            rounds: matches.get_one::<u32>("rounds").map_or(10, |rounds| *rounds as usize),
            slice: Duration::from_millis(number("slice")),
            program,
            stop,
        })
    }

    /// To be asked between two measures: what was built is then taken down as at the end.
    ///
    /// # Errors
    /// When the user wants to end.
    pub(crate) fn go_on(&self) -> Result<()> {
        ensure!(!self.stop.is_set(), "interrupted");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Options {
        let words = ["bench", "--program", "/bin/true"].iter().chain(words);
        Options::read(&command().try_get_matches_from(words).unwrap(), Signal::manual().1).unwrap()
    }

    #[test]
    fn without_flags_everything_is_measured_ten_times() {
        let options = read(&[]);
        assert_eq!((options.parts.len(), options.rounds), (4, 10));
        assert_eq!(options.slice, Duration::from_millis(500));
    }

    #[test]
    fn a_part_named_is_measured_alone() {
        assert_eq!(read(&["--only", "relay", "--rounds", "2"]).parts, [Part::Relay]);
        assert!(command().try_get_matches_from(["bench", "--only", "nothing"]).is_err());
    }
}
