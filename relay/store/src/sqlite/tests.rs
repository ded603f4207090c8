//! What is special about this engine: files, their fates, and rows. What every engine does is in
//! `tests/store`.

mod bounds;
mod damage;
mod disk;
mod flows;
mod kill;
mod life;
mod repeated;
mod rows;
mod sums;

use std::path::Path;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tempfile::TempDir;

use super::{Options, Sqlite, connect};
use crate::{Batch, FlowStore, Order, PageRequest, Progress, Query, Record, Retention, Span, Stored};
use flows::{HOUR, T};

/// A folder for a store, removed in the end.
fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for files")
}

/// Segments of an hour or of ten flows.
const SMALL: Options = Options { span: Duration::from_secs(3600), flows: 10, grace: Duration::from_secs(300), open: 4 };

/// Nothing is old, nothing is too much.
const KEEP: Retention = Retention { age: Duration::from_secs(1 << 32), bytes: u64::MAX, now: T + 100 * HOUR };

async fn open(folder: &TempDir) -> Sqlite {
    Sqlite::open_with(folder.path(), SMALL).await.expect("the store opens")
}

fn batch(records: impl IntoIterator<Item = Record>) -> Batch {
    Batch { records: records.into_iter().collect(), ..Batch::default() }
}

fn progress(sequence: u64) -> Progress {
    Progress { node: "worker".into(), boot: 7, sequence, time: T + sequence }
}

/// All flows, oldest first.
async fn all(store: &Sqlite) -> Vec<Stored> {
    let query = Query { span: Span::ALL, allow: vec![], deny: vec![] };
    let request = PageRequest { order: Order::OldestFirst, after: None, limit: 100_000, budget: None };
    let page = store.page(&query, &request).await.expect("flows are read");
    assert_eq!(page.next, None);
    page.flows
}

/// The times of all flows since [`T`], oldest first.
async fn times(store: &Sqlite) -> Vec<u64> {
    all(store).await.iter().map(|stored| stored.record.flow.time - T).collect()
}

/// Runs `sql` on a file of the store.
async fn tamper(path: &Path, sql: &str) {
    let mut connection: SqliteConnection = connect::write(path, false).await.expect("the file is there");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("the statement is right");
    connection.close().await.expect("nothing is left to do");
}

/// A number that `sql` selects in a file of the store.
async fn number(path: &Path, sql: &'static str) -> i64 {
    let mut connection = connect::write(path, false).await.expect("the file is there");
    let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("the statement is right");
    connection.close().await.expect("nothing is left to do");
    number
}
