//! The values of the large dictionaries, thousands at a time: reading them one by one would be most
//! of what a question costs. Written when there are enough new ones, never changed.

use std::net::IpAddr;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use tidegate_flow::Fqdn;

use super::packed::{pack, unpack};
use crate::sqlite::row::{address, broken, octets};
use crate::sqlite::values::{self, NameIds, PartyIds};

/// Values of a chunk at least, as long as more are to come.
const ENOUGH: i64 = 1_024;

/// A row of a dictionary that is large enough for chunks.
pub(super) trait Chunked: Sized {
    /// The dictionary's number in the file.
    const NUMBER: i64;
    /// Its highest id, and the highest one in a chunk of that number.
    const ENDS: &'static str;
    /// Its rows behind an id.
    const ROWS: &'static str;

    /// Reads a row, and its id.
    fn read(row: &SqliteRow) -> Result<(i64, Self), sqlx::Error>;

    /// The columns of some rows.
    fn columns(rows: &[(i64, Self)]) -> Vec<Vec<u8>>;

    /// From these columns as many rows; the highest id is `last`.
    fn rows(columns: &[&[u8]], count: usize, last: i64) -> Result<Vec<(i64, Self)>, sqlx::Error>;
}

/// Writes what is new in the dictionaries, if it is enough.
pub(super) async fn write(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    write_all(connection, ENOUGH).await
}

/// Writes what is new in the dictionaries.
pub(super) async fn write_rest(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    write_all(connection, 1).await
}

async fn write_all(connection: &mut SqliteConnection, least: i64) -> Result<(), sqlx::Error> {
    add::<IpAddr>(connection, least).await?;
    add::<Fqdn>(connection, least).await?;
    add::<NameIds>(connection, least).await?;
    add::<PartyIds>(connection, least).await
}

async fn add<T: Chunked>(connection: &mut SqliteConnection, least: i64) -> Result<(), sqlx::Error> {
    let ends: (Option<i64>, Option<i64>) = sqlx::query_as(T::ENDS).bind(T::NUMBER).fetch_one(&mut *connection).await?;
    let (last, known) = (ends.0.unwrap_or(0), ends.1.unwrap_or(0));
    if last - known < least {
        return Ok(());
    }
    let rows = sqlx::query(T::ROWS).bind(known).fetch_all(&mut *connection).await?;
    let rows = rows.iter().map(T::read).collect::<Result<Vec<_>, _>>()?;
    let mut data = Vec::new();
    for column in T::columns(&rows) {
        data.extend((column.len() as u32).to_le_bytes());
        data.extend(column);
    }
    let chunk = sqlx::query("INSERT INTO chunk(dictionary, last, rows, data) VALUES (?, ?, ?, ?)");
    chunk.bind(T::NUMBER).bind(last).bind(rows.len() as i64).bind(data).execute(connection).await?;
    Ok(())
}

/// The rows of a dictionary with ids above `known`, in their order. Of a chunk all come, also those
/// that are known.
pub(super) async fn read<T: Chunked>(
    connection: &mut SqliteConnection,
    mut known: i64,
) -> Result<Vec<(i64, T)>, sqlx::Error> {
    let mut rows = Vec::new();
    let chunks = sqlx::query("SELECT last, rows, data FROM chunk WHERE dictionary = ? AND last > ? ORDER BY last");
    for chunk in chunks.bind(T::NUMBER).bind(known).fetch_all(&mut *connection).await? {
        known = chunk.try_get(0)?;
        let count = usize::try_from(chunk.try_get::<i64, _>(1)?).map_err(|_| broken("a chunk of less than no rows"))?;
        rows.extend(T::rows(&columns(chunk.try_get(2)?)?, count, known)?);
    }
    for row in sqlx::query(T::ROWS).bind(known).fetch_all(connection).await? {
        rows.push(T::read(&row)?);
    }
    Ok(rows)
}

fn columns(mut data: &[u8]) -> Result<Vec<&[u8]>, sqlx::Error> {
    let mut columns = Vec::new();
    while let Some((length, behind)) = data.split_first_chunk() {
        let column = behind.split_at_checked(u32::from_le_bytes(*length) as usize);
        let (column, behind) = column.ok_or_else(|| broken("a chunk without end"))?;
        columns.push(column);
        data = behind;
    }
    Ok(columns)
}

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
        Ok((0..count).map(|n| (last - (count - 1 - n) as i64, row(n))).collect())
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
        texts(rows.iter().map(|(_, address)| octets(*address)))
    }

    fn rows(columns: &[&[u8]], count: usize, last: i64) -> Result<Vec<(i64, Self)>, sqlx::Error> {
        each_text(columns, count, last, address)
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
        texts(rows.iter().map(|(_, name)| name.as_str().as_bytes().to_vec()))
    }

    fn rows(columns: &[&[u8]], count: usize, last: i64) -> Result<Vec<(i64, Self)>, sqlx::Error> {
        each_text(columns, count, last, |text| {
            std::str::from_utf8(text).map(Self::new).map_err(|_| broken("a name that is not UTF-8"))
        })
    }
}

/// Four columns of numbers.
fn numbers(columns: &[&[u8]], count: usize) -> Result<[Vec<i64>; 4], sqlx::Error> {
    let columns: &[&[u8]; 4] = columns.try_into().map_err(|_| broken("a chunk that has not four columns"))?;
    let mut numbers = [const { Vec::new() }; 4];
    for (numbers, column) in numbers.iter_mut().zip(columns) {
        *numbers = unpack(column, count, 0..count)?;
    }
    Ok(numbers)
}

/// Two columns: how long each text is, and all of them.
fn texts(texts: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let (mut lengths, mut all) = (Vec::new(), Vec::new());
    for text in texts {
        lengths.push(text.len() as i64);
        all.extend(text);
    }
    vec![pack(lengths.into_iter()), all]
}

/// What is read from each text of two columns made by [`texts`], with its id.
fn each_text<T>(
    columns: &[&[u8]],
    count: usize,
    last: i64,
    read: impl Fn(&[u8]) -> Result<T, sqlx::Error>,
) -> Result<Vec<(i64, T)>, sqlx::Error> {
    let &[lengths, mut all] = columns else { return Err(broken("a chunk that has not two columns")) };
    let first = last - count as i64 + 1;
    let mut rows = Vec::with_capacity(count);
    for (id, length) in (first..).zip(unpack::<u32>(lengths, count, 0..count)?) {
        let text = all.split_at_checked(length as usize);
        let (text, behind) = text.ok_or_else(|| broken("a chunk without end"))?;
        rows.push((id, read(text)?));
        all = behind;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
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
        let fqdns: Vec<_> = (1..).zip(["a.example", "", "ü\n.example"].map(Fqdn::new)).collect();
        assert_eq!(again(&fqdns, 3), fqdns);
    }
}
