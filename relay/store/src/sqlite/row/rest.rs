//! What few flows have, in one column: items of a tag, a length and bytes. What is empty or zero
//! is left out; if nothing is left, there is no column.
//!
//! Numbers are in groups of seven bits, the lowest first, the eighth bit saying that more follow.

use std::net::IpAddr;

use bytes::Bytes;
use tidegate_flow::Fqdn;
use tidegate_flow::flow::{Dns, Event, L7Kind};

use super::{broken, list_text, text_list};
use crate::Record;

/// Nanoseconds that an answer took.
const LATENCY: u8 = 1;
/// Types asked for.
const TYPES: u8 = 2;
/// Addresses answered: of each its length and its bytes.
const ADDRESSES: u8 = 3;
/// Time to live.
const TTL: u8 = 4;
/// Canonical names.
const CNAMES: u8 = 5;
/// Types answered.
const ANSWER_TYPES: u8 = 6;
/// [`Record::original`]
const ORIGINAL: u8 = 7;

/// The column `rest`, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sqlite) struct Rest {
    pub(in crate::sqlite) latency: u64,
    pub(in crate::sqlite) types: Vec<String>,
    pub(in crate::sqlite) addresses: Vec<IpAddr>,
    pub(in crate::sqlite) ttl: u32,
    pub(in crate::sqlite) cnames: Vec<Fqdn>,
    pub(in crate::sqlite) answer_types: Vec<String>,
    pub(in crate::sqlite) original: Option<Bytes>,
}

impl Rest {
    /// The column for `record`.
    pub(in crate::sqlite) fn of(record: &Record) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Event::L7(L7Kind::Response { latency }) = record.flow.event {
            push_number(&mut bytes, LATENCY, latency);
        }
        if let Some(dns) = &record.flow.dns {
            push_dns(&mut bytes, dns);
        }
        if let Some(original) = &record.original {
            // An empty message is a message.
            push_item(&mut bytes, ORIGINAL, original);
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Reads the column.
    pub(in crate::sqlite) fn read(mut bytes: &[u8]) -> Result<Self, sqlx::Error> {
        let mut rest = Self::default();
        while let Some((&tag, behind)) = bytes.split_first() {
            bytes = behind;
            let item = take_item(&mut bytes)?;
            match tag {
                LATENCY => rest.latency = take_number(&mut &*item)?,
                TYPES => rest.types = texts(item)?,
                ADDRESSES => rest.addresses = addresses(item)?,
                TTL => rest.ttl = u32::try_from(take_number(&mut &*item)?).map_err(|_| broken("a time to live"))?,
                CNAMES => rest.cnames = texts(item)?.iter().map(|name| Fqdn::new(name)).collect(),
                ANSWER_TYPES => rest.answer_types = texts(item)?,
                ORIGINAL => rest.original = Some(Bytes::copy_from_slice(item)),
                _ => return Err(broken("an item that there is not")),
            }
        }
        Ok(rest)
    }
}

fn push_dns(bytes: &mut Vec<u8>, dns: &Dns) {
    let mut addresses = Vec::new();
    for address in &dns.addresses {
        let octets = octets(*address);
        addresses.push(octets.len() as u8);
        addresses.extend(octets);
    }
    let mut push_list = |tag, list: String| {
        if !list.is_empty() {
            push_item(bytes, tag, list.as_bytes());
        }
    };
    push_list(TYPES, list_text(dns.types.iter().map(String::as_str)));
    push_list(CNAMES, list_text(dns.cnames.iter().map(Fqdn::as_str)));
    push_list(ANSWER_TYPES, list_text(dns.answer_types.iter().map(String::as_str)));
    if !addresses.is_empty() {
        push_item(bytes, ADDRESSES, &addresses);
    }
    push_number(bytes, TTL, dns.ttl.into());
}

/// An address as a column: 4 bytes or 16.
pub(in crate::sqlite) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// An address of a column.
pub(in crate::sqlite) fn address(octets: &[u8]) -> Result<IpAddr, sqlx::Error> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .map_err(|_| broken("an address of neither 4 nor 16 bytes"))
}

fn push_item(bytes: &mut Vec<u8>, tag: u8, item: &[u8]) {
    bytes.push(tag);
    push_groups(bytes, item.len() as u64);
    bytes.extend(item);
}

fn push_number(bytes: &mut Vec<u8>, tag: u8, number: u64) {
    if number != 0 {
        let mut item = Vec::with_capacity(10);
        push_groups(&mut item, number);
        push_item(bytes, tag, &item);
    }
}

fn push_groups(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> Result<u64, sqlx::Error> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&group, behind) = bytes.split_first().ok_or_else(|| broken("a number without end"))?;
        *bytes = behind;
        number |= u64::from(group & 0x7f) << shift;
        if group < 0x80 {
            return Ok(number);
        }
    }
    Err(broken("a number without end"))
}

fn take_item<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], sqlx::Error> {
    let length = take_number(bytes)?;
    let whole = usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length));
    let (item, behind) = whole.ok_or_else(|| broken("an item without end"))?;
    *bytes = behind;
    Ok(item)
}

fn texts(item: &[u8]) -> Result<Vec<String>, sqlx::Error> {
    std::str::from_utf8(item).map(text_list).map_err(|_| broken("a text that is not UTF-8"))
}

fn addresses(mut item: &[u8]) -> Result<Vec<IpAddr>, sqlx::Error> {
    let mut addresses = Vec::new();
    while !item.is_empty() {
        addresses.push(address(take_item(&mut item)?)?);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_come_back() {
        for number in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            push_groups(&mut bytes, number);
            let mut left = &*bytes;
            assert_eq!(take_number(&mut left).unwrap(), number);
            assert!(left.is_empty());
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        for bytes in [
            &[LATENCY][..],
            &[LATENCY, 1],
            &[LATENCY, 1, 0xff],
            &[ADDRESSES, 3, 4, 1, 2],
            &[ADDRESSES, 2, 1, 1],
            &[TYPES, 2, 0xff, 0xff],
            &[TTL, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[ORIGINAL, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[99, 0],
        ] {
            assert!(Rest::read(bytes).is_err(), "{bytes:?}");
        }
    }
}
