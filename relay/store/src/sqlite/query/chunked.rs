//! The large dictionaries, as columns and back.

use std::net::IpAddr;

use sqlx::sqlite::SqliteRow;
use tidegate_flow::Fqdn;
use tidegate_flow::flow::{Endpoint, Interface};

use super::chunk::Chunked;
use super::packed::{pack, unpack};
use crate::sqlite::row::{address, broken, list_text, octets, text_list, text_workloads, workloads_text};
use crate::sqlite::values::{self, NameIds, PartyIds};

impl Chunked for PartyIds {
    const NUMBER: i64 = 3;
    const ENDS: &'static str = "SELECT (SELECT max(id) FROM party), (SELECT max(last) FROM chunk WHERE dictionary = ?)";
    const ROWS: &'static str = values::PARTIES;

    fn read(row: &SqliteRow) -> Result<(i64, Self), sqlx::Error> {
        values::party(row)
    }

    fn columns(rows: &[(i64, Self)]) -> Vec<Vec<u8>> {
        let column = |value: fn(&Self) -> i64| pack(rows.iter().map(|(_, row)| value(row)));
        vec![column(|row| row.ip), column(|row| row.endpoint), column(|row| row.names), column(|row| row.service)]
    }

    fn rows(columns: &[&[u8]], count: usize, last: i64) -> Result<Vec<(i64, Self)>, sqlx::Error> {
        let [ips, endpoints, names, services] = numbers(columns, count)?;
        let row = |n: usize| Self { ip: ips[n], endpoint: endpoints[n], names: names[n], service: services[n] };
        with_ids(count, last, (0..count).map(|n| Ok(row(n))))
    }
}

impl Chunked for NameIds {
    const NUMBER: i64 = 2;
    const ENDS: &'static str =
        "SELECT (SELECT max(names) FROM name), (SELECT max(last) FROM chunk WHERE dictionary = ?)";
    const ROWS: &'static str = values::NAMES;

    fn read(row: &SqliteRow) -> Result<(i64, Self), sqlx::Error> {
        values::name(row)
    }

    fn columns(rows: &[(i64, Self)]) -> Vec<Vec<u8>> {
        let column = |value: fn(&Self) -> i64| pack(rows.iter().map(|(_, row)| value(row)));
        let lists = pack(rows.iter().map(|(list, _)| *list));
        vec![lists, column(|row| row.fqdn), column(|row| row.source), column(|row| row.confidence)]
    }

    fn rows(columns: &[&[u8]], count: usize, _: i64) -> Result<Vec<(i64, Self)>, sqlx::Error> {
        let [lists, fqdns, sources, confidences] = numbers(columns, count)?;
        let row = |n: usize| Self { fqdn: fqdns[n], source: sources[n], confidence: confidences[n] };
        Ok((0..count).map(|n| (lists[n], row(n))).collect())
    }
}

impl Chunked for IpAddr {
    const NUMBER: i64 = 0;
    const ENDS: &'static str = "SELECT (SELECT max(id) FROM ip), (SELECT max(last) FROM chunk WHERE dictionary = ?)";
    const ROWS: &'static str = values::IPS;

    fn read(row: &SqliteRow) -> Result<(i64, Self), sqlx::Error> {
        values::ip(row)
    }

    fn columns(rows: &[(i64, Self)]) -> Vec<Vec<u8>> {
        texts(rows.iter().map(|(_, address)| octets(*address))).into()
    }

    fn rows(columns: &[&[u8]], count: usize, last: i64) -> Result<Vec<(i64, Self)>, sqlx::Error> {
        let [lengths, octets] = exactly(columns)?;
        let addresses = each_text(lengths, octets, count)?.into_iter().map(address);
        with_ids(count, last, addresses)
    }
}

impl Chunked for Fqdn {
    const NUMBER: i64 = 1;
    const ENDS: &'static str = "SELECT (SELECT max(id) FROM fqdn), (SELECT max(last) FROM chunk WHERE dictionary = ?)";
    const ROWS: &'static str = values::FQDNS;

    fn read(row: &SqliteRow) -> Result<(i64, Self), sqlx::Error> {
        values::fqdn(row)
    }

