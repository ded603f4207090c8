//! `tidegate store`: what is stored, and less of it. Opens the store itself, beside a running relay.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::Timestamp;
use tidegate_ops::logs;
use tidegate_ops::settings::{self, Role, Settings, Store};
use tidegate_store::sqlite::Sqlite;
use tidegate_store::{FlowStore as _, Retention, Stats, StoreError};

use crate::client;
use crate::exit::Exit;
use crate::print::grid::Grid;

/// The command with its subcommands.
pub(crate) fn command() -> Command {
    let output = Arg::new("output").short('o').long("output").value_name("FORMAT");
    let output = output.value_parser(["table", "json"]).default_value("table").help("table or json");
    let dry_run = Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue);
    let dry_run = dry_run.help("Say what would be removed, and remove nothing");
    let stats = Command::new("stats").about("Show what is stored").arg(output).args(settings::args(Role::Store));
    let prune = Command::new("prune")
        .about("Remove the oldest flows beyond --retention-age and --retention-size now")
        .long_about(
            "Remove the oldest flows beyond --retention-age and --retention-size now, as a relay does each minute. \
             Whole segments are removed, and never the newest; beside a running relay, none that it writes to.",
        )
        .arg(dry_run)
        .args(settings::args(Role::Store));
    Command::new("store")
        .about("Look at the stored flows, or remove old ones")
        .subcommand_required(true)
        .subcommand(stats)
        .subcommand(prune)
}

/// Runs the subcommand.
///
/// # Errors
/// When there is no store, or it cannot be used.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let Some((what, matches)) = matches.subcommand() else {
        return Ok(Exit::Failed);
    };
    let settings = settings::resolve(matches, Role::Store)?;
    logs::init(settings.log_format, settings.log_level);
    let folder = folder(&settings.store)?;
    let text = client::run(async {
        match what {
            "stats" => {
                let as_json = matches.get_one::<String>("output").is_some_and(|format| format == "json");
                stats(folder, &settings, as_json).await
            }
            _ => prune(folder, &settings, matches.get_flag("dry-run")).await,
        }
    })?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// The folder of the store that the setting names.
fn folder(store: &Store) -> anyhow::Result<&Path> {
    match store {
        Store::None => anyhow::bail!("there is no store: the setting store is none; name one with --store"),
        // Opening to write makes what is not there.
        Store::Sqlite(folder) if !folder.exists() => anyhow::bail!(
            "there is no store in {} yet: a relay that has it as its store makes it; or name another with --store",
            folder.display()
        ),
        Store::Sqlite(folder) => Ok(folder),
    }
}

async fn stats(folder: &Path, settings: &Settings, as_json: bool) -> anyhow::Result<String> {
    let store = Sqlite::open_reader(folder).await?;
    let stats = store.stats().await;
    store.close().await;
    let stats = stats?;
    match as_json {
        true => json(&stats, settings),
        false => table(&stats, settings),
    }
}

fn json(stats: &Stats, settings: &Settings) -> anyhow::Result<String> {
    let value = serde_json::json!({
        "url": settings.store.to_string(),
        "flows": stats.flows,
        "bytes": stats.bytes,
        "oldest": stats.oldest.map(time).transpose()?,
        "newest": stats.newest.map(time).transpose()?,
        "segments": stats.segments,
        "sealed": stats.sealed,
        "gaps": stats.gaps,
        "retentionAgeSeconds": settings.retention_age.as_secs(),
        "retentionBytes": settings.retention_size,
    });
    Ok(format!("{value:#}\n"))
}

fn table(stats: &Stats, settings: &Settings) -> anyhow::Result<String> {
    let time = |at: Option<u64>| match at {
        Some(at) => time(at),
        None => Ok("<none>".to_owned()),
    };
    let mut grid = Grid::default();
    grid.row(["Store".to_owned(), settings.store.to_string()]);
    grid.row(["Flows".to_owned(), stats.flows.to_string()]);
    grid.row(["Size".to_owned(), size(stats.bytes)]);
    grid.row(["Oldest".to_owned(), time(stats.oldest)?]);
    grid.row(["Newest".to_owned(), time(stats.newest)?]);
    grid.row(["Segments".to_owned(), format!("{}, {} of them finished", stats.segments, stats.sealed)]);
    grid.row(["Gaps".to_owned(), stats.gaps.to_string()]);
    grid.row(["Kept".to_owned(), kept(settings)]);
    Ok(grid.take())
}

async fn prune(folder: &Path, settings: &Settings, dry_run: bool) -> anyhow::Result<String> {
    let store = match Sqlite::open(folder).await {
        // A relay is at work: what it has finished can be removed all the same.
        Err(StoreError::InUse { .. }) => Sqlite::open_reader(folder).await?,
        opened => opened?,
    };
    let now = u64::try_from(Timestamp::now().as_nanosecond()).context("the clock is before 1970")?;
    let retention = Retention { age: settings.retention_age, bytes: settings.retention_size, now };
    let outcome = match dry_run {
        true => store.would_remove(&retention).await,
        false => store.maintain(&retention).await,
    };
    store.close().await;
    let done = outcome?;
    Ok(match (done.removed, dry_run) {
        (0, _) => format!("nothing to remove: what is kept is {}, and the newest segment always\n", kept(settings)),
        (segments, true) => {
            format!("would remove {} flows in {segments} segments, {}\n", done.removed_flows, size(done.freed))
        }
        (segments, false) => {
            format!("removed {} flows in {segments} segments, {}\n", done.removed_flows, size(done.freed))
        }
    })
}

/// Retention as it was set: `14d, 10GiB`.
pub(crate) fn kept(settings: &Settings) -> String {
    let view = settings.view();
    let set = |key| view.iter().find(|shown| shown.key == key).map_or("", |shown| shown.value.as_str());
    format!("{}, {}", set("retention-age"), set("retention-size"))
}

fn time(nanoseconds: u64) -> anyhow::Result<String> {
    let time = Timestamp::from_nanosecond(i128::from(nanoseconds)).context("a stored time is out of range")?;
    Ok(time.to_string())
}

/// Bytes in the largest unit of which there is one.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut amount = (bytes as f64, "B");
    for unit in UNITS {
        if amount.0 < 1024.0 {
            break;
        }
        amount = (amount.0 / 1024.0, unit);
    }
    match amount {
        (bytes, "B") => format!("{bytes} B"),
        (number, unit) => format!("{number:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_a_unit_that_fits() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(10 << 30), "10.0 GiB");
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
    }
}
