//! The dictionaries of a segment, as they are written: values in, ids out.
//!
//! Only the writer adds to them, so it knows them all: of each value 16 bytes of a hash whose key
//! nobody else has, which is as good as the value and never longer.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::net::IpAddr;

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use tidegate_flow::flow::{Endpoint, Interface, Node, Party, ServiceName, Translation};
use tidegate_flow::{Fqdn, Name};

use super::insert::{Cells, Insert};
use super::row::{Kind, Rest, Row, list_text, name_numbers, octets, workloads_text};
use super::values::{self, NameIds, PartyIds};
use crate::Record;

/// A dictionary; its place in [`Dictionaries::tables`].
#[derive(Clone, Copy, Debug, Hash)]
enum Table {
    Node,
    Origin,
    Ip,
    Fqdn,
    Names,
    Endpoint,
    Service,
    Party,
    Kind,
    Translation,
    Interface,
}

/// In the order of [`Table`].
const HEADS: [&str; 11] = [
    "INSERT INTO node(id, name, labels, emitter, emitter_version) VALUES",
    "INSERT INTO origin(id, node, boot) VALUES",
    "INSERT INTO ip(id, addr) VALUES",
    "INSERT INTO fqdn(id, name, reversed) VALUES",
    "INSERT INTO name(names, rank, fqdn, source, confidence) VALUES",
    "INSERT INTO endpoint(id, number, identity, namespace, pod, cluster, labels, workloads) VALUES",
    "INSERT INTO service(id, namespace, name) VALUES",
    "INSERT INTO party(id, ip, endpoint, names, service) VALUES",
    "INSERT INTO kind(id, verdict, event, sub, answer, direction, reply, ip_version, protocol, header, rcode, \
     cause) VALUES",
    "INSERT INTO translation(id, policy, gateway, gateway_ip, egress_ip) VALUES",
    "INSERT INTO interface(id, number, name) VALUES",
];

/// The dictionaries of a segment.
#[derive(Debug)]
pub(super) struct Dictionaries {
    ids: HashMap<u128, i64, BuildHasherDefault<Prefix>>,
    keys: [RandomState; 2],
    /// The highest id, and what is not in the file yet.
    tables: [(i64, Insert); HEADS.len()],
}

