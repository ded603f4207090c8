//! What the relay records: every flow once, or a gap that says it is missing, whatever ends the
//! relay and however far the collectors' rings have moved on meanwhile.

mod beyond;
mod deaths;
mod load;
mod recorded;
#[path = "../terminal/mod.rs"]
mod terminal;

/// The name under which `TIDEGATE_SKIP` leaves this suite out.
const SUITE: &str = "recording";