    fn columns(rows: &[(i64, Self)]) -> Vec<Vec<u8>> {
        texts(rows.iter().map(|(_, name)| name.as_str())).into()
    }

    fn rows(columns: &[&[u8]], count: usize, last: i64) -> Result<Vec<(i64, Self)>, sqlx::Error> {
        let [lengths, names] = exactly(columns)?;
        let names = each_text(lengths, names, count)?.into_iter().map(utf8);
        with_ids(count, last, names.map(|name| name.map(Self::new)))
    }
}

impl Chunked for Endpoint {
    const NUMBER: i64 = 4;
    const ENDS: &'static str =
        "SELECT (SELECT max(id) FROM endpoint), (SELECT max(last) FROM chunk WHERE dictionary = ?)";
    const ROWS: &'static str = values::ENDPOINTS;

    fn read(row: &SqliteRow) -> Result<(i64, Self), sqlx::Error> {
        values::endpoint(row)
    }

    fn columns(rows: &[(i64, Self)]) -> Vec<Vec<u8>> {
        let number = |value: fn(&Self) -> u32| pack(rows.iter().map(|(_, row)| value(row).into()));
        let mut columns = vec![number(|row| row.id), number(|row| row.identity)];
        columns.extend(texts(rows.iter().map(|(_, row)| &row.namespace)));
        columns.extend(texts(rows.iter().map(|(_, row)| &row.pod)));
        columns.extend(texts(rows.iter().map(|(_, row)| &row.cluster)));
        columns.extend(texts(rows.iter().map(|(_, row)| list_text(row.labels.iter().map(String::as_str)))));
        columns.extend(texts(rows.iter().map(|(_, row)| workloads_text(&row.workloads))));
        columns
    }

    fn rows(columns: &[&[u8]], count: usize, last: i64) -> Result<Vec<(i64, Self)>, sqlx::Error> {
        let [numbers, identities, texts @ ..] = exactly::<12>(columns)?;
        let (numbers, identities) = (unpack(numbers, count, 0..count)?, unpack(identities, count, 0..count)?);
        let mut read = Vec::with_capacity(texts.len() / 2);
        for pair in texts.chunks_exact(2) {
            read.push(each_text(pair[0], pair[1], count)?);
        }
        let row = |n: usize| -> Result<Self, sqlx::Error> {
            let text = |column: usize| utf8(read[column][n]);
            Ok(Self {
                id: numbers[n],
                identity: identities[n],
                namespace: text(0)?.to_owned(),
                pod: text(1)?.to_owned(),
                cluster: text(2)?.to_owned(),
                labels: text_list(text(3)?),
                workloads: text_workloads(text(4)?),
            })
        };
        with_ids(count, last, (0..count).map(row))
    }
}

impl Chunked for Interface {
    const NUMBER: i64 = 5;
    const ENDS: &'static str =
        "SELECT (SELECT max(id) FROM interface), (SELECT max(last) FROM chunk WHERE dictionary = ?)";
    const ROWS: &'static str = values::INTERFACES;

    fn read(row: &SqliteRow) -> Result<(i64, Self), sqlx::Error> {
        values::interface(row)
    }

    fn columns(rows: &[(i64, Self)]) -> Vec<Vec<u8>> {
        let mut columns = vec![pack(rows.iter().map(|(_, row)| row.index.into()))];
        columns.extend(texts(rows.iter().map(|(_, row)| &*row.name)));
        columns
    }

    fn rows(columns: &[&[u8]], count: usize, last: i64) -> Result<Vec<(i64, Self)>, sqlx::Error> {
        let [numbers, lengths, names] = exactly(columns)?;
        let numbers: Vec<u32> = unpack(numbers, count, 0..count)?;
        let names = each_text(lengths, names, count)?.into_iter().map(utf8);
        let row = |(index, name): (u32, Result<&str, _>)| Ok(Self { index, name: name?.into() });
        with_ids(count, last, numbers.into_iter().zip(names).map(row))
    }
}

/// Rows with ids that follow one another.
fn with_ids<T>(
    count: usize,
    last: i64,
    rows: impl Iterator<Item = Result<T, sqlx::Error>>,
) -> Result<Vec<(i64, T)>, sqlx::Error> {
    (last - count as i64 + 1..).zip(rows).map(|(id, row)| Ok((id, row?))).collect()
}

