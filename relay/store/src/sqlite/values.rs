//! The dictionaries of a segment, as they are read: for each table what to select, in the order of
//! its ids, and what a row of it says.

use std::net::IpAddr;
use std::sync::Arc;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tidegate_flow::Fqdn;
use tidegate_flow::flow::{Emitter, Endpoint, Interface, Node, Party, ServiceName, Translation};

use super::row::{Kind, address, text_list, text_workloads};

/// What the ids in a row of `flow` stand for. None: the file is damaged.
pub(super) trait Values {
    /// The node, and the start of its collector.
    fn origin(&self, id: i64) -> Option<(&Arc<Node>, u64)>;
    /// A side of a flow.
    fn party(&self, id: i64) -> Option<Party>;
    /// What kind of observation it is.
    fn kind(&self, id: i64) -> Option<&Kind>;
    /// Who translates; its egress port is 0.
    fn translation(&self, id: i64) -> Option<Translation>;
    /// A device.
    fn interface(&self, id: i64) -> Option<Interface>;
    /// A name.
    fn fqdn(&self, id: i64) -> Option<Fqdn>;
}

/// A row of `party`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PartyIds {
    pub(super) ip: i64,
    pub(super) endpoint: i64,
    /// 0: no name.
    pub(super) names: i64,
    /// 0: none.
    pub(super) service: i64,
}

/// An item of a list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NameIds {
    pub(super) fqdn: i64,
    /// As in [`super::row::name_numbers`].
    pub(super) source: i64,
    pub(super) confidence: i64,
}

/// A row of `translation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TranslationIds {
    pub(super) policy: Arc<str>,
    pub(super) gateway: Arc<str>,
    /// 0: not known.
    pub(super) gateway_ip: i64,
    /// 0: another node translates.
    pub(super) egress_ip: i64,
}

impl TranslationIds {
    /// What they stand for, with port 0. None: an address that is not known.
    pub(super) fn translation(&self, address: impl Fn(i64) -> Option<IpAddr>) -> Option<Translation> {
        let known = |id| if id == 0 { Some(None) } else { address(id).map(Some) };
        Some(Translation {
            egress: known(self.egress_ip)?.map(|address| (address, 0)),
            policy: self.policy.clone(),
            gateway: self.gateway.clone(),
            gateway_address: known(self.gateway_ip)?,
        })
    }
}

/// One of the selections below, of the ids in a JSON list instead of those above one.
pub(super) fn of_ids(select: &str) -> String {
    select.replace("> ?", "IN (SELECT value FROM json_each(?))")
}

pub(super) const NODES: &str = "SELECT id, name, labels, emitter, emitter_version FROM node WHERE id > ? ORDER BY id";
pub(super) const ORIGINS: &str = "SELECT id, node, boot FROM origin WHERE id > ? ORDER BY id";
pub(super) const IPS: &str = "SELECT id, addr FROM ip WHERE id > ? ORDER BY id";
pub(super) const FQDNS: &str = "SELECT id, name FROM fqdn WHERE id > ? ORDER BY id";
pub(super) const NAMES: &str = "SELECT names, fqdn, source, confidence FROM name WHERE names > ? ORDER BY names, rank";
pub(super) const ENDPOINTS: &str = "SELECT id, number, identity, namespace, pod, cluster, labels, workloads \
    FROM endpoint WHERE id > ? ORDER BY id";
pub(super) const SERVICES: &str = "SELECT id, namespace, name FROM service WHERE id > ? ORDER BY id";
pub(super) const PARTIES: &str = "SELECT id, ip, endpoint, names, service FROM party WHERE id > ? ORDER BY id";
pub(super) const KINDS: &str = "SELECT id, verdict, event, sub, answer, direction, reply, ip_version, protocol, \
    header, rcode, cause FROM kind WHERE id > ? ORDER BY id";
pub(super) const TRANSLATIONS: &str =
    "SELECT id, policy, gateway, gateway_ip, egress_ip FROM translation WHERE id > ? ORDER BY id";
pub(super) const INTERFACES: &str = "SELECT id, number, name FROM interface WHERE id > ? ORDER BY id";

/// A row of [`NODES`].
pub(super) fn node(row: &SqliteRow) -> Result<(i64, Node), sqlx::Error> {
    let emitter = Emitter { name: row.try_get(3)?, version: row.try_get(4)? };
    Ok((row.try_get(0)?, Node { name: row.try_get(1)?, labels: text_list(row.try_get(2)?), emitter }))
}

/// A row of [`ORIGINS`]: its node and the start of the collector.
pub(super) fn origin(row: &SqliteRow) -> Result<(i64, (i64, u64)), sqlx::Error> {
    Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get::<i64, _>(2)? as u64)))
}

/// A row of [`IPS`].
pub(super) fn ip(row: &SqliteRow) -> Result<(i64, IpAddr), sqlx::Error> {
    Ok((row.try_get(0)?, address(row.try_get(1)?)?))
}

/// A row of [`FQDNS`].
pub(super) fn fqdn(row: &SqliteRow) -> Result<(i64, Fqdn), sqlx::Error> {
    Ok((row.try_get(0)?, Fqdn::new(row.try_get(1)?)))
}

/// A row of [`NAMES`]: the list, and its next item.
pub(super) fn name(row: &SqliteRow) -> Result<(i64, NameIds), sqlx::Error> {
    Ok((row.try_get(0)?, NameIds { fqdn: row.try_get(1)?, source: row.try_get(2)?, confidence: row.try_get(3)? }))
}

/// A row of [`ENDPOINTS`].
pub(super) fn endpoint(row: &SqliteRow) -> Result<(i64, Endpoint), sqlx::Error> {
    let endpoint = Endpoint {
        id: row.try_get(1)?,
        identity: row.try_get(2)?,
        namespace: row.try_get(3)?,
        pod: row.try_get(4)?,
        cluster: row.try_get(5)?,
        labels: text_list(row.try_get(6)?),
        workloads: text_workloads(row.try_get(7)?),
    };
    Ok((row.try_get(0)?, endpoint))
}

/// A row of [`SERVICES`].
pub(super) fn service(row: &SqliteRow) -> Result<(i64, ServiceName), sqlx::Error> {
    Ok((row.try_get(0)?, ServiceName { namespace: row.try_get(1)?, name: row.try_get(2)? }))
}

/// A row of [`PARTIES`].
pub(super) fn party(row: &SqliteRow) -> Result<(i64, PartyIds), sqlx::Error> {
    let ids =
        PartyIds { ip: row.try_get(1)?, endpoint: row.try_get(2)?, names: row.try_get(3)?, service: row.try_get(4)? };
    Ok((row.try_get(0)?, ids))
}

/// A row of [`KINDS`].
pub(super) fn kind(row: &SqliteRow) -> Result<(i64, Kind), sqlx::Error> {
    Ok((row.try_get(0)?, Kind::read(row)?))
}

/// A row of [`TRANSLATIONS`].
pub(super) fn translation(row: &SqliteRow) -> Result<(i64, TranslationIds), sqlx::Error> {
    let ids = TranslationIds {
        policy: row.try_get::<&str, _>(1)?.into(),
        gateway: row.try_get::<&str, _>(2)?.into(),
        gateway_ip: row.try_get(3)?,
        egress_ip: row.try_get(4)?,
    };
    Ok((row.try_get(0)?, ids))
}

/// A row of [`INTERFACES`].
pub(super) fn interface(row: &SqliteRow) -> Result<(i64, Interface), sqlx::Error> {
    Ok((row.try_get(0)?, Interface { index: row.try_get(1)?, name: row.try_get::<&str, _>(2)?.into() }))
}
