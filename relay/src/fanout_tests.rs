//! One client's stream with scripted nodes and a clock that the test moves.

use tidegate_proto::observer::get_flows_response::ResponseTypes;

use super::*;
use crate::fake::flow_at;
use crate::feed;

struct Stream {
    nodes: Vec<mpsc::Sender<Event>>,
    client: mpsc::Receiver<Result<Frame, Status>>,
    _stop: stop::Trigger,
}

#[tokio::test(start_paused = true)]
async fn a_quiet_node_delays_a_followed_flow_by_the_window() {
    let mut stream = open(2, Quota::All, Phase::Follow);
    let flow = flow_at("a", WallClock::start().at(Instant::now()), 1);
    let sent = Instant::now();
    stream.nodes[0].send(Event::Frame(flow.clone())).await.expect("open");
    assert_eq!(stream.next_frame().await, flow);
    let delay = sent.elapsed();
    assert!(delay <= Duration::from_millis(510), "{delay:?}");
    assert!(delay >= Duration::from_millis(490), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stalls_an_answer_is_named_and_left_out() {
    let mut stream = open(2, Quota::All, Phase::Answer);
    stream.send(0, Event::Frame(flow_at("a", 7, 1))).await;
    let (state, names, message) = stream.next_status().await;
    assert_eq!((state, names), (NodeState::NodeError, vec!["b".to_owned()]));
    assert!(message.contains("nothing received for 5 s"), "{message}");
    // What it sends now would be out of order.
    stream.send(1, Event::Frame(flow_at("b", 1, 2))).await;
    stream.send(0, Event::Frame(flow_at("a", 8, 3))).await;
    stream.send(0, Event::Ended).await;
    assert_eq!([stream.next_time().await, stream.next_time().await], [7, 8]);
    assert!(stream.client.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_follow_stream_shows_the_newest_of_all_nodes_and_then_what_is_new() {
    let mut stream = open(2, Quota::newest(2), Phase::Rewind);
    for (node, name) in [(0, "a"), (1, "b")] {
        for at in 0..3 {
            let frame = flow_at(name, 10 * at + node, u64::try_from(at).expect("small"));
            stream.send(node, Event::Frame(frame)).await;
        }
    }
    stream.send(0, Event::Rewound).await;
    // New already while the other node still rewinds: it has to wait.
    stream.send(0, Event::Frame(flow_at("a", 40, 9))).await;
    stream.send(1, Event::Rewound).await;
    stream.send(1, Event::Frame(flow_at("b", 30, 9))).await;
    let times = [stream.next_time().await, stream.next_time().await];
    assert_eq!(times, [20, 21]);
    assert_eq!([stream.next_time().await, stream.next_time().await], [30, 40]);
}

#[tokio::test(start_paused = true)]
async fn unknown_from_one_node_is_its_own_error_and_from_all_the_clients() {
    let refusal = || Event::Refused(Box::new(Status::unknown("unknown protocol")));
    let mut stream = open(2, Quota::All, Phase::Answer);
    stream.send(0, refusal()).await;
    let (state, names, message) = stream.next_status().await;
    assert_eq!((state, names), (NodeState::NodeError, vec!["a".to_owned()]));
    assert_eq!(message, "unknown protocol");
    stream.send(1, refusal()).await;
    let error = stream.client.recv().await.expect("an end").expect_err("an error");
    assert_eq!((error.code(), error.message()), (Code::InvalidArgument, "unknown protocol"));
    assert!(stream.client.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_stream_ends_when_the_relay_stops() {
    let Stream { nodes: _nodes, mut client, _stop: stop } = open(1, Quota::All, Phase::Follow);
    client.recv().await.expect("node status").expect("no error");
    stop.stop();
    let error = client.recv().await.expect("an end").expect_err("an error");
    assert_eq!(error.code(), Code::Unavailable);
}

fn open(nodes: usize, quota: Quota, phase: Phase) -> Stream {
    let (inputs, nodes) = (0..nodes)
        .map(|index| {
            let (events, input) = mpsc::channel(feed::QUEUE);
            let name = char::from(b"abc"[index]).to_string();
            (Input::new(name, input, true), events)
        })
        .unzip();
    let (out, client) = mpsc::channel(16);
    let (trigger, signal) = stop::Signal::manual();
    let fanout = Fanout::new(inputs, quota, phase, None, Pace::DEFAULT, "relay".to_owned(), out);
    tokio::spawn(fanout.run(signal));
    Stream { nodes, client, _stop: trigger }
}

impl Stream {
    async fn send(&self, node: i64, event: Event) {
        let node = usize::try_from(node).expect("an index");
        self.nodes[node].send(event).await.expect("the stream is open");
    }

    async fn next(&mut self) -> Frame {
        self.client.recv().await.expect("the stream is open").expect("no error")
    }

    /// The next frame that is no node status.
    async fn next_frame(&mut self) -> Frame {
        loop {
            let frame = self.next().await;
            if frame.kind() != tidegate_proto::FrameKind::NodeStatus {
                return frame;
            }
        }
    }

    async fn next_time(&mut self) -> i64 {
        self.next_frame().await.time_ns().expect("a time")
    }

    /// The next node status other than the list of connected nodes.
    async fn next_status(&mut self) -> (NodeState, Vec<String>, String) {
        loop {
            let response = self.next().await.decode().expect("valid");
            if let Some(ResponseTypes::NodeStatus(status)) = response.response_types
                && status.state_change() != NodeState::NodeConnected
            {
                return (status.state_change(), status.node_names, status.message);
            }
        }
    }
}
