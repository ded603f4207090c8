//! Segments from their beginning to their end.

use std::time::Duration;

use super::flows::{HOUR, SECOND, T, ours};
use super::{KEEP, all, batch, folder, number, open, progress, times};
use crate::sqlite::Sqlite;
use crate::{Batch, FlowStore, Gap, GapReason, Maintained, Retention, Span, StoreError};

/// Begin, end and flows of each segment.
fn spans(store: &Sqlite) -> Vec<(u64, u64, u64)> {
    let of = |segment: &std::sync::Arc<super::super::Segment>| {
        (segment.since - T, segment.until() - T, segment.told().flows)
    };
    store.segments.all().iter().map(of).collect()
}

#[tokio::test]
async fn a_full_segment_ends_after_its_newest_flow() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&batch((1..26).map(|at| ours(at, at * SECOND)))).await.unwrap();
    let (first, second) = (10 * SECOND + 1, 20 * SECOND + 1);
    assert_eq!(spans(&store), [(0, first, 10), (first, second, 10), (second, HOUR, 5)]);
    // Late ones go where they belong, however full it is.
    store.append(&batch((1..6).map(|at| ours(100 + at, at * SECOND + 5)))).await.unwrap();
    assert_eq!(spans(&store), [(0, first, 15), (first, second, 10), (second, HOUR, 5)]);
    store.append(&batch([ours(200, 3 * HOUR + 1), ours(201, HOUR - 1), ours(202, HOUR)])).await.unwrap();
    let hours = [(HOUR, 2 * HOUR, 1), (3 * HOUR, 4 * HOUR, 1)];
    assert_eq!(spans(&store)[2..], [(second, HOUR, 6), hours[0], hours[1]]);
    let before = (spans(&store), times(&store).await);
    store.close().await;
    let store = open(&folder).await;
    assert_eq!((spans(&store), times(&store).await), before);
}

#[tokio::test]
async fn flows_of_one_instant_stay_together() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&batch((1..31).map(|at| ours(at, 5)))).await.unwrap();
    assert_eq!(spans(&store), [(0, HOUR, 30)]);
    store.append(&batch([ours(40, 6), ours(41, 4)])).await.unwrap();
    assert_eq!(spans(&store), [(0, 6, 31), (6, HOUR, 1)]);
}

#[tokio::test]
async fn any_time_can_be_stored() {
    let folder = folder();
    let store = open(&folder).await;
    let at = |sequence, time| {
        let mut record = ours(sequence, 0);
        record.flow.time = time;
        record
    };
    let last = i64::MAX as u64 - 1;
    let records = [at(1, 0), at(2, 1), at(3, T), at(4, last), at(5, last + 1), at(6, u64::MAX)];
    let appended = store.append(&batch(records.clone())).await.unwrap();
    assert_eq!(appended.stored, 6);
    assert_eq!(store.append(&batch(records)).await.unwrap().repeated, 6);
    let stored: Vec<_> = all(&store).await.iter().map(|stored| stored.record.flow.time).collect();
    assert_eq!(stored, [0, 1, T, last, last, last]);
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.oldest, stats.newest, stats.segments), (Some(0), Some(last), 3));
    store.maintain(&KEEP).await.unwrap();
    store.close().await;
    assert_eq!(open(&folder).await.stats().await.unwrap().flows, 6);
}

#[tokio::test]
async fn a_segment_is_sealed_when_its_time_is_over() {
    let folder = folder();
    let store = open(&folder).await;
    let append = async |sequence, after| store.append(&batch([ours(sequence, after)])).await.unwrap();
    append(1, 1).await;
    append(2, HOUR + 299 * SECOND).await;
    assert_eq!(store.maintain(&KEEP).await.unwrap(), Maintained::default(), "more may come for five minutes");
    append(3, HOUR + 300 * SECOND).await;
    assert_eq!(store.maintain(&KEEP).await.unwrap().sealed, 1);
    assert_eq!(store.maintain(&KEEP).await.unwrap().sealed, 0);
    assert_eq!(store.stats().await.unwrap().sealed, 1);
    let first = folder.path().join("segment-1.db");
    assert_eq!(number(&first, "SELECT count(*) FROM block").await, 1);
    // A flow that comes later still is taken, and the segment sealed again.
    append(4, 2).await;
    assert_eq!(store.stats().await.unwrap().sealed, 0);
    assert_eq!(times(&store).await[..2], [1, 2]);
    assert_eq!(store.maintain(&KEEP).await.unwrap().sealed, 1);
    store.close().await;
    let store = open(&folder).await;
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.sealed, stats.flows), (1, 4));
    assert_eq!(times(&store).await, [1, 2, HOUR + 299 * SECOND, HOUR + 300 * SECOND]);
}

