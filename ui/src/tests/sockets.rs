//! Over a real connection: what only a socket shows.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate_ops::stop::{Signal, Trigger};
use tidegate_proto::v1::FollowResponse;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::fake::Script;
use super::world::{Dashboard, PATIENT, flow};
use crate::{UiSettings, bind, server};

/// Serves a dashboard on a free port.
async fn serve(dashboard: &Dashboard, patience: Duration) -> (SocketAddr, Trigger) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("bound");
    let (trigger, stop) = Signal::manual();
    tokio::spawn(server::serve(listener, dashboard.router.clone(), patience, stop));
    (address, trigger)
}

async fn send(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
}

/// Reads until `text` is there.
async fn read_to(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let all = String::from_utf8_lossy(&read);
        if all.contains(text) {
            return all.into_owned();
        }
        let count = timeout(PATIENT, stream.read(&mut buffer)).await.expect("in time").expect("readable");
        assert!(count > 0, "ended after {all:?}");
        read.extend_from_slice(&buffer[..count]);
    }
}

#[tokio::test]
async fn a_closed_request_cancels_the_call_behind_it() {
    let dashboard = Dashboard::with(Script { silent: true, ..Script::default() }).await;
    let (address, _stop) = serve(&dashboard, server::PATIENCE).await;
    let mut stream = TcpStream::connect(address).await.expect("connected");
    send(&mut stream, "/api/v1/flows").await;
    dashboard.relay.calls(1).await;
    drop(stream);
    timeout(PATIENT, dashboard.relay.calls(0)).await.expect("the call is given up");
}

#[tokio::test]
async fn a_browser_that_does_not_read_stops_its_own_stream_and_no_other() {
    let flood = |at: u32| FollowResponse {
        flows: (at * 500..(at + 1) * 500).map(flow).collect(),
        seen: 500,
        ..FollowResponse::default()
    };
    let dashboard = Dashboard::with(Script { followed: (0..20).map(flood).collect(), ..Script::default() }).await;
    let (address, _stop) = serve(&dashboard, Duration::from_secs(1)).await;
    // A small window, so that little fits between the two.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    let mut slow = socket.connect(address).await.expect("connected");
    send(&mut slow, "/api/v1/flows/stream").await;
    dashboard.relay.calls(1).await;

    // More and more is stored, and the others are told.
    let more = tokio::spawn({
        let script = dashboard.relay.script.clone();
        async move {
            loop {
                script.send_modify(|script| {
                    let at = u32::try_from(script.followed.len()).expect("few");
                    script.followed.push(flood(at));
                });
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let mut other = TcpStream::connect(address).await.expect("connected");
    send(&mut other, "/api/v1/flows/stream?position=19").await;
    for _ in 0..3 {
        read_to(&mut other, "event: flows").await;
    }
    drop(other);
    // The slow one is cut off, and its call is given up.
    timeout(PATIENT, dashboard.relay.calls(0)).await.expect("the slow stream ends");
    more.abort();
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams_and_frees_its_port() {
    let relay = Dashboard::with(Script::default()).await;
    let settings = UiSettings {
        listen: "127.0.0.1:0".parse().expect("an address"),
        relay: relay.relay.address(),
        names: Vec::new(),
    };
    let ui = bind(settings).await.expect("bound");
    let address = ui.address();
    let (trigger, stop) = Signal::manual();
    let serving = tokio::spawn(ui.serve(stop));
    let mut stream = TcpStream::connect(address).await.expect("connected");
    send(&mut stream, "/api/v1/flows/stream").await;
    let head = read_to(&mut stream, "event: status").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("x-accel-buffering: no"), "{head}");
    trigger.stop();
    let mut rest = Vec::new();
    timeout(PATIENT, stream.read_to_end(&mut rest)).await.expect("it ends").expect("in peace");
    timeout(PATIENT, serving).await.expect("it ends").expect("no panic").expect("no error");
    TcpListener::bind(address).await.expect("the port is free");
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_ever_for_an_answer() {
    let dashboard = Dashboard::with(Script { silent: true, ..Script::default() }).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("bound");
    let (trigger, stop) = Signal::manual();
    let serving = tokio::spawn(server::serve(listener, dashboard.router.clone(), server::PATIENCE, stop));
    let mut stream = TcpStream::connect(address).await.expect("connected");
    send(&mut stream, "/api/v1/flows").await;
    dashboard.relay.calls(1).await;
    trigger.stop();
    timeout(PATIENT, serving).await.expect("it ends").expect("no panic");
    // Cut off, and the call behind it given up.
    timeout(PATIENT, dashboard.relay.calls(0)).await.expect("the call is given up");
}

#[tokio::test]
async fn several_requests_share_a_connection() {
    let dashboard = Dashboard::with(Script::default()).await;
    let (address, _stop) = serve(&dashboard, server::PATIENCE).await;
    let mut stream = TcpStream::connect(address).await.expect("connected");
    for _ in 0..3 {
        send(&mut stream, "/api/v1/status").await;
        let answer = read_to(&mut stream, "\"storeMessage\":null}").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
