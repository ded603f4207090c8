//! The schema of the files: `migrations/`, built in.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::LazyLock;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqliteConnection};

use super::catalog;
use crate::StoreError;

/// `catalog.db`
pub(super) static CATALOG: LazyLock<Migrator> =
    LazyLock::new(|| migrator(&[("catalog", include_str!("../../../../migrations/sqlite-catalog/0001_catalog.sql"))]));

/// `segment-<id>.db`
pub(super) static SEGMENT: LazyLock<Migrator> = LazyLock::new(|| {
    migrator(&[
        ("flows", include_str!("../../../../migrations/sqlite-segment/0001_flows.sql")),
        ("blocks", include_str!("../../../../migrations/sqlite-segment/0002_blocks.sql")),
    ])
});

fn migrator(steps: &[(&'static str, &'static str)]) -> Migrator {
    let step = |(version, (name, sql)): (i64, &(&'static str, &'static str))| {
        Migration::new(version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations((1..).zip(steps).map(step).collect())
}

/// The newest version of a schema.
pub(super) fn version(schema: &Migrator) -> i64 {
    schema.iter().map(|step| step.version).max().unwrap_or_default()
}

/// Brings the file that `connection` has open to the newest schema.
pub(super) async fn apply(schema: &Migrator, connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    // Not `run`: the compiler cannot tell that its future may change threads.
    schema.run_direct(None, connection, false).await.map_err(|error| failed(error, path))
}

/// Whether the file that `connection` has open, of a store that another process may have open too,
/// has the newest schema.
pub(super) async fn check(schema: &Migrator, connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let applied = connection.list_applied_migrations(&schema.table_name).await.map_err(|error| failed(error, path))?;
    match applied.iter().map(|step| step.version).max().unwrap_or(0).cmp(&version(schema)) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::Newer { path: path.display().to_string() }),
        Ordering::Less => Err(StoreError::Invalid(format!(
            "{} was made by an older version of Tidegate; start the relay of this version on it first",
            path.display()
        ))),
    }
}

fn failed(error: MigrateError, path: &Path) -> StoreError {
    let source = match error {
        MigrateError::VersionMissing(_) => return StoreError::Newer { path: path.display().to_string() },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
        error => sqlx::Error::Migrate(Box::new(error)),
    };
    catalog::failed(path, "prepare", source)
}
