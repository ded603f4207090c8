//! Files that are not what was written.

use std::fs;
use std::path::{Path, PathBuf};

use super::flows::{HOUR, T, ours};
use super::{KEEP, all, batch, folder, number, open, progress, tamper, times};
use crate::sqlite::Sqlite;
use crate::{Batch, FlowStore, GapReason, Span, StoreError};

/// A store with a flow in each of three hours, the first of them sealed; closed.
async fn three_hours(folder: &tempfile::TempDir) {
    let store = open(folder).await;
    for hour in 0..3 {
        let more = Batch { progress: vec![progress(hour)], ..batch([ours(hour + 1, hour * HOUR)]) };
        store.append(&more).await.unwrap();
        store.maintain(&KEEP).await.unwrap();
    }
    assert_eq!(store.stats().await.unwrap().sealed, 1);
    store.close().await;
}

fn segment(folder: &tempfile::TempDir, id: i64) -> PathBuf {
    folder.path().join(format!("segment-{id}.db"))
}

fn garbage(path: &Path) {
    fs::write(path, "not a database, and longer than a header of one hundred bytes".repeat(200)).unwrap();
}

fn cut(path: &Path) {
    let length = fs::metadata(path).unwrap().len();
    fs::File::options().write(true).open(path).unwrap().set_len(length / 3).unwrap();
}

fn empty(path: &Path) {
    fs::write(path, "").unwrap();
}

#[tokio::test]
async fn a_damaged_segment_is_set_aside() {
    for damage in [garbage, cut, empty] {
        for id in 1..=3 {
            let folder = folder();
            three_hours(&folder).await;
            damage(&segment(&folder, id));
            let store = open(&folder).await;
            let mut left = vec![0, HOUR, 2 * HOUR];
            left.remove(id as usize - 1);
            assert_eq!(times(&store).await, left);
            store.maintain(&KEEP).await.unwrap();
            assert!(folder.path().join(format!("segment-{id}.db.broken")).exists());
            assert!(!segment(&folder, id).exists());
            let gaps = store.gaps(Span::ALL).await.unwrap();
            let hour = (id as u64 - 1) * HOUR;
            assert_eq!((gaps[0].since - T, gaps[0].until - T), (hour, hour + HOUR - 1));
            assert_eq!((gaps[0].reason, gaps[0].count, &*gaps[0].node), (GapReason::Store, None, "worker"));
            // What the collectors still hold is taken again.
            store.append(&batch([ours(id as u64, hour)])).await.unwrap();
            assert_eq!(times(&store).await, [0, HOUR, 2 * HOUR]);
            store.close().await;
            assert_eq!(times(&open(&folder).await).await, [0, HOUR, 2 * HOUR]);
        }
    }
}

#[tokio::test]
async fn damage_while_it_is_written_to_costs_one_segment() {
    let folder = folder();
    three_hours(&folder).await;
    let store = open(&folder).await;
    store.append(&batch([ours(10, 2 * HOUR + 1)])).await.unwrap();
    // An id that its dictionary lacks, and a table that is not there.
    tamper(&segment(&folder, 2), "UPDATE flow SET kind = 99").await;
    tamper(&segment(&folder, 3), "DROP TABLE progress").await;
    assert_eq!(all(&store).await.len(), 3);
    store.append(&batch([ours(11, HOUR + 1)])).await.unwrap();
    assert_eq!(times(&store).await, [0, HOUR + 1, 2 * HOUR, 2 * HOUR + 1]);
}

#[tokio::test]
async fn a_lost_catalog_is_made_again() {
    let folder = folder();
    three_hours(&folder).await;
    let lost: [&dyn Fn(&Path); 3] = [&garbage, &empty, &|path| fs::remove_file(path).unwrap()];
    for (lose, commit) in lost.into_iter().zip(4..) {
        lose(&folder.path().join("catalog.db"));
        let store = open(&folder).await;
        assert_eq!(times(&store).await, [0, HOUR, 2 * HOUR]);
        assert_eq!(store.progress().await.unwrap(), [progress(2)]);
        let spans: Vec<_> = store.segments.all().iter().map(|one| (one.since - T, one.until() - T)).collect();
        assert_eq!(spans, [(0, HOUR), (HOUR, 2 * HOUR), (2 * HOUR, 3 * HOUR)]);
        // Commit numbers and ids go on.
        assert_eq!(store.append(&batch([ours(1, 0)])).await.unwrap().commit, commit);
        store.close().await;
    }
    let store = open(&folder).await;
    store.append(&batch([ours(9, 9 * HOUR)])).await.unwrap();
    assert!(segment(&folder, 4).exists());
}

