//! What kind of observation a flow is: all of it that has few values.

use std::borrow::Cow;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tidegate_flow::Flow;
use tidegate_flow::flow::{Direction, Event, L4, L7Kind, Verdict};

use super::broken;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP_V6: u8 = 58;
const SCTP: u8 = 132;

/// A row of `kind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sqlite) struct Kind {
    pub(in crate::sqlite) verdict: Verdict,
    /// Without the latency of an answer, which is in [`super::Rest`].
    pub(in crate::sqlite) event: Event,
    pub(in crate::sqlite) direction: Direction,
    pub(in crate::sqlite) reply: Option<bool>,
    /// Of the source address: 4 or 6.
    pub(in crate::sqlite) ip_version: u8,
    /// IP protocol number.
    pub(in crate::sqlite) protocol: u8,
    /// TCP: flags; ICMP: type * 256 + code; UDP and SCTP: 0; none: not read, so there are no ports.
    pub(in crate::sqlite) header: Option<u16>,
    /// Response code of a DNS message.
    pub(in crate::sqlite) rcode: Option<u16>,
    pub(in crate::sqlite) cause: Cow<'static, str>,
}

impl Kind {
    /// The kind of `flow`.
    pub(in crate::sqlite) fn of(flow: &Flow) -> Self {
        let (protocol, header) = match flow.l4 {
            L4::Tcp { flags, .. } => (TCP, Some(u16::from(flags))),
            L4::Udp { .. } => (UDP, Some(0)),
            L4::Sctp { .. } => (SCTP, Some(0)),
            L4::IcmpV4 { kind, code } => (ICMP, Some(u16::from_be_bytes([kind, code]))),
            L4::IcmpV6 { kind, code } => (ICMP_V6, Some(u16::from_be_bytes([kind, code]))),
            L4::Other(protocol) => (protocol, None),
        };
        Self {
            verdict: flow.verdict,
            event: match flow.event {
                Event::L7(L7Kind::Response { .. }) => Event::L7(L7Kind::Response { latency: 0 }),
                event => event,
            },
            direction: flow.direction,
            reply: flow.reply,
            ip_version: if flow.source.address.is_ipv4() { 4 } else { 6 },
            protocol,
            header,
            rcode: flow.dns.as_ref().map(|dns| dns.rcode),
            cause: flow.cause.clone(),
        }
    }

    /// The transport header of a flow with these ports.
    pub(in crate::sqlite) fn l4(&self, source: u16, destination: u16) -> L4 {
        let Some(header) = self.header else { return L4::Other(self.protocol) };
        let [kind, code] = header.to_be_bytes();
        match self.protocol {
            TCP => L4::Tcp { source, destination, flags: code },
            UDP => L4::Udp { source, destination },
            SCTP => L4::Sctp { source, destination },
            ICMP => L4::IcmpV4 { kind, code },
            ICMP_V6 => L4::IcmpV6 { kind, code },
            protocol => L4::Other(protocol),
        }
    }

    /// The columns between `id` and `cause`.
    pub(in crate::sqlite) fn numbers(&self) -> [Option<i64>; 10] {
        let (event, sub) = self.event.numbers();
        let answer = match self.event {
            Event::L7(kind) => Some(i64::from(matches!(kind, L7Kind::Response { .. }))),
            Event::Drop(_) | Event::Trace(_) | Event::Other { .. } => None,
        };
        [
            Some(self.verdict as i64),
            Some(event.into()),
            Some(sub.into()),
            answer,
            Some(self.direction as i64),
            self.reply.map(i64::from),
            Some(self.ip_version.into()),
            Some(self.protocol.into()),
            self.header.map(i64::from),
            self.rcode.map(i64::from),
        ]
    }

    /// Reads a row of the whole table.
    pub(in crate::sqlite) fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let (event, sub): (i32, i32) = (row.try_get(2)?, row.try_get(3)?);
        let event = match row.try_get::<Option<bool>, _>(4)? {
            Some(true) => Event::L7(L7Kind::Response { latency: 0 }),
            Some(false) => Event::L7(L7Kind::Request),
            None => Event::of(event, sub),
        };
        Ok(Self {
            verdict: Verdict::of(row.try_get(1)?).ok_or_else(|| broken("a verdict that there is not"))?,
            event,
            direction: Direction::of(row.try_get(5)?).ok_or_else(|| broken("a direction that there is not"))?,
            reply: row.try_get(6)?,
            ip_version: row.try_get(7)?,
            protocol: row.try_get(8)?,
            header: row.try_get(9)?,
            rcode: row.try_get(10)?,
            cause: match row.try_get(11)? {
                "" => Cow::Borrowed(""),
                cause => Cow::Owned(cause.to_owned()),
            },
        })
    }
}
