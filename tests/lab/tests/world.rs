//! The lab itself: what its network does before Tidegate is in it.

mod privileged;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use privileged::needs_root;
use tidegate_lab::{PodSpec, Preset, World, zone};

const IFCONFIG: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(zone::IFCONFIG), 80);

fn plain_world() -> World {
    World::builder(&World::unique_name()).without_collectors().build().unwrap()
}

/// The address that the outside saw, asked over a plain socket.
fn seen_address(world: &World, pod: &str) -> String {
    world
        .in_netns(pod, || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&IFCONFIG, Duration::from_secs(20))?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ifconfig.me\r\nConnection: close\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text.rsplit("\r\n\r\n").next().unwrap_or_default().trim().to_owned())
        })
        .unwrap()
        .unwrap()
}

#[test]
fn a_pods_request_by_name_arrives_outside_with_the_pods_own_address() {
    if !needs_root() {
        return;
    }
    let world = plain_world();
    let capture = world.capture_outside().unwrap();
    for pod in ["client", "client2", "client-cp", "other"] {
        let address = world.pod(pod).unwrap().address;
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://ifconfig.me/");
            let answer = world.run(pod, &["curl", "-sS", "-m", "20", &url]).unwrap();
            assert_eq!(answer, format!("{address}\n"), "{pod} over {scheme}");
        }
        assert!(capture.packets_from(address) > 0, "{pod}");
    }
    assert_eq!(capture.sources_to(zone::IFCONFIG).len(), 4);
    let kinds = capture.stop().unwrap();
    let https = kinds.keys().filter(|seen| seen.port == 443 && seen.protocol == 6).count();
    assert_eq!(https, 4);
}

#[test]
fn the_resolver_answers_through_its_service_address_from_every_node() {
    if !needs_root() {
        return;
    }
    let world = plain_world();
    for pod in ["client", "client2", "client-cp"] {
        let dig = |args: &[&str]| {
            let mut command = vec!["dig", "+short", "+time=5", "+tries=3"];
            command.extend(args);
            world.run(pod, &command).unwrap()
        };
        assert_eq!(dig(&["ifconfig.me"]), "34.160.111.145\n");
        let chain = dig(&["shop.example.com"]);
        assert_eq!(chain, "shop.cdn.example.net.\nedge-7.cdn.example.net.\n198.51.100.30\n");
        assert_eq!(dig(&["many.cdn.test", "+noedns"]).lines().count(), 30);
        // Truncated over UDP, whole over TCP.
        assert_eq!(dig(&["huge.cdn.test", "+noedns"]).lines().count(), 60);
        assert_eq!(dig(&["missing.example.com"]), "");
    }
}

#[test]
fn masquerade_shows_the_nodes_address_outside_and_leaves_the_cluster_alone() {
    if !needs_root() {
        return;
    }
    let world = World::builder(&World::unique_name())
        .without_collectors()
        .firewall("worker", &[Preset::Masquerade])
        .build()
        .unwrap();
    let node = world.node("worker").unwrap().address;
    let capture = world.capture_outside().unwrap();
    assert_eq!(seen_address(&world, "client"), node.to_string());
    assert_eq!(seen_address(&world, "client2"), world.pod("client2").unwrap().address.to_string());
    assert_eq!(capture.packets_from(world.pod("client").unwrap().address), 0);
    assert!(world.firewall_packets("worker", Preset::Masquerade).unwrap().unwrap() > 0);
    // Pod to pod on another node: the peer sees the pod.
    assert_eq!(peer_seen_by(&world, "client2", "client"), world.pod("client").unwrap().address);
    world.set_firewall("worker", &[]).unwrap();
    assert_eq!(world.firewall_packets("worker", Preset::Masquerade).unwrap(), None);
    assert_eq!(seen_address(&world, "client"), world.pod("client").unwrap().address.to_string());
}

