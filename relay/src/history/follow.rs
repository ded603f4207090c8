//! One client that follows the store.
//!
//! What is committed comes from the recorder, and what this client could not take in time comes
//! from the store. The two meet at a commit number: the client is first subscribed, then the
//! number of the newest commit is read, then everything up to it is looked up. So nothing is
//! between the two, and what is in both is recognised among the flows sent last.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_flow::Filter;
use tidegate_ops::stop;
use tidegate_proto::v1::FollowResponse;
use tidegate_store::{Gap, Order, PageRequest, Query, Record, Span};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Status;

use super::answer;
use super::position::Position;
use crate::recorder::{Commit, Recorder};

/// Longest silence of a stream.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Flows looked up at once.
const PAGE: usize = 1000;

/// Longest search before the client hears of it.
const BUDGET: Duration = Duration::from_secs(2);

/// Flows that are remembered as sent.
const REMEMBERED: usize = 65_536;

/// A follower.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) recorder: Recorder,
    pub(super) allow: Vec<Filter>,
    pub(super) deny: Vec<Filter>,
    pub(super) out: mpsc::Sender<Result<FollowResponse, Status>>,
}

/// The stream is over: the client is gone, or was told why.
struct Over;

/// A follower under way.
struct Stream {
    follower: Follower,
    /// What the client has read; none before the store has answered once.
    read: Option<Position>,
    sent: Sent,
}

impl Follower {
    /// Runs until the client is gone or the relay stops.
    pub(super) async fn run(self, from: Option<Position>, stop: stop::Signal) {
        let out = self.out.clone();
        let stream = Stream { follower: self, read: None, sent: Sent::default() };
        tokio::select! {
            _ = stream.run(from) => {}
            () = out.closed() => {}
            () = stop.wait() => {
                // A client that reads nothing would miss it anyway.
                let _ = out.try_send(Err(Status::unavailable("the relay is stopping")));
            }
        }
    }
}

impl Stream {
    async fn run(mut self, from: Option<Position>) -> Result<(), Over> {
        let recorder = self.follower.recorder.clone();
        let mut commits = recorder.subscribe();
        let newest = loop {
            match timeout(HEARTBEAT, recorder.newest_commit()).await {
                Ok(newest) => break newest,
                Err(_) => self.send(FollowResponse::default()).await?,
            }
        };
        match from {
            // A time that is yet to come is none of a flow.
            Some(from) => self.catch_up(Position { time: from.time.min(now()), ..from }, newest).await?,
            None => self.read = Some(Position { commit: newest, time: now() }),
        }
        // The first word says where the client is.
        self.send(FollowResponse::default()).await?;
        loop {
            match timeout(HEARTBEAT, commits.recv()).await {
                Err(_) => self.send(FollowResponse::default()).await?,
                Ok(Ok(commit)) => self.pass(&commit).await?,
                Ok(Err(RecvError::Lagged(_))) => {
                    commits = commits.resubscribe();
                    let newest = recorder.newest_commit().await;
                    self.catch_up(self.read.unwrap_or_default(), newest).await?;
                }
                Ok(Err(RecvError::Closed)) => return Err(Over),
            }
        }
    }

    /// Sends what is new in a commit.
    async fn pass(&mut self, commit: &Arc<Commit>) -> Result<(), Over> {
        let read = self.read.unwrap_or_default();
        if commit.number <= read.commit {
            return Ok(());
        }
        let newest = commit.records.iter().map(|record| record.flow.time).max();
        let read = Position { commit: commit.number, time: read.time.max(newest.unwrap_or(0)) };
        let wanted = |record: &&Record| Filter::admits(&self.follower.allow, &self.follower.deny, &record.flow);
        let records = commit.records.iter().filter(wanted);
        let mut flows = records.filter(|record| self.sent.insert(record.uuid)).map(answer::flow).collect();
        self.send_all(&mut flows, &commit.gaps, commit.records.len(), Some(read)).await
    }

    /// Sends what was stored after `from`, up to the commit `newest` and perhaps later.
    async fn catch_up(&mut self, from: Position, newest: u64) -> Result<(), Over> {
        self.read = Some(from);
        let store = self.follower.recorder.store().clone();
        // A commit that is yet to come is one of another store.
        let since = match from.commit > newest {
            true => from.time,
            // So may an earlier one be: what is later than all that was read was not read. In the
            // store that the position is of, nothing later was stored before.
            false => {
                let since = self.found(store.since_commit(from.commit).await).await?;
                from.time.saturating_add(1).min(since.unwrap_or(u64::MAX))
            }
        };
        let done = Position { commit: newest, time: from.time };
        let span = Span { since, ..Span::ALL };
        let gaps = self.found(store.gaps(span).await).await?;
        let query = Query { span, allow: self.follower.allow.clone(), deny: self.follower.deny.clone() };
        let mut page = PageRequest { order: Order::OldestFirst, after: None, limit: PAGE, budget: Some(BUDGET) };
        let mut done = done;
        loop {
            let found = self.found(store.page(&query, &page).await).await?;
            page.after = found.next;
            let seen = found.flows.len();
            done.time = found.flows.last().map_or(done.time, |last| last.cursor.time.max(done.time));
            let new = found.flows.iter().filter(|stored| self.sent.insert(stored.record.uuid));
            let mut flows = new.map(|stored| answer::flow(&stored.record)).collect();
            match page.after {
                Some(_) => self.send_all(&mut flows, &[], seen, None).await?,
                None => return self.send_all(&mut flows, &gaps, seen, Some(done)).await,
            }
        }
    }

    /// Sends flows in messages of a bearable size; with the last one the client has read up to
    /// `read`.
    async fn send_all(
        &mut self,
        flows: &mut VecDeque<tidegate_proto::flow::Flow>,
        gaps: &[Gap],
        seen: usize,
        read: Option<Position>,
    ) -> Result<(), Over> {
        loop {
            let mut response = FollowResponse { flows: answer::portion(flows), ..FollowResponse::default() };
            if flows.is_empty() {
                response.gaps = gaps.iter().map(answer::gap).collect();
                response.seen = seen as u64;
                self.read = read.or(self.read);
                return self.send(response).await;
            }
            self.send(response).await?;
        }
    }

    async fn send(&self, mut response: FollowResponse) -> Result<(), Over> {
        response.position = self.read.map(Position::text).unwrap_or_default();
        self.follower.out.send(Ok(response)).await.map_err(|_| Over)
    }

    /// The store's answer, or the end of the stream: the client comes back with its position.
    async fn found<T>(&self, answer: Result<T, tidegate_store::StoreError>) -> Result<T, Over> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => {
                // A client that is gone needs no reason.
                let _ = self.follower.out.send(Err(answer::failure(&error))).await;
                Err(Over)
            }
        }
    }
}

fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

/// The flows that were sent last.
#[derive(Debug, Default)]
struct Sent {
    order: VecDeque<u128>,
    known: HashSet<u128>,
}

impl Sent {
    /// False if it was sent.
    fn insert(&mut self, uuid: u128) -> bool {
        if !self.known.insert(uuid) {
            return false;
        }
        self.order.push_back(uuid);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