#[tokio::test]
async fn a_lost_catalog_is_made_again_of_full_segments() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&batch((1..36).map(|at| ours(at, at)))).await.unwrap();
    let spans = |store: &Sqlite| -> Vec<_> {
        store.segments.all().iter().map(|one| (one.since - T, one.until() - T)).collect()
    };
    let before = spans(&store);
    store.close().await;
    fs::remove_file(folder.path().join("catalog.db")).unwrap();
    let store = open(&folder).await;
    assert_eq!(spans(&store), before);
    assert_eq!(store.append(&batch((1..36).map(|at| ours(at, at)))).await.unwrap().repeated, 35);
}

#[tokio::test]
async fn a_file_that_is_gone_is_forgotten() {
    let folder = folder();
    three_hours(&folder).await;
    fs::remove_file(segment(&folder, 1)).unwrap();
    fs::remove_file(segment(&folder, 2)).unwrap();
    let store = open(&folder).await;
    assert_eq!(times(&store).await, [2 * HOUR]);
    // One that vanishes while the store is open is skipped, and made again when it is needed.
    store.append(&batch([ours(7, 7), ours(8, HOUR)])).await.unwrap();
    store.close().await;
    let store = open(&folder).await;
    for segment in store.segments.all().iter().filter(|segment| segment.since < T + 2 * HOUR) {
        fs::remove_file(&segment.path).unwrap();
    }
    assert_eq!(times(&store).await, [2 * HOUR]);
    store.append(&batch([ours(7, 7)])).await.unwrap();
    assert_eq!(times(&store).await, [7, 2 * HOUR]);
}

#[tokio::test]
async fn what_a_killed_process_began_is_cleared_away() {
    let folder = folder();
    three_hours(&folder).await;
    // A segment that was being made, and one whose file was still to be unlinked.
    let catalog = folder.path().join("catalog.db");
    tamper(&catalog, "INSERT INTO segment(id, since, until, state, version) VALUES (4, 0, 9, 2, 1)").await;
    fs::write(segment(&folder, 4), "half").unwrap();
    tamper(&catalog, "UPDATE segment SET state = 2 WHERE id = 1").await;
    let store = open(&folder).await;
    assert_eq!(times(&store).await, [HOUR, 2 * HOUR]);
    assert!(!segment(&folder, 1).exists() && !segment(&folder, 4).exists());
    store.close().await;
    assert_eq!(number(&catalog, "SELECT count(*) FROM segment").await, 2);
}

#[tokio::test]
async fn sealing_that_was_interrupted_is_done_again() {
    let folder = folder();
    three_hours(&folder).await;
    // The blocks are in order, and the catalog does not know.
    tamper(&folder.path().join("catalog.db"), "UPDATE segment SET state = 0, flows = 0, newest = NULL").await;
    let store = open(&folder).await;
    assert_eq!(times(&store).await, [0, HOUR, 2 * HOUR]);
    assert_eq!(store.maintain(&KEEP).await.unwrap().sealed, 1);
    assert_eq!(store.stats().await.unwrap().flows, 3);
}

#[tokio::test]
async fn a_newer_store_is_left_alone() {
    let newer = "INSERT INTO _sqlx_migrations VALUES (99, 'later', 0, 1, x'', 0)";
    for file in ["catalog.db", "segment-3.db"] {
        let folder = folder();
        three_hours(&folder).await;
        tamper(&folder.path().join(file), newer).await;
        let error = open_error(&folder).await;
        assert!(matches!(error, StoreError::Newer { .. }), "{file}: {error}");
        assert!(folder.path().join(file).exists());
    }
    let folder = folder();
    three_hours(&folder).await;
    tamper(&folder.path().join("catalog.db"), "UPDATE segment SET version = 99 WHERE id = 1").await;
    assert!(matches!(open_error(&folder).await, StoreError::Newer { .. }));
}

async fn open_error(folder: &tempfile::TempDir) -> StoreError {
    Sqlite::open(folder.path()).await.expect_err("it cannot be opened")
}
