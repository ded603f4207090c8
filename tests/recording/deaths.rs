//! The relay is killed at any moment and started again.

use std::thread;
use std::time::Duration;

use tidegate_lab::{PodSpec, World};

use crate::SUITE;
use crate::load::Load;
use crate::recorded::{Missing, Recorded};
use crate::terminal::{PROGRAM, eventually, may_run};

const DEATHS: u64 = 10;
const PODS: [&str; 3] = ["one", "two", "three"];

#[test]
fn a_relay_killed_ten_times_records_every_flow_once() {
    let Some(world) = world("500000") else { return };
    let load = Load::start(&world, &PODS, Duration::from_millis(5));
    both_nodes_recorded(&world);
    for death in 0..DEATHS {
        load.goes_on(60 + 17 * death);
        world.kill_relay().unwrap();
        // Some flows come while nobody records.
        load.goes_on(20);
        world.start_relay().unwrap();
    }
    load.goes_on(60);
    drop(load);
    let recorded = settled(&world);
    assert_eq!(recorded.doubles, [""; 0], "stored twice");
    assert!(recorded.count() > 5000, "{} flows are no load", recorded.count());
    let missing = recorded.missing();
    assert!(missing.is_empty(), "the rings held everything: {missing:?}");
    assert!(recorded.gaps.is_empty(), "nothing is missing: {:?}", recorded.gaps);
}

#[test]
fn what_the_rings_lost_while_no_relay_ran_is_a_gap_of_that_size() {
    let Some(world) = world("1000") else { return };
    let load = Load::start(&world, &PODS, Duration::from_millis(2));
    both_nodes_recorded(&world);
    for _ in 0..3 {
        load.goes_on(100);
        world.kill_relay().unwrap();
        load.goes_on(900);
        world.start_relay().unwrap();
    }
    load.goes_on(100);
    drop(load);
    let recorded = settled(&world);
    assert_eq!(recorded.doubles, [""; 0], "stored twice");
    let missing = recorded.missing();
    assert!(!missing.is_empty(), "rings of 1000 cannot have held this");
    for one in &missing {
        assert!(is_covered(one, &recorded), "{one:?} is in no gap of {:?}", recorded.gaps);
    }
    for node in ["worker", "worker2"] {
        let lost: u64 = missing.iter().filter(|one| one.node == node).map(|one| one.count).sum();
        let told = recorded.gaps.iter().filter(|gap| gap.node == node);
        let told: Option<u64> = told.map(|gap| gap.count).sum();
        assert_eq!(told, Some(lost), "flows of {node} that are in gaps: {:?}", recorded.gaps);
    }
}

#[test]
fn a_collector_that_ends_with_flows_that_nobody_read_leaves_a_gap() {
    let Some(world) = world("500000") else { return };
    let load = Load::start(&world, &PODS, Duration::from_millis(5));
    load.goes_on(100);
    let before = eventually(|| {
        let recorded = Recorded::read(world.relay_address().unwrap()).map_err(|status| status.to_string())?;
        if recorded.count() > 500 { Ok(recorded) } else { Err(format!("{} flows", recorded.count())) }
    });
    world.kill_relay().unwrap();
    load.goes_on(100);
    world.kill_collector("worker").unwrap();
    world.start_collector("worker").unwrap();
    world.start_relay().unwrap();
    load.goes_on(100);
    drop(load);
    let recorded = settled(&world);
    assert!(before.count() < recorded.count());
    let starts = recorded.flows.keys().filter(|(node, _)| node == "worker").count();
    assert_eq!(starts, 2, "{:?}", recorded.newest());
    let gaps: Vec<_> = recorded.gaps.iter().filter(|gap| gap.node == "worker").collect();
    assert!(gaps.iter().any(|gap| gap.count.is_none()), "nobody knows how many: {gaps:?}");
    assert!(recorded.gaps.iter().all(|gap| gap.node == "worker"), "{:?}", recorded.gaps);
    assert!(recorded.missing().is_empty(), "{:?}", recorded.missing());
}

/// A world whose collectors keep so many records.
fn world(history_events: &str) -> Option<World> {
    may_run(SUITE).then(|| {
        let pods = [PodSpec::new("one", "worker"), PodSpec::new("two", "worker2"), PodSpec::new("three", "worker")];
        let builder = World::builder(&World::unique_name()).binary(PROGRAM).pods(pods.into());
        let world = builder.collector_args(&["--history-events", history_events]).build();
        world.expect("a world with its collectors and relay comes up")
    })
}

/// Waits for the first flows of the nodes with pods: a node's record begins with them.
fn both_nodes_recorded(world: &World) {
    eventually(|| {
        let recorded = Recorded::read(world.relay_address().unwrap()).map_err(|status| status.to_string())?;
        if recorded.flows.len() == 2 { Ok(()) } else { Err(format!("{:?}", recorded.newest())) }
    });
}

/// What is recorded once nothing is added any more.
fn settled(world: &World) -> Recorded {
    let mut last = None;
    eventually(|| {
        let recorded = Recorded::read(world.relay_address().unwrap()).map_err(|status| status.to_string())?;
        let newest = recorded.newest();
        if last.as_ref() == Some(&newest) {
            return Ok(recorded);
        }
        let seen = format!("still growing: {newest:?}");
        last = Some(newest);
        // Longer than the collectors take to see that a connection has ended, and the recorder to write.
        thread::sleep(Duration::from_secs(5));
        Err(seen)
    })
}

/// Whether a gap of the node spans the time in which these must have been. Flows of one node come
/// out of order by less than a second.
fn is_covered(missing: &Missing, recorded: &Recorded) -> bool {
    const DISORDER: i64 = 1_000_000_000;
    let ns = |time: prost_types::Timestamp| time.seconds * 1_000_000_000 + i64::from(time.nanos);
    let (after, before) = missing.between;
    recorded.gaps.iter().any(|gap| {
        let (since, until) = (gap.since.map_or(i64::MIN, ns), gap.until.map_or(i64::MAX, ns));
        let spans = since <= after.saturating_add(DISORDER) && until >= before.saturating_sub(DISORDER);
        gap.node == missing.node && spans
    })
}
