//! The program as users run it: arguments in; standard output, standard error and exit code out.

mod server;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use server::{Server, Then};
use tidegate_proto::v1::FlowsOptions;
use tonic::Status;

const SYN: &str = r#"{"flow":{"time":"2026-11-23T07:00:00.006Z","verdict":"FORWARDED",
    "IP":{"source":"10.0.1.15","destination":"34.160.111.145","ipVersion":"IPv4"},
    "l4":{"TCP":{"source_port":51000,"destination_port":443,"flags":{"SYN":true}}},
    "source":{"identity":41395,"namespace":"shop","pod_name":"cart-1"},
    "destination":{"identity":2},"destination_names":["ifconfig.me"],
    "event_type":{"type":4,"sub_type":5},"is_reply":false,"Summary":"TCP Flags: SYN"},
    "node_name":"default/node-a","time":"2026-11-23T07:00:00.006Z"}"#;
const SYN_LINE: &str = "Nov 23 07:00:00.006: shop/cart-1:51000 (ID:41395) -> ifconfig.me:443 \
    (world) from-endpoint FORWARDED (TCP Flags: SYN)\n";
const UNAVAILABLE: &str = r#"{"node_status":{"state_change":"NODE_UNAVAILABLE",
    "node_names":["node-c"]},"node_name":"relay","time":"2026-11-23T07:00:00Z"}"#;

#[test]
fn observe_prints_flows_with_names_and_news_apart() {
    let server = Server::start(&[UNAVAILABLE, SYN], Then::End);
    let output = ask(&server, &["observe", "--to-fqdn", "ifconfig.me"]);
    assert_eq!(stdout(&output), SYN_LINE);
    assert_eq!(stderr(&output), "Nov 23 07:00:00.000 [relay]: 1 nodes are unavailable: node-c\n");
    assert_eq!(output.status.code(), Some(0));
    let asked = server.asked();
    assert_eq!(asked[0].whitelist[0].destination_fqdn, ["ifconfig.me"]);
    assert_eq!((asked[0].number, asked[0].field_mask.as_ref()), (20, None));
}

#[test]
fn with_nothing_listening_one_sentence_says_what_to_do() {
    for command in [&["observe"][..], &["status"], &["list", "nodes"], &["watch", "peers"]] {
        let output = run(command, &[("TIDEGATE_SERVER", "127.0.0.1:9")]);
        assert_eq!(
            stderr(&output),
            "nothing answers on 127.0.0.1:9: start `tidegate relay` or `tidegate lab up`, \
             or name another address with --server\n"
        );
        assert_eq!((stdout(&output).as_str(), output.status.code()), ("", Some(1)));
    }
}

