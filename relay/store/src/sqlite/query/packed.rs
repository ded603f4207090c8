//! Numbers in as few bytes as the largest difference between them needs.

use std::ops::Range;

use crate::sqlite::row::broken;

/// The lowest number and the number of bytes of each.
const HEADER: usize = 9;

/// Packs numbers, see `block_column` in the segment's schema.
pub(super) fn pack(values: impl Iterator<Item = i64> + Clone) -> Vec<u8> {
    let (low, high) = values.clone().fold((i64::MAX, i64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let difference = |value: i64| value.wrapping_sub(low) as u64;
    let width = if high > low { 8 - difference(high).leading_zeros() as usize / 8 } else { 0 };
    let mut data = Vec::with_capacity(HEADER + values.size_hint().0 * width);
    data.extend(low.to_le_bytes());
    data.push(width as u8);
    for value in values {
        data.extend(&difference(value).to_le_bytes()[..width]);
    }
    data
}

/// What columns are unpacked to.
pub(super) trait Number: Clone {
    /// The number, or as much of it as there is room for.
    fn of(number: i64) -> Self;
}

impl Number for i64 {
    fn of(number: i64) -> Self {
        number
    }
}

impl Number for u32 {
    fn of(number: i64) -> Self {
        number as u32
    }
}

/// The numbers at `range` of the `count` that were packed.
///
/// # Errors
/// When these are not so many numbers.
pub(super) fn unpack<T: Number>(data: &[u8], count: usize, range: Range<usize>) -> Result<Vec<T>, sqlx::Error> {
    let (header, values) = data.split_at_checked(HEADER).ok_or_else(damaged)?;
    let (low, width) = header.split_at(8);
    let low = i64::from_le_bytes(low.try_into().expect("split at 8 bytes"));
    let width = usize::from(width[0]);
    let values = values.get(range.start * width..range.end * width);
    let values = values.filter(|_| data.len() == HEADER + count * width).ok_or_else(damaged)?;
    // The width is known inside of each loop, which makes them quick.
    Ok(match width {
        0 => vec![T::of(low); range.len()],
        1 => each::<1, T>(low, values),
        2 => each::<2, T>(low, values),
        3 => each::<3, T>(low, values),
        4 => each::<4, T>(low, values),
        5 => each::<5, T>(low, values),
        6 => each::<6, T>(low, values),
        7 => each::<7, T>(low, values),
        8 => each::<8, T>(low, values),
        _ => return Err(damaged()),
    })
}

fn each<const WIDTH: usize, T: Number>(low: i64, values: &[u8]) -> Vec<T> {
    let value = |bytes: &[u8; WIDTH]| {
        let mut word = [0; 8];
        word[..WIDTH].copy_from_slice(bytes);
        T::of(low.wrapping_add(i64::from_le_bytes(word)))
    };
    values.as_chunks::<WIDTH>().0.iter().map(value).collect()
}

fn damaged() -> sqlx::Error {
    broken("a column that is not what its block says")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_as_few_bytes_as_they_need() {
        for (values, width) in [
            (&[][..], 0),
            (&[7, 7, 7], 0),
            (&[0, 255], 1),
            (&[-1, 255], 2),
            (&[1 << 40, (1 << 40) + 70_000], 3),
            (&[0, 1 << 55], 7),
            (&[i64::MIN, 0, i64::MAX], 8),
        ] {
            let data = pack(values.iter().copied());
            assert_eq!(data.len(), HEADER + values.len() * width, "{values:?}");
            assert_eq!(unpack::<i64>(&data, values.len(), 0..values.len()).unwrap(), values);
        }
    }

    #[test]
    fn a_part_of_the_numbers_is_found_by_its_place() {
        let data = pack([10, 20, 3_000, 40].into_iter());
        assert_eq!(unpack::<u32>(&data, 4, 1..3).unwrap(), [20, 3_000]);
        assert_eq!(unpack::<u32>(&data, 4, 4..4).unwrap(), [0; 0]);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let data = pack([1, 300].into_iter());
        assert!(unpack::<i64>(&data, 3, 0..3).is_err());
        assert!(unpack::<i64>(&data[..data.len() - 1], 2, 0..1).is_err());
        assert!(unpack::<i64>(&data[..5], 0, 0..0).is_err());
        let mut wide = data;
        wide[8] = 9;
        assert!(unpack::<i64>(&wide, 2, 0..2).is_err());
    }
}
