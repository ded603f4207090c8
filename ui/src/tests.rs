//! The dashboard against a scripted relay: what a browser gets.

mod answers;
mod fake;
mod page;
mod refusals;
mod sockets;
mod streams;
mod world;
