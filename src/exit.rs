//! How the process ends. Scripts branch on these numbers, so they are written in one place.

use std::io;
use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; also when the user interrupted a stream or closed the pipe.
    Done = 0,
    /// Anything else; a sentence about it is on standard error.
    Failed = 1,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Turns what a command returned into an exit code and says on standard error what failed. A
/// reader that closed the pipe (`| head`) has what it wanted: that is not a failure.
pub(crate) fn conclude(outcome: anyhow::Result<Exit>) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(error) if is_closed_pipe(&error) => Exit::Done,
        Err(error) => {
            complain(&sentence(&error));
            Exit::Failed
        }
    }
}

/// The error and what caused it, each once: some errors say their cause themselves.
fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !sentence.ends_with(&cause) {
            sentence.push_str(": ");
            sentence.push_str(&cause);
        }
    }
    sentence
}

/// Writes one line to standard error. When that fails there is nobody left to tell.
pub(crate) fn complain(line: &str) {
    use io::Write as _;
    let _ = writeln!(io::stderr(), "{line}");
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let io = || io::Error::from(io::ErrorKind::StorageFull);
        let store = tidegate_store::StoreError::Io { what: "make /x".to_owned(), source: io() };
        let told = Err::<(), _>(store).context("cannot open the store").expect_err("it failed");
        assert_eq!(sentence(&told), "cannot open the store: make /x: no storage space");
        let told = Err::<(), _>(io()).context("write the flows").expect_err("it failed");
        assert_eq!(sentence(&told), "write the flows: no storage space");
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
        let failed = |kind| Err(io::Error::from(kind)).context("write the flows");
        assert_eq!(conclude(failed(io::ErrorKind::BrokenPipe)), Exit::Done);
        assert_eq!(conclude(failed(io::ErrorKind::StorageFull)), Exit::Failed);
    }
}
