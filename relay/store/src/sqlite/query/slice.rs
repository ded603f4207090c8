//! The order in which blocks are looked at. Pure.
//!
//! Blocks of a segment that is being written overlap. A slice is a range of ids together with all
//! blocks that have flows of it, so that after each slice everything on one side of its end was
//! looked at and nothing was looked at twice. Slices end between two instants.

use super::place::{instant, next_instant};
use crate::Order;

/// What the table `block` says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockRef {
    pub(super) id: i64,
    /// The lowest id in it.
    pub(super) first: i64,
    /// The highest.
    pub(super) last: i64,
    pub(super) flows: usize,
}

/// A range of ids, and the blocks that have some of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slice {
    /// Inclusive.
    pub(super) low: i64,
    /// Exclusive.
    pub(super) high: i64,
    pub(super) blocks: Vec<BlockRef>,
}

/// Slices of a range, from one end to the other.
#[derive(Debug)]
pub(super) struct Slices {
    order: Order,
    low: i64,
    high: i64,
    /// Blocks that were not looked at; the next one at the end.
    waiting: Vec<BlockRef>,
    /// Blocks that were looked at in part.
    open: Vec<BlockRef>,
    /// A slice takes blocks until it has so many flows.
    flows: usize,
}

impl Slices {
    /// Slices of about `flows` flows over the ids from `low` up to and without `high`.
    pub(super) fn new(mut blocks: Vec<BlockRef>, order: Order, low: i64, high: i64, flows: usize) -> Self {
        blocks.retain(|block| block.last >= low && block.first < high);
        match order {
            Order::NewestFirst => blocks.sort_by_key(|block| block.last),
            Order::OldestFirst => blocks.sort_by_key(|block| std::cmp::Reverse(block.first)),
        }
        Self { order, low, high, waiting: blocks, open: Vec::new(), flows }
    }
}

impl Iterator for Slices {
    type Item = Slice;

    fn next(&mut self) -> Option<Slice> {
        if self.waiting.is_empty() {
            return None;
        }
        let mut blocks = std::mem::take(&mut self.open);
        let mut flows = 0;
        // Without it the slice would be of no ids.
        let reaches_end = |next: &BlockRef| match self.order {
            Order::NewestFirst => next_instant(next.last) >= self.high,
            Order::OldestFirst => instant(next.first) <= self.low,
        };
        while let Some(block) = self.waiting.pop_if(|next| flows < self.flows || reaches_end(next)) {
            flows += block.flows;
            blocks.push(block);
        }
        let (mut low, mut high) = (self.low, self.high);
        match (self.order, self.waiting.last()) {
            (Order::NewestFirst, Some(next)) => low = next_instant(next.last),
            (Order::OldestFirst, Some(next)) => high = instant(next.first),
            (_, None) => {}
        }
        match self.order {
            Order::NewestFirst => {
                self.open.extend(blocks.iter().filter(|block| block.first < low));
                self.high = low;
            }
            Order::OldestFirst => {
                self.open.extend(blocks.iter().filter(|block| block.last >= high));
                self.low = high;
            }
        }
        Some(Slice { low, high, blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::TIE_BITS;
    use super::*;

    /// A block of these times, inclusive.
    fn block(first: i64, last: i64) -> BlockRef {
        BlockRef { id: first, first: (first << TIE_BITS) + 7, last: (last << TIE_BITS) + 9, flows: 1 }
    }

    /// Slices by their times, and the blocks in them.
    fn ranges(blocks: &[BlockRef], order: Order, low: i64, high: i64, flows: usize) -> Vec<(i64, i64, Vec<i64>)> {
        let ids = |slice: &Slice| slice.blocks.iter().map(|block| block.id).collect();
        let slices = Slices::new(blocks.to_vec(), order, low << TIE_BITS, high << TIE_BITS, flows);
        slices.map(|slice| (slice.low >> TIE_BITS, slice.high >> TIE_BITS, ids(&slice))).collect()
    }

    #[test]
    fn blocks_apart_are_slices_apart() {
        let blocks = [block(10, 19), block(30, 39), block(20, 29)];
        assert_eq!(
            ranges(&blocks, Order::NewestFirst, 0, 100, 1),
            [(30, 100, vec![30]), (20, 30, vec![20]), (0, 20, vec![10])]
        );
        assert_eq!(
            ranges(&blocks, Order::OldestFirst, 0, 100, 1),
            [(0, 20, vec![10]), (20, 30, vec![20]), (30, 100, vec![30])]
        );
        assert_eq!(ranges(&blocks, Order::NewestFirst, 0, 100, 2), [(20, 100, vec![30, 20]), (0, 20, vec![10])]);
    }

    #[test]
    fn a_block_that_reaches_over_others_is_in_the_slices_of_all() {
        let blocks = [block(10, 35), block(20, 29), block(30, 39)];
        assert_eq!(
            ranges(&blocks, Order::NewestFirst, 0, 100, 1),
            [(36, 100, vec![30]), (30, 36, vec![30, 10]), (0, 30, vec![10, 20])]
        );
        assert_eq!(
            ranges(&blocks, Order::OldestFirst, 0, 100, 1),
            [(0, 20, vec![10]), (20, 30, vec![10, 20]), (30, 100, vec![10, 30])]
        );
    }

    #[test]
    fn blocks_outside_of_the_range_are_not_looked_at() {
        let blocks = [block(10, 19), block(20, 29), block(30, 39)];
        assert_eq!(ranges(&blocks, Order::NewestFirst, 20, 30, 9), [(20, 30, vec![20])]);
        assert_eq!(ranges(&blocks, Order::OldestFirst, 29, 31, 1), [(29, 30, vec![20]), (30, 31, vec![30])]);
        assert_eq!(ranges(&blocks, Order::NewestFirst, 40, 99, 1), []);
    }

    #[test]
    fn no_slice_is_empty() {
        let blocks = [block(10, 50), block(20, 60), block(25, 28)];
        assert_eq!(ranges(&blocks, Order::NewestFirst, 0, 30, 1), [(29, 30, vec![20, 10]), (0, 29, vec![20, 10, 25])]);
        assert_eq!(ranges(&blocks, Order::OldestFirst, 26, 70, 1), [(26, 70, vec![10, 20, 25])]);
    }

    #[test]
    fn blocks_that_share_an_instant_share_a_slice() {
        let blocks = [block(10, 20), block(20, 30)];
        assert_eq!(ranges(&blocks, Order::NewestFirst, 0, 99, 1), [(21, 99, vec![20]), (0, 21, vec![20, 10])]);
        assert_eq!(ranges(&blocks, Order::OldestFirst, 0, 99, 1), [(0, 20, vec![10]), (20, 99, vec![10, 20])]);
        assert_eq!(ranges(&[block(7, 7), block(7, 7)], Order::NewestFirst, 0, 8, 1), [(0, 8, vec![7, 7])]);
    }
}
