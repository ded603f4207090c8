//! `tidegate up` on a machine of its own: a node of a lab that runs nothing else of ours. What the
//! machine itself does is seen, nothing is touched, and nothing is left behind.

#[path = "../terminal/mod.rs"]
mod terminal;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tidegate_lab::{World, zone};

use crate::terminal::{PROGRAM, Said, eventually, may_run, run};

/// The name under which `TIDEGATE_SKIP` leaves this suite out.
const SUITE: &str = "up";
/// The node that plays the machine.
const MACHINE: &str = "worker";
/// Nobody, on every machine.
const NOBODY: u32 = 65_534;

#[test]
fn what_a_plain_machine_opens_is_seen_by_name_live_stored_and_in_the_dashboard() {
    let Some(machine) = Machine::new() else { return };
    let up = machine.up(&[]);
    let address = machine.world.node(MACHINE).unwrap().address.to_string();
    assert_eq!(machine.fetches("http://example.com"), address, "it leaves as it always did");

    let live = eventually(|| {
        let said = machine.types(&["observe", "--to-fqdn", "example.com", "--tcp-flags", "SYN", "-o", "json"]).done();
        let flows: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if flows.is_empty() { Err(said) } else { Ok(flows) }
    });
    let flow = &live[0]["flow"];
    assert_eq!((&flow["source"]["labels"][0], &flow["node_name"]), (&"reserved:host".into(), &"machine".into()));
    assert_eq!((&flow["traffic_direction"], &flow["verdict"]), (&"EGRESS".into(), &"FORWARDED".into()));

    let stored = eventually(|| {
        let page = machine.asks_dashboard("flows?to-fqdn=example.com&tcp-flags=SYN");
        if page["flows"][0].is_null() { Err(page) } else { Ok(page) }
    });
    assert_eq!(stored["flows"][0]["uuid"], flow["uuid"], "the same flow");
    assert_eq!(machine.asks_dashboard("status")["nodes"][0]["name"], "machine");
    let store = machine.store();
    let stats = machine.types(&["store", "stats", "-o", "json", "--store", &store]).done();
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert!(stats["flows"].as_u64().unwrap() > 0, "{stats}");
    let pruned = machine.types(&["store", "prune", "--retention-age", "1ms", "--store", &store]).done();
    assert!(pruned.contains("nothing to remove"), "the newest segment stays: {pruned}");

    assert_eq!(machine.traces_in_kernel(), ["pins"], "neither guard nor device without a policy");
    assert!(up.says("translates and blocks nothing"));
    up.stops();
    assert_eq!(machine.traces_in_kernel(), Vec::<&str>::new());
    assert_eq!(machine.fetches("http://example.com"), address);
}

