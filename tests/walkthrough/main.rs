//! The story that the program has to tell: an egress gateway tutorial from its first command to
//! its last, typed by the real command line into a lab, with a witness outside.

mod addresses;
mod chapter;
mod gateways;
mod host;
mod names;
mod observing;
mod policy;
#[path = "../terminal/mod.rs"]
mod terminal;
mod traces;

/// The name under which `TIDEGATE_SKIP` leaves this suite out.
const SUITE: &str = "walkthrough";
