//! Which segments there are, in time order, and connections that read them.
//!
//! A segment is in this list as long as questions may be asked of it. Whoever holds one of its
//! [`Reader`]s keeps its files; they are unlinked when the last one is gone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::catalog::failed;
use super::connect::{Reader, Readers, is_damage};
use super::query;
use crate::{Span, StoreError};

/// A span of time, and the file with its flows.
#[derive(Debug)]
pub(super) struct Segment {
    /// Names the file; never used again.
    pub(super) id: i64,
    /// Inclusive; rows count from here.
    pub(super) since: u64,
    /// The file.
    pub(super) path: PathBuf,
    told: RwLock<Told>,
    /// What questions know about it.
    pub(super) cache: query::Cache,
}

/// What may change about a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Exclusive.
    pub(super) until: u64,
    /// Whether it is finished.
    pub(super) sealed: bool,
    /// Flows in it.
    pub(super) flows: u64,
    /// Time of the oldest of them.
    pub(super) oldest: Option<u64>,
    /// Time of the newest.
    pub(super) newest: Option<u64>,
    /// Its highest commit number, 0 if it has none.
    pub(super) last_commit: u64,
}

impl Segment {
    pub(super) fn new(id: i64, since: u64, path: PathBuf, told: Told) -> Self {
        Self { id, since, path, told: RwLock::new(told), cache: query::Cache::default() }
    }

    /// What is known of it now.
    pub(super) fn told(&self) -> Told {
        *self.told.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known.
    pub(super) fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Its end, exclusive.
    pub(super) fn until(&self) -> u64 {
        self.told().until
    }
}

/// The segments of a store.
#[derive(Debug)]
pub(super) struct Segments {
    /// Oldest first.
    list: RwLock<Arc<[Arc<Segment>]>>,
    readers: Readers,
    /// Files that turned out to be damaged while they were read; for the writer to set aside.
    damaged: Mutex<Vec<Arc<Segment>>>,
}

impl Segments {
    pub(super) fn new() -> Self {
        Self { list: RwLock::new(Arc::new([])), readers: Readers::new(), damaged: Mutex::default() }
    }

    /// All of them, oldest first.
    pub(super) fn all(&self) -> Arc<[Arc<Segment>]> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that may hold flows of the span, oldest first.
    pub(super) fn of(&self, span: Span) -> Vec<Arc<Segment>> {
        let touches = |segment: &&Arc<Segment>| segment.since < span.until && span.since < segment.until();
        self.all().iter().filter(touches).cloned().collect()
    }

    /// The one that holds flows of this time.
    pub(super) fn at(&self, time: u64) -> Option<Arc<Segment>> {
        let all = self.all();
        let before = all.partition_point(|segment| segment.since <= time);
        all[..before].last().filter(|segment| time < segment.until()).cloned()
    }

    /// Replaces the list. Segments that were known before stay what they are.
    pub(super) fn replace(&self, mut segments: Vec<Arc<Segment>>) {
        segments.sort_by_key(|segment| segment.since);
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        for segment in &mut segments {
            if let Some(known) = list.iter().find(|known| known.id == segment.id) {
                let told = segment.told();
                known.tell(|known| *known = told);
                *segment = known.clone();
            }
        }
        self.readers.keep(|id| segments.iter().any(|segment| segment.id == id));
        *list = segments.into();
    }

    /// Adds one.
    pub(super) fn add(&self, segment: Arc<Segment>) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let place = list.partition_point(|other| other.since < segment.since);
        *list = [&list[..place], &[segment], &list[place..]].concat().into();
    }

    /// Takes one out: nobody asks it any more.
    pub(super) fn remove(&self, id: i64) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        *list = list.iter().filter(|segment| segment.id != id).cloned().collect();
        self.readers.keep(|kept| kept != id);
    }

    /// A connection that reads `segment`; none if its file has vanished, which is no error: another
    /// process may have removed it. Connections are bounded: a question holds one at a time.
    pub(super) async fn read(&self, segment: &Arc<Segment>) -> Result<Option<Reader>, StoreError> {
        match self.readers.read(segment).await {
            Ok(reader) => Ok(Some(reader)),
            Err(_) if !exists(&segment.path) => {
                self.remove(segment.id);
                Ok(None)
            }
            Err(error) => self.failed(segment, "open a segment", error).map(|()| None),
        }
    }

    /// What to do about an error met while reading: go on without the segment if its file is gone or
    /// damaged, otherwise report it.
    pub(super) fn failed(&self, segment: &Arc<Segment>, what: &str, error: sqlx::Error) -> Result<(), StoreError> {
        if !exists(&segment.path) {
            self.remove(segment.id);
            return Ok(());
        }
        if !is_damage(&error) {
            return Err(failed(&segment.path, what, error));
        }
        let file = segment.path.display();
        tracing::error!(%file, %error, "a file of the store is damaged; its flows are left out of answers");
        self.remove(segment.id);
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).push(segment.clone());
        Ok(())
    }

    /// Takes the damaged ones that were met since the last call.
    pub(super) fn take_damaged(&self) -> Vec<Arc<Segment>> {
        std::mem::take(&mut self.damaged.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Closes all connections; there are no more.
    pub(super) async fn close(&self) {
        self.readers.close().await;
    }
}

fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}