#[test]
fn with_a_policy_it_translates_and_at_its_end_takes_everything_along() {
    let Some(machine) = Machine::new() else { return };
    machine.world.add_node_address(MACHINE, "203.0.113.9/32".parse().unwrap()).unwrap();
    machine.world.route_to_node("203.0.113.9/32".parse().unwrap(), MACHINE).unwrap();
    machine.world.apply("policy.yaml", POLICY).unwrap();
    let manifests = machine.world.dir().manifests();
    let own = machine.world.pod("client").unwrap().address.to_string();
    let up = machine.up(&["--node-name", MACHINE, "--manifests", manifests.to_str().unwrap()]);
    let seen = || machine.world.run("client", &["curl", "-s", "-m", "5", &format!("http://{}", zone::IFCONFIG)]);
    eventually(|| match seen() {
        Ok(page) if page.trim() == "203.0.113.9" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(machine.traces_in_kernel(), ["pins", "device", "guard"]);
    up.stops();
    assert_eq!(machine.traces_in_kernel(), Vec::<&str>::new());
    assert_eq!(seen().unwrap().trim(), own, "as before");
}

#[test]
fn what_a_kill_leaves_is_removed_by_cleanup_and_not_while_it_is_at_work() {
    let Some(machine) = Machine::new() else { return };
    let up = machine.up(&[]);
    let refused = machine.cleans_up().refused();
    assert!(refused.contains("another collector uses it"), "{refused}");
    assert_eq!(machine.traces_in_kernel(), ["pins"]);
    up.dies();
    assert_eq!(machine.traces_in_kernel(), ["pins"], "a death cleans nothing up");
    machine.cleans_up().done();
    assert_eq!(machine.traces_in_kernel(), Vec::<&str>::new());
    assert!(!machine.socket().exists());
    // And what was left is no hindrance either.
    let up = machine.up(&[]);
    up.dies();
    machine.up(&[]).stops();
    assert_eq!(machine.traces_in_kernel(), Vec::<&str>::new());
}

#[test]
fn what_keeps_it_from_starting_is_said_before_anything_is_touched() {
    let Some(machine) = Machine::new() else { return };
    for (setting, port) in [("relay-listen", 4245), ("ui-listen", 12000), ("collector-listen", 4244)] {
        let taken = SocketAddr::from(([127, 0, 0, 1], port));
        let holder = machine.world.in_netns(MACHINE, || std::net::TcpListener::bind(taken).unwrap()).unwrap();
        let said = machine.types_up(&[]).refused();
        assert!(said.contains(&taken.to_string()) && said.contains(setting), "{said}");
        assert_eq!(machine.traces_in_kernel(), Vec::<&str>::new());
        drop(holder);
    }
    let mut command = machine.command(&["up"]);
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    let said = machine.within(move || run(command, "")).refused();
    assert!(said.contains("needs root"), "{said}");
    let said = machine.types_up(&["--ui-listen", "0.0.0.0:12000"]).refused();
    assert!(said.contains("--insecure"), "{said}");
}

const POLICY: &str = r#"---
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata:
  name: by-machine
spec:
  selectors:
    - podSelector:
        matchLabels:
          app: client
          node: worker
  destinationCIDRs: ["0.0.0.0/0"]
  egressGateway:
    nodeSelector:
      matchLabels:
        kubernetes.io/hostname: worker
    egressIP: 203.0.113.9
"#;

/// A machine without anything of ours, and with a folder for what it is told to keep.
struct Machine {
    // Before the folder's end the processes have theirs.
    world: World,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Option<Self> {
        may_run(SUITE).then(|| {
            let world = World::builder(&World::unique_name()).without_collectors().build().unwrap();
            let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir();
            Self { world, folder: folder.unwrap() }
        })
    }

    /// Starts `tidegate up` and waits until its dashboard answers.
    fn up(&self, more: &[&str]) -> Up {
        let log = self.folder.path().join("up.log");
        let output = fs::File::create(&log).unwrap();
        let mut command = self.command_up(more);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let child = self.within(move || command.spawn().unwrap());
        let up = Up { child: Some(child), log };
        eventually(|| if up.says("dashboard on http://") { Ok(()) } else { Err(fs::read_to_string(&up.log)) });
        up
    }

    /// Types `tidegate up` where it does not come up.
    fn types_up(&self, more: &[&str]) -> Said {
        let command = self.command_up(more);
        self.within(move || run(command, ""))
    }

    fn command_up(&self, more: &[&str]) -> Command {
        let mut command = self.command(&["up", "--store", &self.store()]);
        let node_name = ["--node-name", "machine"].into_iter().filter(|_| !more.contains(&"--node-name"));
        command.args(node_name).args(more);
        command
    }

    fn cleans_up(&self) -> Said {
        // Another lab of this machine is none of its business.
        self.types(&["cleanup", "--world", &World::unique_name()])
    }

    fn types(&self, words: &[&str]) -> Said {
        let command = self.command(words);
        self.within(move || run(command, ""))
    }

    /// The program on this machine, which has folders of its own for everything.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TIDEGATE_")) {
            command.env_remove(name);
        }
        let config = self.folder.path().join("config.yaml");
        let settings = serde_json::json!({
            "state-dir": self.folder.path().join("state"),
            "bpffs-dir": self.pins(),
            "collector-socket": self.socket(),
        });
        fs::write(&config, serde_yaml_ng::to_string(&settings).unwrap()).unwrap();
        command.args(words).env("TIDEGATE_CONFIG", config);
        command
    }

    fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.world.in_netns(MACHINE, work).unwrap()
    }

    fn pins(&self) -> PathBuf {
        self.world.dir().bpffs_of("machine")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("collector.sock")
    }

    fn store(&self) -> String {
        format!("sqlite://{}", self.folder.path().join("flows").display())
    }

    fn fetches(&self, url: &str) -> String {
        self.world.run(MACHINE, &["curl", "-sS", "-m", "20", url]).unwrap().trim().to_owned()
    }

    fn asks_dashboard(&self, what: &str) -> Value {
        serde_json::from_str(&self.fetches(&format!("http://127.0.0.1:12000/api/v1/{what}"))).unwrap()
    }

    /// What of ours the kernel of this machine holds.
    fn traces_in_kernel(&self) -> Vec<&'static str> {
        let links = self.world.run(MACHINE, &["ip", "link"]).unwrap();
        let rules = self.world.nft(MACHINE, "list ruleset").unwrap();
        let there = [
            ("pins", self.pins().exists()),
            ("device", links.contains("tidegate0")),
            ("guard", rules.contains("table inet tidegate")),
        ];
        there.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }
}

/// A running `tidegate up`; it is killed with the value.
struct Up {
    child: Option<Child>,
    log: PathBuf,
}

impl Up {
    fn says(&self, words: &str) -> bool {
        fs::read_to_string(&self.log).unwrap().contains(words)
    }

    /// Ctrl-C, and a good end.
    fn stops(mut self) {
        let mut child = self.child.take().unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success(), "{status}: {}", fs::read_to_string(&self.log).unwrap());
    }

    fn dies(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
