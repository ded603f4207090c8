//! The processes of a world: started, found again, ended, and cleared away after any death.
//!
//! The lab starts its roles from a program's path. Here that program is this test, which plays
//! a collector and a relay by their sockets alone, so that the lab is tested without Tidegate.

mod privileged;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use tidegate_lab::cli::{self, Up};
use tidegate_lab::process::{ProcessId, wait_until};
use tidegate_lab::rundir::RunDir;
use tidegate_lab::{World, netns::Netns};

const PATIENCE: Duration = Duration::from_secs(60);

type Test = (&'static str, fn());

const TESTS: [Test; 10] = [
    ("a_world_that_stays_is_usable_until_it_is_taken_down", a_world_that_stays_is_usable_until_it_is_taken_down),
    ("a_world_that_is_up_is_not_made_twice", a_world_that_is_up_is_not_made_twice),
    ("up_clears_away_what_a_killed_world_left", up_clears_away_what_a_killed_world_left),
    ("a_collector_can_be_stopped_killed_and_started_again", a_collector_can_be_stopped_killed_and_started_again),
    ("a_collector_that_fails_shows_the_end_of_its_log", a_collector_that_fails_shows_the_end_of_its_log),
    ("a_process_that_took_over_a_recorded_pid_is_left_alone", a_process_that_took_over_a_recorded_pid_is_left_alone),
    ("a_foreground_world_goes_with_its_owner", a_foreground_world_goes_with_its_owner),
    ("down_ends_a_foreground_world_from_another_process", down_ends_a_foreground_world_from_another_process),
    (
        "a_world_whose_owner_was_killed_is_swept_by_the_next_one",
        a_world_whose_owner_was_killed_is_swept_by_the_next_one,
    ),
    ("a_pod_with_traffic_asks_for_names_and_fetches_them", a_pod_with_traffic_asks_for_names_and_fetches_them),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("collector") => play_collector(&args),
        Some("relay") => play_listener(&args, "--relay-listen"),
        Some("ui") => play_listener(&args, "--ui-listen"),
        Some("lab") => return play_lab(&args),
        _ => return run_tests(&args),
    }
    ExitCode::SUCCESS
}

