//! Has the store finish and remove what is old: about once a minute, and after much was stored.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_store::{Maintained, Retention};
use tokio::time::sleep;

use super::{Keep, Recorder};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(60);

/// Flows after which the next look is not waited for.
pub(super) const MUCH: u64 = 500_000;

/// Runs for ever.
pub(super) async fn run(recorder: Recorder) {
    loop {
        recorder.state().grown = 0;
        maintain(&recorder).await;
        tokio::select! {
            () = sleep(INTERVAL) => {}
            () = recorder.0.grown.notified() => {}
        }
    }
}

async fn maintain(recorder: &Recorder) {
    let Keep { age, bytes } = recorder.keep();
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX);
    match recorder.store().maintain(&Retention { age, bytes, now }).await {
        Ok(Maintained { sealed: 0, removed: 0, .. }) => {}
        Ok(Maintained { sealed, removed, removed_flows, freed }) => {
            tracing::info!(sealed, removed, removed_flows, freed, "stored flows were put in order");
        }
        Err(error) => tracing::warn!(%error, "old flows could not be removed; it is tried again"),
    }
}
