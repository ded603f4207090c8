//! `catalog.db`: which segments exist, what is missing, and what outlives segments.

mod gaps;

use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::segments::Told;
use super::{connect, progress, schema};
use crate::{Progress, Span, StoreError};

/// Begins a transaction that no other process can come between.
const IMMEDIATE: &str = "BEGIN IMMEDIATE";

/// `segment.state`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// May hold what the catalog does not know.
    Open = 0,
    /// Finished.
    Sealed = 1,
    /// Not there: not yet or not any more, whether or not there is a file.
    Absent = 2,
}

/// A row of `segment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) since: u64,
    pub(super) state: State,
    /// Schema of the file.
    pub(super) version: i64,
    /// Exact if it is sealed.
    pub(super) told: Told,
}

/// The open catalog.
#[derive(Debug)]
pub(super) struct Catalog {
    path: PathBuf,
    connection: Mutex<Option<SqliteConnection>>,
}

impl Catalog {
    /// Opens the file of this process's store, and makes it if there is none.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let open = connect::catalog(&path, true).await;
        let mut connection = open.map_err(|error| failed(&path, "open", error))?;
        schema::apply(&schema::CATALOG, &mut connection, &path).await?;
        Ok(Self { path, connection: Mutex::new(Some(connection)) })
    }

    /// Opens the file of a store that another process may write to.
    pub(super) async fn visit(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let open = connect::catalog(&path, false).await;
        let mut connection = open.map_err(|error| failed(&path, "open", error))?;
        schema::check(&schema::CATALOG, &mut connection, &path).await?;
        Ok(Self { path, connection: Mutex::new(Some(connection)) })
    }

    /// The connection, for one piece of work at a time.
    async fn lock(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let connection = MutexGuard::try_map(self.connection.lock().await, Option::as_mut);
        connection.map_err(|_| StoreError::Invalid("the store is closed".into()))
    }

    /// Says what was tried when an error was met.
    fn failed(&self, what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
        move |error| failed(&self.path, what, error)
    }

    /// Closes the file; what is asked from now on is an error.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(file = %self.path.display(), %error, "a file of the store was not closed in order");
        }
    }

    /// All segments, also those that are absent.
    pub(super) async fn segments(&self) -> Result<Vec<Entry>, StoreError> {
        let mut connection = self.lock().await?;
        let all = "SELECT id, since, until, state, version, flows, oldest, newest, last_commit FROM segment";
        let rows = sqlx::query(all).try_map(entry).fetch_all(&mut *connection).await;
        rows.map_err(self.failed("list segments"))
    }

    /// Adds a segment for the span, absent until [`Catalog::begin`]; its id.
    pub(super) async fn reserve(&self, span: Span) -> Result<i64, StoreError> {
        let mut connection = self.lock().await?;
        let add = sqlx::query("INSERT INTO segment(since, until, state, version) VALUES (?, ?, ?, ?)");
        let add = add.bind(span.since as i64).bind(span.until as i64).bind(State::Absent as i64);
        let added = add.bind(schema::version(&schema::SEGMENT)).execute(&mut *connection).await;
        Ok(added.map_err(self.failed("add a segment"))?.last_insert_rowid())
    }

    /// The file of a reserved segment is made, so it is there; one that is full ends where it begins.
    pub(super) async fn begin(&self, id: i64, full: Option<i64>) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let begun = async {
            let mut transaction = connection.begin_with(IMMEDIATE).await?;
            let open = sqlx::query("UPDATE segment SET state = ? WHERE id = ?").bind(State::Open as i64).bind(id);
            open.execute(&mut *transaction).await?;
            let end = "UPDATE segment SET until = (SELECT since FROM segment WHERE id = ?) WHERE id = ?";
            sqlx::query(end).bind(id).bind(full).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        begun.await.map_err(self.failed("begin a segment"))
    }

    /// Adds a segment whose file was found without a row.
    pub(super) async fn adopt(&self, id: i64, since: u64, until: u64) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let add = sqlx::query("INSERT INTO segment(id, since, until, version) VALUES (?, ?, ?, ?)");
        let add = add.bind(id).bind(since as i64).bind(until as i64).bind(schema::version(&schema::SEGMENT));
        add.execute(&mut *connection).await.map(drop).map_err(self.failed("add a segment that was found"))
    }

    /// The file of a segment has the newest schema.
    pub(super) async fn migrated(&self, id: i64) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let query = sqlx::query("UPDATE segment SET version = ? WHERE id = ?");
        let query = query.bind(schema::version(&schema::SEGMENT)).bind(id);
        query.execute(&mut *connection).await.map(drop).map_err(self.failed("note a segment's schema"))
    }

    /// A sealed segment is about to be written to again. No: it is not there any more.
    pub(super) async fn reopen(&self, id: i64) -> Result<bool, StoreError> {
        let mut connection = self.lock().await?;
        let query = sqlx::query("UPDATE segment SET state = ? WHERE id = ? AND state <> ?");
        let query = query.bind(State::Open as i64).bind(id).bind(State::Absent as i64);
        let done = query.execute(&mut *connection).await.map_err(self.failed("open a segment again"))?;
        Ok(done.rows_affected() == 1)
    }

    /// A segment is finished: this is what is in it.
    pub(super) async fn seal(&self, id: i64, told: Told, progress: &[Progress]) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let sealed = async {
            let mut transaction = connection.begin_with(IMMEDIATE).await?;
            let query = sqlx::query(
                "UPDATE segment SET state = ?, flows = ?, oldest = ?, newest = ?, last_commit = ? \
                 WHERE id = ? AND state = ?",
            );
            let query = query.bind(State::Sealed as i64).bind(told.flows as i64);
            let query = query.bind(told.oldest.map(|time| time as i64)).bind(told.newest.map(|time| time as i64));
            let query = query.bind(told.last_commit as i64).bind(id).bind(State::Open as i64);
            query.execute(&mut *transaction).await?;
            progress::write(&mut transaction, progress).await?;
            transaction.commit().await
        };
        sealed.await.map_err(self.failed("seal a segment"))
    }

    /// Takes a segment out, if it is sealed; what is in it must be known here. No: it was not there
    /// or not sealed. Its row stays until [`Catalog::forget`].
    pub(super) async fn remove(&self, id: i64) -> Result<bool, StoreError> {
        let mut connection = self.lock().await?;
        let removed = async {
            let mut transaction = connection.begin_with(IMMEDIATE).await?;
            let commit = "UPDATE removed SET last_commit = \
                max(last_commit, (SELECT coalesce(max(last_commit), 0) FROM segment WHERE id = ?))";
            sqlx::query(commit).bind(id).execute(&mut *transaction).await?;
            let query = sqlx::query("UPDATE segment SET state = ? WHERE id = ? AND state = ?");
            let query = query.bind(State::Absent as i64).bind(id).bind(State::Sealed as i64);
            let done = query.execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(done.rows_affected() == 1)
        };
        removed.await.map_err(self.failed("remove a segment"))
    }

    /// The file of a segment is gone or set aside.
    pub(super) async fn forget(&self, id: i64) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let query = sqlx::query("DELETE FROM segment WHERE id = ?").bind(id);
        query.execute(&mut *connection).await.map(drop).map_err(self.failed("forget a segment"))
    }

    /// The highest commit number and the progress of segments that are sealed or removed.
    pub(super) async fn outlived(&self) -> Result<(u64, Vec<Progress>), StoreError> {
        let mut connection = self.lock().await?;
        let read = async {
            let number = "SELECT max(last_commit) FROM \
                (SELECT last_commit FROM removed UNION ALL SELECT last_commit FROM segment)";
            let number: i64 = sqlx::query_scalar(number).fetch_one(&mut *connection).await?;
            Ok((number as u64, progress::read(&mut connection).await?))
        };
        read.await.map_err(self.failed("read how far nodes are recorded"))
    }

    /// Adds progress that comes without flows.
    pub(super) async fn add_progress(&self, progress: &[Progress]) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let added = async {
            let mut transaction = connection.begin_with(IMMEDIATE).await?;
            progress::write(&mut transaction, progress).await?;
            transaction.commit().await
        };
        added.await.map_err(self.failed("store how far nodes are recorded"))
    }

    /// Forgets starts of collectors from before `time`; of each node the newest stays.
    pub(super) async fn drop_progress(&self, time: u64) -> Result<(), StoreError> {
        let mut connection = self.lock().await?;
        let query = sqlx::query(
            "DELETE FROM progress AS old WHERE time < ? AND EXISTS \
             (SELECT 1 FROM progress AS other WHERE other.node = old.node AND other.time > old.time)",
        );
        let query = query.bind(time.min(i64::MAX as u64) as i64);
        query.execute(&mut *connection).await.map(drop).map_err(self.failed("forget old starts of collectors"))
    }
}

fn entry(row: SqliteRow) -> Result<Entry, sqlx::Error> {
    let number = |column| row.try_get::<i64, _>(column).map(|number| number as u64);
    let time = |column| row.try_get::<Option<i64>, _>(column).map(|time| time.map(|time| time as u64));
    let state = match row.try_get::<i64, _>(3)? {
        0 => State::Open,
        1 => State::Sealed,
        _ => State::Absent,
    };
    let told = Told {
        until: number(2)?,
        sealed: state == State::Sealed,
        flows: number(5)?,
        oldest: time(6)?,
        newest: time(7)?,
        last_commit: number(8)?,
    };
    Ok(Entry { id: row.try_get(0)?, since: number(1)?, state, version: row.try_get(4)?, told })
}

/// A failure with a file.
pub(super) fn failed(path: &Path, what: &str, source: sqlx::Error) -> StoreError {
    let what = format!("{what} ({})", path.display());
    if connect::is_full(&source) {
        return StoreError::Io { what, source: io::ErrorKind::StorageFull.into() };
    }
    StoreError::Database { what, source }
}
