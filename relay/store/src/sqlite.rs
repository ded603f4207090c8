//! The engine of one machine.

mod connect;
mod query;
mod row;
mod segments;
mod values;
