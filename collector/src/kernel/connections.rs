//! Reading and ending live connections. The kernel opens them, the collector ends them: both
//! halves of a translated one together, with their final counters.

use anyhow::Context;
use aya::{
    Ebpf,
    maps::{HashMap as BpfHashMap, MapData},
};
use tidegate_ebpf_abi::{
    LAYOUT,
    conn::{Flow, Reverse, kind, timeout},
    event::{Event, kind as event_kind},
    tuple::Tuple,
};

use super::{raw::Raw, take};

/// Maps of live connections.
pub struct Connections {
    connections: BpfHashMap<MapData, Raw<Tuple>, Raw<Flow>>,
    flows: BpfHashMap<MapData, Raw<Tuple>, Raw<Flow>>,
    reverse: BpfHashMap<MapData, Raw<Tuple>, Raw<Reverse>>,
}

/// One live connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// As the opening side knows it.
    pub key: Tuple,
    /// Its entry.
    pub flow: Flow,
    /// The entry of its replies, if it is translated here.
    pub reverse: Option<Reverse>,
}

impl Connection {
    /// Monotonic time of the last packet in either direction.
    pub fn last(&self) -> u64 {
        self.flow.last.max(self.reverse.map_or(0, |reverse| reverse.last))
    }

    /// Whether it has been silent for longer than its state allows.
    pub fn expired(&self, now: u64) -> bool {
        let reply = self.reverse.map_or((0, 0), |reverse| (reverse.flags, reverse.packets));
        let reply_flags = self.flow.reply_flags | reply.0;
        let answered = self.flow.reply_packets + reply.1 > 0;
        now.saturating_sub(self.last()) > timeout(self.key.protocol, self.flow.flags, reply_flags, answered)
    }

    /// The event of its end.
    pub fn end(&self, time: u64) -> Event {
        let (reply_packets, reply_bytes) = match self.reverse {
            Some(reverse) => (reverse.packets, reverse.bytes),
            None => (self.flow.reply_packets, self.flow.reply_bytes),
        };
        Event {
            time,
            first: self.flow.first,
            packets: self.flow.packets,
            bytes: self.flow.bytes,
            reply_packets,
            reply_bytes,
            tuple: self.key,
            egress: self.flow.egress,
            peer: self.flow.peer,
            policy: self.flow.policy,
            ifindex: self.flow.ifindex,
            egress_port: self.flow.egress_port,
            layout: LAYOUT as u8,
            kind: event_kind::END,
            point: self.flow.point,
            flags: 0,
            reply: 0,
            reason: 0,
            cause: 0,
            icmp_type: 0,
            icmp_code: 0,
            pad: [0; 5],
        }
    }
}

impl Connections {
    pub(super) fn take(ebpf: &mut Ebpf) -> anyhow::Result<Self> {
        Ok(Self {
            connections: take(ebpf, "CONNECTIONS")?.try_into()?,
            flows: take(ebpf, "FLOWS")?.try_into()?,
            reverse: take(ebpf, "REVERSE")?.try_into()?,
        })
    }

    /// Every live connection. Entries that vanish while reading are skipped.
    pub fn iter(&self) -> impl Iterator<Item = Connection> + '_ {
        self.connections.iter().chain(self.flows.iter()).flatten().map(|(Raw(key), Raw(flow))| {
            let reverse = (flow.kind == kind::TRANSLATED)
                .then(|| self.reverse.get(&Raw(flow.reply_key(&key)), 0).ok())
                .flatten()
                .map(|Raw(reverse)| reverse);
            Connection { key, flow, reverse }
        })
    }

    /// Ends a connection, its replies first, so that nothing is translated back to a flow that
    /// is gone. `false` if it has gone meanwhile, spoken again, or made room for another one on its
    /// ports: a sweep takes long enough for that.
    pub fn remove(&mut self, connection: &Connection) -> anyhow::Result<bool> {
        let Connection { key, flow, .. } = connection;
        let table = if flow.kind == kind::PLAIN { &mut self.flows } else { &mut self.connections };
        let there = table.get(&Raw(*key), 0);
        if !there.is_ok_and(|Raw(now)| now.first == flow.first && now.last == flow.last) {
            return Ok(false);
        }
        if flow.kind == kind::TRANSLATED {
            // It may never have existed, or the probe took it over: both are an end.
            let _ = self.reverse.remove(&Raw(flow.reply_key(key)));
        }
        table.remove(&Raw(*key)).context("map of live connections")?;
        Ok(true)
    }
}
