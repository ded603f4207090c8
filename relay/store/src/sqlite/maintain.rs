//! Segments that are over are sealed; the oldest ones are removed.
//!
//! Sealing puts the blocks of a segment in order, which takes seconds. Only flows for that very
//! segment wait for it. If it is interrupted, it is done again: the segment is open until the
//! catalog says otherwise.

use std::sync::{Arc, PoisonError};

use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;

use super::append::Writer;
use super::segments::Segment;
use super::{Sqlite, connect, folder, progress, query, recover};
use crate::{Maintained, Retention, StoreError};

/// Segments that are taken out, until nobody reads them.
#[derive(Debug, Default)]
pub(super) struct Leaving(std::sync::Mutex<Vec<Arc<Segment>>>);

impl Leaving {
    fn push(&self, segment: Arc<Segment>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    /// Takes those that nobody reads.
    fn take(&self) -> Vec<Arc<Segment>> {
        let mut leaving = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        leaving.extract_if(.., |segment| Arc::strong_count(segment) == 1).collect()
    }
}

impl Sqlite {
    /// [`crate::FlowStore::maintain`]; one at a time.
    pub(super) async fn seal_and_remove(&self, retention: &Retention) -> Result<Maintained, StoreError> {
        let mut done = Maintained::default();
        self.follow().await?;
        // To seal takes room: what cannot be sealed for want of it does not keep what is old.
        let sealed = self.seal_due(retention, &mut done).await;
        let removed = match self.remove_old(retention, &mut done).await {
            Err(error) if error.is_full() && self.folder.give_reserve() => self.remove_old(retention, &mut done).await,
            removed => removed,
        };
        self.unlink().await?;
        let sealed = match sealed {
            Err(error) if error.is_full() && done.removed > 0 => self.seal_due(retention, &mut done).await,
            sealed => sealed,
        };
        sealed.and(removed).map(|()| done)
    }

    async fn seal_due(&self, retention: &Retention, done: &mut Maintained) -> Result<(), StoreError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        for segment in self.segments.take_damaged() {
            writer.lock().await.set_aside(&segment).await?;
        }
        for segment in self.due(retention.now) {
            done.sealed += u32::from(self.seal(writer, &segment).await?);
        }
        Ok(())
    }

    /// Unlinks the files that nobody reads any more.
    async fn unlink(&self) -> Result<(), StoreError> {
        for segment in self.leaving.take() {
            // Large files take a while.
            let path = segment.path.clone();
            if let Ok(removed) = tokio::task::spawn_blocking(move || folder::remove(&path)).await {
                removed?;
                self.catalog.forget(segment.id).await?;
            }
        }
        Ok(())
    }

    /// Segments to seal: flows for them are not expected any more, or they were full so long ago
    /// that several others follow them.
    fn due(&self, now: u64) -> Vec<Arc<Segment>> {
        let all = self.segments.all();
        // A clock that is ahead must not make the present look old.
        let newest = all.iter().filter_map(|segment| segment.told().newest).max().unwrap_or(0).min(now);
        let grace = self.options.grace.as_nanos() as u64;
        let over = |at: usize, segment: &Segment| {
            segment.until().saturating_add(grace) <= newest || at + self.options.open < all.len()
        };
        let due = all.iter().enumerate().filter(|(at, segment)| !segment.told().sealed && over(*at, segment));
        due.map(|(_, segment)| segment.clone()).collect()
    }

    /// Seals a segment; no if it is damaged.
    async fn seal(&self, writer: &Mutex<Writer>, segment: &Arc<Segment>) -> Result<bool, StoreError> {
        let packed = async {
            let mut connection = connect::write(&segment.path, false).await?;
            pack(&mut connection).await?;
            Ok(connection)
        };
        match packed.await {
            Ok(connection) => self.finish(&mut *writer.lock().await, segment, connection).await,
            Err(error) => self.segments.failed(segment, "seal a segment", error).map(|()| false),
        }
    }

