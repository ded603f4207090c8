//! The engine of one machine: a folder with a catalog and a file per span of time.
//!
//! `migrations/` has the schema. Flows go in by [`append`] (which segment), [`writing`] (one
//! segment), [`place`] (which row), [`intern`] and [`row`] (as which numbers). Answers come out by
//! [`query`]. [`maintain`] seals and removes, [`recover`] opens.

mod append;
mod catalog;
mod connect;
mod folder;
mod insert;
mod intern;
mod maintain;
mod place;
mod progress;
mod query;
mod recover;
mod row;
mod schema;
mod segments;
#[cfg(test)]
mod tests;
mod values;
mod writing;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::{
    Appended, Batch, FacetField, Facets, FlowStore, Gap, Histogram, Maintained, Page, PageRequest, Progress, Query,
    Retention, Span, Stats, StoreError,
};
use append::{LAST, Writer};
use catalog::{Catalog, State};
use folder::Folder;
use maintain::Leaving;
use segments::{Segment, Segments};

/// How a store parts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of a segment; a whole number of them begins at the Unix epoch. At most a day.
    pub span: Duration,
    /// Flows of a segment from which on later ones go to a new one.
    pub flows: u64,
    /// How long flows for a segment that is over are expected.
    pub grace: Duration,
    /// Segments that are open for writing at the same time.
    pub open: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { span: Duration::from_secs(3600), flows: 1_000_000, grace: Duration::from_secs(300), open: 4 }
    }
}

impl Options {
    /// The whole span around `time`.
    fn around(&self, time: u64) -> Span {
        let length = self.span.clamp(Duration::from_nanos(1), Duration::from_secs(86_400)).as_nanos() as u64;
        let since = time - time % length;
        Span { since, until: since.saturating_add(length).min(LAST + 1) }
    }
}

/// A store in a folder.
///
/// What is stored survives the process. How far nodes are recorded never survives the machine
/// without the flows that it counts; after a power failure the newest seconds may be stored again.
#[derive(Debug)]
pub struct Sqlite {
    options: Options,
    folder: Folder,
    catalog: Arc<Catalog>,
    segments: Arc<Segments>,
    /// None: another process may write here.
    writer: Option<Arc<Mutex<Writer>>>,
    /// Held by whoever seals and removes.
    maintaining: Mutex<()>,
    leaving: Leaving,
}

impl Sqlite {
    /// Opens the store in the folder, and makes it if there is none.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, Options::default()).await
    }

    /// As [`Sqlite::open`], with other options. A store may be opened with others each time.
    pub async fn open_with(folder: &Path, options: Options) -> Result<Self, StoreError> {
        let folder = Folder::new(folder)?;
        folder.make()?;
        let lock = folder.lock()?;
        let (catalog, list) = match recover::open(&folder, &options).await {
            // Without room for logs, what is old could not be removed either.
            Err(error) if error.is_full() && folder.give_reserve() => recover::open(&folder, &options).await?,
            opened => opened.inspect(|_| folder.keep_reserve())?,
        };
        let (outlived, _) = catalog.outlived().await?;
        let last = list.iter().map(|segment| segment.told().last_commit).max().unwrap_or(0).max(outlived);
        let (catalog, segments) = (Arc::new(catalog), Arc::new(Segments::new()));
        segments.replace(list);
        let writer = Writer::new(options, folder.clone(), catalog.clone(), segments.clone(), last, lock);
        Ok(Self::new(options, folder, catalog, segments, Some(Arc::new(Mutex::new(writer)))))
    }

    /// Opens a store that another process may write to: to ask, and to remove what is sealed.
    pub async fn open_reader(folder: &Path) -> Result<Self, StoreError> {
        let folder = Folder::new(folder)?;
        let path = folder.catalog();
        path.metadata().map_err(|source| folder::io_error("find the store", folder.path(), source))?;
        let catalog = Arc::new(Catalog::visit(&path).await?);
        Ok(Self::new(Options::default(), folder, catalog, Arc::new(Segments::new()), None))
    }

    fn new(
        options: Options,
        folder: Folder,
        catalog: Arc<Catalog>,
        segments: Arc<Segments>,
        writer: Option<Arc<Mutex<Writer>>>,
    ) -> Self {
        let (maintaining, leaving) = (Mutex::new(()), Leaving::default());
        Self { options, folder, catalog, segments, writer, maintaining, leaving }
    }

    /// Brings the list of segments up to what other processes did.
    async fn follow(&self) -> Result<(), StoreError> {
        let known = self.segments.all();
        let entries = self.catalog.segments().await?;
        let there = entries.iter().filter(|entry| entry.state != State::Absent);
        if self.writer.is_some() {
            // Others only remove.
            let there: HashSet<_> = there.map(|entry| entry.id).collect();
            for segment in known.iter().filter(|segment| !there.contains(&segment.id)) {
                self.segments.remove(segment.id);
            }
            return Ok(());
        }
        let segment = |entry: &catalog::Entry| {
            Arc::new(Segment::new(entry.id, entry.since, self.folder.segment(entry.id), entry.told))
        };
        self.segments.replace(there.map(segment).collect());
        // They are their writer's business.
        drop(self.segments.take_damaged());
        for segment in self.segments.all().iter().filter(|segment| !segment.told().sealed) {
            let Some(mut reader) = self.segments.read(segment).await? else { continue };
            match recover::told(&mut reader).await {
                Ok((_, told)) => segment.tell(|known| *known = segments::Told { until: known.until, ..told }),
                Err(error) => self.segments.failed(segment, "read", error)?,
            }
        }
        Ok(())
    }

    /// Bytes on disk.
    fn bytes(&self) -> u64 {
        let segments = self.segments.all();
        let segments = segments.iter().map(|segment| folder::size(&segment.path));
        segments.sum::<u64>() + folder::size(&self.folder.catalog())
    }

    /// For questions: what there is to ask.
    async fn asked(&self) -> Result<&Segments, StoreError> {
        if self.writer.is_none() {
            self.follow().await?;
        }
        Ok(&self.segments)
    }
}

