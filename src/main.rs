//! The `tidegate` program. [`cli`] lists the commands; each has a file of its own, and
//! [`print`] has the output formats of flows.

mod cli;
mod client;
mod collector;
mod completion;
mod config;
mod egress;
mod exit;
mod lab;
mod list;
mod objects;
mod observe;
mod print;
mod relay;
mod status;
mod store;
mod ui;
mod up;
mod version;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    exit::conclude(cli::run(std::env::args_os())).into()
}
