//! Columns of text with three blanks between them, each as wide as its widest cell. The last
//! column is not padded.

/// Blanks between two columns.
const GAP: usize = 3;

/// A table in the making. Give it every row and take the text at the end, or take the text after
/// each row when rows come for ever: then columns only grow.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    widths: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

/// One cell: what is measured, and what is written in its place when it has colours.
#[derive(Debug)]
struct Cell {
    width: usize,
    text: String,
}

impl Grid {
    /// Adds a row of plain cells.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter().map(Into::into);
        let cells = cells.map(|text: String| (text.chars().count(), text));
        self.measured_row(cells);
    }

    /// Adds a row whose cells may hold invisible characters: each comes with its visible width.
    pub(crate) fn measured_row(&mut self, cells: impl IntoIterator<Item = (usize, String)>) {
        let row: Vec<Cell> = cells.into_iter().map(|(width, text)| Cell { width, text }).collect();
        self.widths.resize(self.widths.len().max(row.len()), 0);
        for (widest, cell) in self.widths.iter_mut().zip(&row) {
            *widest = cell.width.max(*widest);
        }
        self.rows.push(row);
    }

    /// The rows added since the last call, each ended by a line feed.
    pub(crate) fn take(&mut self) -> String {
        let mut out = String::new();
        for row in self.rows.drain(..) {
            let last = row.len().saturating_sub(1);
            for (index, cell) in row.into_iter().enumerate() {
                out.push_str(&cell.text);
                if index != last {
                    let blanks = self.widths[index] - cell.width + GAP;
                    out.extend(std::iter::repeat_n(' ', blanks));
                }
            }
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut grid = Grid::default();
        grid.row(["NAME", "STATUS", "TLS"]);
        grid.row(["gw-1", "Connected", "Disabled"]);
        assert_eq!(grid.take(), "NAME   STATUS      TLS\ngw-1   Connected   Disabled\n");
    }

    #[test]
    fn a_later_row_keeps_the_columns_of_the_earlier_ones() {
        let mut grid = Grid::default();
        grid.row(["control-plane", "x"]);
        assert_eq!(grid.take(), "control-plane   x\n");
        grid.row(["worker", "x"]);
        assert_eq!(grid.take(), "worker          x\n");
    }

    #[test]
    fn colours_do_not_count() {
        let mut grid = Grid::default();
        grid.measured_row([(2, "\x1b[1mab\x1b[0m".to_owned()), (1, "x".to_owned())]);
        grid.row(["abc", "y"]);
        assert_eq!(grid.take(), "\x1b[1mab\x1b[0m    x\nabc   y\n");
    }
}
