//! A segment that is open for writing.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};

use super::catalog::failed;
use super::connect;
use super::folder;
use super::insert::Insert;
use super::intern::Dictionaries;
use super::place::{self, Places, Seeker};
use super::progress;
use super::query::block;
use super::segments::{Segment, Told};
use super::{recover, row, schema};
use crate::{Progress, Record, StoreError};

const MINUTE: u64 = 60_000_000_000;

/// A segment with a connection that writes, and its dictionaries.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) segment: Arc<Segment>,
    connection: SqliteConnection,
    dictionaries: Dictionaries,
    flows: Insert,
    /// No row has a higher id; -1 if there is none.
    highest: i64,
    /// Whether something was committed that the machine may still forget.
    unsynced: bool,
}

/// What ends a batch: written with its last flows.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    /// The commit number.
    pub(super) number: u64,
    /// Time of the earliest flow of the batch.
    pub(super) earliest: u64,
    pub(super) progress: &'a [Progress],
}

impl Writing {
    /// Makes the file of `segment`.
    pub(super) async fn create(segment: Arc<Segment>) -> Result<Self, StoreError> {
        let path = segment.path.clone();
        let made = async |connection: &mut SqliteConnection| {
            let since = sqlx::query("INSERT INTO segment(since) VALUES (?)").bind(segment.since as i64);
            since.execute(&mut *connection).await?;
            // An empty file that survives the machine is not taken for a damaged one.
            sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await
        };
        let open = connect::write(&path, true).await;
        let mut connection = open.map_err(|error| failed(&path, "make", error))?;
        schema::apply(&schema::SEGMENT, &mut connection, &path).await?;
        made(&mut connection).await.map_err(|error| failed(&path, "make", error))?;
        Ok(Self::new(segment, connection, Dictionaries::new(), -1))
    }

    /// Opens the file of `segment`.
    pub(super) async fn open(segment: Arc<Segment>) -> Result<Self, sqlx::Error> {
        let mut connection = connect::write(&segment.path, false).await?;
        let dictionaries = Dictionaries::load(&mut connection).await?;
        let highest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM flow").fetch_one(&mut connection).await?;
        // What was known may be from before a commit that was taken for a failure.
        let (_, told) = recover::told(&mut connection).await?;
        segment.tell(|known| *known = Told { until: known.until, sealed: known.sealed, ..told });
        Ok(Self::new(segment, connection, dictionaries, highest.unwrap_or(-1)))
    }

    fn new(segment: Arc<Segment>, connection: SqliteConnection, dictionaries: Dictionaries, highest: i64) -> Self {
        Self { segment, connection, dictionaries, flows: Insert::new(row::INSERT), highest, unsynced: false }
    }

    /// Values in its dictionaries.
    pub(super) fn values(&self) -> usize {
        self.dictionaries.len()
    }

    /// Stores those of `records` that `seekers` name, all in one transaction. If that fails, nothing
    /// is stored, and this is of no more use.
    pub(super) async fn store(
        &mut self,
        records: &[Record],
        seekers: &[Seeker],
        end: Option<End<'_>>,
    ) -> Result<Places, sqlx::Error> {
        let since = self.segment.since;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let places = place::find(&mut transaction, seekers, self.highest).await?;
        let mut minutes = BTreeMap::new();
        let mut values = Vec::with_capacity(places.new.len());
        for (id, at) in &places.new {
            let row = self.dictionaries.row(*id, since, &records[*at]);
            *minutes.entry((row.time(since) / MINUTE * MINUTE, row.outcome)).or_insert(0_i64) += 1;
            values.push(row.values());
            row.add_to(self.flows.row());
        }
        self.dictionaries.write(&mut transaction).await?;
        self.flows.run(&mut transaction).await?;
        if !values.is_empty() {
            block::write(&mut transaction, &values).await?;
        }
        for ((minute, outcome), flows) in minutes {
            let count = "INSERT INTO hist_minute(minute, outcome, flows) VALUES (?, ?, ?) \
                ON CONFLICT DO UPDATE SET flows = flows + excluded.flows";
            sqlx::query(count).bind(minute as i64).bind(outcome).bind(flows).execute(&mut *transaction).await?;
        }
        if let Some(End { number, earliest, progress }) = end {
            // The number is there already if its commit was taken for a failure.
            let batch = sqlx::query(
                "INSERT INTO batch(number, earliest) VALUES (?, ?) \
                 ON CONFLICT DO UPDATE SET earliest = min(earliest, excluded.earliest)",
            );
            batch.bind(number as i64).bind(earliest as i64).execute(&mut *transaction).await?;
            progress::write(&mut transaction, progress).await?;
        }
        transaction.commit().await?;
        self.unsynced = true;
        self.tell(&places, end);
        Ok(places)
    }

    fn tell(&mut self, places: &Places, end: Option<End<'_>>) {
        let since = self.segment.since;
        let time = |id: i64| since + (id >> 16) as u64;
        let (oldest, newest) = (places.new.first(), places.new.last());
        self.highest = self.highest.max(newest.map_or(-1, |(id, _)| *id));
        self.segment.tell(|told| {
            told.flows += places.new.len() as u64;
            told.oldest = oldest.map(|(id, _)| time(*id)).into_iter().chain(told.oldest).min();
            told.newest = newest.map(|(id, _)| time(*id)).into_iter().chain(told.newest).max();
            told.last_commit = end.map_or(told.last_commit, |end| end.number);
        });
    }

    /// Makes what was committed survive the machine.
    pub(super) async fn sync(&mut self) -> Result<(), StoreError> {
        if self.unsynced {
            folder::sync(&self.segment.path).await?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Closes the file; what was committed survives the machine.
    pub(super) async fn close(mut self) {
        if let Err(error) = self.sync().await {
            tracing::warn!(%error, "flows of the last seconds may not survive the machine");
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(file = %self.segment.path.display(), %error, "a file of the store was not closed in order");
        }
    }
}
