//! The table `gap`.

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use super::{Catalog, IMMEDIATE};
use crate::{Gap, GapReason, Span, StoreError};

/// The highest number that SQL can compare.
const MOST: u64 = i64::MAX as u64;

impl Catalog {
    /// Adds gaps. A gap that lies within a known one of its node and reason adds nothing, so it may
    /// be told again; those that touch become one.
    pub(in crate::sqlite) async fn add_gaps(&self, gaps: &[Gap]) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let added = async {
            let mut transaction = connection.begin_with(IMMEDIATE).await?;
            for gap in gaps {
                add(&mut transaction, gap).await?;
            }
            transaction.commit().await
        };
        added.await.map_err(self.failed("store what is missing"))
    }

    /// Gaps that touch the span, oldest first.
    pub(in crate::sqlite) async fn gaps(&self, span: Span) -> Result<Vec<Gap>, StoreError> {
        let mut connection = self.lock().await?;
        let query = sqlx::query(
            "SELECT id, node, since, until, flows, reason FROM gap WHERE until >= ? AND since < ? \
             ORDER BY since, until, node",
        );
        let query = query.bind(span.since.min(MOST) as i64).bind(span.until.min(MOST) as i64);
        let rows = query.try_map(|row| Ok(gap(&row)?.1)).fetch_all(&mut *connection).await;
        rows.map_err(self.failed("list what is missing"))
    }

    /// How many there are.
    pub(in crate::sqlite) async fn count_gaps(&self) -> Result<u64, StoreError> {
        let mut connection = self.lock().await?;
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM gap").fetch_one(&mut *connection).await;
        count.map(|count| count as u64).map_err(self.failed("count what is missing"))
    }

    /// Forgets gaps that ended before `time`.
    pub(in crate::sqlite) async fn drop_gaps(&self, time: u64) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let query = sqlx::query("DELETE FROM gap WHERE until < ?").bind(time.min(MOST) as i64);
        query.execute(&mut *connection).await.map(drop).map_err(self.failed("forget what was missing"))
    }
}

async fn add(connection: &mut SqliteConnection, new: &Gap) -> Result<(), sqlx::Error> {
    let (since, until) = (new.since.min(MOST), new.until.min(MOST));
    let touching = sqlx::query(
        "SELECT id, node, since, until, flows, reason FROM gap \
         WHERE node = ? AND reason = ? AND until >= ? AND since <= ?",
    );
    let touching = touching.bind(&new.node).bind(new.reason as i64);
    let touching = touching.bind(since.saturating_sub(1) as i64).bind(until.saturating_add(1).min(MOST) as i64);
    let known = touching.try_map(|row| gap(&row)).fetch_all(&mut *connection).await?;
    let mut whole = Gap { since, until, ..new.clone() };
    if known.iter().any(|(_, known)| known.since <= since && until <= known.until) {
        return Ok(());
    }
    for (id, known) in known {
        let told_again = since <= known.since && known.until <= until;
        whole.since = whole.since.min(known.since);
        whole.until = whole.until.max(known.until);
        let counts = whole.count.zip(known.count);
        whole.count = counts.map(|(new, old)| if told_again { new.max(old) } else { new.saturating_add(old) });
        sqlx::query("DELETE FROM gap WHERE id = ?").bind(id).execute(&mut *connection).await?;
    }
    let query = sqlx::query("INSERT INTO gap(node, since, until, flows, reason) VALUES (?, ?, ?, ?, ?)");
    let query = query.bind(&whole.node).bind(whole.since as i64).bind(whole.until as i64);
    let query = query.bind(whole.count.map(|count| count.min(MOST) as i64)).bind(whole.reason as i64);
    query.execute(connection).await.map(drop)
}

fn gap(row: &SqliteRow) -> Result<(i64, Gap), sqlx::Error> {
    let number = |column| row.try_get::<i64, _>(column).map(|number| number as u64);
    let gap = Gap {
        node: row.try_get(1)?,
        since: number(2)?,
        until: number(3)?,
        count: row.try_get::<Option<i64>, _>(4)?.map(|count| count as u64),
        reason: match row.try_get::<i64, _>(5)? {
            1 => GapReason::KernelRing,
            2 => GapReason::History,
            3 => GapReason::CollectorGone,
            _ => GapReason::Store,
        },
    };
    Ok((row.try_get(0)?, gap))
}
