//! Ids of a segment, and what they are to others: times and cursors. An id is the time since the
//! segment's beginning and, in its lower bits, what tells flows of one time apart.

use crate::{Cursor, Order, Span};

/// The bits of an id that tell flows of one time apart.
pub(super) const TIE_BITS: u32 = 16;

/// The lowest id that a flow of this time or a later one may have.
pub(super) fn at(since: u64, time: u64) -> i64 {
    let id = u128::from(time.saturating_sub(since)) << TIE_BITS;
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// The time of a flow.
pub(super) fn time(since: u64, id: i64) -> u64 {
    since.saturating_add((id >> TIE_BITS) as u64)
}

/// The place of a flow.
pub(super) fn cursor(since: u64, id: i64) -> Cursor {
    Cursor { time: time(since, id), tie: id as u16 }
}

/// The lowest id of the same time.
pub(super) fn instant(id: i64) -> i64 {
    id >> TIE_BITS << TIE_BITS
}

/// The lowest id of the next nanosecond.
pub(super) fn next_instant(id: i64) -> i64 {
    instant(id).saturating_add(1 << TIE_BITS)
}

/// The ids that a page is about: from the first up to and without the second. `after` is where it
/// begins.
pub(super) fn bounds(since: u64, span: Span, order: Order, after: Option<Cursor>) -> (i64, i64) {
    let (mut low, mut high) = (at(since, span.since), at(since, span.until));
    if let Some(Cursor { time, tie }) = after {
        let place = match time.checked_sub(since) {
            Some(_) => at(since, time).saturating_add(i64::from(tie)),
            None => -1,
        };
        match order {
            Order::NewestFirst => high = high.min(place),
            Order::OldestFirst => low = low.max(place.saturating_add(1)),
        }
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: u64 = 1_000;

    #[test]
    fn a_cursor_is_found_again() {
        for id in [0, 5, 1 << 16 | 0xffff, 77 << 16 | 0x8000] {
            let after = Some(cursor(SINCE, id));
            assert_eq!(bounds(SINCE, Span::ALL, Order::NewestFirst, after), (0, id));
            assert_eq!(bounds(SINCE, Span::ALL, Order::OldestFirst, after), (id + 1, i64::MAX));
        }
    }

    #[test]
    fn a_cursor_outside_leaves_all_or_nothing() {
        let before = Some(Cursor { time: 999, tie: 0xffff });
        assert_eq!(bounds(SINCE, Span::ALL, Order::NewestFirst, before).1, -1);
        assert_eq!(bounds(SINCE, Span::ALL, Order::OldestFirst, before).0, 0);
        let beyond = Some(Cursor { time: u64::MAX, tie: 0xffff });
        assert_eq!(bounds(SINCE, Span::ALL, Order::NewestFirst, beyond).1, i64::MAX);
        assert_eq!(bounds(SINCE, Span::ALL, Order::OldestFirst, beyond).0, i64::MAX);
    }

    #[test]
    fn a_span_is_a_range_of_ids() {
        let span = Span { since: 1_002, until: 1_005 };
        assert_eq!(bounds(SINCE, span, Order::NewestFirst, None), (2 << 16, 5 << 16));
        assert_eq!(bounds(SINCE, Span { since: 0, until: 999 }, Order::NewestFirst, None), (0, 0));
    }
}
