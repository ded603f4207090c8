//! Where maps and links stay when the process goes: `<bpffs-dir>/<layout>/{maps,links}`.
//!
//! aya opens whatever is pinned at a path and does not compare its shape, and a shape that
//! differs is unsound. So the directory's name carries the layout number and a digest of every
//! map's definition, and what is found inside is compared once more before the programs load.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use aya::maps::MapData;
use nix::{
    fcntl::{Flock, FlockArg},
    mount::{MsFlags, mount},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};
use tidegate_ebpf_abi::LAYOUT;

/// Maps that outlive the process. Scratch maps do not.
const PINNED: [&str; 13] = [
    "CONFIG",
    "ENDPOINTS",
    "INSIDE",
    "RULES",
    "NODES",
    "LOCATIONS",
    "OWNERS",
    "CONNECTIONS",
    "FLOWS",
    "REVERSE",
    "EVENTS",
    "DNS",
    "COUNTERS",
];

/// How the directory of a layout begins.
const PREFIX: &str = "layout-";

/// The pin directories of one collector.
#[derive(Debug)]
pub struct Pins {
    root: PathBuf,
    layout: String,
    /// Held as long as this process uses what is pinned.
    _lock: Flock<fs::File>,
}

impl Pins {
    /// Opens the directories for the maps of `object`, mounts a BPF file system where none is,
    /// and checks the shape of every map that is already pinned.
    pub fn open(root: &Path, object: &[u8], rules: u32) -> anyhow::Result<Self> {
        // Below /sys/fs/bpf no folder can be made before something is mounted there.
        if fs::create_dir_all(root).is_err() || !is_bpffs(root)? {
            mount_for(root)?;
            fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
        }
        let lock = lock(root)?;
        let shapes = shapes(object, rules)?;
        let pins =
            Self { _lock: lock, root: root.to_owned(), layout: format!("{PREFIX}{LAYOUT}-{:08x}", digest(&shapes)) };
        for folder in ["maps", "links"] {
            let path = pins.directory().join(folder);
            fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        for shape in &shapes {
            shape.check(&pins.directory().join("maps").join(&shape.name))?;
        }
        Ok(pins)
    }

    /// Name and path of every pinned map.
    pub fn maps(&self) -> impl Iterator<Item = (&'static str, PathBuf)> + '_ {
        PINNED.into_iter().map(|name| (name, self.directory().join("maps").join(name)))
    }

    /// Path of a link. Device names may hold dots, which bpffs refuses; indexes do not.
    pub fn link(&self, ifindex: u32, program: &str) -> PathBuf {
        self.directory().join("links").join(format!("{ifindex}-{program}"))
    }

    /// Unpins the links of the devices that `gone` names.
    pub fn remove_links(&self, gone: &dyn Fn(u32) -> bool) {
        for entry in entries(&self.directory().join("links")) {
            let ifindex = entry.file_name().and_then(|name| name.to_str()?.split('-').next()?.parse().ok());
            if ifindex.is_some_and(gone) {
                remove(&entry);
            }
        }
    }

    /// Removes the directories of all other layouts; their programs detach.
    pub fn remove_other_layouts(&self) {
        for other in layouts(&self.root).filter(|layout| *layout != self.directory()) {
            tracing::warn!(layout = %other.display(), "removing the probes of another layout");
            remove_layout(&other);
        }
    }

    fn directory(&self) -> PathBuf {
        self.root.join(&self.layout)
    }
}

/// Removes every layout in `root`, and `root` itself if nothing of others is in it.
///
/// # Errors
/// When a collector uses them.
pub fn remove_all(root: &Path) -> anyhow::Result<()> {
    let _alone = lock(root)?;
    for layout in layouts(root) {
        remove_layout(&layout);
    }
    let _ = fs::remove_dir(root);
    Ok(())
}

/// The directories in `root` that are ours by name; whatever else is there belongs to others.
fn layouts(root: &Path) -> impl Iterator<Item = PathBuf> {
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    entries(root).into_iter().filter(move |path| path.is_dir() && ours(path))
}

/// Removes one layout; links first, so that no program runs on without its tables.
fn remove_layout(directory: &Path) {
    for folder in ["links", "maps"] {
        for entry in entries(&directory.join(folder)) {
            remove(&entry);
        }
        let _ = fs::remove_dir(directory.join(folder));
    }
    let _ = fs::remove_dir(directory);
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "cannot unpin");
    }
}

