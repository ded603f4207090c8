//! Takes a world down from what the machine shows, so that it works after any death.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;

use crate::netns::Netns;
use crate::process::{self, ProcessId, wait_until};
use crate::rundir::{BASE, Lock, RunDir, worlds};

const POLITE: Duration = Duration::from_secs(10);
const FINAL: Duration = Duration::from_secs(10);

/// Ends a world's processes and removes its namespaces, mount and folder. Safe to repeat; the
/// caller holds the world's lock.
pub(crate) fn tear_down(world: &str) -> Result<()> {
    let dir = RunDir::of(world);
    end_roles(&dir)?;
    let namespaces = Netns::list(&format!("{world}-"))?;
    end_strays(&namespaces)?;
    for netns in &namespaces {
        netns.delete()?;
    }
    unmount(&dir.bpffs())?;
    match fs::remove_dir_all(dir.root()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.root().display()))
        }
        _ => Ok(()),
    }
}

/// Takes down every world whose owner died without doing so. Errors leave it to the next one.
pub(crate) fn sweep() {
    for world in worlds() {
        // A lock that cannot be had belongs to somebody alive.
        let Ok(Some(lock)) = Lock::try_take(&world) else {
            continue;
        };
        let stays = RunDir::of(&world).read_state().is_ok_and(|state| state.owner.is_none());
        if !stays && let Err(error) = tear_down(&world) {
            tracing::warn!("lab world {world} was left behind and does not go: {error:#}");
        }
        drop(lock.release());
    }
}

/// Whether any recorded process of the world is alive.
pub(crate) fn has_running_role(dir: &RunDir) -> bool {
    pid_files(dir).iter().any(|file| ProcessId::recorded(file).is_some())
}

/// Removes the folders above the worlds when nothing is left in them.
pub(crate) fn remove_empty_folders() {
    let base = Path::new(BASE);
    for folder in [Some(base), base.parent()].into_iter().flatten() {
        // Not empty, or gone already: both are as they should be.
        drop(fs::remove_dir(folder));
    }
}

fn end_roles(dir: &RunDir) -> Result<()> {
    let roles: Vec<_> = pid_files(dir).iter().filter_map(|file| ProcessId::recorded(file)).collect();
    for role in &roles {
        role.signal(Signal::SIGTERM)?;
    }
    let all_gone = || roles.iter().all(|role| !role.is_alive());
    if wait_until("the end of the world's processes", POLITE, all_gone).is_ok() {
        return Ok(());
    }
    for role in &roles {
        role.signal(Signal::SIGKILL)?;
    }
    wait_until("the end of the world's processes after SIGKILL", FINAL, all_gone)
}

/// Whatever was started in the world's namespaces would keep them alive.
fn end_strays(namespaces: &[Netns]) -> Result<()> {
    let inodes: Vec<_> = namespaces.iter().filter_map(|netns| netns.inode().ok()).collect();
    // A name whose mount is gone is a plain file, and its inode is nobody's namespace.
    let own = ProcessId::own()?;
    let strays = || process::inside(&inodes).into_iter().filter(|id| *id != own).collect::<Vec<_>>();
    for stray in strays() {
        stray.signal(Signal::SIGKILL)?;
    }
    wait_until("the end of processes in the world's namespaces", FINAL, || strays().is_empty())
}

fn unmount(path: &Path) -> Result<()> {
    // More than one when a mount was repeated by hand; the bound ends a surprise.
    for _ in 0..8 {
        match umount2(path, MntFlags::MNT_DETACH) {
            Ok(()) => {}
            Err(nix::errno::Errno::EINVAL | nix::errno::Errno::ENOENT) => return Ok(()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot unmount {}", path.display()));
            }
        }
    }
    Ok(())
}

/// Every pid record of the world, whether or not its plan can still be read.
fn pid_files(dir: &RunDir) -> Vec<PathBuf> {
    let mut folders = vec![dir.root().to_owned()];
    if let Ok(nodes) = fs::read_dir(dir.file("nodes")) {
        folders.extend(nodes.filter_map(Result::ok).map(|node| node.path()));
    }
    folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pid"))
        .collect()
}
