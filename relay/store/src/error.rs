//! What can go wrong, with the next step.

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no engine that exists.
    #[error("invalid store {url:?}: {reason}")]
    Url {
        /// As given, without secrets.
        url: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Another process writes here.
    #[error("the store {path} is in use by another process; stop it, or give this one a store of its own")]
    InUse {
        /// The folder.
        path: String,
    },
    /// A newer program made it.
    #[error("the store {path} was made by a newer version of Tidegate; use that version or another store")]
    Newer {
        /// The folder or file.
        path: String,
    },
    /// A file or folder cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("{what}: {source}")]
    Database {
        /// What was tried.
        what: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// A cursor or span that this store cannot have given out.
    #[error("{0}")]
    Invalid(String),
}

impl StoreError {
    /// Whether there is no room on the disk.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull)
    }
}
