//! The relay over ten full collectors: flows merged per second of its CPU time, and its memory.
//!
//! The relay is `tidegate relay` as it ships, in a process of its own. The collectors are served
//! by this process and the client is in it, so none of their work counts.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tidegate_collector::clock;
use tidegate_collector::serve::{Listeners, serve_history};
use tidegate_ops::stop::{Signal, Trigger};
use tokio::runtime::Runtime;

use crate::ask::{self, Asker};
use crate::child::Child;
use crate::flows;
use crate::options::Options;
use crate::ratio::Quartiles;
use crate::scratch::Scratch;
use crate::table::{Table, count, counts};

const COLLECTORS: u32 = 10;
/// Flows of each.
const FLOWS: u32 = 65_000;

/// Measures, and returns the figures as text.
///
/// # Errors
/// When a process cannot be started or the answer is not whole.
pub(crate) fn run(options: &Options) -> Result<String> {
    let scratch = Scratch::new("relay")?;
    let collectors = Collectors::start(scratch.path())?;
    let listen = free_address()?;
    let relay = Child::start(
        Command::new(&options.program)
            .args(["relay", "--config", "/dev/null", "--relay-listen", &listen.to_string(), "--peers"])
            .arg(&collectors.peers),
    )?;
    let mut asker = Asker::connect(&format!("http://{listen}"))?;
    asker.await_status("a relay with all its nodes", |status| status.num_connected_nodes == Some(COLLECTORS))?;
    let [mut by_cpu, mut by_clock] = [const { Vec::new() }; 2];
    for _ in 0..options.rounds {
        options.go_on()?;
        let (before, began) = (relay.cpu()?, Instant::now());
        let flows = asker.flows(ask::all())?;
        let (used, took) = (relay.cpu()? - before, began.elapsed());
        ensure!(flows > u64::from(COLLECTORS * FLOWS) * 4 / 5, "the relay answered with {flows} flows");
        by_cpu.push(flows as f64 / used.as_secs_f64());
        by_clock.push(flows as f64 / took.as_secs_f64());
    }
    let megabytes = relay.peak_memory()? as f64 / 1e6;
    let mut table = Table::new(["ten collectors, one answer", "median [quartiles]", "against", "times", "goal"]);
    let rate = Quartiles::of(&by_cpu);
    table.row([
        "flows per CPU-second of the relay".into(),
        counts(rate),
        count(51_000.0),
        format!("{:.2}", rate.median / 51_000.0),
        ">= 10".into(),
    ]);
    table.row([
        "its peak memory".into(),
        format!("{megabytes:.1} MB"),
        "67 MB".into(),
        format!("{:.2}", megabytes / 67.0),
        "<= 0.50".into(),
    ]);
    let rate = Quartiles::of(&by_clock);
    table.row([
        "flows per second, all processes on this machine".into(),
        counts(rate),
        String::new(),
        String::new(),
        String::new(),
    ]);
    Ok(format!("relay, {} rounds. Against: Hubble Relay 1.19.4, measured apart.\n{table}", options.rounds))
}

/// Full collectors on Unix sockets, served by this process until dropped.
struct Collectors {
    /// Them, as the setting `peers` wants it.
    peers: String,
    _running: Trigger,
    _runtime: Runtime,
}

impl Collectors {
    fn start(folder: &Path) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
        let (running, stop) = Signal::manual();
        let begin = clock::monotonic();
        let mut peers = Vec::new();
        for n in 0..COLLECTORS {
            let node = format!("worker-{n}");
            let socket = folder.join(format!("{node}.sock"));
            peers.push(format!("{node}=unix://{}", socket.display()));
            let words = ["--collector-listen", "127.0.0.1:0", "--collector-socket"].map(str::to_owned);
            let words = [flows::SERVE.to_owned()].into_iter().chain(words).chain([socket.display().to_string()]);
            let settings = flows::settings_of(&flows::command().get_matches_from(words))?;
            // A little apart, so that the order by time goes through all of them.
            let history = flows::history(&node, FLOWS, begin + u64::from(n) * 100)?;
            let listeners = runtime.block_on(Listeners::bind(&settings))?;
            runtime.spawn(serve_history(listeners, node, history, stop.clone()));
        }
        Ok(Self { peers: peers.join(","), _running: running, _runtime: runtime })
    }
}

/// A port of loopback that nobody has at the moment.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("loopback has no free port")?;
    listener.local_addr().context("cannot read the bound address")
}
