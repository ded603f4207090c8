//! Reading DNS messages (RFC 1035) through hickory-proto.

use std::collections::HashSet;

use hickory_proto::{
    op::{Message as Wire, MessageType},
    rr::{RData, RecordType},
};
use tidegate_flow::{flow::Dns, name::Fqdn};

/// A message with one question, and what of it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Number that joins an answer to its query.
    pub id: u16,
    /// Whether it is an answer.
    pub response: bool,
    /// Whether the answer was cut short by its server.
    pub truncated: bool,
    /// Question and answers.
    pub dns: Dns,
}

/// Reads a message; `None` if it is none, or has not exactly one question.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Message> {
    let wire = Wire::from_vec(bytes).ok()?;
    let [question] = wire.queries.as_slice() else {
        return None;
    };
    let query = Fqdn::new(&question.name().to_ascii());
    let mut dns = Dns {
        query: query.clone(),
        types: vec![question.query_type().to_string()],
        rcode: u16::from(wire.metadata.response_code),
        addresses: Vec::new(),
        ttl: 0,
        cnames: Vec::new(),
        answer_types: Vec::new(),
    };
    // Addresses belong to the name asked for only along the chain of canonical names.
    let mut chain = HashSet::from([query]);
    let mut ttl = u32::MAX;
    for record in &wire.answers {
        if !chain.contains(&Fqdn::new(&record.name.to_ascii())) {
            continue;
        }
        match &record.data {
            RData::A(address) => dns.addresses.push(address.0.into()),
            RData::AAAA(address) => dns.addresses.push(address.0.into()),
            RData::CNAME(target) => {
                let target = Fqdn::new(&target.0.to_ascii());
                chain.insert(target.clone());
                dns.cnames.push(target);
            }
            _ => {}
        }
        ttl = ttl.min(record.ttl);
        let kind = record.record_type().to_string();
        if record.record_type() != RecordType::OPT && !dns.answer_types.contains(&kind) {
            dns.answer_types.push(kind);
        }
    }
    if ttl != u32::MAX {
        dns.ttl = ttl;
    }
    Some(Message {
        id: wire.metadata.id,
        response: wire.metadata.message_type == MessageType::Response,
        truncated: wire.metadata.truncation,
        dns,
    })
}