/// So many columns.
fn exactly<'a, const COUNT: usize>(columns: &[&'a [u8]]) -> Result<[&'a [u8]; COUNT], sqlx::Error> {
    columns.try_into().map_err(|_| broken("a chunk with other columns"))
}

/// Four columns of numbers.
fn numbers(columns: &[&[u8]], count: usize) -> Result<[Vec<i64>; 4], sqlx::Error> {
    let mut numbers = [const { Vec::new() }; 4];
    for (numbers, column) in numbers.iter_mut().zip(exactly::<4>(columns)?) {
        *numbers = unpack(column, count, 0..count)?;
    }
    Ok(numbers)
}

/// Two columns: how long each text is, and all of them.
fn texts(texts: impl Iterator<Item = impl AsRef<[u8]>>) -> [Vec<u8>; 2] {
    let (mut lengths, mut all) = (Vec::new(), Vec::new());
    for text in texts {
        lengths.push(text.as_ref().len() as i64);
        all.extend(text.as_ref());
    }
    [pack(lengths.into_iter()), all]
}

/// The texts of two columns made by [`texts`].
fn each_text<'a>(lengths: &[u8], mut all: &'a [u8], count: usize) -> Result<Vec<&'a [u8]>, sqlx::Error> {
    let mut texts = Vec::with_capacity(count);
    for length in unpack::<u32>(lengths, count, 0..count)? {
        let text = all.split_at_checked(length as usize);
        let (text, behind) = text.ok_or_else(|| broken("a text without end"))?;
        texts.push(text);
        all = behind;
    }
    Ok(texts)
}

fn utf8(text: &[u8]) -> Result<&str, sqlx::Error> {
    std::str::from_utf8(text).map_err(|_| broken("a text that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use tidegate_flow::flow::Workload;

    use super::*;

    /// What becomes of rows with ids up to `last` that are written and read again.
    fn again<T: Chunked>(rows: &[(i64, T)], last: i64) -> Vec<(i64, T)> {
        let columns = T::columns(rows);
        let columns: Vec<_> = columns.iter().map(Vec::as_slice).collect();
        assert!(T::rows(&columns[1..], rows.len(), last).is_err());
        assert!(T::rows(&columns, rows.len() + 1, last).is_err());
        T::rows(&columns, rows.len(), last).unwrap()
    }

    #[test]
    fn rows_come_back_with_their_ids() {
        let parties = [7, 8, 9].map(|id| (id, PartyIds { ip: id * 1_000, endpoint: 1, names: 0, service: -id }));
        assert_eq!(again(&parties, 9), parties);
        let names = [(3, 5), (3, 6), (4, 5)];
        let names = names.map(|(list, fqdn)| (list, NameIds { fqdn, source: 1, confidence: 3 }));
        assert_eq!(again(&names, 4), names);
        let ips = ["10.0.0.1", "2001:db8::1", "::", "0.0.0.0"].map(|text| text.parse::<IpAddr>().unwrap());
        let ips: Vec<_> = (20..).zip(ips).collect();
        assert_eq!(again(&ips, 23), ips);
        let endpoint = |n: u32| Endpoint {
            id: n,
            identity: u32::MAX - n,
            namespace: format!("space-{n}"),
            pod: String::new(),
            labels: vec!["k8s:a=b".into(), "x\ny".into(), String::new()],
            workloads: vec![Workload { kind: "Job".into(), name: "a\nb".into() }; n as usize % 3],
            cluster: "west".into(),
        };
        let endpoints: Vec<_> = (5..9).map(|id| (id, endpoint(id as u32))).collect();
        assert_eq!(again(&endpoints, 8), endpoints);
        let interfaces =
            [(1, Interface { index: 7, name: "eth0".into() }), (2, Interface { index: 0, name: "".into() })];
        assert_eq!(again(&interfaces, 2), interfaces);
        let fqdns: Vec<_> = (1..).zip(["a.example", "", "ü\n.example"].map(Fqdn::new)).collect();
        assert_eq!(again(&fqdns, 3), fqdns);
    }
}
