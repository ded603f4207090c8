//! The node agent, the only privileged role: intent goes down into the kernel, observation comes
//! up out of it.
//!
//! Down: [`inventory`] reads objects, [`policy`] compiles them, [`network`] says what the node
//! has, [`reconcile`] writes the difference into [`kernel`].
//! Up: [`kernel`] hands out events, [`names`] knows what endpoints asked for, [`enrich`] makes
//! flows, [`pipeline`] is the loop, [`history`] keeps them, [`serve`] answers.
//! Between nodes: [`watch_names`] fetches names for the flows that this node translates.

pub mod clock;
pub mod enrich;
pub mod history;
pub mod inventory;
pub mod kernel;
pub mod losses;
pub mod names;
pub mod network;
pub mod pipeline;
pub mod policy;
pub mod reconcile;
pub mod serve;
pub mod watch_names;

use std::{
    fs,
    io::Read as _,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::fcntl::{Flock, FlockArg};
use tidegate_ops::{settings::Settings, stop};
use tokio::sync::watch;

use crate::{
    enrich::Context,
    history::History,
    kernel::{Loaded, Probes},
    losses::Losses,
    names::share::Shared,
    network::Network,
    pipeline::{Figures, Pipeline},
    reconcile::{Outputs, Reconciler, State},
};

pub use reconcile::cleanup;

/// Names from other nodes that may wait for the pipeline.
const TOLD: usize = 65_536;
/// Pause between two looks at the loss counters.
const LOSS_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the collector until `stop` is set. Its pins stay: traffic goes on as it was.
pub async fn run(settings: Settings, stop: stop::Signal) -> anyhow::Result<()> {
    let state_dir = &settings.state_dir;
    fs::create_dir_all(state_dir).with_context(|| format!("cannot make state-dir {}", state_dir.display()))?;
    // Two readers of one ring would each see every record: one collector per state directory.
    let lock = lock(&settings)?;
    let network = Network::connect()?;
    let Loaded { probes, tables, connections, rings } =
        Probes::load(&settings.bpffs_dir, settings.egress_gateway_policy_map_max)?;
    let tables = Arc::new(Mutex::new(tables));
    let context = Arc::new(RwLock::new(Arc::new(Context::default())));
    let shared = Arc::new(Shared::default());
    let history = Arc::new(History::new(settings.history_events));
    let (state_sender, state) = watch::channel(Arc::new(State::default()));
    let outputs = Outputs {
        tables: Arc::clone(&tables),
        context: Arc::clone(&context),
        shared: Arc::clone(&shared),
        state: state_sender,
    };
    let mut reconciler = Reconciler::new(settings.clone(), network, probes, outputs);
    reconciler.start().await?;

    let (told_sender, told) = mpsc::sync_channel(TOLD);
    let boot = random()?;
    let pipeline = Pipeline {
        rings,
        connections,
        history: Arc::clone(&history),
        context,
        shared: Arc::clone(&shared),
        told,
        boot,
        figures: Arc::new(Figures::default()),
    };
    let ending = Arc::new(AtomicBool::new(false));
    let pipeline_ending = Arc::clone(&ending);
    let observation = std::thread::Builder::new()
        .name("observation".into())
        .spawn(move || pipeline.run(&pipeline_ending))
        .context("cannot start the observation thread")?;

    let settings = Arc::new(settings);
    let sources = serve::Sources {
        settings: Arc::clone(&settings),
        history: Arc::clone(&history),
        tables: Arc::clone(&tables),
        shared,
        state: state.clone(),
        started: Instant::now(),
    };
    let listeners = serve::Listeners::bind(&settings).await?;
    tracing::info!(
        node = settings.node_name,
        boot,
        "collector listening on {} and {}",
        listeners.address()?,
        settings.collector_socket.display()
    );
    let port = settings.collector_listen.port();
    let watching = tokio::spawn(watch_names::run(settings.node_name.clone(), port, state, told_sender));
    let counting = tokio::spawn(count_losses(settings.state_dir.join("losses"), tables, Arc::clone(&history)));
    let wait = stop.clone();
    let reconciling = tokio::spawn(async move { reconciler.run(async move { wait.wait().await }).await });

    let served = serve::serve(listeners, sources, stop).await;
    watching.abort();
    counting.abort();
    ending.store(true, Ordering::Relaxed);
    let _ = tokio::task::spawn_blocking(move || observation.join()).await;
    reconciling.abort();
    let _ = fs::remove_file(&settings.collector_socket);
    drop(lock);
    served
}

/// Tells losses as they happen.
async fn count_losses(file: std::path::PathBuf, tables: Arc<Mutex<kernel::Tables>>, history: Arc<History>) {
    let mut losses = Losses::new(file);
    let mut ticks = tokio::time::interval(LOSS_INTERVAL);
    loop {
        ticks.tick().await;
        let taken = losses.take(&tables.lock().unwrap_or_else(PoisonError::into_inner));
        match taken {
            Ok(entries) if entries.is_empty() => {}
            Ok(entries) => history.append(entries),
            Err(error) => tracing::error!("cannot read the loss counters: {error:#}"),
        }
    }
}

fn lock(settings: &Settings) -> anyhow::Result<Flock<fs::File>> {
    let path = settings.state_dir.join("lock");
    let file = fs::File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
        anyhow::anyhow!(
            "{} is locked ({error}): another collector uses this state-dir; stop it or set another",
            path.display()
        )
    })
}

/// A random number for this start, from the kernel.
fn random() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(u64::from_ne_bytes(bytes))
}
