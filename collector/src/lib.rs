//! The node agent.
pub mod clock;
pub mod enrich;
pub mod history;
pub mod inventory;
pub mod kernel;
pub mod names;
pub mod network;
pub mod pipeline;
pub mod policy;
pub mod reconcile;