#[async_trait::async_trait]
impl FlowStore for Sqlite {
    async fn append(&self, batch: &Batch) -> Result<Appended, StoreError> {
        let Some(writer) = &self.writer else {
            return Err(StoreError::Invalid("the store was opened to be read".into()));
        };
        let mut writer = writer.clone().lock_owned().await;
        let batch = batch.clone();
        // In a task of its own it ends, whatever becomes of the caller.
        match tokio::spawn(async move { writer.append(&batch).await }).await {
            Ok(appended) => appended,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(StoreError::Invalid("the store is closing".into())),
            },
        }
    }

    async fn progress(&self) -> Result<Vec<Progress>, StoreError> {
        let (_, mut all) = self.catalog.outlived().await?;
        for segment in self.asked().await?.all().iter().filter(|segment| !segment.told().sealed) {
            let Some(mut reader) = self.segments.read(segment).await? else { continue };
            match progress::read(&mut reader).await {
                Ok(more) => all.extend(more),
                Err(error) => self.segments.failed(segment, "read", error)?,
            }
        }
        Ok(progress::merge(all))
    }

    async fn page(&self, query: &Query, page: &PageRequest) -> Result<Page, StoreError> {
        query::page(self.asked().await?, query, page).await
    }

    async fn histogram(&self, query: &Query, buckets: u32, budget: Option<Duration>) -> Result<Histogram, StoreError> {
        query::histogram(self.asked().await?, query, buckets, budget).await
    }

    async fn facets(
        &self,
        query: &Query,
        fields: &[FacetField],
        limit: usize,
        prefix: &str,
        budget: Option<Duration>,
    ) -> Result<Facets, StoreError> {
        query::facets(self.asked().await?, query, fields, limit, prefix, budget).await
    }

    async fn gaps(&self, span: Span) -> Result<Vec<Gap>, StoreError> {
        self.catalog.gaps(span).await
    }

    async fn since_commit(&self, commit: u64) -> Result<Option<u64>, StoreError> {
        let segments = self.asked().await?.all();
        let told: Vec<_> = segments.iter().map(|segment| segment.told()).collect();
        let last = told.iter().map(|told| told.last_commit).max().unwrap_or(0).max(self.catalog.outlived().await?.0);
        if commit == 0 || commit > last {
            return Ok(told.iter().filter_map(|told| told.oldest).min());
        }
        let mut earliest = None;
        for segment in segments.iter().filter(|segment| segment.told().last_commit > commit) {
            let Some(mut reader) = self.segments.read(segment).await? else { continue };
            let query = sqlx::query_scalar("SELECT min(earliest) FROM batch WHERE number > ?").bind(commit as i64);
            let time: Result<Option<i64>, _> = query.fetch_one(&mut *reader).await;
            match time {
                Ok(time) => earliest = earliest.into_iter().chain(time.map(|time| time as u64)).min(),
                Err(error) => self.segments.failed(segment, "read", error)?,
            }
        }
        Ok(earliest)
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        let segments = self.asked().await?.all();
        let told: Vec<_> = segments.iter().map(|segment| segment.told()).collect();
        Ok(Stats {
            flows: told.iter().map(|told| told.flows).sum(),
            bytes: self.bytes(),
            oldest: told.iter().filter_map(|told| told.oldest).min(),
            newest: told.iter().filter_map(|told| told.newest).max(),
            segments: told.len() as u32,
            sealed: told.iter().filter(|told| told.sealed).count() as u32,
            gaps: self.catalog.count_gaps().await?,
        })
    }

    async fn maintain(&self, retention: &Retention) -> Result<Maintained, StoreError> {
        let _one = self.maintaining.lock().await;
        let done = self.seal_and_remove(retention).await?;
        self.folder.keep_reserve();
        Ok(done)
    }

    async fn close(&self) {
        let _one = self.maintaining.lock().await;
        if let Some(writer) = &self.writer {
            writer.lock().await.close().await;
        }
        self.segments.close().await;
        self.catalog.close().await;
    }
}