#[tokio::test]
async fn a_clock_that_is_ahead_seals_nothing_else() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&batch([ours(1, 1), ours(2, 1000 * HOUR)])).await.unwrap();
    let now = Retention { now: T + HOUR, ..KEEP };
    assert_eq!(store.maintain(&now).await.unwrap().sealed, 0);
    assert_eq!(store.maintain(&Retention { now: T + 2 * HOUR, ..KEEP }).await.unwrap().sealed, 1);
}

#[tokio::test]
async fn a_clock_that_jumps_back_loses_and_removes_nothing() {
    let folder = folder();
    let store = open(&folder).await;
    let append = async |records: Vec<_>| store.append(&batch(records)).await.unwrap();
    append((1..16).map(|at| ours(at, 5 * HOUR + at)).collect()).await;
    append((16..20).map(|at| ours(at, 7 * HOUR + at)).collect()).await;
    let short = Retention { age: Duration::from_nanos(HOUR), ..KEEP };
    for now in [0, 1, T - 1000 * HOUR, T + 5 * HOUR] {
        assert_eq!(store.maintain(&Retention { now, ..short }).await.unwrap(), Maintained::default(), "{now}");
    }
    // What comes then goes before it, and what follows on.
    append((20..24).map(|at| ours(at, 2 * HOUR + at)).collect()).await;
    append((24..28).map(|at| ours(at, 5 * HOUR + at)).collect()).await;
    let mut expected: Vec<_> = (20..24).map(|at| 2 * HOUR + at).collect();
    expected.extend((1..16).chain(24..28).map(|at| 5 * HOUR + at));
    expected.extend((16..20).map(|at| 7 * HOUR + at));
    assert_eq!(times(&store).await, expected);
    store.close().await;
    let store = open(&folder).await;
    assert_eq!(times(&store).await, expected);
    let right = Retention { now: T + 7 * HOUR + 30, ..short };
    let done = store.maintain(&right).await.unwrap();
    assert_eq!((done.removed, done.removed_flows), (3, 23));
}

#[tokio::test]
async fn full_segments_are_sealed_while_their_hour_goes_on() {
    let folder = folder();
    let store = open(&folder).await;
    for at in 0..6 {
        store.append(&batch((1..11).map(|n| ours(10 * at + n, 10 * at + n)))).await.unwrap();
    }
    assert_eq!(spans(&store).len(), 6);
    assert_eq!(store.maintain(&KEEP).await.unwrap().sealed, 2);
    assert_eq!(store.stats().await.unwrap().sealed, 2);
}

fn gap(after: u64, count: u64) -> Gap {
    Gap {
        node: "worker".into(),
        since: T + after,
        until: T + after + 9,
        count: Some(count),
        reason: GapReason::History,
    }
}

#[tokio::test]
async fn what_is_old_is_removed_with_its_gaps() {
    let folder = folder();
    let store = open(&folder).await;
    for hour in 0..4 {
        let flows = (1..4).map(|at| ours(10 * hour + at, hour * HOUR + at));
        let more = Batch { gaps: vec![gap(hour * HOUR, 5)], progress: vec![progress(hour)], ..batch(flows) };
        store.append(&more).await.unwrap();
    }
    let age = Duration::from_nanos(2 * HOUR);
    let now = T + 3 * HOUR + HOUR / 2;
    let done = store.maintain(&Retention { age, bytes: u64::MAX, now }).await.unwrap();
    assert_eq!((done.removed, done.removed_flows), (2, 6));
    assert!(done.freed > 0);
    assert_eq!(times(&store).await.first(), Some(&(2 * HOUR + 1)));
    assert_eq!(store.gaps(Span::ALL).await.unwrap(), [gap(2 * HOUR, 5), gap(3 * HOUR, 5)]);
    assert!(!folder.path().join("segment-1.db").exists());
    // The newest stays, however old.
    let done = store.maintain(&Retention { age, bytes: u64::MAX, now: T + 1000 * HOUR }).await.unwrap();
    assert_eq!((done.removed, done.removed_flows), (1, 3));
    assert_eq!(times(&store).await.len(), 3);
}

