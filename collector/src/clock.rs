//! From the kernel's monotonic time to the wall's, and nothing else that asks for the time.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`, the clock of the probes.
#[must_use]
pub fn monotonic() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Nanoseconds since the Unix epoch.
#[must_use]
pub fn wall() -> u64 {
    read(ClockId::CLOCK_REALTIME)
}

fn read(clock: ClockId) -> u64 {
    // Neither clock can be absent on Linux, nor before its epoch.
    clock_gettime(clock).map_or(0, |time| {
        u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0)
    })
}

/// The distance between the two clocks, taken anew at each drain because the wall clock is set.
#[derive(Clone, Copy, Debug)]
pub struct Offset(i128);

impl Offset {
    /// The distance now.
    #[must_use]
    pub fn now() -> Self {
        Self(i128::from(wall()) - i128::from(monotonic()))
    }

    /// Wall time of a monotonic time; 0 stays 0 ("never").
    #[must_use]
    pub fn wall(self, monotonic: u64) -> u64 {
        if monotonic == 0 {
            return 0;
        }
        u64::try_from(i128::from(monotonic) + self.0).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_stays_never_and_order_is_kept() {
        let offset = Offset::now();
        assert_eq!(offset.wall(0), 0);
        assert!(offset.wall(1_000_000_000) < offset.wall(2_000_000_000));
    }
}
