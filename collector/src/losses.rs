//! What was lost between kernel and collector: the pinned counters, told once each.
//!
//! What has been told is kept in the state directory, so that a new collector tells exactly what
//! the old one did not.

use std::{collections::BTreeMap, fs, path::PathBuf};

use tidegate_ebpf_abi::counter;

use crate::{
    clock,
    history::{Entry, Lost, LostPlace},
    kernel::Tables,
};

/// Counters that are losses.
const LOSSES: [u32; 2] = [counter::EVENTS_LOST, counter::DNS_LOST];

/// Differences of the loss counters since they were last told.
#[derive(Debug)]
pub struct Losses {
    file: PathBuf,
    /// (counter, cpu) -> value told.
    told: BTreeMap<(u32, usize), u64>,
    since: u64,
}

impl Losses {
    /// Goes on where the file says; without it, from 0.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let told = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace().map(str::parse::<u64>);
                let (index, cpu, value) = (words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?);
                Some(((u32::try_from(index).ok()?, usize::try_from(cpu).ok()?), value))
            })
            .collect();
        Self { file, told, since: clock::wall() }
    }

    /// What was lost since the last call.
    pub fn take(&mut self, tables: &Tables) -> anyhow::Result<Vec<Entry>> {
        let values = |index: &u32| Ok((*index, tables.counter(*index)?));
        let read = LOSSES.iter().map(values).collect::<anyhow::Result<Vec<_>>>()?;
        let now = clock::wall();
        let mut entries = Vec::new();
        for (index, per_cpu) in read {
            for (cpu, value) in per_cpu.into_iter().enumerate() {
                let told = self.told.insert((index, cpu), value).unwrap_or(0);
                // A smaller value means fresh counters: everything in them is new.
                let count = if value >= told { value - told } else { value };
                if count > 0 {
                    let cpu = u32::try_from(cpu).ok();
                    let lost = Lost { place: LostPlace::KernelRing, count, cpu, between: (self.since, now) };
                    entries.push(Entry::Lost(lost));
                }
            }
        }
        self.since = now;
        if !entries.is_empty() {
            self.save();
        }
        Ok(entries)
    }

    fn save(&self) {
        let lines = self.told.iter().map(|((index, cpu), value)| format!("{index} {cpu} {value}\n"));
        if let Err(error) = fs::write(&self.file, lines.collect::<String>()) {
            tracing::warn!(file = %self.file.display(), %error, "cannot remember which losses were told");
        }
    }
}
