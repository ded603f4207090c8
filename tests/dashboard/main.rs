//! The dashboard as people use it: a browser before a running lab, whose collectors, relay, store
//! and page are the program's own. What a reader does is told in the journeys (`*.mjs`); what
//! happens to the world meanwhile they ask for.

mod browser;
mod journeys;
mod lively;
#[path = "../terminal/mod.rs"]
mod terminal;

/// The name under which `TIDEGATE_SKIP` leaves this suite out.
const SUITE: &str = "dashboard";
