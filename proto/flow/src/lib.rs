//! The vocabulary of Tidegate: what every part means by a flow, a name, a verdict, a filter.
//! Values only: no I/O, no async, no wire format.
//!
//! Read [`flow`] first, then [`name`] and [`identity`], then [`label`] and [`filter`].

#![forbid(unsafe_code)]

pub mod filter;
pub mod flow;
pub mod identity;
pub mod label;
pub mod name;

pub use filter::{Filter, FilterError};
pub use flow::{Flow, FlowId};
pub use name::{Confidence, Fqdn, Name, Source};
