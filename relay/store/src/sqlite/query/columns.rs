//! A part of a block, of which columns are read as they are needed.

use std::ops::Range;

use sqlx::SqliteConnection;

use super::block::{self, COLUMNS, Column};
use super::slice::{BlockRef, Slice};

/// The flows of a block that are in a slice.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    connection: &'a mut SqliteConnection,
    block: BlockRef,
    /// Their places in the block.
    range: Range<usize>,
    ids: Option<Vec<i64>>,
    numbers: [Option<Vec<u32>>; COLUMNS],
}

impl<'a> Columns<'a> {
    /// The flows of `block` that are in `slice`.
    pub(super) async fn new(
        connection: &'a mut SqliteConnection,
        block: BlockRef,
        slice: &Slice,
    ) -> Result<Self, sqlx::Error> {
        let range = block::range(connection, &block, slice.low, slice.high).await?;
        Ok(Self { connection, block, range, ids: None, numbers: [const { None }; COLUMNS] })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    /// The lowest and the highest id that may be among them.
    pub(super) fn bounds(&self) -> (i64, i64) {
        (self.block.first, self.block.last)
    }

    /// Reads a column, unless it was.
    pub(super) async fn load(&mut self, column: Column) -> Result<(), sqlx::Error> {
        let Self { connection, block, range, ids, numbers } = self;
        let place = column as usize;
        if column == Column::Id && ids.is_none() {
            *ids = Some(block::column(connection, block, column, range.clone()).await?);
        }
        if column != Column::Id && numbers[place].is_none() {
            numbers[place] = Some(block::column(connection, block, column, range.clone()).await?);
        }
        Ok(())
    }

    /// The ids, in order, if they were read.
    pub(super) fn read_ids(&self) -> &[i64] {
        self.ids.as_deref().unwrap_or_default()
    }

    /// Another column, in the same order, if it was read.
    pub(super) fn read(&self, column: Column) -> &[u32] {
        self.numbers[column as usize].as_deref().unwrap_or_default()
    }
}
