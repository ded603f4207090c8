//! Everything that touches aya: the probes, their maps, their rings, their pins. The rest of
//! the collector sees typed handles and never a map by name.
//!
//! Order of use: [`Probes::load`] opens or adopts what is pinned, [`Probes::attach`] puts the
//! programs on devices, [`Tables`] writes intent, [`rings`] and [`Connections`] read what happened.

mod connections;
mod pins;
mod raw;
pub mod rings;
mod tables;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use anyhow::{Context, bail};
use aya::{
    Ebpf, EbpfLoader,
    maps::Map,
    programs::{
        LinkOrder, SchedClassifier, TcAttachType,
        links::{FdLink, LinkError, PinnedLink},
        tc::{SchedClassifierLink, TcAttachOptions},
    },
};

pub use connections::{Connection, Connections};
pub use pins::{Pins, remove_all};
pub use tables::{EgressState, Tables};

/// The probes, built by `ebpf/build.sh`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../ebpf/tidegate.bpf.o");

/// Where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// From an endpoint: ingress of the host side of its veth pair.
    PodFrom,
    /// To an endpoint: egress of that device.
    PodTo,
    /// Ingress of the overlay device.
    OverlayIn,
    /// Ingress of an uplink.
    UplinkIn,
    /// Egress of an uplink.
    UplinkOut,
    /// Ingress of the loopback device.
    LoopbackIn,
}

impl Hook {
    const ALL: [Self; 6] =
        [Self::PodFrom, Self::PodTo, Self::OverlayIn, Self::UplinkIn, Self::UplinkOut, Self::LoopbackIn];

    fn program(self) -> &'static str {
        match self {
            Self::PodFrom => "pod_from",
            Self::PodTo => "pod_to",
            Self::OverlayIn => "overlay_in",
            Self::UplinkIn => "uplink_in",
            Self::UplinkOut => "uplink_out",
            Self::LoopbackIn => "loopback_in",
        }
    }

    fn direction(self) -> TcAttachType {
        match self {
            Self::PodTo | Self::UplinkOut => TcAttachType::Egress,
            Self::PodFrom | Self::OverlayIn | Self::UplinkIn | Self::LoopbackIn => TcAttachType::Ingress,
        }
    }
}

/// The loaded programs and the links that this process holds.
pub struct Probes {
    ebpf: Ebpf,
    pins: Pins,
    /// By index and name: an index is used again when its device is gone.
    links: HashMap<(u32, String, Hook), SchedClassifierLink>,
}

/// What [`Probes::load`] gives: programs to attach, tables to write, rings to read.
pub struct Loaded {
    /// Programs and links.
    pub probes: Probes,
    /// Intent.
    pub tables: Tables,
    /// Live connections.
    pub connections: Connections,
    /// Events and DNS messages.
    pub rings: rings::Rings,
}

impl Probes {
    /// Loads the programs onto pinned maps, which are made where missing. `directory` is on a BPF
    /// file system and belongs to this collector alone; `rules` bounds the policy map.
    ///
    /// Every program is loaded before any link is touched: if the kernel refuses one, what an
    /// older collector attached goes on running.
    pub fn load(directory: &Path, rules: u32) -> anyhow::Result<Loaded> {
        let pins = Pins::open(directory, OBJECT, rules)?;
        let mut loader = EbpfLoader::new();
        loader.map_max_entries("RULES", rules);
        let paths: Vec<_> = pins.maps().collect();
        for (name, path) in &paths {
            loader.map_pin_path(name, path.as_path());
        }
        let mut ebpf =
            loader.load(OBJECT).context("the kernel refused the maps of the probes (6.6 or newer is needed)")?;
        for hook in Hook::ALL {
            let program = classifier(&mut ebpf, hook)?;
            program
                .load()
                .with_context(|| format!("the kernel refused the probe {} (6.6 or newer is needed)", hook.program()))?;
        }
        let tables = Tables::take(&mut ebpf)?;
        let connections = Connections::take(&mut ebpf)?;
        let rings = rings::Rings::take(&mut ebpf)?;
        let probes = Self { ebpf, pins, links: HashMap::new() };
        Ok(Loaded { probes, tables, connections, rings })
    }

    /// Puts a program on a device, or takes over the pinned link that already is there. The link
    /// is pinned: it outlives this process. Attaching twice is attaching once.
    pub fn attach(&mut self, ifindex: u32, device: &str, hook: Hook) -> anyhow::Result<()> {
        let place = (ifindex, device.to_owned(), hook);
        if self.links.contains_key(&place) {
            return Ok(());
        }
        let path = self.pins.link(ifindex, hook.program());
        let program = classifier(&mut self.ebpf, hook)?;
        let held = match adopt(program, &path)? {
            Some(link) => link,
            None => {
                let id = program
                    .attach_with_options(device, hook.direction(), TcAttachOptions::TcxOrder(LinkOrder::first()))
                    .with_context(|| format!("cannot attach {} to {device}", hook.program()))?;
                let link: FdLink = program.take_link(id)?.try_into()?;
                let pinned = link.pin(&path).with_context(|| format!("cannot pin {}", path.display()))?;
                SchedClassifierLink::try_from(FdLink::from(pinned))?
            }
        };
        self.links.insert(place, held);
        Ok(())
    }

    /// Forgets and unpins the links of devices that are gone.
    pub fn keep_only(&mut self, devices: &BTreeMap<u32, String>) {
        self.links.retain(|(ifindex, name, _), _| devices.get(ifindex) == Some(name));
        self.pins.remove_links(&|ifindex| !devices.contains_key(&ifindex));
    }

    /// Removes what collectors of other layouts left behind. To be called once our own links are
    /// in place: the old programs stop here. Translations they made are not carried over, their
    /// connections end; new ones are translated by the new tables.
    pub fn remove_other_layouts(&self) {
        self.pins.remove_other_layouts();
    }
}

/// The pinned link at `path`, with `program` put behind it. `None` if there is none, or if its
/// device is gone.
fn adopt(program: &mut SchedClassifier, path: &Path) -> anyhow::Result<Option<SchedClassifierLink>> {
    const ENOLINK: i32 = 67;
    let pinned = match PinnedLink::from_pin(path) {
        Ok(pinned) => pinned,
        Err(LinkError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("cannot open the pinned link {}", path.display())),
    };
    let old = SchedClassifierLink::try_from(FdLink::from(pinned))
        .with_context(|| format!("{} is no link of a TCX program: remove it", path.display()))?;
    match program.attach_to_link(old) {
        Ok(id) => Ok(Some(program.take_link(id)?)),
        Err(aya::programs::ProgramError::SyscallError(error)) if error.io_error.raw_os_error() == Some(ENOLINK) => {
            std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot take over the link {}", path.display())),
    }
}

fn classifier(ebpf: &mut Ebpf, hook: Hook) -> anyhow::Result<&mut SchedClassifier> {
    let program = ebpf.program_mut(hook.program()).with_context(|| format!("no program {}", hook.program()))?;
    Ok(program.try_into()?)
}

fn take(ebpf: &mut Ebpf, name: &str) -> anyhow::Result<Map> {
    match ebpf.take_map(name) {
        Some(map) => Ok(map),
        None => bail!("the probes have no map {name}: rebuild them with ebpf/build.sh"),
    }
}