/// Hashes what is a hash already.
#[derive(Debug, Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u128")
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Dictionaries {
    /// Those of a new file.
    pub(super) fn new() -> Self {
        Self {
            ids: HashMap::default(),
            keys: [RandomState::new(), RandomState::new()],
            tables: HEADS.map(|head| (0, Insert::new(head))),
        }
    }

    /// Those of a file.
    pub(super) async fn load(connection: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let mut all = Self::new();
        all.read(connection, values::NODES, Table::Node, values::node, |all, node| all.node_key(&node)).await?;
        all.read(connection, values::ORIGINS, Table::Origin, values::origin, |all, origin| {
            all.key(Table::Origin, origin)
        })
        .await?;
        all.read(connection, values::IPS, Table::Ip, values::ip, |all, ip| all.key(Table::Ip, ip)).await?;
        all.read(connection, values::FQDNS, Table::Fqdn, values::fqdn, |all, fqdn| all.key(Table::Fqdn, fqdn)).await?;
        all.read(connection, values::ENDPOINTS, Table::Endpoint, values::endpoint, |all, endpoint| {
            all.endpoint_key(&endpoint)
        })
        .await?;
        all.read(connection, values::SERVICES, Table::Service, values::service, |all, service| {
            all.service_key(&service)
        })
        .await?;
        all.read(connection, values::PARTIES, Table::Party, values::party, |all, party| all.key(Table::Party, party))
            .await?;
        all.read(connection, values::KINDS, Table::Kind, values::kind, |all, kind| all.kind_key(&kind)).await?;
        all.read(connection, values::TRANSLATIONS, Table::Translation, values::translation, |all, ids| {
            all.key(Table::Translation, (&*ids.policy, &*ids.gateway, ids.gateway_ip, ids.egress_ip))
        })
        .await?;
        all.read(connection, values::INTERFACES, Table::Interface, values::interface, |all, interface| {
            all.interface_key(&interface)
        })
        .await?;
        all.read_names(connection).await?;
        Ok(all)
    }

    async fn read<T>(
        &mut self,
        connection: &mut SqliteConnection,
        select: &'static str,
        table: Table,
        value: impl Fn(&SqliteRow) -> Result<(i64, T), sqlx::Error>,
        key: impl Fn(&Self, T) -> u128,
    ) -> Result<(), sqlx::Error> {
        let mut rows = sqlx::query(select).bind(0).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let (id, value) = value(&row)?;
            let key = key(self, value);
            self.ids.insert(key, id);
            self.tables[table as usize].0 = id;
        }
        Ok(())
    }

    async fn read_names(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let mut rows = sqlx::query(values::NAMES).bind(0).fetch(connection);
        let mut list = Vec::new();
        let mut last = 0;
        while let Some(row) = rows.try_next().await? {
            let (names, item) = values::name(&row)?;
            if names != last {
                self.ids.insert(self.key(Table::Names, &*list), last);
                list.clear();
                last = names;
            }
            list.push(item);
        }
        if last != 0 {
            self.ids.insert(self.key(Table::Names, &*list), last);
        }
        self.tables[Table::Names as usize].0 = last;
        Ok(())
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Adds what is new to the file. If that fails, these dictionaries are of no more use.
    pub(super) async fn write(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for (_, insert) in &mut self.tables {
            insert.run(connection).await?;
        }
        Ok(())
    }

    /// The row of a flow with this id, in a segment that begins at `since`.
    pub(super) fn row(&mut self, id: i64, since: u64, record: &Record) -> Row {
        let flow = &record.flow;
        let row = Row { id, ..Row::default() };
        let time = row.time(since);
        let before = |moment: u64| (moment != 0).then(|| time.wrapping_sub(moment) as i64);
        let node = self.node(&flow.node);
        let (source_port, destination_port) = flow.l4.ports().unwrap_or_default();
        let egress = flow.translation.as_ref().and_then(|translation| translation.egress);
        Row {
            origin: self.origin(node, flow.id.boot),
            sequence: flow.id.sequence as i64,
            uuid: (record.uuid != flow.id.number(&flow.node.name)).then_some(record.uuid),
            outcome: flow.outcome() as i64,
            kind: self.kind(&Kind::of(flow)),
            source: self.party(&flow.source),
            destination: self.party(&flow.destination),
            source_port: source_port.into(),
            destination_port: destination_port.into(),
            translation: flow.translation.as_ref().map_or(0, |translation| self.translation(translation)),
            egress_port: egress.map_or(0, |(_, port)| port.into()),
            interface: flow.interface.as_ref().map_or(0, |interface| self.interface(interface)),
            query: flow.dns.as_ref().map_or(0, |dns| self.fqdn(&dns.query)),
            age: before(flow.counters.start),
            ended: before(flow.counters.end),
            packets: flow.counters.packets as i64,
            bytes: flow.counters.bytes as i64,
            reply_packets: flow.counters.reply_packets as i64,
            reply_bytes: flow.counters.reply_bytes as i64,
            rest: Rest::of(record),
            ..row
        }
    }

    fn key(&self, table: Table, value: impl Hash) -> u128 {
        let [high, low] = self.keys.each_ref().map(|key| u128::from(key.hash_one((table, &value))));
        high << 64 | low
    }

    /// The id of the value with this key; if it is new, `cells` adds its columns behind the id.
    fn id(&mut self, table: Table, key: u128, cells: impl FnOnce(&mut Cells<'_>)) -> i64 {
        let (last, insert) = &mut self.tables[table as usize];
        *self.ids.entry(key).or_insert_with(|| {
            *last += 1;
            cells(insert.row().add(*last));
            *last
        })
    }

    fn node_key(&self, node: &Node) -> u128 {
        self.key(Table::Node, (&node.name, &node.labels, &node.emitter.name, &node.emitter.version))
    }

    fn node(&mut self, node: &Node) -> i64 {
        self.id(Table::Node, self.node_key(node), |cells| {
            cells.add(node.name.clone()).add(list_text(node.labels.iter().map(String::as_str)));
            cells.add(node.emitter.name.clone()).add(node.emitter.version.clone());
        })
    }

    fn origin(&mut self, node: i64, boot: u64) -> i64 {
        self.id(Table::Origin, self.key(Table::Origin, (node, boot)), |cells| {
            cells.add(node).add(boot as i64);
        })
    }

    fn ip(&mut self, ip: IpAddr) -> i64 {
        self.id(Table::Ip, self.key(Table::Ip, ip), |cells| {
            cells.add(octets(ip));
        })
    }

    fn fqdn(&mut self, fqdn: &Fqdn) -> i64 {
        self.id(Table::Fqdn, self.key(Table::Fqdn, fqdn), |cells| {
            let reversed = fqdn.as_str().rsplit('.').collect::<Vec<_>>().join(".");
            cells.add(fqdn.as_str().to_owned()).add(reversed);
        })
    }

    fn names(&mut self, names: &[Name]) -> i64 {
        if names.is_empty() {
            return 0;
        }
        let list: Vec<_> = names
            .iter()
            .map(|name| {
                let (source, confidence) = name_numbers(name.source, name.confidence);
                NameIds { fqdn: self.fqdn(&name.fqdn), source, confidence }
            })
            .collect();
        let key = self.key(Table::Names, &*list);
        let (last, insert) = &mut self.tables[Table::Names as usize];
        *self.ids.entry(key).or_insert_with(|| {
            *last += 1;
            for (NameIds { fqdn, source, confidence }, rank) in list.into_iter().zip(0_i64..) {
                insert.row().add(*last).add(rank).add(fqdn).add(source).add(confidence);
            }
            *last
        })
    }

    fn endpoint_key(&self, endpoint: &Endpoint) -> u128 {
        let Endpoint { id, identity, namespace, pod, labels, workloads, cluster } = endpoint;
        let workloads: Vec<_> = workloads.iter().map(|workload| (&workload.kind, &workload.name)).collect();
        self.key(Table::Endpoint, (id, identity, namespace, pod, labels, workloads, cluster))
    }

    fn endpoint(&mut self, endpoint: &Endpoint) -> i64 {
        self.id(Table::Endpoint, self.endpoint_key(endpoint), |cells| {
            cells.add(endpoint.id).add(endpoint.identity);
            cells.add(endpoint.namespace.clone()).add(endpoint.pod.clone()).add(endpoint.cluster.clone());
            cells.add(list_text(endpoint.labels.iter().map(String::as_str)));
            cells.add(workloads_text(&endpoint.workloads));
        })
    }

    fn service_key(&self, service: &ServiceName) -> u128 {
        self.key(Table::Service, (&service.namespace, &service.name))
    }

    fn service(&mut self, service: &ServiceName) -> i64 {
        self.id(Table::Service, self.service_key(service), |cells| {
            cells.add(service.namespace.clone()).add(service.name.clone());
        })
    }

    fn party(&mut self, party: &Party) -> i64 {
        let ids = PartyIds {
            ip: self.ip(party.address),
            endpoint: self.endpoint(&party.endpoint),
            names: self.names(&party.names),
            service: party.service.as_ref().map_or(0, |service| self.service(service)),
        };
        self.id(Table::Party, self.key(Table::Party, ids), |cells| {
            cells.add(ids.ip).add(ids.endpoint).add(ids.names).add(ids.service);
        })
    }

    fn kind_key(&self, kind: &Kind) -> u128 {
        self.key(Table::Kind, (kind.numbers(), &*kind.cause))
    }

    fn kind(&mut self, kind: &Kind) -> i64 {
        self.id(Table::Kind, self.kind_key(kind), |cells| {
            for number in kind.numbers() {
                cells.add(number);
            }
            cells.add(kind.cause.to_string());
        })
    }

    fn translation(&mut self, translation: &Translation) -> i64 {
        let gateway_ip = translation.gateway_address.map_or(0, |address| self.ip(address));
        let egress_ip = translation.egress.map_or(0, |(address, _)| self.ip(address));
        let (policy, gateway) = (&*translation.policy, &*translation.gateway);
        self.id(Table::Translation, self.key(Table::Translation, (policy, gateway, gateway_ip, egress_ip)), |cells| {
            cells.add(policy.to_owned()).add(gateway.to_owned()).add(gateway_ip).add(egress_ip);
        })
    }

    fn interface_key(&self, interface: &Interface) -> u128 {
        self.key(Table::Interface, (interface.index, &*interface.name))
    }

    fn interface(&mut self, interface: &Interface) -> i64 {
        self.id(Table::Interface, self.interface_key(interface), |cells| {
            cells.add(interface.index).add(interface.name.to_string());
        })
    }
}
