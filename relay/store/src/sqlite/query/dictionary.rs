//! The dictionaries of a segment in memory: what the ids in its columns stand for. The small ones
//! are always all there, the large ones as far as they are needed.

use std::net::IpAddr;
use std::sync::Arc;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use tidegate_flow::Fqdn;
use tidegate_flow::flow::{Endpoint, Interface, Node, Outcome, ServiceName};

use super::block::Column;
use super::chunk::{self, Chunked};
use super::tables::Tables;
use crate::sqlite::row::{Kind, broken};
use crate::sqlite::values::{self, NameIds, PartyIds, TranslationIds};

/// What the ids stand for. A copy costs next to nothing, and does not change.
#[derive(Clone, Debug, Default)]
pub(super) struct Dictionary {
    pub(super) nodes: Table<Arc<Node>>,
    /// The id of a node, and the start of its collector.
    pub(super) origins: Table<(i64, u64)>,
    pub(super) ips: Table<IpAddr>,
    pub(super) fqdns: Table<Fqdn>,
    pub(super) names: Lists,
    pub(super) endpoints: Table<Arc<Endpoint>>,
    pub(super) services: Table<Arc<ServiceName>>,
    pub(super) parties: Table<PartyIds>,
    pub(super) kinds: Table<Kind>,
    pub(super) translations: Table<TranslationIds>,
    pub(super) interfaces: Table<Interface>,
}

/// A table with ids from 1 on.
#[derive(Clone, Debug)]
pub(super) struct Table<T>(Arc<Vec<T>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Table<T> {
    /// What an id stands for.
    pub(super) fn get(&self, id: i64) -> Option<&T> {
        self.0.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    /// For each id, whether what it stands for is in a set; first for 0, which stands for nothing.
    pub(super) fn set(&self, nothing: bool, holds: impl FnMut(&T) -> bool) -> Vec<bool> {
        std::iter::once(nothing).chain(self.0.iter().map(holds)).collect()
    }

    fn last(&self) -> i64 {
        self.0.len() as i64
    }

    fn keep_longer(&mut self, other: &Self) {
        if other.0.len() > self.0.len() {
            self.0 = other.0.clone();
        }
    }

    /// Adds rows that were read, of which some may be known.
    fn extend<R>(&mut self, rows: Vec<(i64, R)>, value: fn(R) -> T) -> Result<(), sqlx::Error> {
        let known = self.last();
        let mut rows = rows.into_iter().filter(|(id, _)| *id > known).peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let table = Arc::make_mut(&mut self.0);
        for (id, row) in rows {
            table.push(value(row));
            if table.len() as i64 != id {
                return Err(broken("a dictionary with a gap"));
            }
        }
        Ok(())
    }
}

/// Lists of names with ids from 1 on, all in one.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    items: Arc<Vec<NameIds>>,
    /// Where in `items` each list ends.
    ends: Table<usize>,
}

impl Lists {
    /// A list; the list 0 is empty.
    pub(super) fn get(&self, id: i64) -> Option<&[NameIds]> {
        let end = |id| if id == 0 { Some(0) } else { self.ends.get(id).copied() };
        match id {
            0 => Some(&[]),
            id => self.items.get(end(id - 1)?..end(id)?),
        }
    }

    /// For each list, whether it is in a set; first for 0.
    pub(super) fn set(&self, mut holds: impl FnMut(&[NameIds]) -> bool) -> Vec<bool> {
        (0..=self.ends.last()).map(|id| self.get(id).is_some_and(&mut holds)).collect()
    }

    /// Adds items that were read, of which some may be known.
    fn extend(&mut self, rows: &[(i64, NameIds)]) -> Result<(), sqlx::Error> {
        let known = self.ends.last();
        let rows = &rows[rows.partition_point(|(list, _)| *list <= known)..];
        if rows.is_empty() {
            return Ok(());
        }
        let items = Arc::make_mut(&mut self.items);
        let mut ends = Vec::new();
        for list in rows.chunk_by(|(list, _), (other, _)| list == other) {
            items.extend(list.iter().map(|(_, item)| *item));
            ends.push((list[0].0, items.len()));
        }
        self.ends.extend(ends, same)
    }
}

/// Reads on in a table.
async fn rows<R, T: Clone>(
    connection: &mut SqliteConnection,
    table: &mut Table<T>,
    select: &'static str,
    read: fn(&SqliteRow) -> Result<(i64, R), sqlx::Error>,
    value: fn(R) -> T,
) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(select).bind(table.last()).fetch_all(connection).await?;
    table.extend(rows.iter().map(read).collect::<Result<Vec<_>, _>>()?, value)
}

