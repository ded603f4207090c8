//! How far nodes are recorded: the table `progress`, which segments and the catalog have alike.

use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::Progress;

/// The highest number that SQL can compare.
const MOST: u64 = i64::MAX as u64;

/// Adds rows; of what is there already the higher values stay.
pub(super) async fn write(connection: &mut SqliteConnection, progress: &[Progress]) -> Result<(), sqlx::Error> {
    for Progress { node, boot, sequence, time } in progress {
        let query = sqlx::query(
            "INSERT INTO progress(node, boot, sequence, time) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE \
             SET sequence = max(sequence, excluded.sequence), time = max(time, excluded.time)",
        );
        let query = query.bind(node).bind(*boot as i64).bind(*sequence.min(&MOST) as i64);
        query.bind(*time.min(&MOST) as i64).execute(&mut *connection).await?;
    }
    Ok(())
}

/// All rows.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Vec<Progress>, sqlx::Error> {
    let row = |row: SqliteRow| {
        let number = |column| row.try_get::<i64, _>(column).map(|number| number as u64);
        Ok(Progress { node: row.try_get(0)?, boot: number(1)?, sequence: number(2)?, time: number(3)? })
    };
    sqlx::query("SELECT node, boot, sequence, time FROM progress").try_map(row).fetch_all(connection).await
}

/// One list out of several: of each start of a collector the highest values, by node, the newest
/// start first.
pub(super) fn merge(lists: impl IntoIterator<Item = Progress>) -> Vec<Progress> {
    let mut all: HashMap<(String, u64), Progress> = HashMap::new();
    for one in lists {
        let known = all.entry((one.node.clone(), one.boot)).or_insert_with(|| one.clone());
        known.sequence = known.sequence.max(one.sequence);
        known.time = known.time.max(one.time);
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by(|a, b| (&a.node, b.time, a.boot).cmp(&(&b.node, a.time, b.boot)));
    all
}
