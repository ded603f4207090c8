//! A flow as a row of numbers, and back. What a number stands for is in the dictionaries of the
//! segment: [`super::intern`] gives numbers, [`super::values`] reads them.

mod kind;
mod list;
mod rest;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use tidegate_flow::flow::{Counters, Dns, Event, Flow, L7Kind};
use tidegate_flow::{Confidence, FlowId, Source};

pub(super) use kind::Kind;
pub(super) use list::{list_text, text_list, text_workloads, workloads_text};
pub(super) use rest::{Rest, address, octets};

use super::insert::Cells;
use super::query::block;
use super::values::Values;
use crate::Record;

/// A row of `flow`; the fields are its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// Nanoseconds since the segment's beginning, then 16 bits of tie.
    pub(super) id: i64,
    pub(super) origin: i64,
    /// Bit for bit.
    pub(super) sequence: i64,
    /// None: it follows from node, boot and sequence.
    pub(super) uuid: Option<u128>,
    pub(super) outcome: i64,
    pub(super) kind: i64,
    pub(super) source: i64,
    pub(super) destination: i64,
    pub(super) source_port: i64,
    pub(super) destination_port: i64,
    pub(super) translation: i64,
    pub(super) egress_port: i64,
    pub(super) interface: i64,
    pub(super) query: i64,
    /// Nanoseconds from the connection's start to this flow.
    pub(super) age: Option<i64>,
    /// Nanoseconds from the connection's end to this flow.
    pub(super) ended: Option<i64>,
    pub(super) packets: i64,
    pub(super) bytes: i64,
    pub(super) reply_packets: i64,
    pub(super) reply_bytes: i64,
    /// [`Rest`]
    pub(super) rest: Option<Vec<u8>>,
}

/// The columns of `flow` in the order of [`Row::read`].
pub(super) const COLUMNS: &str = "id, origin, sequence, uuid, outcome, kind, source, destination, source_port, \
    destination_port, translation, egress_port, interface, query, age, ended, packets, bytes, reply_packets, \
    reply_bytes, rest";

/// What adds rows to `flow`.
pub(super) const INSERT: &str = "INSERT INTO flow(id, origin, sequence, uuid, outcome, kind, source, destination, \
    source_port, destination_port, translation, egress_port, interface, query, age, ended, packets, bytes, \
    reply_packets, reply_bytes, rest) VALUES";

