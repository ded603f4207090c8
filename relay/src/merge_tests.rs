//! The order, with time as an argument.

use super::*;
use crate::fake::flow_at;

const STALL: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_millis(500);
const MS: i64 = 1_000_000;

#[tokio::test]
async fn the_exact_order_waits_for_every_live_source() {
    let now = Instant::now();
    let mut merge = live(Mode::Exact { stall: STALL }, 2, now);
    merge.push(0, flow_at("a", 20, 1), now);
    assert_eq!(merge.next(now, 0), Next::Wait(Some(now + STALL)));
    merge.push(1, flow_at("b", 10, 2), now);
    merge.push(1, flow_at("b", 30, 3), now);
    assert_eq!(take_all(&mut merge, now, 0), [10, 20]);
    merge.set_absent(0);
    assert_eq!(take_all(&mut merge, now, 0), [30]);
    merge.set_absent(1);
    assert_eq!(merge.next(now, 0), Next::Wait(None));
    assert!(merge.is_empty());
}

#[tokio::test]
async fn a_source_that_stalls_is_reported_once_and_no_longer_waited_for() {
    let now = Instant::now();
    let mut merge = live(Mode::Exact { stall: STALL }, 2, now);
    merge.push(0, flow_at("a", 20, 1), now);
    assert_eq!(merge.next(now + STALL, 0), Next::Stalled(1));
    assert_eq!(take_all(&mut merge, now + STALL, 0), [20]);
}

#[tokio::test]
async fn a_quiet_source_delays_a_new_frame_by_the_window_and_no_more() {
    let now = Instant::now();
    let wall = 1_000_000 * MS;
    let mut merge = live(Mode::Window { window: WINDOW }, 2, now);
    merge.push(0, flow_at("a", wall, 1), now);
    assert_eq!(merge.next(now, wall), Next::Wait(Some(now + WINDOW)));
    let later = now + WINDOW;
    assert_eq!(take_all(&mut merge, later, wall + 500 * MS), [wall]);
}

#[tokio::test]
async fn within_the_window_a_later_arrival_with_an_earlier_time_comes_first() {
    let now = Instant::now();
    let wall = 1_000_000 * MS;
    let mut merge = live(Mode::Window { window: WINDOW }, 3, now);
    merge.push(0, flow_at("a", wall, 1), now);
    merge.push(1, flow_at("b", wall - 5 * MS, 2), now + Duration::from_millis(100));
    let due = now + WINDOW;
    assert_eq!(take_all(&mut merge, due, wall + 500 * MS), [wall - 5 * MS, wall]);
}

#[tokio::test]
async fn a_backlog_is_not_slowed_down_by_a_quiet_source() {
    let start = Instant::now();
    let wall = 1_000_000 * MS;
    let mut merge = live(Mode::Window { window: WINDOW }, 2, start);
    let now = start + WINDOW;
    for at in 0..10 {
        merge.push(0, flow_at("a", at, 1), now);
    }
    // All ten are old, and the other source has been quiet for a window.
    assert_eq!(take_all(&mut merge, now, wall).len(), 10);
    merge.push(0, flow_at("a", 10, 1), now);
    assert_eq!(take_all(&mut merge, now, wall).len(), 1);
}

#[tokio::test]
async fn the_clock_of_a_node_that_runs_ahead_costs_no_more_than_the_window() {
    let start = Instant::now();
    let wall = 1_000_000 * MS;
    let mut merge = live(Mode::Window { window: WINDOW }, 2, start);
    let now = start + WINDOW * 10;
    merge.push(0, flow_at("a", wall + 3_600_000 * MS, 1), now);
    assert_eq!(merge.next(now, wall), Next::Wait(Some(now + WINDOW)));
}

#[tokio::test]
async fn a_full_window_waits_only_for_sources_that_sent_of_late() {
    let now = Instant::now();
    let wall = 1_000_000 * MS;
    let mut merge = live(Mode::Window { window: WINDOW }, 2, now);
    let later = now + WINDOW - Duration::from_millis(1);
    let mut at = wall;
    while merge.has_room(0) {
        merge.push(0, flow_at("a", at, 1), later);
        at += 1;
    }
    assert!(merge.has_room(1), "the awaited source can still deliver");
    assert_eq!(merge.next(later, wall), Next::Wait(Some(now + WINDOW)));
    assert!(matches!(merge.next(now + WINDOW, wall), Next::Frame(_)));
    assert!(merge.has_room(0));
    assert!(matches!(merge.next(now + WINDOW, wall), Next::Wait(Some(_))));
}

#[tokio::test]
async fn a_frame_without_a_time_keeps_its_place_in_its_source() {
    let now = Instant::now();
    let mut merge = live(Mode::Exact { stall: STALL }, 1, now);
    merge.push(0, flow_at("a", 10, 1), now);
    merge.push(0, Frame::default(), now);
    merge.push(0, flow_at("a", 20, 2), now);
    merge.set_absent(0);
    assert!(matches!(merge.next(now, 0), Next::Frame(frame) if frame.time_ns() == Some(10)));
    assert_eq!(merge.next(now, 0), Next::Frame(Frame::default()));
    assert!(matches!(merge.next(now, 0), Next::Frame(frame) if frame.time_ns() == Some(20)));
}

fn live(mode: Mode, sources: usize, now: Instant) -> Merge {
    let mut merge = Merge::new(mode, sources, now);
    for source in 0..sources {
        merge.set_live(source, now);
    }
    merge
}

/// The times of what can go out at `now`.
fn take_all(merge: &mut Merge, now: Instant, wall_ns: i64) -> Vec<i64> {
    let mut times = Vec::new();
    while let Next::Frame(frame) = merge.next(now, wall_ns) {
        times.extend(frame.time_ns());
    }
    times
}
