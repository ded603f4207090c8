//! A user at a terminal beside a world: what is typed, what comes back, and what one waits for.
//!
//! The suites that run the real program in a lab share it. Commands are typed as in the manual:
//! the world's own settings file says where its relay and its manifests are.
#![allow(dead_code, reason = "each suite asks its own part of these questions")]

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tidegate_lab::World;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tidegate");
/// How long a condition may take on a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a condition.
const PACE: Duration = Duration::from_millis(50);

/// Whether a suite of the lab may run: true for root.
///
/// # Panics
/// For everybody else, unless `TIDEGATE_SKIP` names the suite.
pub(crate) fn may_run(suite: &str) -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let skipped = std::env::var("TIDEGATE_SKIP").unwrap_or_default();
    assert!(
        skipped.split(',').any(|name| name == suite),
        "{suite} needs root for a lab: run as root, or set TIDEGATE_SKIP={suite} to leave it out"
    );
    false
}

/// A world and somebody who types.
pub(crate) struct Terminal {
    pub(crate) world: World,
}

impl Terminal {
    /// Sits down beside a new world of three nodes; `None` where the suite is left out.
    pub(crate) fn open(suite: &str) -> Option<Self> {
        may_run(suite).then(|| {
            let world = World::builder(&World::unique_name()).binary(PROGRAM).build();
            Self { world: world.expect("a world with its collectors and relay comes up") }
        })
    }

    /// Types a line, such as `tidegate observe --last 5`.
    pub(crate) fn types(&self, line: &str) -> Said {
        self.types_with_input(line, "")
    }

    /// Types a line and gives it `input` on standard input.
    pub(crate) fn types_with_input(&self, line: &str, input: &str) -> Said {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("tidegate"), "{line}");
        run(self.command(words), input)
    }

    /// The program with these arguments, and the world's settings file as its only setting.
    pub(crate) fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args);
        for (name, _) in std::env::vars_os() {
            let ours = ["TIDEGATE_", "HUBBLE_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix));
            if ours {
                command.env_remove(name);
            }
        }
        command.env("TIDEGATE_CONFIG", self.world.dir().file("config.yaml"));
        command
    }

    /// The address that the outside host saw when this pod fetched its page, in a connection of
    /// its own.
    pub(crate) fn seen_address(&self, pod: &str) -> String {
        let command = ["curl", "-sS", "-m", "60", "https://ifconfig.me"];
        let page = self.world.run(pod, &command).unwrap_or_else(|error| panic!("{pod} does not get out: {error:#}"));
        page.trim().to_owned()
    }

    /// The flows that `observe` prints in JSON for these flags.
    pub(crate) fn observed(&self, flags: &str) -> Vec<Value> {
        let said = self.types(&format!("tidegate observe -o json {flags}")).done();
        let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        lines.filter_map(|mut line| line.get_mut("flow").map(Value::take)).collect()
    }

    /// The entries of every node's policy map.
    pub(crate) fn entries(&self) -> Vec<Value> {
        let text = self.types("tidegate egress list --per-node -o json").done();
        serde_json::from_str(&text).expect("a list of entries")
    }

    /// Applies policies from YAML text.
    pub(crate) fn applies(&self, yaml: &str) {
        self.types_with_input("tidegate apply -f -", yaml).done();
    }

    /// Waits until every node that holds a pod's way out names this gateway, and the gateway and
    /// the pod's node are among them; `egress` is the address on the gateway.
    pub(crate) fn awaits_gateway(&self, pod: &str, gateway: &str, egress: Ipv4Addr) {
        let pod = self.world.pod(pod).unwrap();
        let address = self.world.node(gateway).unwrap().address.to_string();
        self.awaits_entries(pod.address, |entries| {
            let on = |node: &str| entries.iter().find(|entry| entry["Node"] == node);
            on(&pod.spec.node).is_some()
                && on(gateway).is_some_and(|entry| entry["EgressIP"] == egress.to_string())
                && entries.iter().all(|entry| entry["GatewayIP"] == address)
        });
    }

    /// Waits until what the nodes hold for a source and all destinations is as wanted.
    pub(crate) fn awaits_entries(&self, source: Ipv4Addr, wanted: impl Fn(&[Value]) -> bool) {
        eventually(|| {
            let mut entries = self.entries();
            entries.retain(|entry| entry["SourceIP"] == source.to_string() && entry["DestCIDR"] == "0.0.0.0/0");
            if wanted(&entries) { Ok(()) } else { Err(entries) }
        });
    }
}

/// What a command had to say.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The standard output of a command that has to succeed.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// The standard error of a command that has to fail, and to print nothing but that.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        self.err
    }
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // A command that does not read its input is free not to.
    drop(child.stdin.take().expect("a pipe").write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the command ends");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Looks until there is something to see, and returns it.
///
/// # Panics
/// When it does not come in a minute: with what the last look showed.
#[track_caller]
pub(crate) fn eventually<T, E: Debug>(mut look: impl FnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(instead) => assert!(Instant::now() < end, "what was waited for did not come; instead: {instead:#?}"),
        }
        thread::sleep(PACE);
    }
}
