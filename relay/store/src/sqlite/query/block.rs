//! Blocks: what questions look at, by column. Written with the flows, read instead of them.

use std::ops::Range;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::chunk;
use super::packed::{self, Number, unpack};
use super::slice::{BlockRef, Slices};
use crate::Order;
use crate::sqlite::row::broken;

/// Flows of a block of a sealed segment.
const SEALED: usize = 16_384;
/// Blocks of fewer flows than these are small, and so many small ones of a size become one.
const TIERS: [usize; 3] = [64, 1_024, 16_384];
const FANOUT: usize = 16;

/// A column of `flow` that is also in blocks; the number is that in `block_column.id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Column {
    Id = 0,
    Origin = 1,
    Outcome = 2,
    Kind = 3,
    Source = 4,
    Destination = 5,
    SourcePort = 6,
    DestinationPort = 7,
    Translation = 8,
    EgressPort = 9,
    Interface = 10,
    Query = 11,
}

/// How many there are.
pub(super) const COLUMNS: usize = 12;

/// All columns of a block.
const INSERT: &str = "INSERT INTO block_column(id, data) VALUES \
    (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?)";

/// The values of a flow, by the number of their column.
pub(in crate::sqlite) type Values = [i64; COLUMNS];

/// Adds a block of these flows, which are not in one yet. To be called in the transaction that
/// stores them, when it has stored what they refer to.
pub(in crate::sqlite) async fn write(connection: &mut SqliteConnection, flows: &[Values]) -> Result<(), sqlx::Error> {
    let mut values = flows.to_vec();
    let newest = sqlx::query("SELECT id, first, last, flows FROM block ORDER BY id DESC LIMIT ?");
    let newest = newest.bind(FANOUT as i64 * TIERS.len() as i64).try_map(block_ref).fetch_all(&mut *connection).await?;
    let id = newest.first().map_or(1, |block| block.id + 1);
    for block in &newest[..to_merge(&newest, flows.len())] {
        values.extend(values_of(connection, block, i64::MIN, i64::MAX).await?);
        remove(connection, block.id).await?;
    }
    values.sort_unstable();
    insert(connection, id, &values).await?;
    // Looking whether there is enough is work too, for what one small block brings.
    if values.len() >= TIERS[1] { chunk::write(connection).await } else { Ok(()) }
}

/// Puts the flows of all blocks into the order of time. To be called, in a transaction, when no
/// more are expected.
pub(in crate::sqlite) async fn pack(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut old = overlapping(connection, 0, i64::MAX).await?;
    let mut id = old.iter().map(|block| block.id).max().unwrap_or(0) + 1;
    let mut values = Vec::new();
    for slice in Slices::new(old.clone(), Order::OldestFirst, 0, i64::MAX, SEALED) {
        for block in &slice.blocks {
            values.extend(values_of(connection, block, slice.low, slice.high).await?);
        }
        values.sort_unstable();
        // The room of what is done with is used again.
        for done in old.extract_if(.., |block| block.last < slice.high) {
            remove(connection, done.id).await?;
        }
        while values.len() >= SEALED {
            let rest = values.split_off(SEALED);
            insert(connection, id, &values).await?;
            (values, id) = (rest, id + 1);
        }
    }
    for done in old {
        remove(connection, done.id).await?;
    }
    insert(connection, id, &values).await?;
    chunk::write_rest(connection).await
}

/// The blocks that have ids from `low` up to and without `high`.
pub(super) async fn overlapping(
    connection: &mut SqliteConnection,
    low: i64,
    high: i64,
) -> Result<Vec<BlockRef>, sqlx::Error> {
    let blocks = sqlx::query("SELECT id, first, last, flows FROM block WHERE last >= ? AND first < ?");
    blocks.bind(low).bind(high).try_map(block_ref).fetch_all(connection).await
}

/// The values of one column at `range` of a block.
pub(super) async fn column<T: Number>(
    connection: &mut SqliteConnection,
    block: &BlockRef,
    column: Column,
    range: Range<usize>,
) -> Result<Vec<T>, sqlx::Error> {
    let data = sqlx::query("SELECT data FROM block_column WHERE id = ?").bind(key(block.id, column as i64));
    let data = data.fetch_one(connection).await?;
    unpack(data.try_get(0)?, block.flows, range)
}

