//! Stop signals as values: a part that can run for long receives a [`Signal`] and ends when it is
//! set. Nothing polls a global.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Exit code of a process that was told to stop twice: 128 + SIGINT, as shells count it.
pub const EXIT_IMPATIENT: i32 = 130;

/// A request to stop that can be awaited by any number of tasks. Clones see the same request.
#[derive(Clone, Debug)]
pub struct Signal {
    set: watch::Receiver<bool>,
}

/// The other end of a [`Signal`] made by [`Signal::manual`]. Dropping it also sets the signal, so
/// that work never outlives the one who could have stopped it.
#[derive(Debug)]
pub struct Trigger {
    set: watch::Sender<bool>,
}

impl Signal {
    /// A signal set by SIGTERM or SIGINT. A second one of either ends the process at once with
    /// [`EXIT_IMPATIENT`]. Must be called inside a tokio runtime.
    pub fn from_os() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (trigger, stop) = Self::manual();
        tokio::spawn(async move {
            for count in 0.. {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if count > 0 {
                    std::process::exit(EXIT_IMPATIENT);
                }
                tracing::info!("stopping; a second signal ends the process at once");
                trigger.stop();
            }
        });
        Ok(stop)
    }

    /// A signal set by the returned trigger: for tests, and for roles that run inside another.
    pub fn manual() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (Trigger { set: sender }, Self { set: receiver })
    }

    /// True once the signal was set.
    pub fn is_set(&self) -> bool {
        *self.set.borrow() || self.set.has_changed().is_err()
    }

    /// Returns when the signal is set; at once if it already is. Cancel-safe.
    pub async fn wait(&self) {
        let mut set = self.set.clone();
        // An error means that the trigger is gone, which also means stop.
        let _ = set.wait_for(|set| *set).await;
    }
}

impl Trigger {
    /// Sets the signal. Setting it twice is the same as once.
    pub fn stop(&self) {
        self.set.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_sees_the_stop() {
        let (trigger, stop) = Signal::manual();
        let other = stop.clone();
        assert!(!other.is_set());
        trigger.stop();
        other.wait().await;
        stop.wait().await;
        assert!(stop.is_set());
    }

    #[tokio::test]
    async fn a_dropped_trigger_means_stop() {
        let (trigger, stop) = Signal::manual();
        drop(trigger);
        stop.wait().await;
        assert!(stop.is_set());
    }

    #[tokio::test]
    async fn a_termination_signal_sets_it() {
        let stop = Signal::from_os().expect("handlers can be installed");
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).expect("raise");
        stop.wait().await;
    }
}