#[tokio::test]
async fn what_is_too_much_is_removed_oldest_first() {
    let folder = folder();
    let store = open(&folder).await;
    for hour in 0..4 {
        store.append(&batch((1..4).map(|at| ours(10 * hour + at, hour * HOUR + at)))).await.unwrap();
    }
    store.maintain(&KEEP).await.unwrap();
    let before = store.stats().await.unwrap().bytes;
    let smaller = Retention { bytes: before - 1, ..KEEP };
    let would = store.would_remove(&smaller).await.unwrap();
    assert_eq!(times(&store).await.len(), 12, "what would be removed is still there");
    let done = store.maintain(&smaller).await.unwrap();
    assert_eq!((done.removed, done.removed_flows), (1, 3));
    assert_eq!((would.removed, would.removed_flows), (1, 3));
    let after = store.stats().await.unwrap().bytes;
    assert!(after < before, "{after} {before}");
    assert_eq!(times(&store).await.len(), 9);
    let done = store.maintain(&Retention { bytes: 0, ..KEEP }).await.unwrap();
    assert_eq!((done.removed, times(&store).await.len()), (2, 3));
}

#[tokio::test]
async fn progress_and_commit_numbers_outlive_flows() {
    let folder = folder();
    let store = open(&folder).await;
    let with = |sequence, after| Batch { progress: vec![progress(sequence)], ..batch([ours(sequence, after)]) };
    store.append(&with(1, 5 * HOUR)).await.unwrap();
    // The newest commits are in the oldest segment.
    for sequence in 2..5 {
        store.append(&with(sequence, sequence)).await.unwrap();
    }
    let done = store.maintain(&Retention { bytes: 0, ..KEEP }).await.unwrap();
    assert_eq!(done.removed_flows, 3);
    assert_eq!(store.progress().await.unwrap(), [progress(4)]);
    store.close().await;
    let store = open(&folder).await;
    assert_eq!(store.progress().await.unwrap(), [progress(4)]);
    assert_eq!(store.append(&with(5, 5 * HOUR + 5)).await.unwrap().commit, 5);
    assert_eq!(store.since_commit(4).await.unwrap(), Some(T + 5 * HOUR + 5));
    assert_eq!(store.since_commit(1).await.unwrap(), Some(T + 5 * HOUR + 5), "the rest is removed");
    assert_eq!(store.since_commit(5).await.unwrap(), None);
    assert_eq!(store.since_commit(6).await.unwrap(), Some(T + 5 * HOUR), "it was never given out");
}

#[tokio::test]
async fn a_file_stays_until_nobody_reads_it() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&batch([ours(1, 1), ours(2, HOUR)])).await.unwrap();
    let path = folder.path().join("segment-1.db");
    let segment = store.segments.all()[0].clone();
    let mut reader = store.segments.read(&segment).await.unwrap().unwrap();
    drop(segment);
    assert_eq!(store.maintain(&Retention { bytes: 0, ..KEEP }).await.unwrap().removed, 1);
    assert!(path.exists());
    let flows: i64 = sqlx::query_scalar("SELECT count(*) FROM flow").fetch_one(&mut *reader).await.unwrap();
    assert_eq!(flows, 1);
    assert_eq!(times(&store).await, [HOUR]);
    drop(reader);
    // The connection is still kept for the next who asks; nobody does.
    store.segments.remove(1);
    store.maintain(&KEEP).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn one_process_writes_and_others_read_and_remove() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&batch([ours(1, 1), ours(2, HOUR), ours(3, 2 * HOUR)])).await.unwrap();
    let error = Sqlite::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let other = Sqlite::open_reader(folder.path()).await.unwrap();
    assert!(other.append(&batch([ours(4, 4)])).await.is_err());
    assert_eq!(other.stats().await.unwrap().flows, 3);
    assert_eq!(times(&other).await, [1, HOUR, 2 * HOUR]);
    // What is open may be written to, so only its writer removes it.
    let everything = Retention { bytes: 0, ..KEEP };
    assert_eq!(other.maintain(&everything).await.unwrap(), Maintained::default());
    assert_eq!(store.maintain(&KEEP).await.unwrap().sealed, 1);
    assert_eq!(other.maintain(&everything).await.unwrap().removed, 1);
    assert_eq!(times(&other).await, [HOUR, 2 * HOUR]);
    // The writer finds out when a flow comes late, and when it maintains.
    store.append(&batch([ours(5, 5)])).await.unwrap();
    assert_eq!(times(&store).await, [5, HOUR, 2 * HOUR]);
    store.maintain(&KEEP).await.unwrap();
    store.append(&batch([ours(6, 2 * HOUR + 1)])).await.unwrap();
    assert_eq!(times(&other).await, [5, HOUR, 2 * HOUR, 2 * HOUR + 1]);
    other.close().await;
    store.close().await;
    assert!(store.append(&batch([ours(7, 7)])).await.is_err());
    assert!(store.stats().await.is_err());
    Sqlite::open(folder.path()).await.expect("it is closed");
}

