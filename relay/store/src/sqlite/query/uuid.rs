//! From UUIDs to ids. No index leads there: the lower bits of an id are a hash of the UUID, so all
//! ids are looked through, and of the few that fit the rows are read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use sqlx::{Row as _, SqliteConnection};
use tidegate_flow::filter::Condition;
use tidegate_flow::flow::{uuid_number, uuid_text};
use tidegate_flow::{Filter, FlowId};

use super::block::{self, Column};
use super::dictionary::Dictionary;
use super::place::{instant, next_instant};
use crate::Query;
use crate::sqlite::row::{self, broken};

/// Instants of a block that are looked up; if there are more, all its rows are read.
const FEW: usize = 64;

/// The UUIDs that a question names.
pub(super) fn named(query: &Query) -> HashSet<u128> {
    let conditions = query.allow.iter().chain(&query.deny).flat_map(|Filter { conditions }| conditions);
    let mut named = HashSet::new();
    for condition in conditions {
        if let Condition::Uuid(texts) = condition {
            named.extend(texts.iter().filter_map(|text| number(text)));
        }
    }
    named
}

/// The number of a UUID, if its text is the one that is written.
pub(super) fn number(text: &str) -> Option<u128> {
    uuid_number(text).filter(|number| uuid_text(*number) == text)
}

/// The ids of those that are among the ids from `low` up to and without `high` of a segment, which
/// are whole instants.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    all: &Dictionary,
    wanted: &HashSet<u128>,
    low: i64,
    high: i64,
) -> Result<HashMap<u128, i64>, sqlx::Error> {
    let mut found = HashMap::new();
    let ties: HashSet<u16> = wanted.iter().map(|uuid| row::tie(*uuid)).collect();
    if ties.is_empty() {
        return Ok(found);
    }
    for block in block::overlapping(connection, low, high).await? {
        let ids: Vec<i64> = block::column(connection, &block, Column::Id, 0..block.flows).await?;
        // Whoever found its place taken is next to it, at the same instant.
        let fits = ids.into_iter().filter(|id| (low..high).contains(id) && ties.contains(&(*id as u16)));
        let instants: BTreeSet<_> = fits.map(instant).collect();
        let ranges = match instants.len() {
            0..=FEW => instants.into_iter().map(|instant| (instant, next_instant(instant))).collect(),
            _ => vec![(instant(block.first), next_instant(block.last))],
        };
        for (first, end) in ranges {
            read(connection, all, wanted, first..end, &mut found).await?;
        }
        if found.len() == wanted.len() {
            break;
        }
    }
    Ok(found)
}

async fn read(
    connection: &mut SqliteConnection,
    all: &Dictionary,
    wanted: &HashSet<u128>,
    ids: Range<i64>,
    found: &mut HashMap<u128, i64>,
) -> Result<(), sqlx::Error> {
    let rows = sqlx::query("SELECT id, origin, sequence, uuid FROM flow WHERE id >= ? AND id < ?");
    for row in rows.bind(ids.start).bind(ids.end).fetch_all(connection).await? {
        let uuid = match row.try_get::<Option<&[u8]>, _>(3)? {
            Some(bytes) => row::uuid(bytes)?,
            None => {
                let (node, boot) = all.origin(row.try_get(1)?).ok_or_else(|| broken("an origin that is missing"))?;
                FlowId { boot, sequence: row.try_get::<i64, _>(2)? as u64 }.number(&node.name)
            }
        };
        if wanted.contains(&uuid) {
            found.insert(uuid, row.try_get(0)?);
        }
    }
    Ok(())
}
