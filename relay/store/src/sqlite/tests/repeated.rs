//! A flow is stored at most once, whoever delivers it how often.

use super::flows::{HOUR, T, foreign, ours, same};
use super::{all, batch, folder, open, progress, tamper, times};
use crate::sqlite::Sqlite;
use crate::sqlite::row::tie;
use crate::{Batch, FlowStore, GapReason, Record, Span};

#[tokio::test]
async fn what_is_delivered_again_is_left_out() {
    let folder = folder();
    let store = Sqlite::open(folder.path()).await.unwrap();
    let flows = |numbers: std::ops::Range<u64>| batch(numbers.map(|at| ours(at, 5 * at)));
    let appended = store.append(&flows(1..200)).await.unwrap();
    assert_eq!((appended.commit, appended.stored, appended.repeated), (1, 199, 0));
    let appended = store.append(&flows(100..300)).await.unwrap();
    assert_eq!((appended.commit, appended.stored, appended.repeated), (2, 100, 100));
    let twice = batch(flows(290..310).records.into_iter().chain(flows(290..310).records));
    let appended = store.append(&twice).await.unwrap();
    assert_eq!((appended.stored, appended.repeated), (10, 30));
    store.close().await;
    let store = Sqlite::open(folder.path()).await.unwrap();
    let appended = store.append(&flows(1..311)).await.unwrap();
    assert_eq!((appended.commit, appended.stored, appended.repeated), (4, 1, 309));
    assert_eq!(times(&store).await, (1..311).map(|at| 5 * at).collect::<Vec<_>>());
}

/// UUIDs that are looked for at the same place.
fn colliding(tie_wanted: u16) -> impl Iterator<Item = u128> {
    (1_u128..).map(move |n| {
        let uuid = n << 16;
        uuid | u128::from(tie_wanted.wrapping_sub(tie(uuid)))
    })
}

#[test]
fn a_tie_depends_on_the_whole_uuid() {
    assert!((0..128).all(|bit| tie(1 << bit) == 1 << (bit % 16)));
    assert!(colliding(0xffff).take(50).all(|uuid| tie(uuid) == 0xffff));
}

#[tokio::test]
async fn flows_of_one_instant_stay_as_their_node_numbered_them() {
    let folder = folder();
    let store = Sqlite::open(folder.path()).await.unwrap();
    store.append(&batch((1..100).rev().map(|at| ours(at, 5)))).await.unwrap();
    let numbers: Vec<_> = all(&store).await.into_iter().map(|stored| stored.record.flow.id.sequence).collect();
    let from = numbers.iter().position(|number| *number == 1).unwrap();
    // Places are a ring, which they may have come to the end of.
    let in_a_row: Vec<_> = numbers.iter().cycle().skip(from).take(99).copied().collect();
    assert_eq!(in_a_row, (1..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn flows_that_collide_are_told_apart() {
    // The last places of an instant: what follows them is the first one.
    let uuids: Vec<_> = colliding(0xfffe).take(8).collect();
    let records = |at: &[usize]| -> Vec<Record> { at.iter().map(|at| foreign(uuids[*at], 7)).collect() };
    let folder = folder();
    let store = Sqlite::open(folder.path()).await.unwrap();
    store.append(&batch(records(&[0, 1, 2]))).await.unwrap();
    let appended = store.append(&batch(records(&[2, 3, 0, 4]))).await.unwrap();
    assert_eq!((appended.stored, appended.repeated), (2, 2));
    store.close().await;
    let store = Sqlite::open(folder.path()).await.unwrap();
    let appended = store.append(&batch(records(&[7, 6, 5, 4, 3, 2, 1, 0]))).await.unwrap();
    assert_eq!((appended.stored, appended.repeated), (3, 5));
    let mut stored: Vec<_> = all(&store).await.into_iter().map(|stored| stored.record.uuid).collect();
    stored.sort_unstable();
    assert_eq!(stored, uuids);
}

#[tokio::test]
async fn what_does_not_fit_into_its_nanosecond_is_a_gap() {
    let records: Vec<_> = colliding(9).take(600).map(|uuid| foreign(uuid, 7)).collect();
    let folder = folder();
    let store = Sqlite::open(folder.path()).await.unwrap();
    let appended = store.append(&batch(records)).await.unwrap();
    assert!((500..600).contains(&appended.stored), "{appended:?}");
    let gaps = store.gaps(Span::ALL).await.unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].reason, gaps[0].count), (GapReason::Store, Some(600 - appended.stored)));
    assert_eq!((&*gaps[0].node, gaps[0].since, gaps[0].until), ("worker", T + 7, T + 7));
}

#[tokio::test]
async fn a_batch_that_failed_half_way_is_delivered_again() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&Batch { progress: vec![progress(1)], ..batch([ours(1, 1), ours(2, HOUR)]) }).await.unwrap();
    // The second of its segments refuses the end of the batch.
    let second = folder.path().join("segment-2.db");
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON progress BEGIN SELECT RAISE(ABORT, 'no'); END";
    tamper(&second, refuse).await;
    let two = Batch { progress: vec![progress(4)], ..batch([ours(3, 3), ours(4, HOUR + 4)]) };
    store.append(&two).await.unwrap_err();
    assert_eq!(times(&store).await, [1, 3, HOUR], "the first segment has its flow");
    assert_eq!(store.progress().await.unwrap(), [progress(1)], "nothing says that the second has");
    drop(store);
    tamper(&second, "DROP TRIGGER refuse").await;
    let store = open(&folder).await;
    assert_eq!(store.progress().await.unwrap(), [progress(1)]);
    let appended = store.append(&two).await.unwrap();
    assert_eq!((appended.commit, appended.stored, appended.repeated), (2, 1, 1));
    assert_eq!(store.progress().await.unwrap(), [progress(4)]);
    assert_eq!(times(&store).await, [1, 3, HOUR, HOUR + 4]);
    // What was stored by the attempt that failed is found by who asks for news.
    assert_eq!(store.since_commit(1).await.unwrap(), Some(T + 3));
}

#[tokio::test]
async fn after_a_failure_the_dictionaries_are_those_of_the_file() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&batch([ours(1, 1)])).await.unwrap();
    let first = folder.path().join("segment-1.db");
    tamper(&first, "CREATE TRIGGER refuse BEFORE INSERT ON batch BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    let mut other = ours(2, 2);
    other.flow.node = std::sync::Arc::new(tidegate_flow::flow::Node { name: "other".into(), ..Default::default() });
    other.uuid = other.flow.id.number("other");
    store.append(&batch([other.clone()])).await.unwrap_err();
    tamper(&first, "DROP TRIGGER refuse").await;
    store.append(&batch([other.clone()])).await.unwrap();
    let stored = all(&store).await;
    assert_eq!(stored.len(), 2);
    same(&stored[0].record, &ours(1, 1));
    same(&stored[1].record, &other);
}

#[tokio::test]
async fn a_batch_is_stored_though_nobody_waits_for_it() {
    let folder = folder();
    let store = Sqlite::open(folder.path()).await.unwrap();
    let flows = batch((1..5000).map(|at| ours(at, at)));
    let writer = store.writer.clone().unwrap();
    let begun = async {
        while writer.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = store.append(&flows) => panic!("it takes longer than to begin"),
        () = begun => {}
    }
    let again = store.append(&flows).await.unwrap();
    assert_eq!((again.commit, again.stored, again.repeated), (2, 0, 4999));
}
