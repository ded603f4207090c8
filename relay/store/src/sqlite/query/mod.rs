//! Answers.
//!
//! A question is asked of one segment after another. What its filters say about names, pods and
//! addresses is looked up in the segment's dictionaries first ([`condition`]), so that all that is
//! left is sets of numbers; these are tried on the columns of its blocks ([`selection`]). Rows of
//! `flow` are read only for those flows that are shown.

pub(super) mod block;
mod cache;
mod chunk;
mod chunked;
mod columns;
mod condition;
mod count;
mod dictionary;
mod facets;
mod histogram;
mod packed;
mod page;
mod place;
mod scan;
mod selection;
mod shown;
mod slice;
mod step;
mod tables;
mod uuid;

pub(super) use cache::Cache;
#[cfg(test)]
pub(super) use cache::{forget_beyond, values_in_memory};
pub(super) use facets::facets;
pub(super) use histogram::histogram;
#[cfg(test)]
pub(super) use histogram::histogram_of;
pub(super) use page::page;
