//! Questions while flows come in, and flows while questions are asked: who waits for whom.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tidegate_store::sqlite::Sqlite;
use tidegate_store::{Batch, FlowStore as _};
use tidegate_store_suite::{Shape, Traffic};
use tokio::runtime::Runtime;
use tokio::time::interval;

use super::question::{Question, Subject};
use crate::ratio::quantile;
use crate::table::Table;

/// Flows that come in a second.
const RATE: usize = 5_000;
/// How often they do.
const EVERY: Duration = Duration::from_millis(100);
/// Times that they do, alone and with questions.
const TIMES: usize = 40;

/// Milliseconds of each answer, or of each append.
type Times = Vec<f64>;

/// Measures both alone and together, over the store that was filled.
///
/// # Errors
/// When the store fails.
pub(super) fn measure(runtime: &Runtime, folder: &Path, subject: &Subject) -> Result<Table> {
    runtime.block_on(async {
        let store = Sqlite::open(folder).await?;
        let mut batches = Traffic::new(&Shape::LARGE, subject.span.until, RATE as u64);
        let per_batch = RATE * EVERY.as_millis() as usize / 1_000;
        let mut batches = || -> Vec<Batch> {
            let mut batch = || Batch { records: batches.by_ref().take(per_batch).collect(), ..Batch::default() };
            (0..TIMES).map(|_| batch()).collect()
        };
        let alone = EVERY * TIMES as u32;
        let (asked, stored) = (ask(&store, subject, Instant::now() + alone).await?, append(&store, batches()).await?);
        let again = batches();
        let both = tokio::try_join!(ask(&store, subject, Instant::now() + alone), append(&store, again))?;
        store.close().await;
        let mut table = Table::new(["ms, at 5,000 flows/s", "median alone", "p95", "median together", "p95", "times"]);
        for (what, alone, together) in
            [("pages and histograms, one after the other", asked, both.0), ("500 flows appended", stored, both.1)]
        {
            let of = |times: &Times, q| quantile(times, q);
            let text = |value: f64| format!("{value:.1}");
            let (median, now) = (of(&alone, 0.5), of(&together, 0.5));
            let [worst, worst_now] = [&alone, &together].map(|times| text(of(times, 0.95)));
            table.row([what.into(), text(median), worst, text(now), worst_now, format!("{:.2}", now / median)]);
        }
        Ok(table)
    })
}

/// Asks until `end`; the times in order of length.
async fn ask(store: &Sqlite, subject: &Subject, end: Instant) -> Result<Times> {
    let mut times = Vec::new();
    while Instant::now() < end {
        for question in [Question::Page, Question::Histogram, Question::HistogramOfName] {
            let begun = Instant::now();
            ensure!(subject.ask(store, question).await? > 0, "a question was answered with nothing");
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Appends batches at their pace; the times in order of length.
async fn append(store: &Sqlite, batches: Vec<Batch>) -> Result<Times> {
    let mut times = Vec::new();
    let mut pace = interval(EVERY);
    for batch in &batches {
        pace.tick().await;
        let begun = Instant::now();
        store.append(batch).await.context("flows cannot be stored")?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
