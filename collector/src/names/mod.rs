//! Which name did the endpoint ask for to get this address?
//!
//! [`message`] reads DNS messages, [`Names`] remembers what each endpoint was told. Only an
//! answer to a query that the same endpoint was seen to send counts, and never another
//! endpoint's. An answer is kept long past its time to live, because programs keep addresses;
//! what ages is the choice: a connection is named after the newest answer at its start, and keeps
//! that name however often its endpoint asks again while it lives.

pub mod message;
pub mod share;

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use tidegate_flow::name::{Confidence, Fqdn, Name, Source};

use message::Message;

const SECOND: u64 = 1_000_000_000;
/// Answers this close before the start of a connection may both be meant.
const AMBIGUOUS: u64 = 2 * SECOND;
/// How far the clocks of two nodes are apart, and an answer from another node in the future: usually,
/// and where else there would be no name.
const SKEWS: [u64; 2] = [SECOND / 50, SECOND];
/// A query older than this has no answer to come.
const QUERY_LIFETIME: u64 = 30 * SECOND;

/// Bounds: spells of one address, addresses of one endpoint, open queries of the node.
const SPELLS_PER_ADDRESS: usize = 32;
const ADDRESSES_PER_ENDPOINT: usize = 8192;
const QUERIES: usize = 65_536;

/// One answer: an endpoint was told that `fqdn` has `address`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Who asked.
    pub endpoint: IpAddr,
    /// Address answered.
    pub address: IpAddr,
    /// Name asked for.
    pub fqdn: Fqdn,
    /// When, nanoseconds since the Unix epoch.
    pub learned: u64,
    /// When the answer's time to live ends.
    pub expires: u64,
}

/// What the endpoints of this node, and those it is the gateway of, were told.
#[derive(Debug, Default)]
pub struct Names {
    endpoints: HashMap<IpAddr, HashMap<IpAddr, Vec<Spell>>>,
    queries: HashMap<QueryKey, (Fqdn, u64)>,
    order: VecDeque<QueryKey>,
    /// Answers that were no answer to a query that was seen.
    pub unsolicited: u64,
    /// Answers or queries forgotten because a bound was reached.
    pub forgotten: u64,
}

/// Answers of one name for an address, with none of another name between them.
#[derive(Clone, Debug)]
struct Spell {
    fqdn: Fqdn,
    source: Source,
    first: u64,
    last: u64,
}

impl Spell {
    /// When the name was last known to be meant, for a connection that started at `start`; none if
    /// it was not yet. An answer from another node is under that node's clock, apart by `skew`.
    fn known(&self, start: u64, skew: u64) -> Option<u64> {
        let skew = if self.source == Source::Shared { skew } else { 0 };
        let start = start.saturating_add(skew);
        (self.first <= start).then(|| self.last.min(start))
    }
}

/// A query, as its answer will name it: who, through which port, asked whom, with which number.
type QueryKey = (IpAddr, u16, IpAddr, u16);

/// What a DNS message meant.
#[derive(Debug, Default)]
pub struct Heard {
    /// What an endpoint learned.
    pub learned: Vec<Learned>,
    /// For an answer: nanoseconds since its query; 0 if that was not seen.
    pub latency: u64,
}

impl Names {
    /// Takes note of a message between `endpoint` and `server`.
    pub fn hear(&mut self, endpoint: (IpAddr, u16), server: IpAddr, message: &Message, time: u64) -> Heard {
        let key = (endpoint.0, endpoint.1, server, message.id);
        if !message.response {
            self.remember_query(key, message.dns.query.clone(), time);
            return Heard::default();
        }
        let Some((asked, since)) = self.queries.remove(&key) else {
            self.unsolicited += 1;
            return Heard::default();
        };
        let latency = time.saturating_sub(since);
        if asked != message.dns.query {
            self.unsolicited += 1;
            return Heard { latency, ..Heard::default() };
        }
        let learned: Vec<Learned> = message
            .dns
            .addresses
            .iter()
            .map(|address| Learned {
                endpoint: endpoint.0,
                address: *address,
                fqdn: asked.clone(),
                learned: time,
                expires: time + u64::from(message.dns.ttl) * SECOND,
            })
            .collect();
        for one in &learned {
            self.learn(one, Source::Dns);
        }
        Heard { learned, latency }
    }

