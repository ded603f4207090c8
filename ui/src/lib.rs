//! The dashboard.

mod answer;
mod filter;
pub mod openapi;
mod routes;
mod row;
mod time;