fn run_tests(args: &[String]) -> ExitCode {
    // What cargo and people pass to any test program: flags, and parts of names.
    let filters: Vec<_> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|part| name.contains(*part));
    let mut out = std::io::stdout();
    if args.iter().any(|arg| arg == "--list") {
        for (name, _) in TESTS {
            writeln!(out, "{name}: test").unwrap();
        }
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in TESTS.into_iter().filter(|(name, _)| wanted(name)) {
        let result = catch_unwind(AssertUnwindSafe(|| privileged::needs_root().then(test)));
        let word = match result {
            Ok(Some(())) => "ok",
            Ok(None) => "left out (TIDEGATE_SKIP)",
            Err(_) => "FAILED",
        };
        passed += u32::from(word == "ok");
        failed += u32::from(word == "FAILED");
        writeln!(out, "test {name} ... {word}").unwrap();
    }
    let outcome = if failed == 0 { "ok" } else { "FAILED" };
    writeln!(out, "test result: {outcome}. {passed} passed; {failed} failed").unwrap();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn a_world_that_stays_is_usable_until_it_is_taken_down() {
    let trace = Trace::of_new_world();
    cli::up(&trace.options()).unwrap();
    let status = cli::status(&trace.world).unwrap();
    let running: Vec<_> =
        status.rows.iter().filter(|row| row.process.starts_with("running")).map(|row| row.name.as_str()).collect();
    assert_eq!(running, ["control-plane", "worker", "worker2", "kube-dns", "outside", "relay", "dashboard"]);
    assert!(TcpStream::connect(status.relay.unwrap()).is_ok());
    assert!(TcpStream::connect(status.ui.unwrap()).is_ok());
    assert_eq!(status.store, format!("sqlite:///run/tidegate/lab/{}/flows", trace.world));
    let table = status.to_string();
    assert!(table.starts_with("KIND") && table.contains("10.244.1.10"), "{table}");
    let exec = |words: &[&str]| {
        let command: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        cli::exec(&trace.world, "client", &command).unwrap()
    };
    assert_eq!(exec(&["curl", "-sS", "-o", "/dev/null", "-m", "20", "https://ifconfig.me"]), 0);
    assert_eq!(exec(&["sh", "-c", "exit 7"]), 7);
    assert_eq!(exec(&["sh", "-c", "kill -9 $$"]), 137);
    let settings = std::fs::read_to_string(RunDir::of(&trace.world).file("config.yaml")).unwrap();
    for part in [status.relay.unwrap().to_string(), status.ui.unwrap().to_string(), status.store] {
        assert!(settings.contains(&part), "{part}: {settings}");
    }
    let roles = trace.roles();
    assert_eq!(roles.len(), 7);
    cli::down(&trace.world).unwrap();
    trace.assert_none(&roles);
    cli::down(&trace.world).unwrap();
    assert!(cli::status(&trace.world).is_err());
}

fn a_world_that_is_up_is_not_made_twice() {
    let trace = Trace::of_new_world();
    cli::up(&trace.options()).unwrap();
    let error = format!("{:#}", cli::up(&trace.options()).unwrap_err());
    assert!(error.contains("up already") && error.contains("lab down"), "{error}");
    assert_eq!(trace.roles().len(), 7, "the refusal took nothing down");
    cli::down(&trace.world).unwrap();
}

fn up_clears_away_what_a_killed_world_left() {
    let trace = Trace::of_new_world();
    cli::up(&trace.options()).unwrap();
    let first = trace.roles();
    for role in &first {
        role.signal(Signal::SIGKILL).unwrap();
    }
    wait_until("the end of the killed roles", PATIENCE, || first.iter().all(|r| !r.is_alive())).unwrap();
    cli::up(&trace.options()).unwrap();
    let second = trace.roles();
    assert_eq!(second.len(), 7);
    cli::down(&trace.world).unwrap();
    trace.assert_none(&second);
}

fn a_collector_can_be_stopped_killed_and_started_again() {
    let trace = Trace::of_new_world();
    let world = trace.build(&[]);
    let first = world.collector("worker").unwrap();
    let again = world.start_collector("worker").unwrap_err().to_string();
    assert!(again.contains("runs already"), "{again}");
    world.stop_collector("worker").unwrap();
    assert!(!first.is_alive());
    assert_eq!(world.collector("worker"), None);
    world.start_collector("worker").unwrap();
    let second = world.collector("worker").unwrap();
    world.kill_collector("worker").unwrap();
    assert!(!second.is_alive());
    world.start_collector("worker").unwrap();
    assert!(world.collector("worker2").is_some());
    // The relay comes back to the port that its clients know.
    let relay = world.relay_address().unwrap();
    world.kill_relay().unwrap();
    world.start_relay().unwrap();
    assert_eq!(world.relay_address(), Some(relay));
    assert_eq!(world.ui_address(), None, "a dashboard is there for those who ask for one");
    world.start_ui().unwrap();
    let dashboard = world.ui_address().unwrap();
    world.kill_ui().unwrap();
    world.start_ui().unwrap();
    assert_eq!(world.ui_address(), Some(dashboard));
    world.down().unwrap();
    trace.assert_none(&[]);
}

fn a_collector_that_fails_shows_the_end_of_its_log() {
    let trace = Trace::of_new_world();
    let builder = World::builder(&trace.world).binary(own_program()).collector_args(&["--fail"]);
    let error = format!("{:#}", builder.build().unwrap_err());
    assert!(error.contains("collector of control-plane"), "{error}");
    assert!(error.contains("told to fail"), "{error}");
    trace.assert_none(&[]);
}

fn a_process_that_took_over_a_recorded_pid_is_left_alone() {
    let trace = Trace::of_new_world();
    let world = trace.build(&[]);
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let id = ProcessId::of(i32::try_from(stranger.id()).unwrap()).unwrap();
    let record = world.dir().node("worker").join("recycled.pid");
    std::fs::write(record, format!("{} {}\n", id.pid, id.start - 1)).unwrap();
    world.down().unwrap();
    let alive = id.is_alive();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(alive, "the lab ended a process that is not its own");
}

fn a_pod_with_traffic_asks_for_names_and_fetches_them() {
    let trace = Trace::of_new_world();
    let world = trace.build(&[]);
    let capture = world.capture_outside().unwrap();
    world.start_traffic("client").unwrap();
    let client = world.pod("client").unwrap().address;
    let arrived = |port| capture.count(|seen| seen.source == client && seen.port == port) > 0;
    wait_until("plain, encrypted and echo traffic of the pod", PATIENCE, || [80, 443, 7].into_iter().all(arrived))
        .unwrap();
    world.stop_traffic("client").unwrap();
    world.down().unwrap();
    trace.assert_none(&[]);
}

fn a_foreground_world_goes_with_its_owner() {
    let trace = Trace::of_new_world();
    let mut owner = trace.start_foreground();
    let roles = trace.roles();
    kill(Pid::from_raw(owner.id().cast_signed()), Signal::SIGINT).unwrap();
    assert!(owner.wait().unwrap().success());
    trace.assert_none(&roles);
}

fn down_ends_a_foreground_world_from_another_process() {
    let trace = Trace::of_new_world();
    let mut owner = trace.start_foreground();
    let roles = trace.roles();
    cli::down(&trace.world).unwrap();
    assert!(owner.wait().unwrap().success());
    trace.assert_none(&roles);
}

fn a_world_whose_owner_was_killed_is_swept_by_the_next_one() {
    let trace = Trace::of_new_world();
    let mut owner = trace.start_foreground();
    let roles = trace.roles();
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(roles.iter().all(ProcessId::is_alive), "the roles outlive their owner");
    let other = World::builder(&World::unique_name()).without_collectors().build().unwrap();
    trace.assert_none(&roles);
    other.down().unwrap();
}

/// What a world would leave on the machine; clears it away when a test fails.
struct Trace {
    world: String,
}

impl Trace {
    fn of_new_world() -> Self {
        Self { world: World::unique_name() }
    }

    fn options(&self) -> Up {
        Up {
            world: self.world.clone(),
            binary: own_program(),
            relay_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ui_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            firewall: Vec::new(),
            without_collectors: false,
            traffic: false,
        }
    }

    fn build(&self, collector_args: &[&str]) -> World {
        let builder = World::builder(&self.world).binary(own_program());
        builder.collector_args(collector_args).build().unwrap()
    }

    /// Runs `lab up --foreground` as a child and waits until the world is there.
    fn start_foreground(&self) -> Child {
        let child = Command::new(own_program())
            .args(["lab", "up", "--world", &self.world])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let ready = RunDir::of(&self.world).file("started");
        wait_until("the start of the foreground world", PATIENCE, || ready.exists()).unwrap();
        child
    }

    fn roles(&self) -> Vec<ProcessId> {
        let dir = RunDir::of(&self.world);
        let mut files =
            vec![dir.file("relay.pid"), dir.file("ui.pid"), dir.file("outside.pid"), dir.file("kube-dns.pid")];
        files.extend(["control-plane", "worker", "worker2"].map(|node| dir.node(node).join("collector.pid")));
        files.iter().filter_map(|file| ProcessId::recorded(file)).collect()
    }

    fn assert_none(&self, roles: &[ProcessId]) {
        assert!(roles.iter().all(|role| !role.is_alive()), "a role of the world lives on");
        assert_eq!(Netns::list(&format!("{}-", self.world)).unwrap(), []);
        let dir = RunDir::of(&self.world);
        assert!(!dir.root().exists(), "{} is left", dir.root().display());
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&format!("/{}/", self.world)), "{mounts}");
        let lock = Path::new(tidegate_lab::rundir::BASE).join(format!(".{}.lock", self.world));
        assert!(!lock.exists(), "{} is left", lock.display());
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The failure that is on its way out is the one to report.
            drop(cli::down(&self.world));
        }
    }
}

