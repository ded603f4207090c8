//! Answers.

/// What questions know about a segment.
#[derive(Debug, Default)]
pub(super) struct Cache;
