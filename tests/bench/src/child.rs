//! A process under measurement: started, watched, and ended with the value.

use std::process::{Child as Process, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cpu;

/// A running child.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
}

impl Child {
    /// Starts it; what it logs is not looked at.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { process })
    }

    /// CPU time so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu::of_process(self.pid()?)
    }

    /// The most memory that it has held, in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        cpu::peak_memory(self.pid()?)
    }

    fn pid(&self) -> Result<i32> {
        i32::try_from(self.process.id()).context("a pid is a positive int")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It holds nothing that outlives it; one that has ended is only reaped.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