fn own_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn play_collector(args: &[String]) {
    let signals = blocked_signals();
    if args.iter().any(|arg| arg == "--fail") {
        std::io::stderr().write_all(b"told to fail\n").unwrap();
        std::process::exit(3);
    }
    let socket = value_of(args, "--collector-socket");
    // A killed predecessor leaves its socket.
    drop(std::fs::remove_file(&socket));
    let _listener = UnixListener::bind(&socket).unwrap();
    signals.wait().unwrap();
}

fn play_listener(args: &[String], flag: &str) {
    let signals = blocked_signals();
    let listener = TcpListener::bind(value_of(args, flag)).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "listening on {}", listener.local_addr().unwrap()).unwrap();
    signals.wait().unwrap();
}

fn play_lab(args: &[String]) -> ExitCode {
    let world = value_of(args, "--world");
    let result = match args.get(1).map(String::as_str) {
        Some("serve") => cli::serve(&world, &value_of(args, "--role")),
        _ => cli::up_foreground(&Trace { world }.options(), |world| {
            std::fs::write(world.dir().file("started"), "").unwrap();
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut out = std::io::stderr();
            writeln!(out, "{error:#}").unwrap();
            ExitCode::FAILURE
        }
    }
}

fn blocked_signals() -> SigSet {
    let signals = SigSet::from_iter([Signal::SIGTERM]);
    signals.thread_block().unwrap();
    signals
}

fn value_of(args: &[String], flag: &str) -> String {
    let at = args.iter().position(|arg| arg == flag).unwrap();
    args[at + 1].clone()
}