/// Where the ids from `low` up to and without `high` are in a block.
pub(super) async fn range(
    connection: &mut SqliteConnection,
    block: &BlockRef,
    low: i64,
    high: i64,
) -> Result<Range<usize>, sqlx::Error> {
    if low <= block.first && block.last < high {
        return Ok(0..block.flows);
    }
    let ids: Vec<i64> = column(connection, block, Column::Id, 0..block.flows).await?;
    Ok(ids.partition_point(|id| *id < low)..ids.partition_point(|id| *id < high))
}

/// How many of the newest blocks are put together with a new one of so many flows.
fn to_merge(newest: &[BlockRef], flows: usize) -> usize {
    let tier = |flows: usize| TIERS.iter().take_while(|limit| flows >= **limit).count();
    let (mut merged, mut flows) = (0, flows);
    loop {
        let own = tier(flows);
        let run = newest[merged..].iter().take_while(|block| tier(block.flows) <= own).count();
        if own == TIERS.len() || run + 1 < FANOUT {
            return merged;
        }
        flows += newest[merged..merged + run].iter().map(|block| block.flows).sum::<usize>();
        merged += run;
    }
}

async fn insert(connection: &mut SqliteConnection, id: i64, values: &[Values]) -> Result<(), sqlx::Error> {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return Ok(()) };
    let block = sqlx::query("INSERT INTO block(id, first, last, flows) VALUES(?, ?, ?, ?)");
    block.bind(id).bind(first[0]).bind(last[0]).bind(values.len() as i64).execute(&mut *connection).await?;
    let mut columns = sqlx::query(INSERT);
    for column in 0..COLUMNS {
        let data = packed::pack(values.iter().map(|values| values[column]));
        columns = columns.bind(key(id, column as i64)).bind(data);
    }
    columns.execute(connection).await?;
    Ok(())
}

/// The flows of a block with ids from `low` up to and without `high`.
async fn values_of(
    connection: &mut SqliteConnection,
    block: &BlockRef,
    low: i64,
    high: i64,
) -> Result<Vec<Values>, sqlx::Error> {
    let range = range(connection, block, low, high).await?;
    let mut values = vec![Values::default(); range.len()];
    let columns = sqlx::query("SELECT data FROM block_column WHERE id >= ? AND id < ? ORDER BY id");
    let columns = columns.bind(key(block.id, 0)).bind(key(block.id + 1, 0)).fetch_all(connection).await?;
    if columns.len() != COLUMNS {
        return Err(broken("a block that lacks columns"));
    }
    for (number, data) in columns.iter().enumerate() {
        let column: Vec<i64> = unpack(data.try_get(0)?, block.flows, range.clone())?;
        values.iter_mut().zip(column).for_each(|(values, value)| values[number] = value);
    }
    Ok(values)
}

async fn remove(connection: &mut SqliteConnection, block: i64) -> Result<(), sqlx::Error> {
    let columns = sqlx::query("DELETE FROM block_column WHERE id >= ? AND id < ?");
    columns.bind(key(block, 0)).bind(key(block + 1, 0)).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM block WHERE id = ?").bind(block).execute(connection).await?;
    Ok(())
}

fn key(block: i64, column: i64) -> i64 {
    block << 8 | column
}

