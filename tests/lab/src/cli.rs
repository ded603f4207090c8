//! `tidegate lab`: what the commands do, without the flags that ask for it.

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde::Serialize;

use crate::firewall::Preset;
use crate::process::wait_until;
use crate::rundir::{Lock, Role, RunDir};
use crate::teardown;
use crate::topology::{KUBE_DNS, OUTSIDE};
use crate::world::{TRAFFIC, World, check_world_name};

/// The world of commands that name none.
pub const DEFAULT_WORLD: &str = "lab";

/// `lab up`.
#[derive(Clone, Debug)]
pub struct Up {
    pub world: String,
    /// The `tidegate` program: collectors, relay and servers are started from it.
    pub binary: PathBuf,
    pub relay_listen: SocketAddr,
    pub ui_listen: SocketAddr,
    /// Presets of every node.
    pub firewall: Vec<Preset>,
    /// Neither collectors nor relay.
    pub without_collectors: bool,
    /// Every workload pod asks for names and fetches what they point to.
    pub traffic: bool,
}

/// Makes the world and leaves it up.
pub fn up(options: &Up) -> Result<()> {
    build(options)?.leave()
}

/// Makes the world, calls `started`, and takes the world down at SIGINT, SIGTERM or SIGHUP.
pub fn up_foreground(options: &Up, started: impl FnOnce(&World)) -> Result<()> {
    // Installed first, so that a signal while building is not lost and nothing is left behind.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime for signals")?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::new()?
    };
    let world = build(options)?;
    started(&world);
    runtime.block_on(signals.any());
    progress("taking the lab down");
    world.down()
}

/// The state of a world.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub world: String,
    /// Where the relay listens, if it was started.
    pub relay: Option<SocketAddr>,
    /// Where the dashboard listens, if it was started.
    pub ui: Option<SocketAddr>,
    /// Where the relay stores flows.
    pub store: String,
    pub rows: Vec<StatusRow>,
}

/// One node, pod or process of a world.
#[derive(Clone, Debug, Serialize)]
pub struct StatusRow {
    pub kind: &'static str,
    pub name: String,
    /// Kubernetes namespace of a pod.
    pub namespace: String,
    pub address: String,
    /// Pod: the node it runs on.
    pub node: String,
    /// The network namespace's name.
    pub netns: String,
    /// `running (pid)`, `stopped`, `traffic (pid)`, or empty for what has no process of its own.
    pub process: String,
}

