//! What is known of the dictionaries of segments, kept from question to question.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::SqliteConnection;

use super::dictionary::Dictionary;
use super::tables::Tables;
use crate::sqlite::segments::Segment;

/// Values that all caches together keep; each takes about a hundred bytes.
const KEPT: usize = 500_000;

/// What is known of a segment's dictionaries.
#[derive(Debug, Default)]
pub(in crate::sqlite) struct Cache {
    dictionary: Mutex<Dictionary>,
    /// When it was last used: a number that grows with every use of any cache.
    used: AtomicU64,
}

impl Cache {
    /// The small dictionaries and these large ones, with all that flows in the connection's
    /// transaction refer to.
    pub(super) async fn dictionary(
        &self,
        connection: &mut SqliteConnection,
        tables: Tables,
    ) -> Result<Dictionary, sqlx::Error> {
        static USES: AtomicU64 = AtomicU64::new(1);
        self.used.store(USES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        // A copy of one's own: what is forgotten or read meanwhile changes nothing about it.
        let mut dictionary = self.with(|known| known.clone());
        dictionary.read_on(connection, tables).await?;
        self.with(|known| known.keep_longer(&dictionary));
        Ok(dictionary)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Dictionary) -> T) -> T {
        look(&mut self.dictionary.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Forgets the dictionaries of segments that were not asked for long, if there are too many.
pub(super) fn forget(segments: &[Arc<Segment>]) {
    forget_beyond(segments, KEPT);
}

/// As [`forget`], for how many values are too many.
pub(in crate::sqlite) fn forget_beyond(segments: &[Arc<Segment>], most: usize) {
    let mut kept: Vec<_> = segments.iter().map(|segment| &segment.cache).collect();
    kept.sort_by_cached_key(|cache| Reverse(cache.used.load(Ordering::Relaxed)));
    let mut sum = 0;
    // The one that was just used stays, however large it is.
    for cache in kept.into_iter().skip(1) {
        sum += cache.with(|known| known.len());
        if sum > most {
            cache.with(|known| *known = Dictionary::default());
        }
    }
}

/// Values that are kept of each segment.
#[cfg(test)]
pub(in crate::sqlite) fn values_in_memory(segments: &[Arc<Segment>]) -> Vec<usize> {
    segments.iter().map(|segment| segment.cache.with(|known| known.len())).collect()
}
