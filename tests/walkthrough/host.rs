//! A node's own connections, which belong to no pod: shown as the host's, by the names that it
//! asked for, and only those.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use serde_json::{Value, json};
use tidegate_lab::{Preset, World, zone};

use crate::SUITE;
use crate::terminal::{PROGRAM, Terminal, eventually, may_run};

/// A name that only the resolver on the node knows.
const PRIVATE: &str = "only.on.this.node";

#[test]
fn what_a_node_opens_is_shown_as_the_hosts_by_the_name_it_asked_for() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let node = terminal.world.node("worker").unwrap().address.to_string();
    assert_eq!(terminal.seen_address("worker"), node);
    let flows = eventually(|| {
        let flows = terminal.observed("--fqdn ifconfig.me --node-name worker --tcp-flags SYN");
        if flows.len() == 2 { Ok(flows) } else { Err(flows) }
    });
    let [syn, answer] = flows.as_slice() else { unreachable!("there are two") };
    assert_eq!((&syn["trace_observation_point"], &syn["traffic_direction"]), (&"TO_NETWORK".into(), &"EGRESS".into()));
    assert_eq!((&syn["source"]["labels"], &syn["IP"]["source"]), (&json!(["reserved:host"]), &node.as_str().into()));
    assert_eq!(syn["destination"]["labels"], json!(["reserved:world"]), "{syn}");
    assert_eq!(syn["destination_names"], json!(["ifconfig.me"]), "{syn}");
    assert_eq!(syn["IP"].get("source_xlated"), None, "{syn}");
    assert_eq!(answer["trace_observation_point"], "FROM_NETWORK", "{answer}");
    assert_eq!((&answer["is_reply"], &answer["traffic_direction"]), (&Value::Bool(true), &"EGRESS".into()), "{answer}");
    assert_eq!(answer["source_names"], json!(["ifconfig.me"]), "{answer}");

    terminal.world.run("worker", &["ping", "-c", "1", &zone::IFCONFIG.to_string()]).unwrap();
    eventually(|| {
        let flows = terminal.observed("--protocol icmp --to-fqdn ifconfig.me --node-name worker");
        if flows.iter().any(is_from_host) { Ok(()) } else { Err(flows) }
    });
    let asked = terminal.observed("--type l7 --protocol dns --node-name worker --to-ip 8.8.8.8");
    assert!(asked.iter().any(is_from_host), "what the node asks its resolver is a flow: {asked:?}");
}

#[test]
fn who_calls_a_node_is_seen_calling_and_not_being_called() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let address = terminal.world.node("worker").unwrap().address;
    let listener = terminal.world.in_netns("worker", || TcpListener::bind((address, 8080)).unwrap()).unwrap();
    let called = SocketAddr::from((address, 8080));
    let caller = terminal.world.in_netns("outside", || TcpStream::connect(called).unwrap()).unwrap();
    let (answer, _) = listener.accept().unwrap();
    drop((answer, caller));
    let flows = eventually(|| {
        let flows = terminal.observed("--node-name worker --port 8080 --protocol tcp");
        if flows.iter().any(|flow| flow["is_reply"] == true) { Ok(flows) } else { Err(flows) }
    });
    for flow in &flows {
        assert_eq!(flow["traffic_direction"], "INGRESS", "{flow}");
        assert_eq!(is_from_host(flow), flow["is_reply"] == true, "{flow}");
    }
}

#[test]
fn what_a_node_masquerades_or_translates_for_its_pods_is_not_its_own() {
    if !may_run(SUITE) {
        return;
    }
    let world = World::builder(&World::unique_name()).binary(PROGRAM).firewall_everywhere(&[Preset::Masquerade]);
    let terminal = Terminal { world: world.build().unwrap() };
    let gateway = terminal.world.node("worker").unwrap().address;
    terminal.applies(&crate::policy::egress("worker", "worker", ""));
    terminal.awaits_gateway("client", "worker", gateway);
    for pod in ["client", "other"] {
        assert_eq!(terminal.seen_address(pod), gateway.to_string(), "{pod} leaves by the node's address");
        // UDP and echo as well: on their way back they are addressed to the node.
        let ask = ["dig", "+short", "@8.8.8.8", "ifconfig.me", "A"];
        assert_eq!(terminal.world.run(pod, &ask).unwrap().trim(), zone::IFCONFIG.to_string());
        terminal.world.run(pod, &["ping", "-c", "1", &zone::IFCONFIG.to_string()]).unwrap();
    }
    // What comes last is shown, so all before it is.
    assert_eq!(terminal.seen_address("worker"), gateway.to_string());
    let flows = eventually(|| {
        let flows = terminal.observed("--all --node-name worker");
        let own = flows.iter().any(|flow| is_from_host(flow) && flow["l4"]["TCP"]["destination_port"] == 443);
        if own { Ok(flows) } else { Err("nothing of the node itself yet") }
    });
    let of_host = |flow: &&Value| is_from_host(flow) || flow["destination"]["labels"] == json!(["reserved:host"]);
    let of_host: Vec<_> = flows.iter().filter(of_host).collect();
    let connections = of_host.iter().filter(|flow| flow["l4"]["TCP"]["flags"] == json!({"SYN": true}));
    assert_eq!(connections.count(), 1, "the node itself has opened one connection");
    let echoes: Vec<_> = of_host.iter().filter(|flow| !flow["l4"]["ICMPv4"].is_null()).collect();
    assert!(echoes.is_empty(), "the node has sent no echo: {echoes:?}");
    let asked = |flow: &&&Value| flow["l7"]["dns"]["query"] == "ifconfig.me." && flow["l7"]["type"] == "RESPONSE";
    assert!(of_host.iter().filter(asked).count() <= 2, "A and AAAA for its own connection: {of_host:?}");
}

#[test]
fn an_answer_of_a_resolver_on_the_node_itself_names_the_nodes_connections() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let stub = || UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 53), 53)).unwrap();
    let stub = terminal.world.in_netns("worker", stub).unwrap();
    let answering = thread::spawn(move || answer_one(&stub));
    let ask = ["dig", "+short", "+tries=1", "@127.0.0.53", PRIVATE, "A"];
    assert_eq!(terminal.world.run("worker", &ask).unwrap().trim(), zone::IFCONFIG.to_string());
    answering.join().unwrap();
    let connect = || TcpStream::connect((zone::IFCONFIG, 80)).map(drop);
    terminal.world.in_netns("worker", connect).unwrap().unwrap();
    eventually(|| {
        let flows = terminal.observed(&format!("--to-fqdn {PRIVATE} --node-name worker --tcp-flags SYN"));
        if flows.iter().any(is_from_host) { Ok(()) } else { Err(terminal.observed("--node-name worker")) }
    });
}

fn is_from_host(flow: &Value) -> bool {
    flow["source"]["labels"] == json!(["reserved:host"])
}

/// Answers the next query for [`PRIVATE`] with the address of `ifconfig.me`.
fn answer_one(socket: &UdpSocket) {
    let mut message = [0; 512];
    let (_, asker) = socket.recv_from(&mut message).unwrap();
    // Header, the name with its length bytes and the root, type and class; what follows is EDNS.
    let question = 12 + PRIVATE.len() + 2 + 4;
    let mut answer = message[..question].to_vec();
    // A response without error: one question, one answer, nothing else (RFC 1035, 4.1.1).
    answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    // The name of the question, type A, class IN, 60 s, 4 bytes.
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    answer.extend(zone::IFCONFIG.octets());
    socket.send_to(&answer, asker).unwrap();
}
