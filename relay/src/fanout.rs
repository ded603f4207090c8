//! One client's stream: takes in what the nodes send, merges it, counts it, and hands it to the
//! client as fast as the client reads and no faster.
//!
//! A stream that begins with history is merged in exact order first; a follow stream then goes on
//! in window order. Node status goes out at once, also while frames are still held.

use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tidegate_ops::stop;
use tidegate_proto::Frame;
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::relay::NodeState;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Status};

use crate::archive::Given;
use crate::feed::Event;
use crate::input::{Input, Part};
use crate::merge::{Merge, Mode, Next};
use crate::node_status::{self, WallClock};
use crate::quota::{Quota, Verdict};

/// Events taken from a node at once.
const BATCH: usize = 64;

/// The times that shape a merge; constants, except in tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The longest delay that a quiet node causes in a follow stream.
    pub(crate) window: Duration,
    /// The longest time that one node may keep an ordered answer waiting.
    pub(crate) stall: Duration,
}

impl Pace {
    /// The times of a running relay.
    pub(crate) const DEFAULT: Pace = Pace { window: Duration::from_millis(500), stall: Duration::from_secs(5) };
}

/// Whether the stream is reading history in exact order or following.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// All there is, then the stream ends.
    Answer,
    /// History, then [`Phase::Follow`].
    Rewind,
    /// What happens, as it happens.
    Follow,
}

/// One client's stream.
#[derive(Debug)]
pub(crate) struct Fanout {
    inputs: Vec<Input>,
    merge: Merge,
    quota: Quota,
    phase: Phase,
    pace: Pace,
    clock: WallClock,
    /// The name of the relay's own node, for node status.
    relay: String,
    /// What was given of stored flows, if there are any to give.
    given: Option<Given>,
    out: mpsc::Sender<Result<Frame, Status>>,
    /// Kept between batches for its memory.
    batch: Vec<Event>,
}

/// The stream is over: the client is gone or got its last message.
struct Over;

impl Fanout {
    /// A stream of `inputs` to `out`.
    pub(crate) fn new(
        inputs: Vec<Input>,
        quota: Quota,
        phase: Phase,
        given: Option<Given>,
        pace: Pace,
        relay: String,
        out: mpsc::Sender<Result<Frame, Status>>,
    ) -> Self {
        let now = Instant::now();
        let mode = match phase {
            Phase::Follow => Mode::Window { window: pace.window },
            Phase::Answer | Phase::Rewind => Mode::Exact { stall: pace.stall },
        };
        let mut merge = Merge::new(mode, inputs.len(), now);
        for (index, input) in inputs.iter().enumerate() {
            if input.part == Part::Flowing {
                merge.set_live(index, now);
            }
            if input.is_store {
                merge.set_patient(index);
            }
        }
        let clock = WallClock::start();
        Self { inputs, merge, quota, phase, pace, clock, relay, given, out, batch: Vec::new() }
    }

    /// Runs until the answer is complete, the client is gone or the relay stops.
    pub(crate) async fn run(mut self, stop: stop::Signal) {
        let out = self.out.clone();
        tokio::select! {
            _ = self.drive() => {}
            () = out.closed() => {}
            () = stop.wait() => {
                // A client that reads nothing would miss it anyway.
                let _ = out.try_send(Err(Status::unavailable("the relay is stopping")));
            }
        }
        let late: u64 = self.inputs.iter().map(|input| input.late_frames).sum();
        if late > 0 {
            tracing::warn!(frames = late, "frames came too late for an ordered answer");
        }
    }

    async fn drive(&mut self) -> Result<(), Over> {
        self.announce().await?;
        loop {
            let due = self.emit().await?;
            if self.history_is_complete() {
                while let Some(frame) = self.quota.flush() {
                    self.send(Ok(frame)).await?;
                }
                if self.phase == Phase::Answer {
                    return self.conclude().await;
                }
                self.begin_to_follow();
                continue;
            }
            if self.phase == Phase::Follow && self.merge.is_empty() && self.inputs.iter().all(Input::has_ended) {
                return Err(Over);
            }
            let arrived = std::future::poll_fn(|context| self.poll_inputs(context));
            match due {
                Some(due) => {
                    let mut due = pin!(sleep_until(due));
                    tokio::select! {
                        biased;
                        () = arrived => {}
                        () = &mut due => {}
                    }
                }
                None => arrived.await,
            }
            self.take_in().await?;
        }
    }

