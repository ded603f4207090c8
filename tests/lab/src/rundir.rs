//! A world's folder `/run/tidegate/lab/<world>/`: where everything of it lies, and its lock.
//!
//! ```text
//! world.json            the plan, and who owns the world
//! config.yaml           settings for the program's own commands
//! manifests/            Kubernetes objects, watched by the collectors
//! nodes/<node>/         state/, collector.sock, collector.log, collector.pid
//! bpf/<node>/           on a bpffs of the world's own
//! flows/                the relay's store
//! relay.log relay.pid   ui.log ui.pid   outside.log outside.pid   kube-dns.log kube-dns.pid   traffic-<pod>.…
//! ca.pem                trust for the outside's HTTPS   resolv.conf   resolv-node.conf
//! ```

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::process::{ProcessId, write_atomically};
use crate::topology::{NodeSpec, Pod};

/// The folder of all worlds.
pub const BASE: &str = "/run/tidegate/lab";

/// What `world.json` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The process that the world ends with; absent for a world that stays.
    pub owner: Option<ProcessId>,
    /// The `tidegate` program that its roles run from.
    pub binary: Option<PathBuf>,
    /// Where the relay listens; the port is the bound one.
    pub relay: Option<std::net::SocketAddr>,
    /// Whether the relay stores flows.
    pub stores: bool,
    /// Where the dashboard listens; the port is the bound one.
    pub ui: Option<std::net::SocketAddr>,
    pub nodes: Vec<NodeSpec>,
    pub pods: Vec<Pod>,
}

/// The paths of one world.
#[derive(Clone, Debug)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    pub fn of(world: &str) -> Self {
        Self { root: Path::new(BASE).join(world) }
    }

    /// Makes the folder, readable by root alone: it holds a TLS key and control sockets.
    pub fn create(&self) -> Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .with_context(|| format!("cannot create {} (is this root?)", self.root.display()))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn manifests(&self) -> PathBuf {
        self.file("manifests")
    }

    /// The folder of the relay's store.
    pub fn store(&self) -> PathBuf {
        self.file("flows")
    }

    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The mount point of the world's bpffs.
    pub fn bpffs(&self) -> PathBuf {
        self.file("bpf")
    }

    pub fn bpffs_of(&self, node: &str) -> PathBuf {
        self.bpffs().join(node)
    }

    pub fn node(&self, node: &str) -> PathBuf {
        self.file("nodes").join(node)
    }

    pub fn collector_socket(&self, node: &str) -> PathBuf {
        self.node(node).join("collector.sock")
    }

    /// The files of a child process: (log, pid record).
    pub fn process_files(&self, role: &Role) -> (PathBuf, PathBuf) {
        let stem = match role {
            Role::Collector(node) => self.node(node).join("collector"),
            Role::Relay => self.file("relay"),
            Role::Ui => self.file("ui"),
            Role::Outside => self.file("outside"),
            Role::KubeDns => self.file("kube-dns"),
            Role::Traffic(pod) => self.file(&format!("traffic-{pod}")),
        };
        (stem.with_extension("log"), stem.with_extension("pid"))
    }

    pub fn read_state(&self) -> Result<State> {
        let path = self.file("world.json");
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    pub fn write_state(&self, state: &State) -> Result<()> {
        let text = serde_json::to_vec_pretty(state).context("cannot encode the world's state")?;
        write_atomically(&self.file("world.json"), &text)
    }
}

/// A child process of a world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The collector of this node.
    Collector(String),
    Relay,
    /// The dashboard.
    Ui,
    /// The servers of the outside network.
    Outside,
    KubeDns,
    /// The traffic of this pod.
    Traffic(String),
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Collector(node) => write!(f, "collector of {node}"),
            Self::Relay => f.write_str("relay"),
            Self::Ui => f.write_str("dashboard"),
            Self::Outside => f.write_str("outside servers"),
            Self::KubeDns => f.write_str("kube-dns"),
            Self::Traffic(pod) => write!(f, "traffic of {pod}"),
        }
    }
}

/// The right to make or remove a world. The kernel drops it with the process, so a lock that
/// can be taken belongs to nobody alive.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock; `None` when another process has it.
    pub fn try_take(world: &str) -> Result<Option<Self>> {
        fs::create_dir_all(BASE).with_context(|| format!("cannot create {BASE} (is this root?)"))?;
        let path = Path::new(BASE).join(format!(".{world}.lock"));
        // A holder removes the file when it ends, so the file locked may be one without a name.
        for _ in 0..100 {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => return Ok(None),
                Err(fs::TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
            let named = fs::metadata(&path).map(|meta| meta.ino()).ok();
            if named == Some(file.metadata()?.ino()) {
                return Ok(Some(Self { file, path }));
            }
        }
        Ok(None)
    }

    /// Gives the lock back and removes its file.
    pub fn release(self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        self.file.unlock()
    }
}

/// The worlds that have a folder.
pub fn worlds() -> Vec<String> {
    let Ok(entries) = fs::read_dir(BASE) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}
