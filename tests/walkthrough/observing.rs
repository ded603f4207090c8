//! What `observe` can be asked. Each answer is held against the whole history: a filter must show
//! all flows of its kind and no others.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::SUITE;
use crate::policy::egress;
use crate::terminal::{Terminal, eventually};

/// Flags, and the flows that they ask for.
type Question = (&'static str, fn(&Value) -> bool);

const QUESTIONS: [Question; 22] = [
    ("--from-pod client", |flow| pod(flow, "source").starts_with("default/client")),
    ("--from-pod default/client2", |flow| pod(flow, "source") == "default/client2"),
    ("--to-pod kube-system/", |flow| pod(flow, "destination").starts_with("kube-system/")),
    ("-n kube-system", |flow| sides(flow).any(|side| side["namespace"] == "kube-system")),
    ("--protocol tcp", |flow| !flow["l4"]["TCP"].is_null()),
    ("--protocol udp", |flow| !flow["l4"]["UDP"].is_null()),
    ("--protocol dns", |flow| !flow["l7"]["dns"].is_null()),
    ("--protocol icmp", |flow| !flow["l4"]["ICMPv4"].is_null()),
    ("--verdict DROPPED", |flow| flow["verdict"] == "DROPPED"),
    ("--verdict FORWARDED", |flow| flow["verdict"] == "FORWARDED"),
    ("--type drop", |flow| flow["event_type"]["type"] == 1),
    ("--type trace", |flow| flow["event_type"]["type"] == 4),
    ("--type trace:to-network", |flow| flow["trace_observation_point"] == "TO_NETWORK"),
    ("--type l7", |flow| flow["Type"] == "L7"),
    ("--snat-ip 172.19.0.12", |flow| flow["IP"]["source_xlated"] == "172.19.0.12"),
    ("--snat-ip 172.19.0.0/16", |flow| !flow["IP"]["source_xlated"].is_null()),
    ("--to-fqdn ifconfig.me", |flow| names(flow, "destination_names").contains("ifconfig.me")),
    ("--from-fqdn *.example.com", |flow| names(flow, "source_names").iter().any(|name| name.ends_with(".example.com"))),
    ("--to-port 443", |flow| flow["l4"]["TCP"]["destination_port"] == 443),
    ("--ip 34.160.111.145", |flow| ["source", "destination"].iter().any(|side| flow["IP"][side] == "34.160.111.145")),
    ("--not --protocol tcp", |flow| flow["l4"]["TCP"].is_null()),
    ("--node-name worker2 --not --verdict DROPPED", |flow| {
        flow["node_name"] == "worker2" && flow["verdict"] != "DROPPED"
    }),
];

#[test]
fn each_filter_shows_all_flows_of_its_kind_and_no_others() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    something_of_everything(&terminal);
    // What comes later is nobody's fault, so the question is which of these are shown.
    let history = terminal.observed("--all");
    let known: BTreeSet<_> = history.iter().map(uuid).collect();
    for (flags, wanted) in QUESTIONS {
        let wanted: BTreeSet<_> = history.iter().filter(|flow| wanted(flow)).map(uuid).collect();
        assert!(!wanted.is_empty() && wanted.len() < history.len(), "{flags} would tell nothing from nothing");
        let shown: BTreeSet<_> = terminal.observed(&format!("--all {flags}")).iter().map(uuid).collect();
        let shown: BTreeSet<_> = shown.intersection(&known).cloned().collect();
        let missing: Vec<_> = wanted.difference(&shown).collect();
        let wrong: Vec<_> = shown.difference(&wanted).collect();
        assert!(missing.is_empty() && wrong.is_empty(), "{flags}: missing {missing:?}, wrong {wrong:?}");
    }
    the_ends_of_the_history_can_be_asked_for(&terminal, &history);
}

#[test]
fn a_flow_that_comes_while_following_is_shown() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let mut observe = terminal.command(["observe", "-f", "--to-fqdn", "api.example.com", "-o", "json"]);
    let mut child = observe.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || lines.map_while(Result::ok).all(|line| sender.send(line).is_ok()));
    // Only flows after the question are promised, so the page is fetched until one is shown.
    let line = eventually(|| {
        terminal
            .world
            .run("client", &["curl", "-sS", "-m", "30", "-o", "/dev/null", "https://api.example.com"])
            .unwrap();
        receiver.recv_timeout(Duration::from_secs(1))
    });
    let shown: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(shown["flow"]["source"]["pod_name"], "client", "{shown}");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "an interrupt ends it well");
    drop(receiver);
    reader.join().unwrap();
}