fn block_ref(row: SqliteRow) -> Result<BlockRef, sqlx::Error> {
    let flows = usize::try_from(row.try_get::<i64, _>(3)?).map_err(|_| broken("a block of less than no flows"))?;
    Ok(BlockRef { id: row.try_get(0)?, first: row.try_get(1)?, last: row.try_get(2)?, flows })
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;

    async fn file() -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(include_str!("../../../../../migrations/sqlite-segment/0001_flows.sql"))
            .execute(&mut connection)
            .await
            .unwrap();
        sqlx::raw_sql(include_str!("../../../../../migrations/sqlite-segment/0002_blocks.sql"))
            .execute(&mut connection)
            .await
            .unwrap();
        connection
    }

    /// A flow with this id, and with others of its columns following from it.
    fn flow(id: i64) -> Values {
        [id, 1, id % 5, id % 300, id * 7, id * 1_000_003, id % 65_536, 443, 0, id % 3, -id, i64::MAX - id]
    }

    /// Everything that is in blocks, in the order of the blocks.
    async fn all(connection: &mut SqliteConnection) -> Vec<Values> {
        let mut all = Vec::new();
        for block in overlapping(connection, 0, i64::MAX).await.unwrap() {
            let values = values_of(connection, &block, 0, i64::MAX).await.unwrap();
            assert_eq!((block.first, block.last), (values[0][0], values[block.flows - 1][0]));
            all.extend(values);
        }
        all
    }

    #[tokio::test]
    async fn every_flow_is_in_one_block_before_and_after_they_are_packed() {
        let mut file = file().await;
        // Each lot reaches back into the one before; one flow comes very late.
        let mut ids: Vec<i64> = (0..40_000).map(|n| if n == 39_000 { 5 } else { 1_000 + (n ^ 0x3f) }).collect();
        for lot in ids.chunks(90) {
            write(&mut file, &lot.iter().map(|id| flow(*id)).collect::<Vec<_>>()).await.unwrap();
        }
        ids.sort_unstable();
        let expected: Vec<_> = ids.iter().map(|id| flow(*id)).collect();
        let mut before = all(&mut file).await;
        before.sort_unstable();
        assert!(before == expected);
        for _ in 0..2 {
            pack(&mut file).await.unwrap();
            assert!(all(&mut file).await == expected);
            let sizes: Vec<_> =
                overlapping(&mut file, 0, i64::MAX).await.unwrap().iter().map(|one| one.flows).collect();
            assert_eq!(sizes, [SEALED, SEALED, 40_000 - 2 * SEALED]);
        }
    }

    #[tokio::test]
    async fn a_range_of_ids_is_a_range_of_places() {
        let mut file = file().await;
        write(&mut file, &[10, 20, 30, 40].map(flow)).await.unwrap();
        let block = overlapping(&mut file, 0, 99).await.unwrap()[0];
        for (low, high, places) in [(0, 99, 0..4), (20, 40, 1..3), (11, 12, 1..1), (40, 41, 3..4)] {
            assert_eq!(range(&mut file, &block, low, high).await.unwrap(), places, "{low} {high}");
        }
        assert!(overlapping(&mut file, 41, 99).await.unwrap().is_empty());
        assert!(overlapping(&mut file, 0, 10).await.unwrap().is_empty());
        assert_eq!(column::<u32>(&mut file, &block, Column::Outcome, 1..3).await.unwrap(), [0, 0]);
    }

    fn blocks(flows: &[usize]) -> Vec<BlockRef> {
        flows.iter().map(|flows| BlockRef { id: 0, first: 0, last: 0, flows: *flows }).collect()
    }

    #[test]
    fn small_blocks_become_larger_ones_and_large_ones_stay() {
        assert_eq!(to_merge(&blocks(&[10; 14]), 10), 0);
        assert_eq!(to_merge(&blocks(&[10; 15]), 10), 15);
        assert_eq!(to_merge(&blocks(&[20_000; 15]), 10), 0);
        assert_eq!(to_merge(&blocks(&[20_000; 15]), 20_000), 0);
        let full = [vec![10; 15], vec![160; 15], vec![2_560; 15], vec![40_960; 3]].concat();
        assert_eq!(to_merge(&blocks(&full), 10), 45);
    }

    #[test]
    fn there_are_never_many_blocks() {
        for batch in [1, 7, 70, 300, 5_000] {
            let mut sizes: Vec<usize> = Vec::new();
            for _ in 0..200_000 / batch {
                let newest: Vec<_> = sizes.iter().rev().copied().take(FANOUT * TIERS.len()).collect();
                let merged = to_merge(&blocks(&newest), batch);
                let sum: usize = sizes.split_off(sizes.len() - merged).iter().sum();
                sizes.push(sum + batch);
            }
            assert!(sizes.len() <= 45 + 200_000 / TIERS[2], "{batch}: {}", sizes.len());
        }
    }
}
