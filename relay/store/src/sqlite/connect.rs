//! Connections to the files: one that writes, and a bounded number that read.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::segments::Segment;

/// Connections that read at the same time: each has a thread of its own, and whoever has one may
/// hold the dictionaries of a segment in memory. Who asks for one waits for a turn at each segment,
/// so that long questions do not keep short ones from an answer.
pub(super) const MOST_READERS: usize = 8;

/// Connections that are kept open when nobody reads.
pub(super) const MOST_IDLE: usize = 8;

/// Memory that such a connection keeps of its file, in the words of SQLite. What is read by column
/// is read once, and the kernel keeps files too.
const READ_CACHE: &str = "-1024";

/// Rows that wait to be taken: the two threads change places less often.
const MOST_ROWS: usize = 1_024;

/// Steps of SQLite's machine between two looks at whether anybody still waits for the answer: well
/// under a millisecond.
const STEPS: i32 = 20_000;

/// How long a connection waits for another one's transaction: longer than sealing takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all connections have in common.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(PATIENCE)
        .row_buffer_size(MOST_ROWS)
        .pragma("temp_store", "MEMORY")
        .thread_name(|_| "tidegate-store".into())
        .disable_statement_logging()
}

/// Opens a segment for writing, and makes it if `create`.
///
/// What is committed survives the process. It survives the machine once [`super::folder::sync`]
/// was called, or SQLite has moved its log into the file.
pub(super) async fn write(path: &Path, create: bool) -> Result<SqliteConnection, sqlx::Error> {
    writer(path, create)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-8192")
        .pragma("wal_autocheckpoint", "4000")
        .connect()
        .await
}

/// Opens the catalog, and makes it if `create`. What is committed survives the machine.
pub(super) async fn catalog(path: &Path, create: bool) -> Result<SqliteConnection, sqlx::Error> {
    writer(path, create).synchronous(SqliteSynchronous::Full).connect().await
}

fn writer(path: &Path, create: bool) -> SqliteConnectOptions {
    options(path).create_if_missing(create).journal_mode(SqliteJournalMode::Wal)
}

/// Whether the error says that the file is not what was once written.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
            // The lower byte is the primary code. A file that was emptied is a database without tables.
            matches!(code & 0xff, CORRUPT | NOT_A_DATABASE) || error.message().starts_with("no such table")
        }
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => true,
        _ => false,
    }
}

/// Whether the error says that there is no room on the disk, not even for what readers share.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    const FULL: i32 = 13;
    const SHARED_MEMORY: i32 = 10 | 19 << 8;
    let sqlx::Error::Database(error) = error else { return false };
    let code = error.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or_default();
    code & 0xff == FULL || code == SHARED_MEMORY
}

/// A bounded number of connections that read.
#[derive(Debug)]
pub(super) struct Readers {
    permits: Arc<Semaphore>,
    /// The longest unused first.
    idle: Arc<Mutex<VecDeque<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    segment: Arc<Segment>,
    connection: SqliteConnection,
    /// Tells a statement that still runs to stop.
    stop: Arc<AtomicBool>,
}

impl Readers {
    pub(super) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(MOST_READERS)), idle: Arc::default() }
    }

    /// A connection to `segment`.
    pub(super) async fn read(&self, segment: &Arc<Segment>) -> Result<Reader, sqlx::Error> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let reader = |idle| Reader { open: Some(idle), idle: self.idle.clone(), _permit: permit };
        if let Some(mut idle) = self.take(segment.id) {
            // An abandoned statement ends first.
            let usable = idle.connection.ping().await.is_ok();
            idle.stop.store(false, Ordering::Relaxed);
            if usable {
                return Ok(reader(idle));
            }
        }
        while let Some(unused) = self.surplus() {
            // A connection that reads has nothing to lose. Its files are closed before others are opened.
            let _closed = unused.connection.close().await;
        }
        // Not `read_only`: whoever closes a file last has to remove its log.
        let options = options(&segment.path).pragma("query_only", "ON").pragma("cache_size", READ_CACHE);
        let mut connection = options.connect().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        connection.lock_handle().await?.set_progress_handler(STEPS, move || !stopped.load(Ordering::Relaxed));
        Ok(reader(Idle { segment: segment.clone(), connection, stop }))
    }

    fn take(&self, segment: i64) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let place = idle.iter().position(|one| one.segment.id == segment)?;
        idle.remove(place)
    }

    /// Takes the connection that was unused for longest, if there are as many as may be.
    fn surplus(&self) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= MOST_IDLE { idle.pop_front() } else { None }
    }

    /// Drops unused connections to segments that are not to be kept.
    pub(super) fn keep(&self, keep: impl Fn(i64) -> bool) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).retain(|idle| keep(idle.segment.id));
    }

    /// Waits for those in use, and closes all.
    pub(super) async fn close(&self) {
        // Whoever waits is refused; who has one gives it back.
        let all = self.permits.acquire_many(MOST_READERS as u32).await;
        self.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for one in idle {
            let _closed = one.connection.close().await;
        }
    }
}

/// A connection that reads one segment. Dropping it stops what still runs.
#[derive(Debug)]
pub(super) struct Reader {
    /// Some until it is dropped.
    open: Option<Idle>,
    idle: Arc<Mutex<VecDeque<Idle>>>,
    _permit: OwnedSemaphorePermit,
}

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.open.as_ref().expect("it is taken only by drop").connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.open.as_mut().expect("it is taken only by drop").connection
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        open.stop.store(true, Ordering::Relaxed);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push_back(open);
    }
}
