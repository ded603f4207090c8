//! Policies: what an object asks ([`spec`]), and what follows from all of them for this node's
//! kernel ([`mod@compile`]). Pure: objects and addresses in, map contents and status out.

pub mod compile;
pub mod spec;

pub use compile::{Compiled, LocalAddresses, PolicyStatus, compile};
