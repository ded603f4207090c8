//! The store over a million flows: what it costs to fill it, and what answers cost. CPU time is that
//! of all threads of a process.
//!
//! Each question is asked in a process of its own, which has just opened the store: nothing but the
//! kernel's cache of files is warm for its first answer. The reference is [`plain`], asked likewise.

mod asked;
mod fill;
mod live;
mod plain;
mod question;

use anyhow::{Result, ensure};

pub(crate) use asked::{ASK, command, run as ask};
use asked::{Asked, Cost};
use plain::Plain;
use question::Question;

use crate::options::Options;
use crate::ratio::{quantile, within_rounds};
use crate::scratch::Scratch;
use crate::table::Table;

/// Rounds in which the reference is asked: it takes its time.
const PLAIN_ROUNDS: usize = 2;

/// Measures, and returns the figures as text.
///
/// # Errors
/// When a store cannot be filled, or answers differ.
pub(crate) fn run(options: &Options) -> Result<String> {
    let scratch = Scratch::new("store")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let store = scratch.path().join("store");
    let (filled, subject) = fill::fill(options, &runtime, &store)?;
    let plain = Plain::fill(options, scratch.path())?;
    let mut answers: Vec<Answers> = Question::ALL.iter().map(|_| Answers::default()).collect();
    for round in 0..options.rounds {
        for (place, answers) in answers.iter_mut().enumerate() {
            options.go_on()?;
            answers.add(asked::ask(&store, place, &subject)?)?;
            if let Some(plain) = plain.as_ref().filter(|_| round < PLAIN_ROUNDS) {
                answers.plain.push(plain.ask(&subject.sql(Question::at(place)?))?);
            }
        }
    }
    let live = live::measure(&runtime, &store, &subject)?;
    let reference = match &plain {
        Some(_) => "one plain table in SQLite, its indexes made afterwards",
        None => "nothing, as there is no program sqlite3",
    };
    Ok(format!(
        "store, {} flows, {} of them sealed, {} rounds. Against: {reference}.\n{}\n{}\n{live}",
        fill::FLOWS,
        filled.sealed,
        options.rounds,
        of_filling(filled, plain.as_ref()),
        of_answers(&answers)
    ))
}

fn of_filling(filled: fill::Filled, plain: Option<&Plain>) -> Table {
    let mut table = Table::new(["a flow stored", "", "against", "times", "goal"]);
    let mut row = |what: &str, value: f64, unit: &str, base: Option<f64>, goal: &str| {
        let base_text = base.map_or(String::new(), |base| format!("{base:.1} {unit}"));
        let times = base.map_or(String::new(), |base| format!("{:.2}", value / base));
        table.row([what.to_owned(), format!("{value:.1} {unit}"), base_text, times, goal.to_owned()]);
    };
    let microseconds = |time: std::time::Duration| time.as_secs_f64() * 1e6;
    let (append, seal) = (microseconds(filled.append), microseconds(filled.seal));
    row("CPU to append", append, "µs", None, "");
    row("CPU to seal", seal, "µs", None, "");
    row("CPU, both", append + seal, "µs", plain.map(|plain| microseconds(plain.load)), "<= 14.3");
    row("file, sealed", filled.bytes, "B", plain.map(|plain| plain.bytes), "<= 170");
    row("memory, all of them", filled.memory as f64 / 1e6, "MB", None, "");
    table
}

fn of_answers(answers: &[Answers]) -> Table {
    let mut table = Table::new([
        "low quartile, ms",
        "flows",
        "first",
        "goal",
        "CPU",
        "again",
        "CPU",
        "memory",
        "against",
        "CPU",
        "again",
        "times",
    ]);
    for (answers, (_, name, goal)) in answers.iter().zip(Question::ALL) {
        let ms = |value: f64| if value.is_nan() { String::new() } else { format!("{value:.1}") };
        let low = |values: Vec<f64>| low(&values);
        let ours = |cost: fn(&Asked) -> f64| answers.ours.iter().map(cost).collect::<Vec<_>>();
        let plain = |cost: fn(&(Cost, Cost)) -> f64| answers.plain.iter().map(cost).collect::<Vec<_>>();
        let times = low(within_rounds(&ours(|one| one.cold.wall), &plain(|(cold, _)| cold.wall)));
        table.row([
            name.to_owned(),
            answers.ours.first().map_or(0, |one| one.flows).to_string(),
            ms(low(ours(|one| one.cold.wall))),
            format!("<= {goal}"),
            ms(low(ours(|one| one.cold.cpu))),
            ms(low(ours(|one| one.warm.wall))),
            ms(low(ours(|one| one.warm.cpu))),
            format!("{:.1} MB", low(ours(|one| one.memory as f64)) / 1e6),
            ms(low(plain(|(cold, _)| cold.wall))),
            ms(low(plain(|(cold, _)| cold.cpu))),
            ms(low(plain(|(_, warm)| warm.wall))),
            if times.is_nan() { String::new() } else { format!("{times:.3}") },
        ]);
    }
    table
}

fn low(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.25)
}

/// What a question cost in each round.
#[derive(Debug, Default)]
struct Answers {
    ours: Vec<Asked>,
    /// The first time, and again.
    plain: Vec<(Cost, Cost)>,
}

impl Answers {
    fn add(&mut self, asked: Asked) -> Result<()> {
        ensure!(asked.flows > 0, "a question was answered with nothing");
        self.ours.push(asked);
        Ok(())
    }
}
