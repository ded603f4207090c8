//! What is found when a store is opened: after an orderly end, a killed process, a killed machine,
//! or somebody's hand in the folder.
//!
//! Nothing here stops a store from opening but a newer schema. A damaged file is set aside, with a
//! gap for its span; a file that the catalog does not know is taken in.

use std::path::Path;
use std::sync::Arc;

use sqlx::{Row, SqliteConnection};

use super::catalog::{Catalog, Entry, State, failed};
use super::connect::{self, is_damage};
use super::folder::{self, Folder};
use super::row::broken;
use super::segments::{Segment, Told};
use super::{Options, schema};
use crate::{Gap, GapReason, StoreError};

/// Opens the catalog for writing, and brings it and the folder to agree: the segments there are.
pub(super) async fn open(folder: &Folder, options: &Options) -> Result<(Catalog, Vec<Arc<Segment>>), StoreError> {
    let (catalog, entries) = match catalog(folder).await {
        Err(StoreError::Database { source, .. }) if is_damage(&source) => {
            let aside = folder::set_aside(&folder.catalog())?;
            tracing::error!(file = %aside.display(), error = %source, "the store's catalog is damaged and was set \
                aside; it is made again from the segments");
            catalog(folder).await?
        }
        opened => opened?,
    };
    let mut segments = Vec::new();
    for entry in &entries {
        if let Some(segment) = known(folder, &catalog, entry).await? {
            segments.push(segment);
        }
    }
    let strays = folder.segments()?.into_iter().filter(|id| entries.iter().all(|entry| entry.id != *id));
    for segment in found(folder, options, &catalog, strays.collect(), &segments).await? {
        segments.push(segment);
    }
    Ok((catalog, segments))
}

async fn catalog(folder: &Folder) -> Result<(Catalog, Vec<Entry>), StoreError> {
    let catalog = Catalog::open(&folder.catalog()).await?;
    let entries = catalog.segments().await?;
    Ok((catalog, entries))
}

/// The segment of a row of the catalog, if there is one.
async fn known(folder: &Folder, catalog: &Catalog, entry: &Entry) -> Result<Option<Arc<Segment>>, StoreError> {
    let segment = Segment::new(entry.id, entry.since, folder.segment(entry.id), entry.told);
    let path = &segment.path;
    let newest = schema::version(&schema::SEGMENT);
    if entry.version > newest {
        return Err(StoreError::Newer { path: path.display().to_string() });
    }
    let there = path.try_exists().map_err(|source| folder::io_error("find", path, source))?;
    if entry.state == State::Absent || !there {
        if !there && entry.state != State::Absent {
            tracing::warn!(file = %path.display(), "a file of the store is gone");
        }
        folder::remove(path)?;
        catalog.forget(entry.id).await?;
        return Ok(None);
    }
    if entry.state == State::Open || entry.version < newest {
        let Some((since, told)) = sound(inspect(path).await)? else {
            set_aside(catalog, &segment).await?;
            return Ok(None);
        };
        if since != entry.since {
            set_aside(catalog, &segment).await?;
            return Ok(None);
        }
        catalog.migrated(entry.id).await?;
        segment.tell(|known| *known = Told { until: known.until, sealed: known.sealed, ..told });
    }
    Ok(Some(Arc::new(segment)))
}

/// Takes in files that have no row in the catalog, because it was lost.
async fn found(
    folder: &Folder,
    options: &Options,
    catalog: &Catalog,
    strays: Vec<i64>,
    known: &[Arc<Segment>],
) -> Result<Vec<Arc<Segment>>, StoreError> {
    let mut strange = Vec::new();
    for id in strays {
        let path = folder.segment(id);
        match sound(inspect(&path).await)? {
            Some((_, told)) if told.flows == 0 => folder::remove(&path)?,
            Some((since, told)) => strange.push(Segment::new(id, since, path, told)),
            None => set_aside(catalog, &Segment::new(id, 0, path, Told::default())).await?,
        }
    }
    let begins: Vec<_> = known.iter().map(|one| one.since).chain(strange.iter().map(|one| one.since)).collect();
    let mut taken = Vec::new();
    for segment in strange {
        let since = segment.since;
        let next = begins.iter().copied().filter(|begin| *begin > since).min().unwrap_or(u64::MAX);
        let until = options.around(since).until.min(next);
        segment.tell(|told| told.until = until);
        let overlaps = known.iter().any(|one| one.since <= since && since < one.until())
            || begins.iter().filter(|begin| **begin == since).count() > 1
            || segment.told().newest.is_some_and(|newest| newest >= until);
        if overlaps {
            set_aside(catalog, &segment).await?;
            continue;
        }
        tracing::warn!(file = %segment.path.display(), "a file that the store's catalog did not know was taken in");
        catalog.adopt(segment.id, since, until).await?;
        taken.push(Arc::new(segment));
    }
    Ok(taken)
}

/// None: the file is damaged.
fn sound<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Err(StoreError::Database { source, what }) if is_damage(&source) => {
            tracing::error!(error = %source, "{what}");
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// Where the segment in a file begins and what is in it, but not its end. Brings the file to the
/// newest schema, and makes what was committed survive the machine.
async fn inspect(path: &Path) -> Result<(u64, Told), StoreError> {
    let open = connect::write(path, false).await;
    let mut connection = open.map_err(|error| failed(path, "open", error))?;
    schema::apply(&schema::SEGMENT, &mut connection, path).await?;
    folder::sync(path).await?;
    told(&mut connection).await.map_err(|error| failed(path, "read", error))
}

/// Where a segment begins and what is in it, but not its end.
pub(super) async fn told(connection: &mut SqliteConnection) -> Result<(u64, Told), sqlx::Error> {
    let query = "SELECT (SELECT since FROM segment), (SELECT coalesce(sum(flows), 0) FROM hist_minute), \
        (SELECT min(id) FROM flow), (SELECT max(id) FROM flow), (SELECT coalesce(max(number), 0) FROM batch)";
    let row = sqlx::query(query).fetch_one(connection).await?;
    let number = |column| row.try_get::<i64, _>(column).map(|number| number as u64);
    let since = row.try_get::<Option<i64>, _>(0)?.ok_or_else(|| broken("it was never finished"))? as u64;
    let time = |column| row.try_get::<Option<i64>, _>(column).map(|id| id.map(|id| since + (id >> 16) as u64));
    let told =
        Told { flows: number(1)?, oldest: time(2)?, newest: time(3)?, last_commit: number(4)?, ..Told::default() };
    Ok((since, told))
}

/// Gives a damaged file another name. Flows of its span are missing; of which nodes, only the rest
/// of the store can tell.
pub(super) async fn set_aside(catalog: &Catalog, segment: &Segment) -> Result<(), StoreError> {
    let aside = folder::set_aside(&segment.path)?;
    tracing::error!(file = %aside.display(), "a damaged file of the store was set aside; its flows are missing");
    catalog.forget(segment.id).await?;
    let (_, progress) = catalog.outlived().await?;
    let mut nodes: Vec<_> = progress.into_iter().map(|progress| progress.node).collect();
    nodes.dedup();
    if nodes.is_empty() {
        nodes.push(String::new());
    }
    let (since, until) = (segment.since, segment.until().saturating_sub(1));
    let gap = |node| Gap { node, since, until, count: None, reason: GapReason::Store };
    let gaps: Vec<_> = nodes.into_iter().map(gap).collect();
    catalog.add_gaps(&gaps).await
}
