//! A process that opens a store and asks one question, again and again: the first answer is that of
//! a process that knows nothing yet.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::{Arg, ArgMatches, Command, value_parser};
use nix::unistd::getpid;
use serde_json::json;
use tidegate_store::sqlite::Sqlite;
use tidegate_store::{FlowStore as _, Span};

use super::fill::used;
use super::question::{Question, Subject};
use crate::cpu;

/// The hidden command that asks.
pub(crate) const ASK: &str = "ask-store";
/// How often it is asked once more.
const AGAIN: u32 = 5;

/// What an answer costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Milliseconds until it is there.
    pub(super) wall: f64,
    /// Milliseconds of all threads.
    pub(super) cpu: f64,
}

/// What a process that asked says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Flows found or counted.
    pub(super) flows: u64,
    /// The first time.
    pub(super) cold: Cost,
    /// The quickest of the others.
    pub(super) warm: Cost,
    /// Bytes that it held at the most for the first answer, beyond what it held before.
    pub(super) memory: u64,
}

/// Asks in a process of its own.
///
/// # Errors
/// When that fails.
pub(super) fn ask(folder: &Path, place: usize, subject: &Subject) -> Result<Asked> {
    let Subject { span, name, pod, uuid, middle } = subject;
    let words = json!([folder, place, span.since, span.until, name, pod, uuid.to_string(), middle]).to_string();
    let program = std::env::current_exe().context("cannot find this program")?;
    let done = Process::new(program).args([ASK, &words]).output().context("cannot start this program")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "a question failed: {said}");
    let (flows, memory, [cold, cold_cpu, warm, warm_cpu]): (u64, u64, [f64; 4]) =
        serde_json::from_slice(&done.stdout).context("a question was answered with something else")?;
    let cost = |wall, cpu| Cost { wall, cpu };
    Ok(Asked { flows, memory, cold: cost(cold, cold_cpu), warm: cost(warm, warm_cpu) })
}

/// Its command line.
pub(crate) fn command() -> Command {
    Command::new(ASK).arg(Arg::new("words").required(true).value_parser(value_parser!(String)))
}

/// What the process does.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let words = matches.get_one::<String>("words").context("what is to be asked")?;
    let (folder, place, since, until, name, pod, uuid, middle): (PathBuf, _, _, _, _, _, String, _) =
        serde_json::from_str(words).context("what is to be asked")?;
    let uuid = uuid.parse().context("a UUID as a number")?;
    let subject = Subject { span: Span { since, until }, name, pod, uuid, middle };
    let question = Question::at(place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let store = runtime.block_on(Sqlite::open(&folder))?;
    let before = cpu::memory()?;
    cpu::forget_peak()?;
    let cost = || -> Result<_> {
        let begun = Instant::now();
        let (cpu, flows) = used(|| runtime.block_on(subject.ask(&store, question)))?;
        Ok((flows?, milliseconds(begun.elapsed()), milliseconds(cpu)))
    };
    let (flows, cold, cold_cpu) = cost()?;
    let memory = cpu::peak_memory(getpid().as_raw())?.saturating_sub(before);
    let (mut warm, mut warm_cpu) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..AGAIN {
        let (again, wall, cpu) = cost()?;
        ensure!(again == flows, "the same question was answered with {flows} flows and then with {again}");
        (warm, warm_cpu) = (warm.min(wall), warm_cpu.min(cpu));
    }
    runtime.block_on(store.close());
    writeln!(io::stdout(), "{}", json!([flows, memory, [cold, cold_cpu, warm, warm_cpu]]))?;
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
