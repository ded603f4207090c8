//! Policies come, change and go; connections that are open keep what they have.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tidegate_lab::Preset;
use tidegate_lab::process::wait_until;

use crate::client::{self, ANSWER, Connection};
use crate::site::{BY_WORKER, BY_WORKER2, HOST, MIRROR, Nodes, PATIENCE, Policy, Site, WEB, selected_pod};

const IDLE: usize = 50;
const POD: &str = "client";

#[test]
fn open_connections_outlive_policy_edits_on_plain_nodes() {
    check(Nodes::Plain);
}

#[test]
fn open_connections_outlive_policy_edits_on_masquerading_nodes() {
    check(Nodes::Masquerading);
}

#[test]
fn what_nobody_has_answered_is_decided_anew_when_a_policy_comes() {
    let pods = vec![selected_pod("local", "worker", "worker"), selected_pod("remote", "worker", "worker2")];
    // The nodes' own FORWARD rule sees to it that nobody answers.
    let Some(site) = Site::build(Nodes::Filtered, pods) else { return };
    let (site, capture) = (&site, site.capture_outside().unwrap());
    thread::scope(|scope| {
        let asking: Vec<_> = ["local", "remote"]
            .into_iter()
            .flat_map(|pod| {
                let by_tcp = scope.spawn(move || site.at(pod, || client::who(MIRROR, PATIENCE)));
                let by_udp = scope.spawn(move || site.at(pod, || client::who_by_repeated_datagram(MIRROR, PATIENCE)));
                [(pod, by_tcp), (pod, by_udp)]
            })
            .collect();
        let dropped = || site.firewall_packets("worker", Preset::ForwardDrop).unwrap().unwrap();
        wait_until("first packets dropped by the node", PATIENCE, || dropped() >= 8).unwrap();
        site.put(&Policy::by_worker());
        site.put(&Policy::by_worker2());
        for (pod, asker) in asking {
            let egress = if pod == "local" { BY_WORKER } else { BY_WORKER2 };
            assert_eq!(asker.join().unwrap().unwrap().ip(), egress, "{pod}");
        }
    });
    assert_eq!(capture.sources_to(HOST), [BY_WORKER, BY_WORKER2].into());
}

#[test]
fn a_policy_that_goes_while_no_collector_runs_leaves_nothing_closed() {
    let Some(site) = Site::with_policies(Nodes::Plain, vec![selected_pod(POD, "worker", "worker")]) else { return };
    site.kill_collector("worker").unwrap();
    site.remove(&Policy::by_worker());
    site.remove(&Policy::by_worker2());
    site.start_collector("worker").unwrap();
    site.until_seen_as(POD, site.address(POD));
}

fn check(nodes: Nodes) {
    let Some(site) = Site::build(nodes, vec![selected_pod(POD, "worker", "worker")]) else { return };
    let untranslated = match nodes {
        Nodes::Plain => site.address(POD),
        _ => site.node("worker").unwrap().address,
    };
    let local = Policy::by_worker();
    let remote = Policy { gateway: "worker2", egress: BY_WORKER2, ..Policy::by_worker() };
    let mut open = vec![Open::start(&site, untranslated, "before any policy")];
    let steps: [(&str, &dyn Fn(), Ipv4Addr); 5] = [
        ("under the first policy", &|| site.put(&local), BY_WORKER),
        ("under the edited policy", &|| site.put(&remote), BY_WORKER2),
        ("without a policy", &|| site.remove(&remote), untranslated),
        ("under a new policy", &|| site.put(&remote), BY_WORKER2),
        ("edited back", &|| site.put(&local), BY_WORKER),
    ];
    for (when, change, source) in steps {
        change();
        site.until_seen_as(POD, source);
        for earlier in &mut open {
            earlier.lives_on(when);
        }
        open.push(Open::start(&site, source, when));
    }
    for mut connections in open {
        connections.lives_on("at the end");
    }
}

/// Connections opened at one moment: idle ones and a transfer.
struct Open {
    opened: String,
    source: Ipv4Addr,
    idle: Vec<(Connection, SocketAddr)>,
    transfer: Transfer,
}

impl Open {
    fn start(site: &Site, source: Ipv4Addr, opened: &str) -> Self {
        let open = || {
            let mut connection = Connection::open(MIRROR)?;
            connection.ask().map(|seen| (connection, seen))
        };
        let idle: Vec<_> = site.at(POD, || (0..IDLE).map(|_| open()).collect()).unwrap();
        Self { opened: opened.to_owned(), source, idle, transfer: Transfer::start(site) }
    }

    /// The transfer advances, and every idle connection answers and is seen as ever.
    fn lives_on(&mut self, now: &str) {
        let what = format!("opened {}, {now}", self.opened);
        self.transfer.advances(&what);
        for (connection, seen) in &mut self.idle {
            assert_eq!(seen.ip(), self.source, "{what}");
            let answer = connection.ask().unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(answer, *seen, "{what}");
        }
    }
}

/// A download without an end, every byte of it checked.
struct Transfer {
    shared: Arc<Progress>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    wanted: AtomicU64,
    stop: AtomicBool,
}

impl Transfer {
    fn start(site: &Site) -> Self {
        let shared = Arc::new(Progress::default());
        let progress = Arc::clone(&shared);
        let run = move || {
            client::download(WEB, 16 << 30, |bytes| {
                progress.bytes.store(bytes, Ordering::Relaxed);
                // Paused where nobody waits for it: several transfers share the machine.
                while bytes >= progress.wanted.load(Ordering::Relaxed) && !progress.stop.load(Ordering::Relaxed) {
                    thread::park();
                }
                !progress.stop.load(Ordering::Relaxed)
            })
        };
        let thread = site.in_netns(POD, || thread::spawn(run)).unwrap();
        Self { shared, thread: Some(thread) }
    }

    /// Lets it run on for more than any buffer on the way holds.
    fn advances(&mut self, what: &str) {
        const MORE: u64 = 20_000_000;
        let wanted = self.shared.bytes.load(Ordering::Relaxed) + MORE;
        self.shared.wanted.store(wanted, Ordering::Relaxed);
        let thread = self.thread.as_ref().unwrap();
        thread.thread().unpark();
        let waited = wait_until(&format!("progress of the transfer {what}"), ANSWER * 2, || {
            thread.is_finished() || self.shared.bytes.load(Ordering::Relaxed) >= wanted
        });
        if thread.is_finished() {
            panic!("the transfer {what} ended: {:?}", self.thread.take().unwrap().join());
        }
        waited.unwrap();
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}
