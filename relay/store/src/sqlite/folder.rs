//! The folder of a store: names, sizes and fates of its files.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// What SQLite puts behind the name of a file for its companions, the file itself first.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

/// Bytes that are set aside for a full disk: to open a store takes a little room for each file that
/// is written to, and to remove what is old takes some in the catalog.
const RESERVE: usize = 1 << 20;

/// A folder with the files of a store.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`.
    pub(super) fn new(path: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(|source| io_error("find the store", path, source))?;
        Ok(Self { path })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it if it is not there, for its owner only: flows tell who talks to whom.
    pub(super) fn make(&self) -> Result<(), StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|source| io_error("make the store", &self.path, source))
    }

    /// Takes the right to write here; it ends when the file is closed, also by the end of the process.
    pub(super) fn lock(&self) -> Result<File, StoreError> {
        let path = self.path.join("lock");
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(|source| io_error("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: self.path.display().to_string() }),
            Err(TryLockError::Error(source)) => Err(io_error("lock", &path, source)),
        }
    }

    /// Sets room aside, if it is not and there is some.
    pub(super) fn keep_reserve(&self) {
        let path = self.path.join("reserve");
        if !path.exists() && fs::write(&path, vec![0; RESERVE]).is_err() {
            self.give_reserve();
        }
    }

    /// Makes room of what was set aside; no: there was nothing.
    pub(super) fn give_reserve(&self) -> bool {
        fs::remove_file(self.path.join("reserve")).is_ok()
    }

    /// The catalog.
    pub(super) fn catalog(&self) -> PathBuf {
        self.path.join("catalog.db")
    }

    /// The file of a segment.
    pub(super) fn segment(&self, id: i64) -> PathBuf {
        self.path.join(format!("segment-{id}.db"))
    }

    /// Ids of the segments that have a file.
    pub(super) fn segments(&self) -> Result<Vec<i64>, StoreError> {
        let id = |name: &str| name.strip_prefix("segment-")?.strip_suffix(".db")?.parse().ok();
        Ok(self.names()?.iter().filter_map(|name| id(name.to_str()?)).collect())
    }

    fn names(&self) -> Result<Vec<OsString>, StoreError> {
        let read = || fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>();
        read().map_err(|source| io_error("read the store", &self.path, source))
    }

    /// Makes it survive the machine which files there are.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let synced = File::open(&self.path).and_then(|folder| folder.sync_all());
        synced.map_err(|source| io_error("sync", &self.path, source))
    }
}

/// Bytes on disk of a database with its companions; 0 if there is none.
pub(super) fn size(path: &Path) -> u64 {
    COMPANIONS.iter().filter_map(|suffix| Some(fs::metadata(behind(path, suffix)).ok()?.len())).sum()
}

/// Removes a database and its companions. What is not there is removed already.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in COMPANIONS {
        let path = behind(path, suffix);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &path, source)),
            _ => {}
        }
    }
    Ok(())
}

/// Gives a damaged database another name, under which SQLite finds its companions too; the name.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let aside = behind(path, ".broken");
    for suffix in COMPANIONS {
        let from = behind(path, suffix);
        match fs::rename(&from, behind(&aside, suffix)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("set aside", &from, source));
            }
            _ => {}
        }
    }
    Ok(aside)
}

/// Makes what was committed to a database survive the machine. Touches the log only: to open and
/// close the database itself would end the locks that SQLite holds on it in this process.
pub(super) async fn sync(path: &Path) -> Result<(), StoreError> {
    let path = behind(path, "-wal");
    match tokio::fs::File::open(&path).await {
        // There is no log: all is in the database, synced.
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error("open", &path, source)),
        Ok(file) => file.sync_data().await.map_err(|source| io_error("sync", &path, source)),
    }
}

fn behind(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// A failure at a path.
pub(super) fn io_error(what: &str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { what: format!("{what} {}", path.display()), source }
}
