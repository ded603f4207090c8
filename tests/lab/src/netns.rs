//! Named network namespaces, entered by a thread and never by the process.
//!
//! A namespace is a bind mount under `/run/netns`, so iproute2 sees it too. Only the network
//! namespace is changed: `ip netns exec` would also put a fresh sysfs in place and hide every
//! bpffs and cgroup mount below it.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{io, panic, thread};

use anyhow::{Context as _, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

/// Where namespaces have their names, as in iproute2.
const DIRECTORY: &str = "/run/netns";

/// A network namespace known by name. The value does not own it: see [`Netns::delete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Names a namespace, which may or may not exist.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// Makes an empty namespace with that name (needs root).
    pub fn create(name: impl Into<String>) -> Result<Self> {
        let netns = Self::named(name);
        fs::create_dir_all(DIRECTORY).with_context(|| format!("cannot create {DIRECTORY}"))?;
        let path = netns.path();
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(|| format!("cannot create network namespace {}", path.display()))?;
        let bound = on_thread(&netns.name, || -> nix::Result<()> {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let own = Path::new("/proc/thread-self/ns/net");
            mount(Some(own), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        })?;
        if let Err(error) = bound {
            // Best effort: the error below is what matters, and the next sweep takes the file.
            drop(fs::remove_file(&path));
            return Err(error).with_context(|| format!("cannot make network namespace {} (is this root?)", netns.name));
        }
        Ok(netns)
    }

    /// Every namespace whose name starts with `prefix`.
    pub fn list(prefix: &str) -> Result<Vec<Self>> {
        let entries = match fs::read_dir(DIRECTORY) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {DIRECTORY}")),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.with_context(|| format!("cannot read {DIRECTORY}"))?.file_name();
            if let Some(name) = name.to_str().filter(|name| name.starts_with(prefix)) {
                found.push(Self::named(name));
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }

    /// An open descriptor of the namespace.
    pub fn open(&self) -> Result<File> {
        File::open(self.path()).with_context(|| format!("network namespace {} does not exist", self.name))
    }

    /// The inode number that `/proc/<pid>/ns/net` of a process inside shows.
    pub fn inode(&self) -> Result<u64> {
        Ok(self.open()?.metadata()?.ino())
    }

    /// Runs `work` on a thread of its own inside the namespace.
    ///
    /// Sockets made there stay in the namespace, and so do children and threads started there.
    /// A panic of `work` goes on in the caller.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let file = self.open()?;
        on_thread(&self.name, move || {
            setns(&file, CloneFlags::CLONE_NEWNET)
                .with_context(|| format!("cannot enter network namespace {} (is this root?)", self.name))?;
            Ok(work())
        })?
    }

    /// Removes the name; the kernel ends the namespace when nothing else holds it. Absence is
    /// not an error.
    pub fn delete(&self) -> Result<()> {
        let path = self.path();
        if !path.exists() {
            return Ok(());
        }
        // A namespace whose creation was interrupted is a plain file: nothing to unmount.
        match umount2(&path, MntFlags::MNT_DETACH) {
            Ok(()) | Err(nix::errno::Errno::EINVAL) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot unmount {}", path.display()));
            }
        }
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
    }
}

/// Runs `work` to its end on a new thread and hands its panic on.
fn on_thread<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name(format!("netns {name}"))
            .spawn_scoped(scope, work)
            .context("cannot start a thread")?;
        match thread.join() {
            Ok(value) => Ok(value),
            Err(payload) => panic::resume_unwind(payload),
        }
    })
}
