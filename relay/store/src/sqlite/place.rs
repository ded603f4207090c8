//! Where flows go in a segment, and which of them are there already.
//!
//! The id of a row is its time and a tie ([`super::row::tie`]), so a flow that is delivered again
//! meets itself. If it meets another one, it takes the next tie that is free.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use tidegate_flow::FlowId;

use super::row::uuid;

/// Ties that are tried for a flow. As long as an instant has less than nine tenths of the 65,536
/// flows that fit, one of these is free.
const MOST_TRIES: u16 = 512;

/// Ids asked for in one statement.
const IDS: usize = 100;

/// A flow that looks for its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seeker {
    /// Where it is looked for first.
    pub(super) id: i64,
    /// What tells it apart.
    pub(super) uuid: u128,
    /// Where it is in the batch.
    pub(super) at: usize,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Id and place in the batch of what is new, in the order of ids.
    pub(super) new: Vec<(i64, usize)>,
    /// How many are there already.
    pub(super) repeated: u64,
    /// Places in the batch of those whose instant is full.
    pub(super) refused: Vec<usize>,
}

/// Finds a place for each of `seekers`, which are in order. No row has an id above `highest`.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    seekers: &[Seeker],
    highest: i64,
) -> Result<Places, sqlx::Error> {
    let mut taken = Taken { flows: HashMap::new(), known: HashSet::new() };
    let old = &seekers[..seekers.partition_point(|seeker| seeker.id <= highest)];
    taken.read_ids(connection, old).await?;
    let mut places = Places::default();
    for seeker in seekers {
        let mut id = seeker.id;
        for tries in 0..=MOST_TRIES {
            if tries == MOST_TRIES {
                places.refused.push(seeker.at);
                break;
            }
            if tries > 0 && id >> 16 <= highest >> 16 {
                taken.read_instant(connection, id >> 16).await?;
            }
            match taken.flows.get(&id) {
                None => {
                    taken.flows.insert(id, seeker.uuid);
                    places.new.push((id, seeker.at));
                    break;
                }
                Some(uuid) if *uuid == seeker.uuid => {
                    places.repeated += 1;
                    break;
                }
                Some(_) => id = id & !0xffff | i64::from((id as u16).wrapping_add(1)),
            }
        }
    }
    places.new.sort_unstable();
    Ok(places)
}

/// Ids that have a flow already.
struct Taken {
    flows: HashMap<i64, u128>,
    /// Instants of which all flows are known.
    known: HashSet<i64>,
}

impl Taken {
    async fn read_ids(&mut self, connection: &mut SqliteConnection, seekers: &[Seeker]) -> Result<(), sqlx::Error> {
        for seekers in seekers.chunks(IDS) {
            let marks = vec!["?"; seekers.len()].join(",");
            let text = format!("{FLOWS} WHERE flow.id IN ({marks})");
            let query = sqlx::query(AssertSqlSafe(text)).persistent(seekers.len() == IDS);
            let query = seekers.iter().fold(query, |query, seeker| query.bind(seeker.id));
            let mut rows = query.fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                self.add(&row)?;
            }
        }
        Ok(())
    }

    async fn read_instant(&mut self, connection: &mut SqliteConnection, instant: i64) -> Result<(), sqlx::Error> {
        if self.known.insert(instant) {
            let text = format!("{FLOWS} WHERE flow.id BETWEEN ? AND ?");
            let query = sqlx::query(AssertSqlSafe(text)).bind(instant << 16).bind(instant << 16 | 0xffff);
            let mut rows = query.fetch(connection);
            while let Some(row) = rows.try_next().await? {
                self.add(&row)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, row: &SqliteRow) -> Result<(), sqlx::Error> {
        let uuid = match row.try_get::<Option<&[u8]>, _>(1)? {
            Some(bytes) => uuid(bytes)?,
            None => {
                let (sequence, boot): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
                FlowId { boot: boot as u64, sequence: sequence as u64 }.number(row.try_get(4)?)
            }
        };
        self.flows.insert(row.try_get(0)?, uuid);
        Ok(())
    }
}

const FLOWS: &str = "SELECT flow.id, flow.uuid, flow.sequence, origin.boot, node.name FROM flow \
    JOIN origin ON origin.id = flow.origin JOIN node ON node.id = origin.node";