    /// The first messages: who is asked and who cannot be.
    async fn announce(&self) -> Result<(), Over> {
        for (away, state) in [(false, NodeState::NodeConnected), (true, NodeState::NodeUnavailable)] {
            let nodes = self.inputs.iter().filter(|input| !input.is_store && (input.part == Part::Away) == away);
            let names: Vec<String> = nodes.map(|input| input.name.clone()).collect();
            if !names.is_empty() {
                self.send_status(state, names, String::new()).await?;
            }
        }
        if self.phase == Phase::Answer && self.inputs.iter().all(|input| !input.asked) {
            // An empty answer would read as "there were no flows".
            let names: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
            let reason = format!("no node could be asked: {} unavailable", names.join(", "));
            self.send(Err(Status::unavailable(reason))).await?;
            return Err(Over);
        }
        Ok(())
    }

    /// Sends whatever is in order; says until when to wait at most.
    async fn emit(&mut self) -> Result<Option<Instant>, Over> {
        loop {
            let now = Instant::now();
            match self.merge.next(now, self.clock.at(now)) {
                Next::Wait(due) => return Ok(due),
                Next::Frame(frame) => match self.quota.offer(frame) {
                    Verdict::Hold => {}
                    Verdict::Pass(frame) => self.send(Ok(frame)).await?,
                    Verdict::PassAndEnd(frame) => {
                        self.send(Ok(frame)).await?;
                        return Err(Over);
                    }
                },
                Next::Stalled(index) => {
                    self.inputs[index].part = Part::Late;
                    let seconds = self.pace.stall.as_secs();
                    let reason = format!("nothing received for {seconds} s; its flows are left out");
                    self.send_error(index, reason).await?;
                }
            }
        }
    }

    /// Whether every node's history was read and emitted; never while following.
    fn history_is_complete(&self) -> bool {
        self.phase != Phase::Follow
            && self.merge.is_empty()
            && self.inputs.iter().all(|input| !matches!(input.part, Part::Flowing | Part::Waiting))
    }

    /// The end of an answer: an error if there is no node whose flows are all in it.
    async fn conclude(&self) -> Result<(), Over> {
        let mut asked = self.inputs.iter().filter(|input| input.asked);
        if asked.all(|input| input.failed) {
            let reason = "no node answered in full; its error is in the node status".to_owned();
            self.send(Err(Status::unavailable(reason))).await?;
        }
        Err(Over)
    }

    fn begin_to_follow(&mut self) {
        let now = Instant::now();
        self.phase = Phase::Follow;
        if let Some(given) = &self.given {
            given.seal();
        }
        self.quota = Quota::All;
        self.merge.set_mode(Mode::Window { window: self.pace.window });
        for (index, input) in self.inputs.iter_mut().enumerate() {
            if input.part == Part::Rewound {
                input.part = Part::Flowing;
                self.merge.set_live(index, now);
            }
        }
    }

    /// Ready when some node that is wanted has sent something.
    fn poll_inputs(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut arrived = Poll::Pending;
        let mut batch = std::mem::take(&mut self.batch);
        for index in 0..self.inputs.len() {
            if !self.is_wanted(index) {
                continue;
            }
            let input = &mut self.inputs[index];
            if input.taken.is_empty() {
                match input.events.poll_recv_many(context, &mut batch, BATCH) {
                    Poll::Pending => continue,
                    // The feed is gone without a word: it was cancelled.
                    Poll::Ready(0) => input.taken.push_back(Event::Ended),
                    Poll::Ready(_) => input.taken.extend(batch.drain(..)),
                }
            }
            arrived = Poll::Ready(());
        }
        self.batch = batch;
        arrived
    }

