//! Flows as they are stored, as server-sent events. A stream asks the relay only as fast as its
//! browser reads, so a slow one keeps nobody else waiting; what it cannot be shown is counted in
//! `sampled`. When the relay goes away the stream says so and goes on at its position.

mod batch;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response, Sse};
use futures_util::stream;
use serde::Serialize;
use tidegate_proto::terms::{self, Filters};
use tidegate_proto::v1::{FollowRequest, FollowResponse};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::{Code, Streaming};

use self::batch::Batch;
use super::{App, params, turn};
use crate::answer::{Lost, Status, StreamFlows};
use crate::failure::Failure;
use crate::{lost, read};

/// The least time between two events with flows: at most four a second.
const PACE: Duration = Duration::from_millis(250);
/// A stream without news says that it lives.
const PING: Duration = Duration::from_secs(15);
/// How often the state of relay and nodes is looked at; one look serves all streams.
const LOOK: Duration = Duration::from_secs(5);
/// What the browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(1);
/// Waits before the relay is asked again, doubled from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Longest position, bytes.
const POSITION_MAX: usize = 4096;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks proxies to pass events on at once.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

pub(super) async fn stream(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: RawQuery,
) -> Result<Response, Failure> {
    let params = params("/flows/stream", &query)?;
    let position = match headers.get(LAST_EVENT_ID) {
        Some(id) => id.to_str().map_err(|_| Failure::bad_request("Last-Event-ID is not ASCII"))?,
        None => params.text("position").unwrap_or_default(),
    };
    if !is_position(position) {
        return Err(Failure::bad_request("the position is none of this stream").hint("begin without one"));
    }
    let filters = terms::translate(&params.terms)?;
    let turn = turn(&app.turns.streams).await?;
    let mut viewer = Viewer::new(app, filters, position.to_owned(), turn);
    viewer.begin().await?;
    let events = stream::unfold(viewer, |mut viewer| async move {
        let event = viewer.next().await?;
        Some((Ok::<_, Infallible>(event), viewer))
    });
    Ok(([NO_BUFFERING], Sse::new(events)).into_response())
}

