//! Nodes, pods and an outside network as network namespaces on one machine.
//!
//! The same worlds serve `tidegate lab` and the tests; several stand side by side, each under
//! a name of its own. Reading order: [`topology`] and [`zone`] are the plan as data,
//! [`netns`], `netlink` and `wiring` lay it, [`firewall`] and `manifests` dress it,
//! [`world`] is the value that holds it, [`capture`] is the witness outside, [`teardown`]
//! clears away, and [`cli`] is what people type.
//!
//! What is not here: nothing runs in the host's own network namespace but relay and dashboard, no
//! process enters a namespace (threads do), and nothing of Tidegate is linked in: its roles
//! are started from the program's path.

pub mod capture;
mod certificates;
pub mod cli;
pub mod firewall;
mod manifests;
mod netlink;
pub mod netns;
pub mod process;
pub mod rundir;
mod servers;
mod teardown;
pub mod topology;
mod wiring;
pub mod world;
pub mod zone;

pub use capture::{Capture, Seen};
pub use firewall::Preset;
pub use servers::ECHO_PORTS;
pub use topology::{NodeSpec, Pod, PodSpec};
pub use world::World;