#[test]
fn a_refused_filter_prints_the_servers_words_only() {
    let server = Server::start(&[], Then::End);
    let output = ask(&server, &["observe", "--protocol", "zzz"]);
    assert_eq!(stderr(&output), "invalid protocol filter: unknown protocol: \"zzz\"\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn filters_that_only_our_servers_know_are_asked_of_no_other() {
    let server = Server::start(&[SYN], Then::End);
    let line = ["observe", "--egress-policy", "payments", "--verdict", "forwarded"];
    server.pose_as("tidegate v0");
    assert_eq!(stdout(&ask(&server, &line)), SYN_LINE);
    let options: FlowsOptions = server.asked()[0].extensions.clone().unwrap().to_msg().unwrap();
    assert_eq!(options.allow[0].egress_policy, ["payments"]);
    server.pose_as("hubble-relay v1.19.4");
    let output = ask(&server, &line);
    assert_eq!(
        stderr(&output),
        format!(
            "{} is no server of Tidegate (\"hubble-relay v1.19.4\") and knows only Hubble's filters\n",
            server.address
        )
    );
    assert_eq!((output.status.code(), server.asked().len()), (Some(1), 1));
    assert_eq!(stdout(&ask(&server, &["observe", "--verdict", "forwarded"])), SYN_LINE);
}

#[test]
fn an_interrupt_while_following_is_no_failure() {
    let server = Server::start(&[SYN], Then::Silence);
    let mut child = spawn(&["observe", "-f", "--server", &server.address.to_string()]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, SYN_LINE, "lines are not held back");
    kill(pid(&child), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((stderr(&output).as_str(), output.status.code()), ("", Some(0)));
}

#[test]
fn a_followed_stream_goes_on_when_its_server_is_back_and_repeats_nothing() {
    let first = SYN.replace("\"verdict\"", "\"uuid\":\"a\",\"verdict\"");
    let second = first.replace("\"uuid\":\"a\"", "\"uuid\":\"b\"").replace("ifconfig.me", "example.org");
    let server = Server::start(&[&first], Then::Silence);
    let address = server.address.to_string();
    let mut child = spawn(&["observe", "-f", "--last", "9", "--server", &address]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut news = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("ifconfig.me"));

    server.stop();
    let gone = news.next().unwrap().unwrap();
    assert!(gone.contains("trying again until interrupted"), "{gone}");
    let server = Server::start_at(&address, &[&first, &second], Then::Silence);
    assert!(lines.next().unwrap().unwrap().contains("example.org"));
    let back = news.next().unwrap().unwrap();
    assert_eq!(back, format!("connected to {address} again"));
    let asked = &server.asked()[0];
    assert_eq!((asked.number, asked.since.is_some()), (0, true));
    kill(pid(&child), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_server_that_dies_is_named_unless_the_stream_is_followed() {
    let server = Server::start(&[SYN], Then::Silence);
    let address = server.address.to_string();
    let mut child = spawn(&["observe", "--all", "--server", &address]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    server.stop();
    let output = child.wait_with_output().unwrap();
    let expected = format!("the connection to {address} ended (");
    assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_table_is_shown_line_by_line_while_following() {
    let server = Server::start(&[SYN], Then::Silence);
    let line = ["observe", "-f", "-o", "table", "--server", &server.address.to_string()];
    let mut child = spawn(&line);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("TIMESTAMP "));
    assert!(lines.next().unwrap().unwrap().contains("ifconfig.me:443   from-endpoint"));
    kill(pid(&child), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_leaves_ends_the_program_silently() {
    let server = Server::start(&[SYN], Then::Repeat);
    let mut child = spawn(&["observe", "--all", "--server", &server.address.to_string()]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    drop(lines);
    let output = child.wait_with_output().unwrap();
    assert_eq!((stderr(&output).as_str(), output.status.code()), ("", Some(0)));
}

#[test]
fn a_stream_that_fails_shows_what_came_and_why() {
    let server = Server::start(&[SYN], Then::Fail(Status::unavailable("no node left")));
    let output = ask(&server, &["observe", "-o", "table"]);
    assert!(stdout(&output).contains("ifconfig.me:443"));
    assert_eq!(stderr(&output), "no node left\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn status_shows_health_and_flows() {
    let server = Server::start(&[], Then::End);
    let output = ask(&server, &["status"]);
    assert_eq!(
        stdout(&output),
        format!("Healthcheck (via {}): Ok\nCurrent/Max Flows: 11/4,095 (0.27%)\nFlows/s: 1.93\n", server.address)
    );
    let output = ask(&server, &["status", "-o", "json"]);
    assert_eq!(stdout(&output), "{\"num_flows\":\"11\",\"max_flows\":\"4095\",\"flows_rate\":1.93}\n");
}

#[test]
fn lists_and_watches_print_a_line_per_entry() {
    let server = Server::start(&[], Then::End);
    assert_eq!(stdout(&ask(&server, &["list", "namespaces"])), "NAMESPACE\nkube-system\nshop\n");
    assert_eq!(stdout(&ask(&server, &["watch", "peers"])), "PEER_ADDED   127.0.0.1:14401 node-a\n");
    let output = ask(&server, &["list", "nodes"]);
    assert_eq!(
        stderr(&output),
        format!("{} does not offer this; name the address of a relay with --server\n", server.address)
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn our_environment_comes_before_hubbles_and_flags_before_both() {
    let server = Server::start(&[SYN], Then::End);
    let here = server.address.to_string();
    let hubble = run(&["observe"], &[("HUBBLE_SERVER", &here)]);
    assert_eq!(stdout(&hubble), SYN_LINE);
    let ours = run(&["observe"], &[("HUBBLE_SERVER", "127.0.0.1:9"), ("TIDEGATE_SERVER", &here)]);
    assert_eq!(stdout(&ours), SYN_LINE);
    let flag = run(&["observe", "--server", &here], &[("TIDEGATE_SERVER", "127.0.0.1:9")]);
    assert_eq!(stdout(&flag), SYN_LINE);
}

#[test]
fn a_file_is_filtered_and_a_line_that_is_no_event_is_named() {
    let syn = SYN.replace('\n', "");
    let other = syn.replace("ifconfig.me", "example.org");
    let input = format!("{syn}\nnonsense\n\n{other}\n");
    let line = ["observe", "--input-file", "-", "--to-fqdn", "ifconfig.me"];
    let mut child = spawn(&line);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(stdout(&output), SYN_LINE);
    assert!(stderr(&output).starts_with("line 2 of - is no event: "));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_file_gives_its_last_or_first_lines() {
    let syn = SYN.replace('\n', "");
    let lines: Vec<_> = (1..=5).map(|port| syn.replace("51000", &port.to_string())).collect();
    let ports = |flag: &str| {
        let mut child = spawn(&["observe", "--input-file", "-", flag, "2"]);
        let mut stdin = child.stdin.take().unwrap();
        // The program may leave before it has read everything.
        let _ = stdin.write_all(lines.join("\n").as_bytes());
        drop(stdin);
        let text = stdout(&child.wait_with_output().unwrap());
        let port = |line: &str| line.split_once("cart-1:").unwrap().1[..1].to_owned();
        text.lines().map(port).collect::<Vec<_>>()
    };
    assert_eq!(ports("--last"), ["4", "5"]);
    assert_eq!(ports("--first"), ["1", "2"]);
}

#[test]
fn an_unknown_flag_fails_and_help_does_not() {
    let output = run(&["observe", "--nope"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--nope"));
    let output = run(&["observe", "--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("--to-fqdn"));
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = run(&["completion", shell], &[]);
        assert!(stdout(&output).contains("observe"), "{shell}");
    }
}

fn ask(server: &Server, line: &[&str]) -> Output {
    run(line, &[("TIDEGATE_SERVER", &server.address.to_string())])
}

fn run(line: &[&str], env: &[(&str, &str)]) -> Output {
    program(line).envs(env.iter().copied()).output().unwrap()
}

fn spawn(line: &[&str]) -> Child {
    program(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn program(line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(line).env_clear();
    command
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