/// Describes a world that is up.
pub fn status(world: &str) -> Result<Status> {
    let world = World::open(world)?;
    let process =
        |role: &Role| world.running(role).map_or_else(|| "stopped".to_owned(), |id| format!("running ({})", id.pid));
    let row = |kind, name: &str| StatusRow {
        kind,
        name: name.to_owned(),
        namespace: String::new(),
        address: String::new(),
        node: String::new(),
        netns: world.netns(name).map_or_else(|_| String::new(), |netns| netns.name().to_owned()),
        process: String::new(),
    };
    let mut rows = Vec::new();
    for node in world.nodes() {
        rows.push(StatusRow {
            address: node.address.to_string(),
            process: process(&Role::Collector(node.name.clone())),
            ..row("node", &node.name)
        });
    }
    for pod in world.pods() {
        let name = pod.spec.name.as_str();
        rows.push(StatusRow {
            namespace: pod.spec.namespace.clone(),
            address: pod.address.to_string(),
            node: pod.spec.node.clone(),
            process: if name == KUBE_DNS {
                process(&Role::KubeDns)
            } else {
                let traffic = world.running(&Role::Traffic(name.to_owned()));
                traffic.map_or_else(String::new, |id| format!("traffic ({})", id.pid))
            },
            ..row("pod", name)
        });
    }
    rows.push(StatusRow { process: process(&Role::Outside), ..row("hosts", OUTSIDE) });
    let (relay, ui) = (world.relay_address(), world.ui_address());
    for (address, role, kind) in [(relay, Role::Relay, "relay"), (ui, Role::Ui, "ui")] {
        let address = address.map_or_else(String::new, |address| address.to_string());
        rows.push(StatusRow { address, process: process(&role), ..row(kind, &role.to_string()) });
    }
    let store = world.store_url();
    rows.push(StatusRow { address: store.clone(), ..row("store", "store") });
    Ok(Status { world: world.name().to_owned(), relay, ui, store, rows })
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["KIND", "NAME", "NAMESPACE", "ADDRESS", "NODE", "NETNS", "PROCESS"];
        let mut table = vec![head.map(str::to_owned)];
        table.extend(self.rows.iter().map(|row| {
            [
                row.kind.to_owned(),
                row.name.clone(),
                row.namespace.clone(),
                row.address.clone(),
                row.node.clone(),
                row.netns.clone(),
                row.process.clone(),
            ]
        }));
        let width = |column: usize| table.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: [usize; 7] = std::array::from_fn(width);
        for row in &table {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                let shown = if cell.is_empty() { "-" } else { cell };
                line.push_str(&format!("{shown:width$}   "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Runs a command in a node or pod on this terminal and returns its exit code (128 and the
/// signal's number for one that was killed, as shells say it).
pub fn exec(world: &str, target: &str, command: &[String]) -> Result<i32> {
    let status = World::open(world)?.exec_on_terminal(target, command)?;
    Ok(status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1))
}

/// Takes a world down, whatever state it is in; one that does not exist is down.
pub fn down(world: &str) -> Result<()> {
    check_world_name(world)?;
    let dir = RunDir::of(world);
    let mut lock = Lock::try_take(world)?;
    if lock.is_none()
        && let Some(owner) = dir.read_state().ok().and_then(|state| state.owner)
    {
        // It takes the world down itself; what it leaves is cleared away below.
        owner.signal(Signal::SIGTERM)?;
    }
    if lock.is_none() {
        wait_until("the end of the world's owner", Duration::from_secs(30), || {
            lock = Lock::try_take(world).ok().flatten();
            lock.is_some()
        })
        .with_context(|| format!("lab world {world} belongs to a process that does not end"))?;
    }
    let result = teardown::tear_down(world);
    if let Some(lock) = lock {
        lock.release().context("cannot release the world's lock")?;
    }
    teardown::remove_empty_folders();
    result
}

/// `lab serve`: the lab's own servers, inside the namespace that the process was started in.
/// Ends with the process.
pub fn serve(world: &str, role: &str) -> Result<()> {
    let role = match role {
        OUTSIDE => Role::Outside,
        KUBE_DNS => Role::KubeDns,
        // Whose it is shows in the namespace that the process is in.
        TRAFFIC => Role::Traffic(String::new()),
        other => bail!("the lab has no servers {other:?}; known are outside, kube-dns and traffic"),
    };
    World::open(world)?.servers(&role)?.run_to_the_end()
}

fn build(options: &Up) -> Result<World> {
    ensure!(nix::unistd::geteuid().is_root(), "the lab needs root: it makes network namespaces");
    let mut builder = World::builder(&options.world)
        .binary(&options.binary)
        .relay_listen(options.relay_listen)
        .dashboard(options.ui_listen)
        .firewall_everywhere(&options.firewall)
        .servers_as_processes()
        .progress(progress);
    if options.without_collectors {
        builder = builder.without_collectors();
    }
    let failed = || format!("cannot bring lab world {} up", options.world);
    let world = builder.build().with_context(failed)?;
    if options.traffic {
        progress("traffic: every workload pod asks for names and fetches what they point to");
        for pod in world.pods() {
            if pod.spec.name != KUBE_DNS {
                world.start_traffic(&pod.spec.name).with_context(failed)?;
            }
        }
    }
    Ok(world)
}

/// One line per stage, for whoever waits.
fn progress(stage: &str) {
    // A closed terminal is no reason to stop.
    drop(writeln!(std::io::stderr(), "lab: {stage}"));
}

struct Signals([tokio::signal::unix::Signal; 3]);

impl Signals {
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
