//! Indices of the per-CPU counter array `COUNTERS`. It is pinned, so that a new collector
//! knows what an old one never delivered.

/// Records written to `EVENTS`.
pub const EVENTS_EMITTED: u32 = 0;
/// Records that found `EVENTS` full.
pub const EVENTS_LOST: u32 = 1;
/// Records written to `DNS`.
pub const DNS_EMITTED: u32 = 2;
/// Records that found `DNS` full.
pub const DNS_LOST: u32 = 3;
/// Packets forwarded without an entry because `FLOWS` was full.
pub const UNTRACKED: u32 = 4;
/// Ports tried beyond the first.
pub const PORT_RETRIES: u32 = 5;
/// Translations refused for want of a port or an entry.
pub const TRANSLATIONS_FAILED: u32 = 6;
/// Entries of `REVERSE` taken over after they expired.
pub const TAKEN_OVER: u32 = 7;
/// Packets dropped by a probe.
pub const DROPPED: u32 = 8;
/// Number of counters.
pub const COUNT: u32 = 16;