    /// Ends writing to a segment, and tells the catalog what is in it. No: it is damaged.
    async fn finish(
        &self,
        writer: &mut Writer,
        segment: &Arc<Segment>,
        mut connection: SqliteConnection,
    ) -> Result<bool, StoreError> {
        writer.release(segment.id).await;
        folder::sync(&segment.path).await?;
        let read = async {
            let read = (recover::told(&mut connection).await?.1, progress::read(&mut connection).await?);
            connection.close().await?;
            Ok(read)
        };
        let (told, progress) = match read.await {
            Ok(read) => read,
            Err(error) => return self.segments.failed(segment, "read", error).map(|()| false),
        };
        self.catalog.seal(segment.id, told, &progress).await?;
        segment.tell(|known| known.sealed = true);
        Ok(true)
    }

    /// What [`crate::FlowStore::maintain`] would remove by now; it stays.
    pub async fn would_remove(&self, retention: &Retention) -> Result<Maintained, StoreError> {
        self.follow().await?;
        let mut would = Maintained::default();
        for (segment, size) in self.beyond(retention) {
            would.removed += 1;
            would.removed_flows += segment.told().flows;
            would.freed += size;
        }
        Ok(would)
    }

    /// The oldest segments beyond `retention`, with their sizes. The newest of all stays, and what
    /// another process still writes to.
    fn beyond(&self, retention: &Retention) -> Vec<(Arc<Segment>, u64)> {
        let eldest = eldest(retention);
        let all = self.segments.all();
        let mut all: Vec<_> = all.iter().map(|segment| (segment.clone(), folder::size(&segment.path))).collect();
        let mut bytes = all.iter().map(|(_, size)| size).sum::<u64>() + folder::size(&self.folder.catalog());
        all.pop();
        all.retain(|(segment, _)| self.writer.is_some() || segment.told().sealed);
        let is_beyond = |(segment, size): &(Arc<Segment>, u64)| {
            let told = segment.told();
            let is_old = told.newest.map_or(told.until, |newest| newest + 1) <= eldest;
            let is_beyond = is_old || bytes > retention.bytes;
            bytes -= if is_beyond { *size } else { 0 };
            is_beyond
        };
        all.into_iter().take_while(is_beyond).collect()
    }

    /// Removes the oldest segments beyond `retention`, with the gaps of their time.
    async fn remove_old(&self, retention: &Retention, done: &mut Maintained) -> Result<(), StoreError> {
        let eldest = eldest(retention);
        let mut forgotten = eldest;
        for (segment, size) in self.beyond(retention) {
            let told = segment.told();
            if self.remove(segment).await? {
                forgotten = forgotten.max(told.until);
                done.removed += 1;
                done.removed_flows += told.flows;
                done.freed += size;
            }
        }
        self.catalog.drop_gaps(forgotten).await?;
        self.catalog.drop_progress(eldest).await
    }

    /// Takes a segment out; no if another process wrote to it or removed it meanwhile.
    async fn remove(&self, segment: Arc<Segment>) -> Result<bool, StoreError> {
        if let Some(writer) = &self.writer {
            let mut writer = writer.lock().await;
            if segment.told().sealed {
                writer.release(segment.id).await;
            } else {
                let finished = match connect::write(&segment.path, false).await {
                    Ok(connection) => self.finish(&mut writer, &segment, connection).await?,
                    Err(error) => self.segments.failed(&segment, "open", error).map(|()| false)?,
                };
                if !finished {
                    return Ok(false);
                }
            }
        }
        if !self.catalog.remove(segment.id).await? {
            return Ok(false);
        }
        self.segments.remove(segment.id);
        self.leaving.push(segment);
        Ok(true)
    }
}

/// The time from which on flows are kept, if there is room.
fn eldest(retention: &Retention) -> u64 {
    retention.now.saturating_sub(u64::try_from(retention.age.as_nanos()).unwrap_or(u64::MAX))
}

/// Puts the blocks in order, and the whole log into the file.
async fn pack(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    query::block::pack(&mut transaction).await?;
    transaction.commit().await?;
    // Who reads the end of the log keeps it from being emptied; there is no use in waiting for long.
    sqlx::raw_sql("PRAGMA busy_timeout = 1000; PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await.map(drop)
}