#[test]
fn without_a_relay_one_sentence_says_how_to_start_one() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let relay = terminal.world.relay_address().unwrap();
    terminal.world.stop_relay().unwrap();
    let sentence = format!(
        "nothing answers on {relay}: start `tidegate relay` or `tidegate lab up`, or name another address with --server\n"
    );
    for line in ["tidegate observe --to-fqdn ifconfig.me", "tidegate status", "tidegate egress list"] {
        assert_eq!(terminal.types(line).refused(), sentence, "{line}");
    }
    terminal.world.start_relay().unwrap();
    eventually(|| {
        let said = terminal.types("tidegate list nodes");
        if said.out.matches("Connected").count() == 3 { Ok(()) } else { Err(said) }
    });
}

/// Names, TCP, ICMP, translation on two nodes and drops.
fn something_of_everything(terminal: &Terminal) {
    let gateway = terminal.world.node("worker2").unwrap().address;
    terminal
        .applies(&(egress("worker", "worker2", "") + &egress("control-plane", "worker", "egressIP: 192.168.1.100")));
    terminal.awaits_gateway("client", "worker2", gateway);
    terminal.awaits_gateway("client-cp", "worker", Ipv4Addr::UNSPECIFIED);
    terminal.seen_address("client");
    terminal.seen_address("client2");
    let run = |pod, line: &str| terminal.world.exec(pod, &line.split(' ').collect::<Vec<_>>()).unwrap();
    assert!(run("client2", "curl -sS -m 30 -o /dev/null http://www.example.com").status.success());
    assert!(run("client2", "ping -c 1 -W 10 198.51.100.50").status.success());
    assert!(!run("client-cp", "curl -sS -m 3 https://ifconfig.me").status.success(), "there is no egress address");
    // A flow is in the history a moment after its packet.
    for flags in [
        "--to-fqdn ifconfig.me --snat-ip 172.19.0.12",
        "--verdict DROPPED",
        "--protocol icmp",
        "--from-fqdn *.example.com",
    ] {
        eventually(|| terminal.observed(flags).pop().ok_or(flags));
    }
}

fn the_ends_of_the_history_can_be_asked_for(terminal: &Terminal, history: &[Value]) {
    let times = |flows: &[Value]| flows.iter().map(time).collect::<Vec<_>>();
    let all = times(history);
    let early = history.windows(2).find(|pair| time(&pair[0]) > time(&pair[1]));
    assert_eq!(early, None, "flows of all nodes are shown in the order of their times");
    assert_eq!(times(&terminal.observed("--first 7")), all[..7], "the oldest seven of all nodes");
    let newest = times(&terminal.observed("--last 7"));
    assert_eq!(newest.len(), 7);
    assert!(newest.is_sorted() && newest[0] >= all[all.len() - 7], "the newest seven of all nodes");

    let middle = all[all.len() / 2];
    let known: BTreeSet<_> = history.iter().map(uuid).collect();
    let since: BTreeSet<_> = terminal.observed(&format!("--since {middle}")).iter().map(uuid).collect();
    let later: BTreeSet<_> = history.iter().filter(|flow| time(flow) >= middle).map(uuid).collect();
    assert_eq!(since.intersection(&known).cloned().collect::<BTreeSet<_>>(), later, "since {middle}");
    let until = terminal.observed(&format!("--all --until {middle}"));
    assert!(!until.is_empty() && until.iter().all(|flow| time(flow) <= middle), "until {middle}");
}

fn time(flow: &Value) -> Timestamp {
    flow["time"].as_str().and_then(|time| time.parse().ok()).expect("every flow has a time")
}

fn uuid(flow: &Value) -> String {
    flow["uuid"].as_str().expect("every flow has a uuid").to_owned()
}

fn sides(flow: &Value) -> impl Iterator<Item = &Value> {
    ["source", "destination"].into_iter().map(move |side| &flow[side])
}

/// `namespace/pod`.
fn pod(flow: &Value, side: &str) -> String {
    let word = |key: &str| flow[side][key].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", word("namespace"), word("pod_name"))
}

fn names<'a>(flow: &'a Value, side: &str) -> BTreeSet<&'a str> {
    flow[side].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
