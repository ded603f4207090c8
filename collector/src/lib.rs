//! The node agent.
pub mod kernel;