#[test]
fn forward_drop_keeps_pods_inside_and_lets_them_reach_each_other() {
    if !needs_root() {
        return;
    }
    let world =
        World::builder(&World::unique_name()).without_collectors().firewall_everywhere(&Preset::ALL).build().unwrap();
    let capture = world.capture_outside().unwrap();
    let refused = world.exec("client", &["curl", "-sS", "-m", "2", "http://ifconfig.me/"]).unwrap();
    assert_eq!(refused.status.code(), Some(28), "a connection that times out");
    // The name was resolved: the preset lets the resolver out.
    assert!(capture.count(|seen| seen.destination == zone::RESOLVER) > 0);
    assert_eq!(capture.sources_to(zone::IFCONFIG), BTreeSet::new());
    assert!(world.firewall_packets("worker", Preset::ForwardDrop).unwrap().unwrap() > 0);
    assert_eq!(peer_seen_by(&world, "client2", "client"), world.pod("client").unwrap().address);
    assert_eq!(peer_seen_by(&world, "client", "other"), world.pod("other").unwrap().address);
    assert_eq!(capture.dropped().unwrap(), 0);
}

#[test]
fn bridged_and_routed_pods_reach_each_other_the_nodes_and_the_outside() {
    if !needs_root() {
        return;
    }
    let world = World::builder(&World::unique_name())
        .without_collectors()
        .pod(PodSpec::new("bridged", "worker").bridged())
        .pod(PodSpec::new("bridged-too", "worker").bridged())
        .build()
        .unwrap();
    let address = |pod: &str| world.pod(pod).unwrap().address;
    assert_eq!(seen_address(&world, "bridged"), address("bridged").to_string());
    for (server, client) in [
        ("bridged", "bridged-too"),
        ("bridged", "client"),
        ("client", "bridged"),
        ("bridged", "client2"),
        ("client2", "bridged"),
    ] {
        assert_eq!(peer_seen_by(&world, server, client), address(client), "{client} to {server}");
    }
    for node in world.nodes() {
        let to = node.address.to_string();
        world.run("bridged", &["ping", "-c", "1", "-W", "10", &to]).unwrap();
        world.run("client", &["ping", "-c", "1", "-W", "10", &to]).unwrap();
    }
    let names = world.run("bridged", &["dig", "+short", "+time=5", "ifconfig.me"]).unwrap();
    assert_eq!(names, "34.160.111.145\n");
}

#[test]
fn echo_ports_answer_over_udp_tcp_and_icmp_from_the_address_that_was_asked() {
    if !needs_root() {
        return;
    }
    let world = plain_world();
    let wait = Some(Duration::from_secs(20));
    world
        .in_netns("client", || {
            for port in tidegate_lab::ECHO_PORTS {
                let server = SocketAddr::from((zone::IFCONFIG, port));
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.set_read_timeout(wait).unwrap();
                socket.send_to(b"datagram", server).unwrap();
                let mut buffer = [0; 64];
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                assert_eq!((&buffer[..length], from), (&b"datagram"[..], server));
                let mut stream = TcpStream::connect(server).unwrap();
                stream.set_read_timeout(wait).unwrap();
                stream.write_all(b"stream").unwrap();
                let mut answer = [0; 6];
                stream.read_exact(&mut answer).unwrap();
                assert_eq!(&answer, b"stream");
            }
        })
        .unwrap();
    world.run("client", &["ping", "-c", "2", "-i", "0.2", "-W", "10", "ifconfig.me"]).unwrap();
}

#[test]
fn the_web_server_streams_bytes_counts_uploads_and_names_the_callers_port() {
    if !needs_root() {
        return;
    }
    let world = plain_world();
    let curl = |args: &[&str]| {
        let mut command = vec!["curl", "-sS", "-m", "60"];
        command.extend(args);
        world.exec("client", &command).unwrap()
    };
    let body = curl(&["https://ifconfig.me/bytes/1000000"]).stdout;
    assert_eq!(body.len(), 1_000_000);
    assert!(body.iter().enumerate().all(|(n, &byte)| byte == (n % 251) as u8));
    let port = curl(&["--local-port", "40123", "http://ifconfig.me/port"]).stdout;
    let address = world.pod("client").unwrap().address;
    assert_eq!(String::from_utf8(port).unwrap(), format!("{address}:40123\n"));
    let ca = world.dir().ca();
    let upload = format!("@{}", ca.display());
    let length = std::fs::metadata(&ca).unwrap().len();
    let counted = curl(&["--data-binary", &upload, "http://api.example.com/"]).stdout;
    assert_eq!(String::from_utf8(counted).unwrap(), format!("{length}\n"));
    let wrong = curl(&["-o", "/dev/null", "-w", "%{http_code}", "http://ifconfig.me/nothing"]).stdout;
    assert_eq!(wrong, b"404");
}

