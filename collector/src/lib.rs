//! The node agent.
pub mod clock;
pub mod inventory;
pub mod kernel;
pub mod names;
pub mod policy;
