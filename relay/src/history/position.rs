//! Where a follower of the store is. Pure.

/// What a follower has read: everything that was stored up to a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Number of the commit.
    pub(super) commit: u64,
    /// Time of the newest flow up to there, nanoseconds since 1970: where to go on in a store that
    /// knows nothing of the commit.
    pub(super) time: u64,
}

impl Position {
    /// As clients keep it.
    pub(super) fn text(self) -> String {
        format!("{:x}-{:x}", self.commit, self.time)
    }

    /// None if the text is no position.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (commit, time) = text.split_once('-')?;
        Some(Self { commit: u64::from_str_radix(commit, 16).ok()?, time: u64::from_str_radix(time, 16).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_other_text_is_none() {
        let position = Position { commit: 77, time: u64::MAX };
        assert_eq!(Position::read(&position.text()), Some(position));
        for text in ["", "7", "-", "x-1", "1-2-3"] {
            assert_eq!(Position::read(text), None, "{text}");
        }
    }
}
