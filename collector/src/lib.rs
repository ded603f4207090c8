//! The node agent, the only privileged role: intent goes down into the kernel, observation comes
//! up out of it.
//!
//! Down: [`inventory`] reads objects, [`policy`] compiles them, [`network`] says what the node
//! has, [`reconcile`] writes the difference into [`kernel`].
//! Up: [`kernel`] hands out events, [`names`] knows what endpoints asked for, [`enrich`] makes
//! flows, [`pipeline`] is the loop, [`history`] keeps them, [`serve`] answers; [`sweep`] ends
//! connections, [`losses`] tells what the rings could not hold.
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
pub mod sweep;
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
use tidegate_ops::{settings::Settings, stop};
use tokio::sync::watch;

use crate::{
    enrich::Context,
    history::History,
    kernel::{Connections, Loaded, Probes, rings::Rings},
    losses::Losses,
    names::share::Shared,
    network::Network,
    pipeline::{Figures, Pipeline},
    reconcile::{Outputs, Reconciler, State},
};

pub use reconcile::cleanup;

/// Names from other nodes that may wait for the pipeline.
const TOLD: usize = 65_536;
/// Ended connections that may wait for it.
const ENDED: usize = 4096;
/// How long the threads may take to end.
const ENDING: Duration = Duration::from_secs(3);
/// Pause between two looks at the loss counters.
const LOSS_INTERVAL: Duration = Duration::from_secs(1);

/// A collector whose probes are at work and whose ports are taken; it serves nothing yet.
pub struct Collector {
    reconciler: Reconciler,
    listeners: serve::Listeners,
    sources: serve::Sources,
    context: Arc<RwLock<Arc<Context>>>,
    connections: Connections,
    rings: Rings,
    boot: u64,
}

/// Runs the collector until `stop` is set. Its pins stay: traffic goes on as it was.
///
/// # Errors
/// As [`start`] and [`Collector::serve`].
pub async fn run(settings: Settings, stop: stop::Signal) -> anyhow::Result<()> {
    start(settings).await?.serve(stop).await
}

/// Loads the probes, brings the kernel to what is wanted, and takes the ports.
///
/// # Errors
/// When the kernel refuses the probes, another collector uses the same pins, or an address is taken.
pub async fn start(settings: Settings) -> anyhow::Result<Collector> {
    let state_dir = &settings.state_dir;
    fs::create_dir_all(state_dir).with_context(|| format!("cannot make state-dir {}", state_dir.display()))?;
    // Before anything is put into the kernel.
    let port = serve::Port::take(&settings).await?;
    let network = Network::connect()?;
    let Loaded { probes, tables, connections, rings } =
        Probes::load(&settings.bpffs_dir, settings.egress_gateway_policy_map_max)?;
    let tables = Arc::new(Mutex::new(tables));
    let context = Arc::new(RwLock::new(Arc::new(Context::default())));
    let shared = Arc::new(Shared::default());
    let (state_sender, state) = watch::channel(Arc::new(State::default()));
    let outputs = Outputs {
        tables: Arc::clone(&tables),
        context: Arc::clone(&context),
        shared: Arc::clone(&shared),
        state: state_sender,
    };
    let mut reconciler = Reconciler::new(settings.clone(), network, probes, outputs);
    if let Err(error) = reconciler.start().await {
        tracing::error!("cannot bring the kernel to what is wanted, trying again: {error:#}");
    }
    let boot = random()?;
    let listeners = serve::Listeners::with(port, &settings)?;
    tracing::info!(
        node = settings.node_name,
        boot,
        "collector listening on {} and {}",
        listeners.address()?,
        settings.collector_socket.display()
    );
    let sources = serve::Sources {
        history: Arc::new(History::new(settings.history_events)),
        settings: Arc::new(settings),
        tables,
        shared,
        state,
        started: Instant::now(),
    };
    Ok(Collector { reconciler, listeners, sources, context, connections, rings, boot })
}

impl Collector {
    /// Observes and serves until `stop` is set.
    ///
    /// # Errors
    /// When a part ends before it is told to: a collector must not look well while it is blind or deaf.
    pub async fn serve(self, stop: stop::Signal) -> anyhow::Result<()> {
        let Self { reconciler, listeners, sources, context, connections, rings, boot } = self;
        let serve::Sources { settings, history, tables, shared, state, .. } = sources.clone();
        let (told_sender, told) = mpsc::sync_channel(TOLD);
        let (ended_sender, ended) = mpsc::sync_channel(ENDED);
        let pipeline = Pipeline {
            rings,
            ended,
            history: Arc::clone(&history),
            context: Arc::clone(&context),
            shared,
            told,
            boot,
            figures: Arc::new(Figures::default()),
        };
        let ending = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&ending);
        let sweeping = Worker::start("sweep", move || sweep::run(connections, &context, &ended_sender, &ends))?;
        let ends = Arc::clone(&ending);
        let observation = Worker::start("observation", move || pipeline.run(&ends))?;

        let port = settings.collector_listen.port();
        let until = stop.clone();
        let outcome = tokio::select! {
            served = serve::serve(listeners, sources, stop) => served,
            reconciled = reconciler.run(async move { until.wait().await }) => reconciled.context("reconciliation ended"),
            () = watch_names::run(settings.node_name.clone(), port, state, told_sender) => Ok(()),
            () = count_losses(settings.state_dir.join("losses"), tables, history) => Ok(()),
            () = sweeping.ended() => Err(anyhow::anyhow!("the sweep thread ended: see the log above")),
            () = observation.ended() => Err(anyhow::anyhow!("the observation thread ended: see the log above")),
        };
        ending.store(true, Ordering::Relaxed);
        // The sweep may wait for room in the queue that observation empties, so it ends first.
        for worker in [sweeping, observation] {
            tokio::time::timeout(ENDING, worker.ended()).await.ok();
        }
        let _ = fs::remove_file(&settings.collector_socket);
        outcome
    }
}

/// A thread whose end can be awaited.
struct Worker {
    /// Closed when the thread ends, in whatever way.
    alive: watch::Receiver<()>,
}

impl Worker {
    fn start(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<Self> {
        let (held, alive) = watch::channel(());
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _held = held;
                work();
            })
            .with_context(|| format!("cannot start the {name} thread"))?;
        Ok(Self { alive })
    }

    async fn ended(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }
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

/// A random number for this start, from the kernel.
fn random() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(u64::from_ne_bytes(bytes))
}
