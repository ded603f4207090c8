//! The contract with the operator: how a role is configured, how it speaks, and how it is told to
//! stop. It exists so that every role does these three things alike.
//!
//! Read in this order:
//! * [`settings`]: one flat list of keys, the same as flag, environment variable and YAML key;
//! * [`logs`]: one format for every role, on standard error;
//! * [`stop`]: a value that becomes true once, when the process is asked to end.

pub mod logs;
pub mod settings;
pub mod stop;
