//! Child processes that outlive their starter, found again by recorded identity.
//!
//! A pid alone may be somebody else's by the time it is read back, so a record is the pid and
//! the start time of `/proc/<pid>/stat` (field 22, clock ticks since boot): together they name
//! one process for as long as the machine runs.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::netns::Netns;

/// One process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    pub pid: i32,
    /// Clock ticks since boot.
    pub start: u64,
}

impl ProcessId {
    /// The process that calls.
    pub fn own() -> Result<Self> {
        let pid = Pid::this().as_raw();
        Self::of(pid).with_context(|| format!("/proc does not show process {pid}"))
    }

    /// The process with this pid; `None` when there is none, or only its corpse.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command may hold spaces and brackets; the fields go on after the last one.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?;
        if matches!(state, "Z" | "X") {
            return None;
        }
        let start = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, start })
    }

    /// Reads a record; `None` when there is none or the process is gone.
    pub fn recorded(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let (pid, start) = text.trim().split_once(' ')?;
        let id = Self { pid: pid.parse().ok()?, start: start.parse().ok()? };
        id.is_alive().then_some(id)
    }

    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }

    /// Sends a signal, unless the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot send {signal} to process {}", self.pid)),
        }
    }
}

/// What to start.
#[derive(Debug)]
pub struct Launch<'a> {
    /// As people name it: `collector of worker`.
    pub what: &'a str,
    /// The namespace to start in; the caller's when absent.
    pub netns: Option<&'a Netns>,
    pub binary: &'a Path,
    pub args: Vec<String>,
    /// Appended to, both outputs.
    pub log: &'a Path,
    pub pid_file: &'a Path,
}

impl Launch<'_> {
    /// Starts the process in a group of its own (a Ctrl-C at the terminal is not for it) and
    /// records its identity.
    pub fn start(&self) -> Result<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log)
            .with_context(|| format!("cannot open {}", self.log.display()))?;
        let spawn = || self.spawn(log);
        let child = match self.netns {
            // A child inherits the namespace of the thread that starts it.
            Some(netns) => netns.run(spawn)?,
            None => spawn(),
        };
        let mut child =
            child.with_context(|| format!("cannot start the {} from {}", self.what, self.binary.display()))?;
        let pid = i32::try_from(child.id()).context("a pid is a positive int")?;
        // Gone already: the wait for readiness reports it with its log.
        let start = ProcessId::of(pid).map_or(0, |id| id.start);
        if let Err(error) = write_atomically(self.pid_file, format!("{pid} {start}\n").as_bytes()) {
            // An unrecorded process could not be found again.
            drop(child.kill());
            drop(child.wait());
            return Err(error);
        }
        Ok(child)
    }

    fn spawn(&self, log: File) -> io::Result<Child> {
        use std::os::unix::process::CommandExt as _;
        Command::new(self.binary)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
    }
}

/// Waits until `ready` is true; the condition is asked often, and at most `patience` long.
pub fn wait_until(what: &str, patience: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let end = Instant::now() + patience;
    while !ready() {
        if Instant::now() >= end {
            bail!("{what} did not happen within {} s", patience.as_secs());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The last lines of a log, for an error message.
pub fn log_tail(log: &Path) -> String {
    const LINES: usize = 15;
    let text = match fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("(no log at {}: {error})", log.display()),
    };
    if text.trim().is_empty() {
        return format!("({} is empty)", log.display());
    }
    let lines: Vec<_> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(LINES)..].join("\n  ");
    format!("last lines of {}:\n  {tail}", log.display())
}

/// Every process whose network namespace is one of `inodes`.
pub fn inside(inodes: &[u64]) -> Vec<ProcessId> {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|netns| inodes.contains(&netns.ino())))
        .filter_map(ProcessId::of)
        .collect()
}

/// Replaces a file in one step, so that a reader sees the old or the new text. The draft lies
/// beside the file under a name with a leading dot, which watchers of a folder pass over.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft: PathBuf = path.with_file_name(format!(".{name}.draft"));
    fs::write(&draft, bytes)
        .and_then(|()| fs::rename(&draft, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_this_process_and_no_later_one_with_its_pid() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        let recycled = ProcessId { start: own.start + 1, ..own };
        assert!(!recycled.is_alive());
        // Harmless, or this test would not end well.
        recycled.signal(Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_dead_child_that_nobody_reaped_counts_as_gone() {
        let mut child = Command::new("/bin/true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        wait_until("the child's end", Duration::from_secs(20), || ProcessId::of(pid).is_none()).unwrap();
        child.wait().unwrap();
    }
}
