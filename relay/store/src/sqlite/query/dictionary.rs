//! The dictionaries of a segment in memory: what the ids in its columns stand for.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use tidegate_flow::flow::{Endpoint, Interface, Node, Outcome, Party, ServiceName, Translation};
use tidegate_flow::{Fqdn, Name};

use super::block::Column;
use crate::sqlite::row::{Kind, broken};
use crate::sqlite::values::{self, PartyIds, TranslationIds, Values};

/// What the ids stand for. A copy costs next to nothing, and does not change.
#[derive(Clone, Debug, Default)]
pub(super) struct Dictionary {
    pub(super) nodes: Table<Arc<Node>>,
    /// The id of a node, and the start of its collector.
    pub(super) origins: Table<(i64, u64)>,
    pub(super) ips: Table<IpAddr>,
    pub(super) fqdns: Table<Fqdn>,
    pub(super) names: Table<Vec<Name>>,
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

/// What is known of a segment's dictionaries, kept from question to question.
#[derive(Debug, Default)]
pub(in crate::sqlite) struct Cache(Mutex<Dictionary>);

impl Cache {
    /// Everything that flows in the connection's transaction refer to.
    pub(super) async fn dictionary(&self, connection: &mut SqliteConnection) -> Result<Dictionary, sqlx::Error> {
        // First what others refer to.
        self.read_on(connection, values::NODES, values::node, |all| &mut all.nodes, Arc::new).await?;
        self.read_on(connection, values::ORIGINS, values::origin, |all| &mut all.origins, same).await?;
        self.read_on(connection, values::IPS, values::ip, |all| &mut all.ips, same).await?;
        self.read_on(connection, values::FQDNS, values::fqdn, |all| &mut all.fqdns, same).await?;
        self.read_names(connection).await?;
        self.read_on(connection, values::ENDPOINTS, values::endpoint, |all| &mut all.endpoints, Arc::new).await?;
        self.read_on(connection, values::SERVICES, values::service, |all| &mut all.services, Arc::new).await?;
        self.read_on(connection, values::PARTIES, values::party, |all| &mut all.parties, same).await?;
        self.read_on(connection, values::KINDS, values::kind, |all| &mut all.kinds, same).await?;
        self.read_on(connection, values::TRANSLATIONS, values::translation, |all| &mut all.translations, same).await?;
        self.read_on(connection, values::INTERFACES, values::interface, |all| &mut all.interfaces, same).await?;
        Ok(self.with(|all| all.clone()))
    }

    /// Reads the rows of a table that are not known yet.
    async fn read_on<R, T: Clone>(
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

    /// Reads the lists of names that are not known yet; each is several rows.
    async fn read_names(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let (known, fqdns) = self.with(|all| (all.names.last(), all.fqdns.clone()));
        let mut lists: Vec<(i64, Vec<Name>)> = Vec::new();
        for row in sqlx::query(values::NAMES).bind(known).fetch_all(connection).await? {
            let (list, (fqdn, numbers)) = values::name(&row)?;
            let fqdn = fqdns.get(fqdn).ok_or_else(|| broken("a name that its dictionary lacks"))?;
            if lists.last().is_none_or(|(last, _)| *last != list) {
                lists.push((list, Vec::with_capacity(1)));
            }
            let (_, names) = lists.last_mut().expect("a list was just pushed");
            names.push(numbers.name(fqdn.clone()));
        }
        self.with(|all| all.names.extend(lists))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Dictionary) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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

    /// The names of a party; none if the file is damaged.
    pub(super) fn names_of(&self, party: &PartyIds) -> Option<&[Name]> {
        match party.names {
            0 => Some(&[]),
            list => self.names.get(list).map(Vec::as_slice),
        }
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
            names: self.names_of(ids)?.to_vec(),
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
