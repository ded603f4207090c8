//! What Tidegate costs, printed by `make bench`. Nothing here passes or fails: figures of one run
//! on one machine are for people, and only their ratios travel.
//!
//! [`datapath`] compares ways through a node, [`observe`] and [`relay`] count flows per second of
//! CPU time, [`store`] asks a million stored flows; the other modules serve these.

mod ask;
mod child;
mod cpu;
mod datapath;
mod flows;
mod observe;
mod options;
mod ratio;
mod relay;
mod scratch;
mod store;
mod table;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::ArgMatches;
use tidegate_ops::stop::Signal;

use crate::options::{Options, Part};

fn main() -> ExitCode {
    let matches = options::command().get_matches();
    let outcome = match matches.subcommand() {
        Some((flows::SERVE, matches)) => flows::serve(matches),
        Some((store::ASK, matches)) => store::ask(matches),
        _ => run(&matches),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    // It only waits for signals.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stop = runtime.block_on(async { Signal::from_os() })?;
    let options = Options::read(matches, stop)?;
    writeln!(io::stdout(), "{}\n", cpu::surroundings()?)?;
    for part in &options.parts {
        let text = match part {
            Part::Datapath => datapath::run(&options)?,
            Part::Observe => observe::run(&options)?,
            Part::Relay => relay::run(&options)?,
            Part::Store => store::run(&options)?,
        };
        writeln!(io::stdout(), "{text}")?;
    }
    Ok(())
}