    fn is_wanted(&self, index: usize) -> bool {
        match self.inputs[index].part {
            Part::Flowing => self.merge.has_room(index),
            Part::Late | Part::Away => true,
            Part::Rewound | Part::Waiting | Part::Ended => false,
        }
    }

    async fn take_in(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        for index in 0..self.inputs.len() {
            while self.is_wanted(index) {
                let Some(event) = self.inputs[index].taken.pop_front() else {
                    break;
                };
                self.handle(index, event, now).await?;
            }
        }
        Ok(())
    }

    async fn handle(&mut self, index: usize, event: Event, now: Instant) -> Result<(), Over> {
        let input = &mut self.inputs[index];
        input.failed |= matches!(event, Event::Failed(_));
        match event {
            Event::Frame(_) if input.part == Part::Late => input.late_frames += 1,
            Event::Frame(frame) => self.merge.push(index, frame, now),
            Event::Rewound => self.become_ready(index, now),
            Event::Connected => {
                input.asked = true;
                let name = vec![input.name.clone()];
                self.become_ready(index, now);
                self.send_status(NodeState::NodeConnected, name, String::new()).await?;
            }
            Event::Failed(reason) => {
                input.part = Part::Away;
                self.merge.set_absent(index);
                // What it sent before reads better ahead of the news.
                self.emit().await?;
                self.send_error(index, reason).await?;
            }
            Event::Refused(status) => {
                input.refused = true;
                self.refuse(index, &status).await?;
            }
            Event::Handover(requests) => self.hand_over(requests, now),
            Event::Ended => {
                input.part = Part::Ended;
                self.merge.set_absent(index);
                self.release();
            }
        }
        Ok(())
    }

    /// The nodes have their turn, beside the store.
    fn hand_over(&mut self, requests: Vec<GetFlowsRequest>, now: Instant) {
        let nodes = self.inputs.iter_mut().enumerate().filter(|(_, input)| !input.is_store);
        for ((index, input), request) in nodes.zip(requests) {
            if input.part == Part::Waiting {
                input.part = Part::Flowing;
                self.merge.set_live(index, now);
            }
            if let Some(begin) = input.begin.take() {
                // A feed that is gone needs no request.
                let _ = begin.send(request);
            }
        }
    }

    /// When the store has ended without a handover, there is nothing to ask the nodes for.
    fn release(&mut self) {
        if self.inputs.iter().any(|input| input.is_store && input.has_ended()) {
            for input in &mut self.inputs {
                input.begin = None;
                if input.part == Part::Waiting {
                    input.part = Part::Ended;
                }
            }
        }
    }

    /// The node's next frames are new ones: they flow, or wait while others rewind.
    fn become_ready(&mut self, index: usize, now: Instant) {
        if self.phase == Phase::Follow {
            self.inputs[index].part = Part::Flowing;
            self.merge.set_live(index, now);
        } else {
            self.inputs[index].part = Part::Rewound;
            self.merge.set_absent(index);
        }
    }

    /// A bad request is the client's error, and each node would say so. Unknown may also be one
    /// node's own trouble: it counts as the client's error when all nodes say it.
    async fn refuse(&mut self, index: usize, status: &Status) -> Result<(), Over> {
        let mut asked = self.inputs.iter().filter(|input| input.asked);
        if status.code() == Code::InvalidArgument || asked.all(|input| input.refused) {
            self.send(Err(Status::invalid_argument(status.message()))).await?;
            return Err(Over);
        }
        self.send_error(index, status.message().to_owned()).await
    }

    async fn send_error(&self, index: usize, reason: String) -> Result<(), Over> {
        let name = vec![self.inputs[index].name.clone()];
        self.send_status(NodeState::NodeError, name, reason).await
    }

    async fn send_status(&self, state: NodeState, names: Vec<String>, message: String) -> Result<(), Over> {
        let wall_ns = self.clock.at(Instant::now());
        self.send(Ok(node_status::frame(&self.relay, wall_ns, state, names, message))).await
    }

    async fn send(&self, message: Result<Frame, Status>) -> Result<(), Over> {
        self.out.send(message).await.map_err(|_| Over)
    }
}

#[cfg(test)]
#[path = "fanout_tests.rs"]
mod tests;
