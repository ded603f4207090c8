//! A pod, its node and a server behind it: what the node's way of forwarding costs.
//!
//! Each way ([`site::Way`]) has a world of its own with the same links, and takes its turn in
//! every round; the order rotates, so that no way is always the one after a pause. [`client`]
//! and [`server`] are the two ends, [`pin`] says where they run, [`turn`] is one way's turn. A ratio is
//! taken within a round.

mod client;
mod pin;
mod server;
mod site;
mod turn;

use anyhow::Result;

use crate::options::Options;
use crate::ratio::{Quartiles, within_rounds};
use crate::table::{Table, count, ratio};

use site::{Site, Way};
use turn::{MEASURES, Measure, Turn, Unit};

/// Measures, and returns the figures as text.
///
/// # Errors
/// When a world cannot be built, or a connection does not take the way that is measured.
pub(crate) fn run(options: &Options) -> Result<String> {
    let sites = Way::ALL.into_iter().map(|way| Site::build(way, options)).collect::<Result<Vec<_>>>()?;
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); sites.len()];
    for round in 0..options.rounds {
        for place in 0..sites.len() {
            options.go_on()?;
            let index = (place + round) % sites.len();
            turns[index].push(turn::take(&sites[index], round, options.slice)?);
        }
    }
    let mut text = format!(
        "datapath, {} rounds of {} ms: plain forwarding in its units, the others as ratios to it, median [quartiles]\n{}",
        options.rounds,
        options.slice.as_millis(),
        table(&turns)
    );
    for (way, turns) in Way::ALL.into_iter().zip(&turns).filter(|(way, _)| way.has_collector()) {
        let whole: Vec<_> = turns.iter().map(|turn| turn.collector).collect();
        let quartiles = Quartiles::of(&whole);
        text += &format!(
            "CPU of the collector for a whole connection, {}: {:.1} us [{:.1} {:.1}]\n",
            way.name(),
            quartiles.median,
            quartiles.low,
            quartiles.high
        );
    }
    Ok(text)
}

/// One row for each measure; goals stand beside the two ways that have them.
fn table(turns: &[Vec<Turn>]) -> Table {
    let mut heads = vec!["measure"];
    for way in Way::ALL {
        heads.push(way.name());
        if way.has_collector() {
            heads.push("goal");
        }
    }
    let mut table = Table::new(heads);
    for (index, measure) in MEASURES.iter().enumerate() {
        let values = |turns: &[Turn]| turns.iter().map(|turn| turn.values[index]).collect::<Vec<_>>();
        let plain = values(&turns[0]);
        let mut cells = vec![measure.name.to_owned(), absolute(measure, Quartiles::of(&plain).median)];
        for (way, turns) in Way::ALL.into_iter().zip(turns).skip(1) {
            cells.push(ratio(Quartiles::of(&within_rounds(&values(turns), &plain))));
            match way {
                Way::Tidegate => cells.push(measure.goal.to_owned()),
                Way::Observing => cells.push(measure.observing.to_owned()),
                _ => {}
            }
        }
        table.row(cells);
    }
    table
}

fn absolute(measure: &Measure, value: f64) -> String {
    match measure.unit {
        Unit::Microseconds => format!("{value:.1} us"),
        Unit::PerSecond => format!("{}/s", count(value)),
        Unit::BitsPerSecond => format!("{:.1} Gbit/s", value / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_compared_with_plain_forwarding_in_the_same_round() {
        let turn = |value: f64| Turn { values: [value; MEASURES.len()], collector: 0.0 };
        let turns: Vec<Vec<Turn>> =
            (1..=Way::ALL.len()).map(|way| vec![turn(100.0 * way as f64), turn(1_000.0 * way as f64)]).collect();
        let text = table(&turns).to_string();
        let row = text.lines().find(|line| line.starts_with("rr p50")).unwrap();
        for ratio in ["2.00 [2.00 2.00]", "3.00 [3.00 3.00]", "4.00 [4.00 4.00]", "5.00 [5.00 5.00]"] {
            assert!(row.contains(ratio), "{row}");
        }
        assert!(row.contains("550.0 us"), "{row}");
    }
}
