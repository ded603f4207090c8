//! Both ends of a latency measure on one CPU.
//!
//! Left alone, the scheduler has them now on one CPU and now on two, and then most of an answer's
//! time is the waking of an idle CPU, which no way through a node has a part in.

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Keeps the calling thread on the first CPU that it may use.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn to_first_cpu() -> Result<()> {
    let own = Pid::from_raw(0);
    let allowed = sched_getaffinity(own).context("cannot read which CPUs a thread may use")?;
    let first = (0..CpuSet::count()).find(|&cpu| allowed.is_set(cpu).unwrap_or(false)).unwrap_or(0);
    let mut only = CpuSet::new();
    only.set(first).and_then(|()| sched_setaffinity(own, &only)).context("cannot keep a thread on one CPU")
}
