//! What the kernel says about time and memory that were used.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Ticks of `/proc/stat` per second: USER_HZ, which is 100 on every architecture that we run on.
const USER_HZ: f64 = 100.0;

/// CPU time of the whole machine since boot: user, system and interrupts, not idle and not
/// stolen.
///
/// # Errors
/// When `/proc/stat` is not as documented.
pub(crate) fn of_machine() -> Result<Duration> {
    let ticks = ticks(&fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?)?;
    Ok(Duration::from_secs_f64(ticks as f64 / USER_HZ))
}

/// CPU time of a process, all its threads, to the nanosecond.
///
/// # Errors
/// When there is no such process.
pub(crate) fn of_process(pid: i32) -> Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid));
    read(clock.with_context(|| format!("process {pid} has no CPU clock; has it ended?"))?)
}

/// CPU time of the calling thread.
///
/// # Errors
/// Never on Linux.
pub(crate) fn of_thread() -> Result<Duration> {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// The most memory that a process held at once, in bytes (resident).
///
/// # Errors
/// When there is no such process.
pub(crate) fn peak_memory(pid: i32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    bytes(&text, "VmHWM:").with_context(|| format!("{path} has no VmHWM"))
}

/// The memory that this process holds, in bytes (resident).
///
/// # Errors
/// When `/proc` is not as documented.
pub(crate) fn memory() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    bytes(&text, "VmRSS:").context("/proc/self/status has no VmRSS")
}

/// From now on [`peak_memory`] of this process is what it holds from now on.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn forget_peak() -> Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("cannot write /proc/self/clear_refs")
}

/// Kernel, CPUs and load, for the head of the output: figures mean little without them.
///
/// # Errors
/// When `/proc` is not there.
pub(crate) fn surroundings() -> Result<String> {
    let text = |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let model = text("/proc/cpuinfo")?;
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    Ok(format!(
        "{cpus} CPUs ({}), Linux {}, load {} before the run",
        model.trim_start_matches([' ', '\t', ':']),
        text("/proc/sys/kernel/osrelease")?.trim(),
        text("/proc/loadavg")?.split(' ').next().unwrap_or_default(),
    ))
}

fn read(clock: ClockId) -> Result<Duration> {
    Ok(clock_gettime(clock).context("cannot read a CPU clock")?.into())
}

/// user, nice, system, irq and softirq of the line `cpu`, in ticks.
fn ticks(stat: &str) -> Result<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).context("/proc/stat has no line cpu")?;
    let fields: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = fields[..] else {
        anyhow::bail!("line cpu of /proc/stat has only {} numbers", fields.len());
    };
    Ok(user + nice + system + irq + softirq)
}

/// A line of `/proc/<pid>/status`, which is in kilobytes.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_waiting_and_stolen_time_is_not_used_time() {
        let stat = "cpu  100 20 30 9999 888 4 5 777 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(ticks(stat).unwrap(), 159);
        assert!(ticks("cpu  1 2 3\n").is_err());
    }

    #[test]
    fn the_high_water_mark_is_in_bytes() {
        assert_eq!(bytes("Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n", "VmHWM:"), Some(2048 * 1024));
        assert_eq!(bytes("VmRSS:\t 1 kB\n", "VmHWM:"), None);
    }

    #[test]
    fn a_process_that_works_uses_cpu_time() {
        let pid = nix::unistd::getpid().as_raw();
        let before = (of_process(pid).unwrap(), of_thread().unwrap());
        let mut sum = 0_u64;
        while of_thread().unwrap() < before.1 + Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(of_process(pid).unwrap() >= before.0 + Duration::from_millis(2));
    }
}
