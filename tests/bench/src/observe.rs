//! A collector without its kernel half: from events to its history, and from the history to a
//! client on its Unix socket. CPU time alone is counted, that of one thread or of the serving
//! process, so that neither the client nor other work on the machine matters.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use prost_types::Any;
use tidegate_collector::{clock, history::History};
use tidegate_proto::flow::FlowFilter;
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::v1::FlowsOptions;

use crate::ask::{self, Asker};
use crate::child::Child;
use crate::cpu;
use crate::flows::{self, Workload};
use crate::options::Options;
use crate::ratio::Quartiles;
use crate::scratch::Scratch;
use crate::table::{Table, count, counts};

/// The default of `history-events`.
const CAPACITY: u32 = 65_535;
/// Connections of one round of [`events`], and the events of one drain of the ring.
const CONNECTIONS: u32 = 30_000;
const DRAIN: usize = 4_096;
/// Scans of one round: one alone is too short to measure.
const SCANS: u64 = 20;

/// Measures, and returns the figures as text.
///
/// # Errors
/// When a server cannot be started or does not answer as it should.
pub(crate) fn run(options: &Options) -> Result<String> {
    let scratch = Scratch::new("observe")?;
    let socket = scratch.path().join("collector.sock");
    let server = Child::start(
        Command::new(std::env::current_exe().context("cannot find this program")?)
            .arg(flows::SERVE)
            .args(["--node-name", "worker", "--collector-listen", "127.0.0.1:0"])
            .args(["--history-events", &CAPACITY.to_string(), "--collector-socket"])
            .arg(&socket),
    )?;
    let mut asker = Asker::connect(&format!("unix://{}", socket.display()))?;
    let mut source = Source::new()?;
    let [mut events, mut all, mut with_info, mut by_pod, mut by_name] = [const { Vec::new() }; 5];
    for _ in 0..options.rounds {
        options.go_on()?;
        events.push(source.events_per_second()?);
        all.push(sent(&server, &mut asker, ask::all())?);
        with_info.push(sent(&server, &mut asker, with_our_facts())?);
        by_pod.push(scanned(&server, &mut asker, of_pod())?);
        by_name.push(scanned(&server, &mut asker, to_name())?);
    }
    let mut table = Table::new(["one collector, per CPU-second", "median [quartiles]", "against", "times", "goal"]);
    let mut row = |what: &str, values: &[f64], base: f64, goal: &str| {
        let quartiles = Quartiles::of(values);
        let times = format!("{:.2}", quartiles.median / base);
        table.row([what.to_owned(), counts(quartiles), count(base), times, goal.to_owned()]);
    };
    row("kernel events to history", &events, 500_000.0, ">= 1");
    row("flows sent, --all", &all, 100_000.0, ">= 10");
    row("flows sent, --all --flow-info", &with_info, 100_000.0, "");
    row("flows passed over, --all --pod of nobody", &by_pod, 2_500_000.0, ">= 10");
    row("flows passed over, --all --to-fqdn of nobody", &by_name, 2_500_000.0, ">= 10");
    Ok(format!(
        "observe, {} rounds. Against: for events the goal itself, else Hubble 1.19.4, measured apart.\n{table}",
        options.rounds
    ))
}

/// Events without end, and the history that they go to.
struct Source {
    workload: Workload,
    history: History,
    next: u32,
}

impl Source {
    /// A full history, so that each flow that comes also has one that goes.
    fn new() -> Result<Self> {
        let workload = Workload::new("worker", clock::monotonic())?;
        let mut source = Self { workload, history: History::new(CAPACITY), next: 0 };
        source.events_per_second()?;
        ensure!(source.history.seen() > CAPACITY.into(), "the history is not full before the first round");
        Ok(source)
    }

    /// Events per second of this thread's time.
    fn events_per_second(&mut self) -> Result<f64> {
        let events = self.workload.events(self.next..self.next + CONNECTIONS);
        self.next += CONNECTIONS;
        let before = cpu::of_thread()?;
        for drained in events.chunks(DRAIN) {
            self.workload.finish(drained, &self.history);
        }
        Ok(per_second(events.len() as u64, cpu::of_thread()? - before))
    }
}

/// Flows sent per CPU-second of the server.
fn sent(server: &Child, asker: &mut Asker, request: GetFlowsRequest) -> Result<f64> {
    let before = server.cpu()?;
    let flows = asker.flows(request)?;
    let used = server.cpu()? - before;
    // Ends of connections are for those who ask for our own facts.
    ensure!(flows > u64::from(CAPACITY) * 4 / 5, "--all answered with {flows} flows of {CAPACITY}");
    Ok(per_second(flows, used))
}

/// Flows passed over per CPU-second of the server.
fn scanned(server: &Child, asker: &mut Asker, request: GetFlowsRequest) -> Result<f64> {
    let before = server.cpu()?;
    for _ in 0..SCANS {
        let flows = asker.flows(request.clone())?;
        ensure!(flows == 0, "{flows} flows match what nothing should");
    }
    Ok(per_second(SCANS * u64::from(CAPACITY), server.cpu()? - before))
}

fn with_our_facts() -> GetFlowsRequest {
    let options = FlowsOptions { flow_info: true, ..FlowsOptions::default() };
    let options = Any::from_msg(&options).expect("a message of one bool encodes");
    GetFlowsRequest { extensions: Some(options), ..ask::all() }
}

fn of_pod() -> GetFlowsRequest {
    ask::matching(FlowFilter { source_pod: vec!["shop/nobody".into()], ..FlowFilter::default() })
}

fn to_name() -> GetFlowsRequest {
    ask::matching(FlowFilter { destination_fqdn: vec!["*.nowhere.test".into()], ..FlowFilter::default() })
}

fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
