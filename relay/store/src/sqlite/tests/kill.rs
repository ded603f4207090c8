//! A process that is killed while it stores, seals and removes.

use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::flows::{HOUR, SECOND, T, ours};
use super::{KEEP, SMALL, all, batch, folder, progress};
use crate::sqlite::{Options, Sqlite};
use crate::{Batch, FlowStore, Retention};

/// Says to a process of this test where to store.
const FOLDER: &str = "TIDEGATE_TEST_FOLDER";
const OPTIONS: Options = Options { flows: 300, ..SMALL };

#[tokio::test]
async fn a_process_killed_at_any_moment_loses_nothing_and_repeats_nothing() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        store_until_killed(Path::new(&folder)).await;
    }
    let folder = folder();
    let (mut confirmed, mut removed) = (0, false);
    for round in 0..8 {
        let name = "sqlite::tests::kill::a_process_killed_at_any_moment_loses_nothing_and_repeats_nothing";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("stored ")?.parse().ok());
        // So far, and then as much further as it comes until it is dead.
        confirmed = numbers.nth(5 + 7 * round % 23).expect("it stores");
        child.kill().unwrap();
        confirmed = numbers.last().unwrap_or(confirmed);
        child.wait().unwrap();

        let store = Sqlite::open_with(folder.path(), OPTIONS).await.unwrap();
        let known = store.progress().await.unwrap()[0].sequence;
        assert!(known >= confirmed, "{known} {confirmed}");
        let mut stored: Vec<_> = all(&store).await.iter().map(|stored| stored.record.flow.id.sequence).collect();
        stored.sort_unstable();
        assert!(stored.windows(2).all(|pair| pair[0] < pair[1]), "each is there once");
        // What is removed is removed by segments, the oldest first.
        let begin = store.segments.all()[0].since;
        let kept = (1..=known).filter(|sequence| T + time(*sequence) >= begin);
        assert!(kept.eq(stored.into_iter().take_while(|sequence| *sequence <= known)), "each is there");
        removed = begin > T + 3 * HOUR;
        let unknown = leftovers(folder.path(), &store);
        assert!(unknown.is_empty(), "{unknown:?}");
        assert_eq!(store.stats().await.unwrap().flows, all(&store).await.len() as u64);
        store.close().await;
    }
    assert!(confirmed > 0 && removed);
}

/// When a flow was, since [`T`]: every tenth comes minutes late.
fn time(sequence: u64) -> u64 {
    let time = HOUR / 2 + sequence * 5 * SECOND;
    if sequence.is_multiple_of(10) { time - 600 * SECOND } else { time }
}

/// Files in the folder that belong to no segment.
fn leftovers(folder: &Path, store: &Sqlite) -> Vec<String> {
    let segments = store.segments.all();
    let known = |name: &str| {
        let of = |stem: &str| name.strip_prefix(stem).is_some_and(|end| matches!(end, "" | "-wal" | "-shm"));
        ["lock", "reserve"].contains(&name)
            || of("catalog.db")
            || segments.iter().any(|one| of(&format!("segment-{}.db", one.id)))
    };
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !known(name)).collect()
}

/// Stores flows from where the store says, some of them again, and keeps those of the last two hours.
async fn store_until_killed(folder: &Path) -> ! {
    let store = Sqlite::open_with(folder, OPTIONS).await.unwrap();
    let mut next = store.progress().await.unwrap().first().map_or(1, |progress| progress.sequence + 1);
    loop {
        let last = next + next * 31 % 97;
        let flows = (next.saturating_sub(20).max(1)..=last).map(|sequence| ours(sequence, time(sequence)));
        store.append(&Batch { progress: vec![progress(last)], ..batch(flows) }).await.unwrap();
        writeln!(stdout(), "stored {last}").unwrap();
        next = last + 1;
        if next % 3 == 0 {
            let now = T + time(last);
            store.maintain(&Retention { age: Duration::from_nanos(2 * HOUR), now, ..KEEP }).await.unwrap();
        }
    }
}
