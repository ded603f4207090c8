//! How long the buckets of a histogram are.

use crate::Span;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Lengths from a second to a day. Each divides the next, so that answers about parts of a span,
/// which may have shorter buckets, can be added up.
const LENGTHS: [u64; 13] = [
    SECOND,
    5 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];

/// All lengths: below a second 1 and 5 of each decimal place, above a day twice as much each time.
fn lengths() -> impl Iterator<Item = u64> {
    let short = (0..9).flat_map(|place| [10_u64.pow(place), 5 * 10_u64.pow(place)]);
    let long = std::iter::successors(Some(2 * DAY), |length| length.checked_mul(2));
    short.chain(LENGTHS).chain(long)
}

/// The shortest length with which at most `buckets` buckets, which is not 0, cover the span, and
/// where the first one begins: at a whole multiple of the length since the Unix epoch.
pub(super) fn choose(span: Span, buckets: u32) -> (u64, u64) {
    let fits = |length: &u64| count(span, *length) <= u64::from(buckets);
    let length = lengths().find(fits).unwrap_or(u64::MAX);
    (length, span.since / length * length)
}

/// How many buckets of this length cover the span.
pub(super) fn count(span: Span, length: u64) -> u64 {
    (span.until - 1) / length - span.since / length + 1
}

/// The span in whole minutes.
pub(super) fn whole_minutes(span: Span) -> Span {
    let since = span.since / MINUTE * MINUTE;
    Span { since, until: span.until.div_ceil(MINUTE).saturating_mul(MINUTE) }
}

/// Whether a length is of whole minutes.
pub(super) fn is_whole_minutes(length: u64) -> bool {
    length.is_multiple_of(MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_divides_the_next() {
        let lengths: Vec<_> = lengths().collect();
        for pair in lengths.windows(2) {
            assert!(pair[0] < pair[1] && pair[1].is_multiple_of(pair[0]), "{pair:?}");
        }
        assert_eq!(lengths[0], 1);
    }

    #[test]
    fn the_buckets_are_as_many_as_asked_for_or_fewer() {
        for (since, until, buckets, length) in [
            (0, HOUR, 60, MINUTE),
            (0, HOUR, 59, 5 * MINUTE),
            (1, HOUR + 1, 60, 5 * MINUTE),
            (0, DAY, 96, 15 * MINUTE),
            (7, 8, 1, 1),
            (0, 1, 1_000, 1),
            (999, 1_001, 1, 5_000),
        ] {
            let span = Span { since, until };
            let (chosen, first) = choose(span, buckets);
            assert_eq!(chosen, length, "{span:?} {buckets}");
            assert!(first <= since && since - first < length && count(span, length) <= u64::from(buckets));
        }
    }

    #[test]
    fn all_of_time_is_a_span_like_others() {
        for buckets in [1, 2, 1_000] {
            let (length, first) = choose(Span::ALL, buckets);
            assert_eq!(first, 0);
            assert!(count(Span::ALL, length) <= u64::from(buckets));
        }
        let (length, first) = choose(Span { since: u64::MAX - 9, until: u64::MAX }, 1);
        assert!(length > 9 && first > 0);
    }

    #[test]
    fn whole_minutes_are_around_the_span() {
        let minutes = |since, until| whole_minutes(Span { since, until });
        assert_eq!(minutes(MINUTE, 2 * MINUTE), Span { since: MINUTE, until: 2 * MINUTE });
        assert_eq!(minutes(MINUTE + 1, 2 * MINUTE + 1), Span { since: MINUTE, until: 3 * MINUTE });
    }
}
