//! A batch on its way into segments. One at a time.
//!
//! Older segments are written first; the last one gets, in its transaction, the commit number and
//! how far nodes are recorded. Whatever ends in between (a process, a disk), the batch is delivered
//! again and what is there already is left out. Before progress is written, everything that it
//! counts is made to survive the machine, if it is in another file.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use super::catalog::{Catalog, failed};
use super::connect::is_damage;
use super::folder::{self, Folder};
use super::place::{Places, Seeker};
use super::segments::{Segment, Segments, Told};
use super::writing::{End, Writing};
use super::{Options, recover, row};
use crate::{Appended, Batch, Gap, GapReason, Record, Span, StoreError};

/// Flows of one transaction at most, which bounds memory whatever the size of a batch.
const MOST_FLOWS: usize = 50_000;

/// Values in the dictionaries of a segment from which on it is full: the writer knows them all.
const MOST_VALUES: usize = 2_000_000;

/// The last moment that can be stored, in the year 2262; what is later is stored as of then.
pub(super) const LAST: u64 = i64::MAX as u64 - 1;

/// What only one task at a time does.
#[derive(Debug)]
pub(super) struct Writer {
    options: Options,
    folder: Folder,
    catalog: Arc<Catalog>,
    segments: Arc<Segments>,
    /// The most recently used last.
    writing: Vec<Writing>,
    /// The highest commit number.
    last_commit: u64,
    /// The right to write; none once the store is closed.
    lock: Option<File>,
}

impl Writer {
    /// The writer of a store that is open, with the right to write.
    pub(super) fn new(
        options: Options,
        folder: Folder,
        catalog: Arc<Catalog>,
        segments: Arc<Segments>,
        last_commit: u64,
        lock: File,
    ) -> Self {
        Self { options, folder, catalog, segments, writing: Vec::new(), last_commit, lock: Some(lock) }
    }

