//! The node agent.
pub mod inventory;
pub mod kernel;
pub mod policy;