    /// Takes note of an answer.
    pub fn learn(&mut self, learned: &Learned, source: Source) {
        let addresses = self.endpoints.entry(learned.endpoint).or_default();
        if addresses.len() >= ADDRESSES_PER_ENDPOINT && !addresses.contains_key(&learned.address) {
            let oldest = addresses
                .iter()
                .min_by_key(|(_, spells)| spells.iter().map(|spell| spell.last).max())
                .map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                addresses.remove(&oldest);
                self.forgotten += 1;
            }
        }
        let spells = addresses.entry(learned.address).or_default();
        extend(spells, learned, source);
        if spells.len() > SPELLS_PER_ADDRESS && shorten(spells) {
            self.forgotten += 1;
        }
    }

    /// Names that `endpoint` may have meant by `address` in a connection that started at `start`;
    /// best first, empty if none is known.
    #[must_use]
    pub fn of(&self, endpoint: IpAddr, address: IpAddr, start: u64) -> Vec<Name> {
        let Some(spells) = self.endpoints.get(&endpoint).and_then(|addresses| addresses.get(&address)) else {
            return Vec::new();
        };
        let by = |skew| {
            let mut known: Vec<_> =
                spells.iter().filter_map(|spell| Some((spell.known(start, skew)?, spell))).collect();
            known.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
            known
        };
        let known = SKEWS.into_iter().map(by).find(|known| !known.is_empty()).unwrap_or_default();
        let Some((_, best)) = known.first() else {
            return Vec::new();
        };
        let mut candidates = vec![*best];
        for (time, spell) in &known {
            if time + AMBIGUOUS >= start && candidates.iter().all(|candidate| candidate.fqdn != spell.fqdn) {
                candidates.push(spell);
            }
        }
        let confidence = if candidates.len() == 1 { Confidence::High } else { Confidence::Medium };
        let confidences = std::iter::once(confidence).chain(std::iter::repeat(Confidence::Low));
        candidates
            .into_iter()
            .zip(confidences)
            .map(|(spell, confidence)| Name { fqdn: spell.fqdn.clone(), source: spell.source, confidence })
            .collect()
    }

    /// Forgets what endpoints that are gone were told.
    pub fn keep_only(&mut self, alive: impl Fn(IpAddr) -> bool) {
        self.endpoints.retain(|endpoint, _| alive(*endpoint));
    }

    fn remember_query(&mut self, key: QueryKey, name: Fqdn, time: u64) {
        while let Some(oldest) = self.order.front() {
            let stale = self.queries.get(oldest).is_none_or(|(_, since)| time.saturating_sub(*since) > QUERY_LIFETIME);
            if !stale && self.order.len() < QUERIES {
                break;
            }
            if !stale {
                self.forgotten += 1;
            }
            let oldest = *oldest;
            self.order.pop_front();
            self.queries.remove(&oldest);
        }
        if self.queries.insert(key, (name, time)).is_none() {
            self.order.push_back(key);
        }
    }
}

/// Enters an answer into the spells of an address, which are in order, newest first.
fn extend(spells: &mut Vec<Spell>, learned: &Learned, source: Source) {
    let (fqdn, time) = (&learned.fqdn, learned.learned);
    // Answers of another node may come late.
    let at = spells.partition_point(|spell| spell.first > time);
    if let Some(before) = spells.get_mut(at).filter(|spell| spell.fqdn == *fqdn) {
        before.last = before.last.max(time);
    } else if let Some(after) = spells[..at].last_mut().filter(|spell| spell.fqdn == *fqdn) {
        after.first = time;
    } else {
        spells.insert(at, Spell { fqdn: fqdn.clone(), source, first: time, last: time });
    }
}

/// Makes one spell less: the oldest that repeats a name becomes part of the one before it. Says
/// whether there was none, and the oldest name is forgotten.
fn shorten(spells: &mut Vec<Spell>) -> bool {
    let before = |at: usize| (at + 1..spells.len()).find(|older| spells[*older].fqdn == spells[at].fqdn);
    let repeated = (0..spells.len()).rev().find_map(|at| Some((at, before(at)?)));
    match repeated {
        Some((at, before)) => {
            spells[before].last = spells[before].last.max(spells[at].last);
            spells.remove(at);
        }
        None => drop(spells.pop()),
    }
    repeated.is_none()
}

#[cfg(test)]
mod tests;
