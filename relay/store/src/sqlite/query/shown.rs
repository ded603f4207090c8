//! What the ids in the rows of a page stand for: of the large dictionaries only as much as is shown.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteConnection};
use tidegate_flow::flow::{Endpoint, Interface, Node, Party, Translation};
use tidegate_flow::{Fqdn, Name};

use super::dictionary::Dictionary;
use crate::sqlite::row::{Kind, Row, name_of_numbers};
use crate::sqlite::values::{self, NameIds, PartyIds, Values};

/// The values of some rows.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    small: &'a Dictionary,
    ips: HashMap<i64, IpAddr>,
    fqdns: HashMap<i64, Fqdn>,
    names: HashMap<i64, Vec<NameIds>>,
    endpoints: HashMap<i64, Arc<Endpoint>>,
    parties: HashMap<i64, PartyIds>,
    interfaces: HashMap<i64, Interface>,
}

impl<'a> Shown<'a> {
    /// What these rows refer to. The dictionary has the small tables.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        small: &'a Dictionary,
        rows: &[Row],
    ) -> Result<Self, sqlx::Error> {
        let ids = rows.iter().flat_map(|row| [row.source, row.destination]).collect();
        let parties: HashMap<_, _> = some(connection, values::PARTIES, ids, values::party).await?.collect();
        let translations = rows.iter().filter_map(|row| small.translations.get(row.translation));
        let addresses = translations.flat_map(|ids| [ids.gateway_ip, ids.egress_ip]);
        let ids = parties.values().map(|ids| ids.ip).chain(addresses).collect();
        let ips = some(connection, values::IPS, ids, values::ip).await?.collect();
        let ids = parties.values().map(|ids| ids.endpoint).collect();
        let endpoints = some(connection, values::ENDPOINTS, ids, values::endpoint).await?;
        let endpoints = endpoints.map(|(id, endpoint)| (id, Arc::new(endpoint))).collect();
        let ids = parties.values().map(|ids| ids.names).collect();
        let mut names: HashMap<_, Vec<NameIds>> = HashMap::new();
        for (list, item) in some(connection, values::NAMES, ids, values::name).await? {
            names.entry(list).or_default().push(item);
        }
        let named = names.values().flatten().map(|ids| ids.fqdn);
        let ids = named.chain(rows.iter().map(|row| row.query)).collect();
        let fqdns = some(connection, values::FQDNS, ids, values::fqdn).await?.collect();
        let ids = rows.iter().map(|row| row.interface).collect();
        let interfaces = some(connection, values::INTERFACES, ids, values::interface).await?.collect();
        Ok(Self { small, ips, fqdns, names, endpoints, parties, interfaces })
    }

    /// A list of names.
    fn names(&self, list: i64) -> Option<Vec<Name>> {
        let name = |ids: &NameIds| {
            let (source, confidence) = name_of_numbers(ids.source, ids.confidence)?;
            Some(Name { fqdn: self.fqdns.get(&ids.fqdn)?.clone(), source, confidence })
        };
        match list {
            0 => Some(Vec::new()),
            list => self.names.get(&list)?.iter().map(name).collect(),
        }
    }
}

impl Values for Shown<'_> {
    fn origin(&self, id: i64) -> Option<(&Arc<Node>, u64)> {
        self.small.origin(id)
    }

    fn party(&self, id: i64) -> Option<Party> {
        let ids = self.parties.get(&id)?;
        Some(Party {
            address: *self.ips.get(&ids.ip)?,
            endpoint: self.endpoints.get(&ids.endpoint)?.clone(),
            names: self.names(ids.names)?,
            service: match ids.service {
                0 => None,
                id => Some(self.small.services.get(id)?.clone()),
            },
        })
    }

    fn kind(&self, id: i64) -> Option<&Kind> {
        self.small.kinds.get(id)
    }

    fn translation(&self, id: i64) -> Option<Translation> {
        self.small.translations.get(id)?.translation(|ip| self.ips.get(&ip).copied())
    }

    fn interface(&self, id: i64) -> Option<Interface> {
        self.interfaces.get(&id).cloned()
    }

    fn fqdn(&self, id: i64) -> Option<Fqdn> {
        self.fqdns.get(&id).cloned()
    }
}

/// The rows of a dictionary with these ids.
async fn some<T>(
    connection: &mut SqliteConnection,
    select: &str,
    ids: BTreeSet<i64>,
    read: fn(&SqliteRow) -> Result<(i64, T), sqlx::Error>,
) -> Result<impl Iterator<Item = (i64, T)>, sqlx::Error> {
    let rows = sqlx::query(AssertSqlSafe(values::of_ids(select))).bind(list(ids)).fetch_all(connection).await?;
    Ok(rows.iter().map(read).collect::<Result<Vec<_>, _>>()?.into_iter())
}

/// Numbers as JSON, for `json_each`: they may be more than SQLite can bind.
pub(super) fn list(numbers: impl IntoIterator<Item = i64>) -> String {
    let numbers: Vec<_> = numbers.into_iter().map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(","))
}
