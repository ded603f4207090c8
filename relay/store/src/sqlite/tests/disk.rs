//! A disk that is full or cannot be written to, in a mount namespace of a process of the test.

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use super::flows::{HOUR, SECOND, T, ours};
use super::{KEEP, all, batch, folder, progress};
use crate::sqlite::{Options, Sqlite};
use crate::{Batch, FlowStore, Order, PageRequest, Query, Retention, Span, StoreError};

/// Says to a process of this test which folder is a mount of its own.
const FOLDER: &str = "TIDEGATE_TEST_FOLDER";
const OPTIONS: Options =
    Options { span: Duration::from_secs(3600), flows: 2_000, grace: Duration::from_secs(1), open: 2 };

/// Runs a test again, after `mount`, which is told the folder.
fn in_namespace(test: &str, mount: &str, folder: &Path) {
    let test = format!("sqlite::tests::disk::{test}");
    let run = format!("{mount} && exec \"$2\" --exact {test} --nocapture");
    let done = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-ec", &run, "sh"])
        .arg(folder)
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(done.status.success() && said[0].contains("1 passed"), "{}\n{}", said[0], said[1]);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_stored_and_goes_on_when_there_is_room() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return fill(Path::new(&folder)).await;
    }
    let folder = folder();
    let mount = "mount -t tmpfs -o size=4m tmpfs \"$1\"";
    in_namespace("a_full_disk_loses_nothing_that_was_stored_and_goes_on_when_there_is_room", mount, folder.path());
}

/// A flow every second.
fn flows(first: u64, count: u64) -> Batch {
    let flows = (first..first + count).map(|sequence| ours(sequence, sequence * SECOND));
    Batch { progress: vec![progress(first + count - 1)], ..batch(flows) }
}

async fn fill(folder: &Path) {
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![0; 300_000]).unwrap();
    let store = Sqlite::open_with(folder, OPTIONS).await.unwrap();
    let mut stored = 0;
    let error = loop {
        match store.append(&flows(stored + 1, 100)).await {
            Ok(appended) => stored += appended.stored,
            Err(error) => break error,
        }
        assert!(stored < 100_000, "the disk is never full");
    };
    assert!(is_full(&error) && error.to_string().contains(&folder.display().to_string()), "{error}");
    assert!(stored > 4_000, "{stored}: several segments fit");
    for _ in 0..3 {
        store.append(&flows(stored + 1, 100)).await.expect_err("there is no room");
        agrees(&store, stored).await;
    }
    drop(store);
    let store = Sqlite::open_with(folder, OPTIONS).await.unwrap();
    agrees(&store, stored).await;
    // Retention makes room by itself.
    let now = T + stored * SECOND;
    let done = store.maintain(&Retention { age: Duration::from_nanos(HOUR / 4), bytes: u64::MAX, now }).await.unwrap();
    assert!(done.removed > 0, "{done:?}");
    let left = stored - done.removed_flows;
    store.append(&flows(stored + 1, 100)).await.unwrap();
    fs::remove_file(ballast).unwrap();
    store.maintain(&KEEP).await.unwrap();
    assert_eq!(store.append(&flows(stored + 101, 100)).await.unwrap().stored, 100);
    store.close().await;
    let store = Sqlite::open_with(folder, OPTIONS).await.unwrap();
    assert_eq!(found(&store).await.unwrap(), left + 200);
    assert_eq!(known(&store).await.unwrap(), stored + 200);
    let mut names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.all(|name| !name.to_string_lossy().contains("broken")), "nothing is taken for damaged");
}

/// Answers are right, or say that the disk is full: who reads a file shares some memory with who
/// writes it, and that is a file too. What was refused may be there in part, that of a segment before.
async fn agrees(store: &Sqlite, stored: u64) {
    for (answer, more) in [(found(store).await, 99), (known(store).await, 0)] {
        match answer {
            Ok(known) => assert!((stored..=stored + more).contains(&known), "{known}, not {stored}"),
            Err(error) => assert!(is_full(&error), "{error}"),
        }
    }
}

/// How many flows are found.
async fn found(store: &Sqlite) -> Result<u64, StoreError> {
    let query = Query { span: Span::ALL, allow: vec![], deny: vec![] };
    let page = PageRequest { order: Order::OldestFirst, after: None, limit: 100_000, budget: None };
    Ok(store.page(&query, &page).await?.flows.len() as u64)
}

/// The newest number that is known to be stored.
async fn known(store: &Sqlite) -> Result<u64, StoreError> {
    Ok(store.progress().await?[0].sequence)
}

fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_named() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return look(Path::new(&folder)).await;
    }
    let folder = folder();
    let store = Sqlite::open_with(folder.path(), OPTIONS).await.unwrap();
    store.append(&flows(1, 10)).await.unwrap();
    store.close().await;
    let mount = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\"";
    in_namespace("a_folder_that_cannot_be_written_to_is_named", mount, folder.path());
    let store = Sqlite::open_with(folder.path(), OPTIONS).await.unwrap();
    assert_eq!(all(&store).await.len(), 10);
}

async fn look(folder: &Path) {
    let path = folder.display().to_string();
    let error = Sqlite::open(folder).await.unwrap_err().to_string();
    assert!(error.contains(&path) && error.contains("Read-only file system"), "{error}");
    let error = Sqlite::open(&folder.join("new")).await.unwrap_err().to_string();
    assert!(error.contains(&path) && error.contains("Read-only file system"), "{error}");
    if let Err(error) = Sqlite::open_reader(folder).await {
        assert!(error.to_string().contains(&path), "{error}");
    }
}