/// Whether a text can be the id of an event, and so a position.
fn is_position(text: &str) -> bool {
    text.len() <= POSITION_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The way to the relay.
enum Link {
    Open(Box<Streaming<FollowResponse>>),
    Opening(Later<Result<Streaming<FollowResponse>, tonic::Status>>),
}

/// One browser's stream. Dropped when the browser leaves, and with it the call to the relay.
struct Viewer {
    app: Arc<App>,
    filters: Filters,
    link: Link,
    /// Attempts to reach the relay since it was last heard.
    attempts: u32,
    /// Where to go on: after the last message that was read.
    position: String,
    /// What was read and is not told yet.
    batch: Batch,
    /// What is told next.
    events: VecDeque<Event>,
    /// The position that the browser knows.
    told: String,
    /// No event with flows before this.
    pace: Instant,
    ping: Instant,
    /// The state that the browser knows.
    status: Option<Arc<Status>>,
    look: Later<Arc<Status>>,
    _turn: OwnedSemaphorePermit,
}

/// What happened first.
enum News {
    Message(Option<FollowResponse>),
    Broken(tonic::Status),
    Opened(Streaming<FollowResponse>),
    Looked(Arc<Status>),
    Due,
    Ping,
    Stop,
}

impl Viewer {
    fn new(app: Arc<App>, filters: Filters, position: String, turn: OwnedSemaphorePermit) -> Self {
        let now = Instant::now();
        let look = look(app.clone(), Duration::ZERO);
        let mut viewer = Self {
            link: Link::Opening(Box::pin(std::future::pending())),
            app,
            filters,
            attempts: 0,
            told: position.clone(),
            position,
            batch: Batch::new(now),
            // Said at once, so that the browser knows that the stream is open.
            events: VecDeque::from([Event::default().retry(RETRY)]),
            pace: now,
            ping: now + PING,
            status: None,
            look,
            _turn: turn,
        };
        viewer.link = viewer.opening();
        viewer
    }

    /// Reaches the relay for the first time. What is wrong with the request ends it here; a relay
    /// that cannot be reached does not: browsers give up on a stream that begins with an error.
    async fn begin(&mut self) -> Result<(), Failure> {
        let Link::Opening(opening) = &mut self.link else { return Ok(()) };
        match opening.await {
            Ok(stream) => self.link = Link::Open(Box::new(stream)),
            Err(status) if is_refusal(&status) => {
                return Err(self.app.relay.explain(&status).hint("begin without a position"));
            }
            Err(status) => self.broken(&status),
        }
        Ok(())
    }

    /// The next event; none when the server stops or the relay refuses to go on.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                self.ping = Instant::now() + PING;
                return Some(event);
            }
            match self.news().await {
                News::Message(Some(message)) => self.take(message),
                News::Message(None) => self.broken(&tonic::Status::unavailable("the relay ended the stream")),
                // The browser connects again, and is told what is wrong.
                News::Broken(status) if is_refusal(&status) => return None,
                News::Broken(status) => self.broken(&status),
                News::Opened(stream) => self.opened(stream),
                News::Looked(status) => self.tell_status(status),
                News::Due => self.tell_batch(),
                News::Ping => self.tell_ping(),
                News::Stop => return None,
            }
        }
    }

    async fn news(&mut self) -> News {
        let due = !self.batch.is_empty();
        let link = &mut self.link;
        let message = async {
            match link {
                Link::Open(stream) => stream.message().await.map_or_else(News::Broken, News::Message),
                Link::Opening(opening) => opening.await.map_or_else(News::Broken, News::Opened),
            }
        };
        tokio::select! {
            biased;
            () = self.app.stop.wait() => News::Stop,
            () = sleep_until(self.pace), if due => News::Due,
            status = &mut self.look => News::Looked(status),
            news = message => news,
            () = sleep_until(self.ping) => News::Ping,
        }
    }

    fn take(&mut self, message: FollowResponse) {
        self.attempts = 0;
        // A relay that does not know yet where it is says none.
        if !message.position.is_empty() && is_position(&message.position) {
            self.position.clone_from(&message.position);
        }
        self.batch.add(message);
        if self.told.is_empty() && self.batch.is_empty() {
            // The first position, so that a cut from here on loses nothing.
            self.tell_ping();
        }
    }

    /// Tells the batch. Only its last event has the new position: after a cut before that one, all
    /// of it comes again.
    fn tell_batch(&mut self) {
        let now = Instant::now();
        let batch = self.batch.take(now);
        if !batch.gaps.is_empty() {
            let lost: Vec<Lost> = batch.gaps.iter().map(lost::of).collect();
            self.tell("lost", &lost);
        }
        self.told.clone_from(&self.position);
        let flows = batch.flows.iter().map(read::flow).collect();
        self.tell("flows", &StreamFlows { flows, seen: batch.seen, sampled: batch.sampled });
        self.pace = now + PACE;
    }

    fn tell_ping(&mut self) {
        if self.batch.is_empty() {
            self.told.clone_from(&self.position);
        }
        self.tell("ping", &());
    }

    fn tell_status(&mut self, status: Arc<Status>) {
        self.look = look(self.app.clone(), LOOK);
        if self.status.as_ref().is_none_or(|known| !known.is_like(&status)) {
            self.tell("status", &*status);
            self.status = Some(status);
        }
    }

    fn tell(&mut self, name: &str, data: &impl Serialize) {
        let Ok(event) = Event::default().event(name).json_data(data) else { return };
        self.events.push_back(if self.told.is_empty() { event } else { event.id(&self.told) });
    }

    /// Looks at the state at once, and for the relay after a while.
    fn broken(&mut self, status: &tonic::Status) {
        tracing::debug!("a stream lost the relay: {status}");
        self.attempts += 1;
        self.link = self.opening();
        self.look = look(self.app.clone(), Duration::ZERO);
    }

    fn opened(&mut self, stream: Streaming<FollowResponse>) {
        self.link = Link::Open(Box::new(stream));
        self.look = look(self.app.clone(), Duration::ZERO);
    }

    fn opening(&self) -> Link {
        let (first, last) = BACKOFF;
        let wait = match self.attempts {
            0 => Duration::ZERO,
            attempts => last.min(first * 2_u32.saturating_pow(attempts - 1)),
        };
        let relay = self.app.relay.clone();
        let Filters { allow, deny } = self.filters.clone();
        let request = FollowRequest { allow, deny, position: self.position.clone() };
        Link::Opening(Box::pin(async move {
            sleep(wait).await;
            relay.follow(request).await
        }))
    }
}

/// Whether the request is at fault, so that it is of no use to ask again.
fn is_refusal(status: &tonic::Status) -> bool {
    matches!(status.code(), Code::InvalidArgument | Code::OutOfRange)
}

/// The state after a while; one that another stream asked for in the later half of it will do.
fn look(app: Arc<App>, after: Duration) -> Later<Arc<Status>> {
    let fresh = Instant::now() + after / 2;
    Box::pin(async move {
        sleep(after).await;
        app.board.status(fresh).await
    })
}