#[tokio::test]
async fn there_is_no_reader_without_a_store() {
    let folder = folder();
    let error = Sqlite::open_reader(&folder.path().join("none")).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(!folder.path().join("none").exists());
}

#[tokio::test]
async fn gaps_that_touch_become_one() {
    let folder = folder();
    let store = open(&folder).await;
    let add = async |gaps: &[Gap]| {
        store.append(&Batch { gaps: gaps.to_vec(), ..Batch::default() }).await.unwrap();
        store.gaps(Span::ALL).await.unwrap()
    };
    assert_eq!(add(&[gap(100, 5), gap(200, 1)]).await, [gap(100, 5), gap(200, 1)]);
    assert_eq!(add(&[gap(200, 1), gap(100, 5)]).await, [gap(100, 5), gap(200, 1)], "told again");
    let next = Gap { until: T + 119, count: Some(7), ..gap(100, 0) };
    assert_eq!(add(&[gap(110, 2)]).await, [next.clone(), gap(200, 1)]);
    assert_eq!(add(&[gap(110, 2), gap(100, 5)]).await, [next, gap(200, 1)], "told again");
    let other = Gap { node: "other".into(), ..gap(105, 1) };
    let ring = Gap { reason: GapReason::KernelRing, ..gap(105, 1) };
    assert_eq!(add(&[other, ring]).await.len(), 4);
    let unknown = Gap { until: T + 300, count: None, ..gap(115, 0) };
    let whole = Gap { until: T + 300, count: None, ..gap(100, 0) };
    assert_eq!(add(&[unknown]).await.first(), Some(&whole));
    assert_eq!(store.stats().await.unwrap().gaps, 3);
    let touching = |since, until| store.gaps(Span { since: T + since, until: T + until });
    assert_eq!(touching(0, 100).await.unwrap(), []);
    assert_eq!(touching(0, 101).await.unwrap()[..], *std::slice::from_ref(&whole));
    assert_eq!(touching(300, 400).await.unwrap(), [whole]);
    assert_eq!(touching(301, 400).await.unwrap(), []);
}

#[tokio::test]
async fn progress_without_flows_is_progress() {
    let folder = folder();
    let store = open(&folder).await;
    let only = |sequence| Batch { progress: vec![progress(sequence)], ..Batch::default() };
    assert_eq!(store.append(&only(5)).await.unwrap().commit, 0);
    assert_eq!(store.progress().await.unwrap(), [progress(5)]);
    store.append(&Batch { progress: vec![progress(6)], ..batch([ours(6, 6)]) }).await.unwrap();
    store.append(&only(4)).await.unwrap();
    assert_eq!(store.progress().await.unwrap(), [progress(6)]);
    let newer = crate::Progress { boot: 8, sequence: 1, time: T + 99, ..progress(0) };
    store.append(&Batch { progress: vec![newer.clone()], ..Batch::default() }).await.unwrap();
    assert_eq!(store.progress().await.unwrap(), [newer.clone(), progress(6)]);
    // Starts from before all flows are forgotten, but for each node's newest.
    store.append(&batch([ours(9, 99 * HOUR)])).await.unwrap();
    store.maintain(&Retention { age: Duration::from_secs(1), ..KEEP }).await.unwrap();
    assert_eq!(store.progress().await.unwrap(), [newer]);
}
