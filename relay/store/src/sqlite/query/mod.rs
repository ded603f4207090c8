//! Answers.

pub(super) mod block;
mod packed;
mod slice;

/// What questions know about a segment.
#[derive(Debug, Default)]
pub(super) struct Cache;
