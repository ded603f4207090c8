//! What every store of flows must do, and flows to do it with.
//!
//! [`Traffic`] is what a cluster would do, the same every time; the bench and the dashboard's
//! tests store it too. [`contract!`] holds an engine to what [`contract`] promises.

#![forbid(unsafe_code)]

pub mod cluster;
mod connection;
pub mod contract;
mod expected;
pub mod question;
mod random;
mod traffic;

pub use cluster::{Cluster, Shape};
pub use expected::{Expected, FIELDS};
pub use random::Random;
pub use traffic::Traffic;