/// Two collectors on one set of pins would read one ring twice and undo each other's links.
fn lock(root: &Path) -> anyhow::Result<Flock<fs::File>> {
    let folder = fs::File::open(root).with_context(|| format!("cannot open {}", root.display()))?;
    Flock::lock(folder, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
        anyhow::anyhow!(
            "{} is locked ({error}): another collector uses it; stop that one, or set another bpffs-dir",
            root.display()
        )
    })
}

fn is_bpffs(path: &Path) -> anyhow::Result<bool> {
    let stat = statfs(path).with_context(|| format!("cannot ask for the file system of {}", path.display()))?;
    Ok(stat.filesystem_type() == BPF_FS_MAGIC)
}

/// Mounts a BPF file system at the usual place if `path` lies below it, else on `path` itself.
fn mount_for(path: &Path) -> anyhow::Result<()> {
    let usual = Path::new("/sys/fs/bpf");
    let at = if path.starts_with(usual) { usual } else { path };
    fs::create_dir_all(at).with_context(|| format!("cannot make {}", at.display()))?;
    mount(Some("bpf"), at, Some("bpf"), MsFlags::empty(), None::<&str>)
        .with_context(|| format!("cannot mount a BPF file system at {} (mount one, or set bpffs-dir)", at.display()))?;
    tracing::info!(path = %at.display(), "mounted a BPF file system");
    Ok(())
}

/// What must be the same for a pinned map to be ours.
#[derive(Debug)]
struct Shape {
    name: String,
    map_type: u32,
    key: u32,
    value: u32,
    entries: u32,
    flags: u32,
}

impl Shape {
    fn check(&self, path: &Path) -> anyhow::Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let info = MapData::from_pin(path)
            .and_then(|map| map.info())
            .with_context(|| format!("cannot open the pinned map {}", path.display()))?;
        let same = info.map_type()? as u32 == self.map_type
            && info.key_size() == self.key
            && info.value_size() == self.value
            && info.max_entries() == self.entries
            && info.map_flags() == self.flags;
        ensure!(
            same,
            "the pinned map {} has another shape than this program's: run `tidegate cleanup`, which stops egress until the next start",
            path.display()
        );
        Ok(())
    }
}

fn shapes(object: &[u8], rules: u32) -> anyhow::Result<Vec<Shape>> {
    let object = aya_obj::Object::parse(object).context("the embedded probes cannot be read")?;
    let mut shapes: Vec<_> = object
        .maps
        .iter()
        .filter(|(name, _)| PINNED.contains(&name.as_str()))
        .map(|(name, map)| Shape {
            name: name.clone(),
            map_type: map.map_type(),
            key: map.key_size(),
            value: map.value_size(),
            entries: if name == "RULES" { rules } else { map.max_entries() },
            flags: map.map_flags(),
        })
        .collect();
    shapes.sort_by(|a, b| a.name.cmp(&b.name));
    ensure!(shapes.len() == PINNED.len(), "the embedded probes lack a map: rebuild them with ebpf/build.sh");
    Ok(shapes)
}

/// FNV-1a over the definitions: any difference of shape gives another directory.
fn digest(shapes: &[Shape]) -> u32 {
    let text: String = shapes
        .iter()
        .map(|s| format!("{}:{}:{}:{}:{}:{};", s.name, s.map_type, s.key, s.value, s.entries, s.flags))
        .collect();
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_bound_of_the_policy_map_is_another_layout() {
        let few = digest(&shapes(super::super::OBJECT, 100).unwrap());
        let many = digest(&shapes(super::super::OBJECT, 200).unwrap());
        assert_ne!(few, many);
        assert_eq!(few, digest(&shapes(super::super::OBJECT, 100).unwrap()));
    }
}