#[test]
fn pods_come_and_go_with_their_objects() {
    if !needs_root() {
        return;
    }
    let world = plain_world();
    let file = |pod: &str| world.dir().manifests().join(format!("pod-{pod}.yaml"));
    let late = world.add_pod(PodSpec::new("late", "worker2").label("app", "late")).unwrap();
    assert_eq!(seen_address(&world, "late"), late.address.to_string());
    assert!(std::fs::read_to_string(file("late")).unwrap().contains("app: late"));
    world.remove_pod("late").unwrap();
    assert!(!file("late").exists());
    assert!(world.netns("late").is_err());

    let secret = world.add_pod(PodSpec::new("secret", "worker2").unannounced()).unwrap();
    assert_eq!(secret.address, late.address, "a freed address is given out again");
    assert!(!file("secret").exists());
    world.announce_pod("secret").unwrap();
    assert!(file("secret").exists());
    let twice = world.add_pod(PodSpec::new("secret", "worker")).unwrap_err().to_string();
    assert!(twice.contains("already has"), "{twice}");
}

#[test]
fn an_egress_address_outside_the_underlay_is_reached_through_its_node() {
    if !needs_root() {
        return;
    }
    let world = plain_world();
    world.route_to_node("203.0.113.0/24".parse().unwrap(), "worker").unwrap();
    world.add_node_address("worker", "203.0.113.7/32".parse().unwrap()).unwrap();
    world.run("outside", &["ping", "-c", "1", "-W", "10", "203.0.113.7"]).unwrap();
}

#[test]
fn two_worlds_side_by_side_do_not_meet() {
    if !needs_root() {
        return;
    }
    let (one, two) = (plain_world(), plain_world());
    let capture = two.capture_outside().unwrap();
    assert_eq!(seen_address(&one, "client"), one.pod("client").unwrap().address.to_string());
    assert_eq!(capture.packets().len(), 0);
    two.down().unwrap();
    assert_eq!(seen_address(&one, "client2"), one.pod("client2").unwrap().address.to_string());
}

#[test]
fn a_hundred_pods_fit_and_each_is_heard_outside() {
    if !needs_root() {
        return;
    }
    let world = plain_world();
    let capture = world.capture_outside().unwrap();
    let nodes = world.nodes();
    let mut added = BTreeSet::new();
    for number in 0..100 {
        let node = &nodes[number % nodes.len()].name;
        let pod = world.add_pod(PodSpec::new(&format!("many-{number}"), node)).unwrap();
        let name = &pod.spec.name;
        world
            .in_netns(name, || {
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                socket.send_to(b"here", (zone::IFCONFIG, 7)).unwrap();
                socket.recv(&mut [0; 8]).unwrap();
            })
            .unwrap();
        added.insert(pod.address);
    }
    assert_eq!(added.len(), 100);
    assert_eq!(capture.sources_to(zone::IFCONFIG), added);
    assert_eq!(capture.dropped().unwrap(), 0);
}

/// Opens a connection from pod to pod and returns the address that the server saw.
fn peer_seen_by(world: &World, server: &str, client: &str) -> Ipv4Addr {
    let listener = world.in_netns(server, || TcpListener::bind("0.0.0.0:0")).unwrap().unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = SocketAddr::from((world.pod(server).unwrap().address, port));
    let _stream = world.in_netns(client, || TcpStream::connect_timeout(&to, Duration::from_secs(20))).unwrap().unwrap();
    let (_accepted, peer) = listener.accept().unwrap();
    match peer.ip() {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(address) => panic!("an IPv6 peer {address} in an IPv4 lab"),
    }
}
