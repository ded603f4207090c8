//! Rows on their way into a table, many to a statement: a statement per row costs three times as
//! much.

use std::sync::Arc;

use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Arguments, AssertSqlSafe, Encode, SqliteConnection, Type};

/// Rows of a statement. A row has at most 21 columns, SQLite takes 32,766 values.
const ROWS: usize = 100;

/// Rows for one table.
#[derive(Debug)]
pub(super) struct Insert {
    /// `INSERT INTO table(columns) VALUES`
    head: &'static str,
    columns: usize,
    /// The statement for [`ROWS`] rows.
    full: Arc<str>,
    /// Of statements, all but the last one full.
    statements: Vec<(usize, SqliteArguments)>,
}

/// The values of a row.
pub(super) struct Cells<'a>(&'a mut SqliteArguments);

impl Cells<'_> {
    /// Adds the next one.
    pub(super) fn add<'v>(&mut self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) -> &mut Self {
        self.0.add(value).expect("numbers, texts and bytes can always be bound");
        self
    }
}

impl Insert {
    /// For the table and columns that `head` names.
    pub(super) fn new(head: &'static str) -> Self {
        let columns = head.matches(',').count() + 1;
        Self { head, columns, full: statement(head, columns, ROWS).into(), statements: Vec::new() }
    }

    /// Begins a row; all its columns are to be added.
    pub(super) fn row(&mut self) -> Cells<'_> {
        if self.statements.last().is_none_or(|(rows, _)| *rows == ROWS) {
            let mut arguments = SqliteArguments::default();
            arguments.reserve(ROWS * self.columns, 0);
            self.statements.push((0, arguments));
        }
        let (rows, arguments) = self.statements.last_mut().expect("one was just made sure of");
        *rows += 1;
        Cells(arguments)
    }

    /// Inserts the rows.
    pub(super) async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        for (rows, arguments) in self.statements.drain(..) {
            let full = rows == ROWS;
            let text = if full { self.full.clone() } else { statement(self.head, self.columns, rows).into() };
            sqlx::query_with(AssertSqlSafe(text), arguments).persistent(full).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

fn statement(head: &str, columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    format!("{head} {}", vec![row; rows].join(","))
}
