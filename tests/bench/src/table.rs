//! Figures in columns.

use crate::ratio::Quartiles;

/// Rows of cells under a heading; the first column is flush left, the others are flush right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new<'a>(heads: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rows: vec![heads.into_iter().map(str::to_owned).collect()] }
    }

    /// Adds a row, as many cells as there are heads.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        for row in &self.rows {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(f, "{cell:<width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A ratio with its quartiles: `1.03 [1.01 1.06]`.
pub(crate) fn ratio(quartiles: Quartiles) -> String {
    let Quartiles { low, median, high } = quartiles;
    format!("{median:.2} [{low:.2} {high:.2}]")
}

/// A count with its quartiles, in thousands where it is large: `512 k [498 k 530 k]`.
pub(crate) fn counts(quartiles: Quartiles) -> String {
    let Quartiles { low, median, high } = quartiles;
    format!("{} [{} {}]", count(median), count(low), count(high))
}

/// A count to three places.
pub(crate) fn count(value: f64) -> String {
    match value {
        v if v >= 9_999_500.0 => format!("{:.1} M", v / 1e6),
        v if v >= 999_500.0 => format!("{:.2} M", v / 1e6),
        v if v >= 9_995.0 => format!("{:.0} k", v / 1e3),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["what", "a", "b"]);
        table.row(["rr p50".into(), "23.9 µs".into(), "1.00".into()]);
        assert_eq!(table.to_string(), "what          a     b\nrr p50  23.9 µs  1.00\n");
    }

    #[test]
    fn counts_have_a_unit_that_fits() {
        let texts = [17.2, 9_000.0, 51_230.0, 999_700.0, 2_345_000.0, 23_450_000.0].map(count);
        assert_eq!(texts, ["17", "9000", "51 k", "1.00 M", "2.35 M", "23.4 M"]);
    }
}
