//! Medians, quartiles, and ratios within a round.
//!
//! Machines drift: a ratio of two medians mixes minutes that have nothing to do with each other.
//! So each round's value is divided by the same round's base, and the quartiles are those of
//! the ratios.

/// Median with the quartiles around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quartiles {
    /// A quarter of the values is below.
    pub(crate) low: f64,
    /// Half of them are.
    pub(crate) median: f64,
    /// A quarter of the values is above.
    pub(crate) high: f64,
}

impl Quartiles {
    /// Of one value or more; of none, not a number.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self { low: quantile(&sorted, 0.25), median: quantile(&sorted, 0.5), high: quantile(&sorted, 0.75) }
    }
}

/// The value below which the share `q` of the sorted values lies, between two of them by their
/// distance (Hyndman and Fan's seventh definition).
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q * last as f64;
    let (below, share) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * share
}

/// Each round's value over the same round's base.
pub(crate) fn within_rounds(values: &[f64], bases: &[f64]) -> Vec<f64> {
    values.iter().zip(bases).map(|(value, base)| value / base).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_five_values_are_values() {
        let quartiles = Quartiles::of(&[50.0, 10.0, 40.0, 20.0, 30.0]);
        assert_eq!(quartiles, Quartiles { low: 20.0, median: 30.0, high: 40.0 });
    }

    #[test]
    fn between_two_values_the_distance_decides() {
        assert_eq!(quantile(&[1.0, 2.0], 0.5), 1.5);
        assert_eq!(quantile(&[0.0, 10.0, 20.0, 30.0], 0.25), 7.5);
        assert_eq!(quantile(&[0.0, 10.0], 0.05), 0.5);
    }

    #[test]
    fn one_value_is_all_its_quartiles_and_none_is_no_number() {
        assert_eq!(Quartiles::of(&[7.0]), Quartiles { low: 7.0, median: 7.0, high: 7.0 });
        assert!(Quartiles::of(&[]).median.is_nan());
    }

    #[test]
    fn drift_between_rounds_does_not_touch_the_ratio() {
        let ratios = within_rounds(&[11.0, 110.0, 1.1], &[10.0, 100.0, 1.0]);
        let quartiles = Quartiles::of(&ratios);
        assert!((quartiles.low - 1.1).abs() < 1e-9 && (quartiles.high - 1.1).abs() < 1e-9);
    }
}