    /// Stores a batch.
    pub(super) async fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        self.check_open()?;
        for segment in self.segments.take_damaged() {
            self.set_aside(&segment).await?;
        }
        if !batch.gaps.is_empty() {
            self.catalog.add_gaps(&batch.gaps).await?;
        }
        let mut appended = Appended { commit: self.last_commit, ..Appended::default() };
        let records = &batch.records[..];
        let mut order: Vec<_> = (0..records.len()).collect();
        order.sort_unstable_by_key(|at| time(&records[*at]));
        let Some(earliest) = order.first().map(|at| time(&records[*at])) else {
            self.sync(None).await?;
            self.catalog.add_progress(&batch.progress).await?;
            return Ok(appended);
        };
        let end = End { number: self.last_commit + 1, earliest, progress: &batch.progress };
        let mut left = &order[..];
        while let Some(first) = left.first() {
            let segment = self.segment(time(&records[*first])).await?;
            let (now, later) = left.split_at(self.fitting(&segment, records, left));
            let end = later.is_empty().then_some(end);
            let Some(places) = self.store(&segment, records, now, end).await? else { continue };
            appended.stored += places.new.len() as u64;
            appended.repeated += places.repeated;
            self.refuse(records, &places.refused).await?;
            left = later;
        }
        self.last_commit = end.number;
        Ok(Appended { commit: end.number, ..appended })
    }

    /// The segment that flows of this time go to.
    async fn segment(&mut self, time: u64) -> Result<Arc<Segment>, StoreError> {
        let Some(segment) = self.segments.at(time) else {
            return self.create(self.free(time), None).await;
        };
        let told = segment.told();
        match told.newest {
            Some(newest) if newest < time && self.is_full(&segment) => {
                self.create(Span { since: newest + 1, until: told.until }, Some(&segment)).await
            }
            _ => Ok(segment),
        }
    }

    fn is_full(&self, segment: &Segment) -> bool {
        let writing = self.writing.iter().find(|writing| writing.segment.id == segment.id);
        segment.told().flows >= self.options.flows || writing.is_some_and(|writing| writing.values() >= MOST_VALUES)
    }

    /// How many of the flows at `left` go into `segment` in one transaction: at least the first.
    fn fitting(&self, segment: &Segment, records: &[Record], left: &[usize]) -> usize {
        let told = segment.told();
        let before = |end| left.partition_point(|at| time(&records[*at]) < end);
        let most = match told.newest {
            Some(newest) if self.is_full(segment) => before(newest + 1),
            _ => before(told.until)
                .min(usize::try_from(self.options.flows.saturating_sub(told.flows)).unwrap_or(usize::MAX)),
        };
        most.clamp(1, MOST_FLOWS)
    }

    /// The part of the span around `time` that no segment has.
    fn free(&self, time: u64) -> Span {
        let mut span = self.options.around(time);
        for segment in &*self.segments.all() {
            if segment.since > time {
                span.until = span.until.min(segment.since);
            } else {
                span.since = span.since.max(segment.until());
            }
        }
        span
    }

    /// Makes a segment; one that is full ends where it begins.
    async fn create(&mut self, span: Span, full: Option<&Segment>) -> Result<Arc<Segment>, StoreError> {
        let id = self.catalog.reserve(span).await?;
        let path = self.folder.segment(id);
        let told = Told { until: span.until, ..Told::default() };
        let segment = Arc::new(Segment::new(id, span.since, path, told));
        let writing = match self.make(&segment, full).await {
            Ok(writing) => writing,
            Err(error) => {
                // The file is of no use. As long as it cannot be removed, the catalog says so.
                if folder::remove(&segment.path).is_ok() {
                    self.catalog.forget(id).await?;
                }
                return Err(error);
            }
        };
        if let Some(full) = full {
            full.tell(|told| told.until = span.since);
        }
        self.segments.add(segment.clone());
        self.keep(writing).await;
        Ok(segment)
    }

    async fn make(&self, segment: &Arc<Segment>, full: Option<&Segment>) -> Result<Writing, StoreError> {
        let writing = Writing::create(segment.clone()).await?;
        self.folder.sync()?;
        self.catalog.begin(segment.id, full.map(|full| full.id)).await?;
        Ok(writing)
    }

    /// Stores flows in a segment; none if it turns out to be gone.
    async fn store(
        &mut self,
        segment: &Arc<Segment>,
        records: &[Record],
        flows: &[usize],
        end: Option<End<'_>>,
    ) -> Result<Option<Places>, StoreError> {
        if end.is_some() {
            self.sync(Some(segment.id)).await?;
        }
        let Some(mut writing) = self.writing(segment).await? else { return Ok(None) };
        let seeker = |at: &usize| {
            let uuid = records[*at].uuid;
            let id = ((time(&records[*at]) - segment.since) << 16) as i64 | i64::from(row::tie(uuid));
            Seeker { id, uuid, at: *at }
        };
        let mut seekers: Vec<_> = flows.iter().map(seeker).collect();
        seekers.sort_unstable();
        match writing.store(records, &seekers, end).await {
            Ok(places) => {
                self.keep(writing).await;
                Ok(Some(places))
            }
            Err(error) => {
                let damaged = is_damage(&error);
                let error = failed(&segment.path, "store flows", error);
                // What it knows of the file may be wrong now.
                writing.close().await;
                if damaged {
                    self.set_aside(segment).await?;
                }
                Err(error)
            }
        }
    }

    /// Takes the segment, open for writing; none if it is gone.
    async fn writing(&mut self, segment: &Arc<Segment>) -> Result<Option<Writing>, StoreError> {
        if let Some(place) = self.writing.iter().position(|writing| writing.segment.id == segment.id) {
            return Ok(Some(self.writing.remove(place)));
        }
        if segment.told().sealed && !self.catalog.reopen(segment.id).await? {
            // Another process removed it.
            self.segments.remove(segment.id);
            return Ok(None);
        }
        segment.tell(|told| told.sealed = false);
        match Writing::open(segment.clone()).await {
            Ok(writing) => Ok(Some(writing)),
            Err(error) if is_damage(&error) || !segment.path.exists() => {
                tracing::error!(file = %segment.path.display(), %error, "a file of the store cannot be written to");
                self.set_aside(segment).await?;
                Ok(None)
            }
            Err(error) => Err(failed(&segment.path, "open", error)),
        }
    }

    /// Keeps a segment open for writing, and closes the one that was unused for longest if there
    /// are too many.
    async fn keep(&mut self, writing: Writing) {
        self.writing.push(writing);
        if self.writing.len() > self.options.open {
            self.writing.remove(0).close().await;
        }
    }

    /// Makes everything that was committed survive the machine, but in one segment.
    async fn sync(&mut self, but: Option<i64>) -> Result<(), StoreError> {
        for writing in &mut self.writing {
            if Some(writing.segment.id) != but {
                writing.sync().await?;
            }
        }
        Ok(())
    }

    /// Flows whose instant is full are missing from now on.
    async fn refuse(&self, records: &[Record], refused: &[usize]) -> Result<(), StoreError> {
        if refused.is_empty() {
            return Ok(());
        }
        tracing::warn!(flows = refused.len(), "flows were left out: there are too many of the same nanosecond");
        let mut counts = BTreeMap::new();
        for record in refused.iter().map(|at| &records[*at]) {
            *counts.entry((&record.flow.node.name, time(record))).or_insert(0) += 1;
        }
        let gap = |((node, time), count): ((&String, u64), u64)| Gap {
            node: node.clone(),
            since: time,
            until: time,
            count: Some(count),
            reason: GapReason::Store,
        };
        self.catalog.add_gaps(&counts.into_iter().map(gap).collect::<Vec<_>>()).await
    }
}

impl Writer {
    fn check_open(&self) -> Result<(), StoreError> {
        self.lock.as_ref().map(drop).ok_or_else(|| StoreError::Invalid("the store is closed".into()))
    }

    /// Stops using a damaged file.
    pub(super) async fn set_aside(&mut self, segment: &Segment) -> Result<(), StoreError> {
        self.release(segment.id).await;
        self.segments.remove(segment.id);
        recover::set_aside(&self.catalog, segment).await
    }

    /// Closes a segment if it is open for writing.
    pub(super) async fn release(&mut self, id: i64) {
        if let Some(place) = self.writing.iter().position(|writing| writing.segment.id == id) {
            self.writing.remove(place).close().await;
        }
    }

    /// Closes all files and gives up the right to write.
    pub(super) async fn close(&mut self) {
        for writing in self.writing.drain(..) {
            writing.close().await;
        }
        self.lock = None;
    }
}

fn time(record: &Record) -> u64 {
    record.flow.time.min(LAST)
}