impl Row {
    /// Reads a row that was selected by [`COLUMNS`].
    pub(super) fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            origin: row.try_get(1)?,
            sequence: row.try_get(2)?,
            uuid: row.try_get::<Option<&[u8]>, _>(3)?.map(uuid).transpose()?,
            outcome: row.try_get(4)?,
            kind: row.try_get(5)?,
            source: row.try_get(6)?,
            destination: row.try_get(7)?,
            source_port: row.try_get(8)?,
            destination_port: row.try_get(9)?,
            translation: row.try_get(10)?,
            egress_port: row.try_get(11)?,
            interface: row.try_get(12)?,
            query: row.try_get(13)?,
            age: row.try_get(14)?,
            ended: row.try_get(15)?,
            packets: row.try_get(16)?,
            bytes: row.try_get(17)?,
            reply_packets: row.try_get(18)?,
            reply_bytes: row.try_get(19)?,
            rest: row.try_get(20)?,
        })
    }

    /// The columns that are also in blocks.
    pub(super) fn values(&self) -> block::Values {
        [
            self.id,
            self.origin,
            self.outcome,
            self.kind,
            self.source,
            self.destination,
            self.source_port,
            self.destination_port,
            self.translation,
            self.egress_port,
            self.interface,
            self.query,
        ]
    }

    /// Adds its values to a row of [`INSERT`].
    pub(super) fn add_to(self, mut cells: Cells<'_>) {
        cells.add(self.id).add(self.origin).add(self.sequence);
        cells.add(self.uuid.map(|uuid| uuid.to_be_bytes().to_vec()));
        cells.add(self.outcome).add(self.kind).add(self.source).add(self.destination);
        cells.add(self.source_port).add(self.destination_port);
        cells.add(self.translation).add(self.egress_port).add(self.interface).add(self.query);
        cells.add(self.age).add(self.ended);
        cells.add(self.packets).add(self.bytes).add(self.reply_packets).add(self.reply_bytes);
        cells.add(self.rest);
    }

    /// The flow, in a segment that begins at `since` and has these dictionaries.
    pub(super) fn record(&self, since: u64, values: &impl Values) -> Result<Record, sqlx::Error> {
        let lacks = || broken("an id that its dictionary lacks");
        let time = self.time(since);
        let (node, boot) = values.origin(self.origin).ok_or_else(lacks)?;
        let id = FlowId { boot, sequence: self.sequence as u64 };
        let kind = values.kind(self.kind).ok_or_else(lacks)?;
        let rest = self.rest.as_deref().map(Rest::read).transpose()?.unwrap_or_default();
        let translation = match self.translation {
            0 => None,
            id => {
                let mut translation = values.translation(id).ok_or_else(lacks)?;
                if let Some((_, port)) = &mut translation.egress {
                    *port = port_of(self.egress_port)?;
                }
                Some(translation)
            }
        };
        let dns = match kind.rcode {
            None => None,
            Some(rcode) => Some(Box::new(Dns {
                query: values.fqdn(self.query).ok_or_else(lacks)?,
                types: rest.types,
                rcode,
                addresses: rest.addresses,
                ttl: rest.ttl,
                cnames: rest.cnames,
                answer_types: rest.answer_types,
            })),
        };
        let flow = Flow {
            time,
            id,
            node: node.clone(),
            event: match kind.event {
                Event::L7(L7Kind::Response { .. }) => Event::L7(L7Kind::Response { latency: rest.latency }),
                event => event,
            },
            verdict: kind.verdict,
            direction: kind.direction,
            reply: kind.reply,
            source: values.party(self.source).ok_or_else(lacks)?,
            destination: values.party(self.destination).ok_or_else(lacks)?,
            l4: kind.l4(port_of(self.source_port)?, port_of(self.destination_port)?),
            translation,
            interface: match self.interface {
                0 => None,
                id => Some(values.interface(id).ok_or_else(lacks)?),
            },
            dns,
            counters: Counters {
                start: self.age.map_or(0, |age| time.wrapping_sub(age as u64)),
                end: self.ended.map_or(0, |ended| time.wrapping_sub(ended as u64)),
                packets: self.packets as u64,
                bytes: self.bytes as u64,
                reply_packets: self.reply_packets as u64,
                reply_bytes: self.reply_bytes as u64,
            },
            cause: kind.cause.clone(),
        };
        let uuid = self.uuid.unwrap_or_else(|| id.number(&flow.node.name));
        Ok(Record { uuid, flow, original: rest.original })
    }

    /// Its time, in a segment that begins at `since`.
    pub(super) fn time(&self, since: u64) -> u64 {
        since.saturating_add((self.id >> 16) as u64)
    }
}

/// Where among the flows of its time a flow is looked for first; if another one is there, then at
/// the next place and so on, 0 following the last. A sum, so that flows which a node numbers one
/// after the other, such as the points of one packet's way, stay in that order.
pub(super) fn tie(uuid: u128) -> u16 {
    (0..8).fold(0, |tie: u16, word| tie.wrapping_add((uuid >> (16 * word)) as u16))
}

fn port_of(column: i64) -> Result<u16, sqlx::Error> {
    u16::try_from(column).map_err(|_| broken("a port above 65535"))
}

/// Reads a UUID column.
pub(super) fn uuid(bytes: &[u8]) -> Result<u128, sqlx::Error> {
    bytes.try_into().map(u128::from_be_bytes).map_err(|_| broken("a UUID that has not 16 bytes"))
}

/// Something that this program does not write.
pub(super) fn broken(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("the file is damaged: {what}").into())
}

/// Sources of names, by their number in the file. Numbers stay; new ones go to the end.
const SOURCES: [Source; 6] = [Source::Unknown, Source::Dns, Source::Shared, Source::Sni, Source::HttpHost, Source::Ptr];

/// Confidences, by their number in the file.
const CONFIDENCES: [Confidence; 4] = [Confidence::Unknown, Confidence::Low, Confidence::Medium, Confidence::High];

/// The numbers of a name's source and confidence.
pub(super) fn name_numbers(source: Source, confidence: Confidence) -> (i64, i64) {
    let source = SOURCES.iter().position(|one| *one == source).unwrap_or_default();
    let confidence = CONFIDENCES.iter().position(|one| *one == confidence).unwrap_or_default();
    (source as i64, confidence as i64)
}

/// A name's source and confidence.
pub(super) fn name_of_numbers(source: i64, confidence: i64) -> Option<(Source, Confidence)> {
    let source = SOURCES.get(usize::try_from(source).ok()?)?;
    let confidence = CONFIDENCES.get(usize::try_from(confidence).ok()?)?;
    Some((*source, *confidence))
}
