//! The values of the large dictionaries, thousands at a time: reading them one by one would be most
//! of what a question costs. Written when there are enough new ones, never changed.

use std::net::IpAddr;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use tidegate_flow::Fqdn;
use tidegate_flow::flow::{Endpoint, Interface};

use crate::sqlite::row::broken;
use crate::sqlite::values::{NameIds, PartyIds};

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
    add::<PartyIds>(connection, least).await?;
    add::<Endpoint>(connection, least).await?;
    add::<Interface>(connection, least).await
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
