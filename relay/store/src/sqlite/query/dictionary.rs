//! The dictionaries of a segment in memory: what the ids in its columns stand for.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use tidegate_flow::flow::{Endpoint, Interface, Node, Outcome, Party, ServiceName, Translation};
use tidegate_flow::{Fqdn, Name};

use super::block::Column;
use super::chunk::{self, Chunked};
use crate::sqlite::row::{Kind, broken, name_of_numbers};
use crate::sqlite::segments::Segment;
use crate::sqlite::values::{self, NameIds, PartyIds, TranslationIds, Values};

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

    /// Adds rows that were read, of which some may be known by now.
    fn extend(&mut self, rows: Vec<(i64, T)>) -> Result<(), sqlx::Error> {
        let known = self.last();
        let mut rows = rows.into_iter().filter(|(id, _)| *id > known).peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let table = Arc::make_mut(&mut self.0);
        for (id, value) in rows {
            table.push(value);
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

    /// Adds items that were read, of which some may be known by now.
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
        self.ends.extend(ends)
    }
}

/// Values that all caches together keep; each takes about a hundred bytes.
const KEPT: usize = 1_000_000;

/// What is known of a segment's dictionaries, kept from question to question.
#[derive(Debug, Default)]
pub(in crate::sqlite) struct Cache {
    dictionary: Mutex<Dictionary>,
    /// When it was last used: a number that grows with every use of any cache.
    used: AtomicU64,
}

/// Forgets the dictionaries of segments that were not asked for long, if there are too many.
pub(super) fn forget(segments: &[Arc<Segment>]) {
    let mut kept: Vec<_> = segments.iter().map(|segment| (&segment.cache, segment.cache.len())).collect();
    kept.retain(|(_, values)| *values > 0);
    kept.sort_unstable_by_key(|(cache, _)| Reverse(cache.used.load(Ordering::Relaxed)));
    let mut sum = 0;
    // The one that was just used stays, however large it is.
    for (cache, values) in kept.into_iter().skip(1) {
        sum += values;
        if sum > KEPT {
            cache.with(|all| *all = Dictionary::default());
        }
    }
}

impl Cache {
    /// Everything that flows in the connection's transaction refer to.
    pub(super) async fn dictionary(&self, connection: &mut SqliteConnection) -> Result<Dictionary, sqlx::Error> {
        static USES: AtomicU64 = AtomicU64::new(1);
        self.used.store(USES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        // First what others refer to.
        self.rows(connection, values::NODES, values::node, |all| &mut all.nodes, Arc::new).await?;
        self.rows(connection, values::ORIGINS, values::origin, |all| &mut all.origins, same).await?;
        self.chunks(connection, |all| &mut all.ips).await?;
        self.chunks(connection, |all| &mut all.fqdns).await?;
        self.names(connection).await?;
        self.rows(connection, values::ENDPOINTS, values::endpoint, |all| &mut all.endpoints, Arc::new).await?;
        self.rows(connection, values::SERVICES, values::service, |all| &mut all.services, Arc::new).await?;
        self.chunks(connection, |all| &mut all.parties).await?;
        self.rows(connection, values::KINDS, values::kind, |all| &mut all.kinds, same).await?;
        self.rows(connection, values::TRANSLATIONS, values::translation, |all| &mut all.translations, same).await?;
        self.rows(connection, values::INTERFACES, values::interface, |all| &mut all.interfaces, same).await?;
        Ok(self.with(|all| all.clone()))
    }

    /// Reads on in a table.
    async fn rows<R, T: Clone>(
        &self,
        connection: &mut SqliteConnection,
        select: &'static str,
        read: fn(&SqliteRow) -> Result<(i64, R), sqlx::Error>,
        table: fn(&mut Dictionary) -> &mut Table<T>,
        value: fn(R) -> T,
    ) -> Result<(), sqlx::Error> {
        let known = self.with(|all| table(all).last());
        let rows = sqlx::query(select).bind(known).fetch_all(connection).await?;
        let rows = rows.iter().map(|row| read(row).map(|(id, row)| (id, value(row)))).collect::<Result<_, _>>()?;
        self.with(|all| table(all).extend(rows))
    }

    /// Reads on in a large table.
    async fn chunks<T: Chunked + Clone>(
        &self,
        connection: &mut SqliteConnection,
        table: fn(&mut Dictionary) -> &mut Table<T>,
    ) -> Result<(), sqlx::Error> {
        let known = self.with(|all| table(all).last());
        let rows = chunk::read(connection, known).await?;
        self.with(|all| table(all).extend(rows))
    }

    /// Reads on in the table of names.
    async fn names(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let known = self.with(|all| all.names.ends.last());
        let rows = chunk::read(connection, known).await?;
        self.with(|all| all.names.extend(&rows))
    }

    /// How many values it has.
    fn len(&self) -> usize {
        self.with(|all| {
            let large = all.ips.0.len() + all.fqdns.0.len() + all.names.items.len() + all.parties.0.len();
            large + 8 * all.endpoints.0.len() + all.interfaces.0.len()
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Dictionary) -> T) -> T {
        look(&mut self.dictionary.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn same<T>(value: T) -> T {
    value
}

impl Dictionary {
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

    /// The names of a party, best first; none if the file is damaged.
    fn names_of(&self, party: &PartyIds) -> Option<Vec<Name>> {
        let name = |ids: &NameIds| {
            let (source, confidence) = name_of_numbers(ids.source, ids.confidence)?;
            Some(Name { fqdn: self.fqdns.get(ids.fqdn)?.clone(), source, confidence })
        };
        self.names.get(party.names)?.iter().map(name).collect()
    }
}

impl Values for Dictionary {
    fn origin(&self, id: i64) -> Option<(&Arc<Node>, u64)> {
        let (node, boot) = self.origins.get(id)?;
        Some((self.nodes.get(*node)?, *boot))
    }

    fn party(&self, id: i64) -> Option<Party> {
        let ids = self.parties.get(id)?;
        Some(Party {
            address: *self.ips.get(ids.ip)?,
            endpoint: self.endpoints.get(ids.endpoint)?.clone(),
            names: self.names_of(ids)?,
            service: match ids.service {
                0 => None,
                id => Some(self.services.get(id)?.clone()),
            },
        })
    }

    fn kind(&self, id: i64) -> Option<&Kind> {
        self.kinds.get(id)
    }

    fn translation(&self, id: i64) -> Option<Translation> {
        let ids = self.translations.get(id)?;
        let address = |id| match id {
            0 => Some(None),
            id => self.ips.get(id).map(|address| Some(*address)),
        };
        Some(Translation {
            egress: address(ids.egress_ip)?.map(|address| (address, 0)),
            policy: ids.policy.clone(),
            gateway: ids.gateway.clone(),
            gateway_address: address(ids.gateway_ip)?,
        })
    }

    fn interface(&self, id: i64) -> Option<Interface> {
        self.interfaces.get(id).cloned()
    }

    fn fqdn(&self, id: i64) -> Option<Fqdn> {
        self.fqdns.get(id).cloned()
    }
}