/// Reads on in a large table.
async fn chunks<R: Chunked, T: Clone>(
    connection: &mut SqliteConnection,
    table: &mut Table<T>,
    value: fn(R) -> T,
) -> Result<(), sqlx::Error> {
    let rows = chunk::read(connection, table.last()).await?;
    table.extend(rows, value)
}

fn same<T>(value: T) -> T {
    value
}

impl Dictionary {
    /// Reads on in the small dictionaries and in these large ones.
    pub(super) async fn read_on(
        &mut self,
        connection: &mut SqliteConnection,
        tables: Tables,
    ) -> Result<(), sqlx::Error> {
        rows(connection, &mut self.nodes, values::NODES, values::node, Arc::new).await?;
        rows(connection, &mut self.origins, values::ORIGINS, values::origin, same).await?;
        rows(connection, &mut self.services, values::SERVICES, values::service, Arc::new).await?;
        rows(connection, &mut self.kinds, values::KINDS, values::kind, same).await?;
        rows(connection, &mut self.translations, values::TRANSLATIONS, values::translation, same).await?;
        if tables.has(Tables::IPS) {
            chunks(connection, &mut self.ips, same).await?;
        }
        if tables.has(Tables::FQDNS) {
            chunks(connection, &mut self.fqdns, same).await?;
        }
        if tables.has(Tables::NAMES) {
            self.names.extend(&chunk::read(connection, self.names.ends.last()).await?)?;
        }
        if tables.has(Tables::ENDPOINTS) {
            chunks(connection, &mut self.endpoints, Arc::new).await?;
        }
        if tables.has(Tables::PARTIES) {
            chunks(connection, &mut self.parties, same).await?;
        }
        if tables.has(Tables::INTERFACES) {
            chunks(connection, &mut self.interfaces, same).await?;
        }
        Ok(())
    }

    /// Takes over the tables of which the other one knows more.
    pub(super) fn keep_longer(&mut self, other: &Self) {
        self.nodes.keep_longer(&other.nodes);
        self.origins.keep_longer(&other.origins);
        self.services.keep_longer(&other.services);
        self.kinds.keep_longer(&other.kinds);
        self.translations.keep_longer(&other.translations);
        self.ips.keep_longer(&other.ips);
        self.fqdns.keep_longer(&other.fqdns);
        self.endpoints.keep_longer(&other.endpoints);
        self.parties.keep_longer(&other.parties);
        self.interfaces.keep_longer(&other.interfaces);
        if other.names.ends.last() > self.names.ends.last() {
            self.names = other.names.clone();
        }
    }

    /// How many values it has in large tables.
    pub(super) fn len(&self) -> usize {
        let large = [self.ips.last(), self.fqdns.last(), self.parties.last(), self.interfaces.last()];
        // An endpoint is as large as several of the others.
        self.names.items.len() + (large.iter().sum::<i64>() + 8 * self.endpoints.last()) as usize
    }

    /// How many values a column may have, 0 among them.
    pub(super) fn values_of(&self, column: Column) -> usize {
        let ids = |last: i64| 1 + last as usize;
        match column {
            Column::Origin => ids(self.origins.last()),
            Column::Outcome => ids(Outcome::ALL.len() as i64),
            Column::Kind => ids(self.kinds.last()),
            Column::Source | Column::Destination => ids(self.parties.last()),
            Column::SourcePort | Column::DestinationPort | Column::EgressPort => 1 << 16,
            Column::Translation => ids(self.translations.last()),
            Column::Interface => ids(self.interfaces.last()),
            Column::Query => ids(self.fqdns.last()),
            Column::Id => 0,
        }
    }

    /// A node, and the start of its collector.
    pub(super) fn origin(&self, id: i64) -> Option<(&Arc<Node>, u64)> {
        let (node, boot) = self.origins.get(id)?;
        Some((self.nodes.get(*node)?, *boot))
    }
}
