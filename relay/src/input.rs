//! One node's end of a client's stream: what it sent and what is still expected of it.

use std::collections::VecDeque;

use tidegate_proto::observer::GetFlowsRequest;
use tokio::sync::{mpsc, oneshot};

use crate::feed::Event;

/// One node's events.
#[derive(Debug)]
pub(crate) struct Input {
    /// The node's name.
    pub(crate) name: String,
    /// What its feed sends.
    pub(crate) events: mpsc::Receiver<Event>,
    /// Events that were received and not looked at.
    pub(crate) taken: VecDeque<Event>,
    /// What is expected of it.
    pub(crate) part: Part,
    /// Whether the request reached it.
    pub(crate) asked: bool,
    /// Whether its stream broke at least once.
    pub(crate) failed: bool,
    /// Whether it refused the request.
    pub(crate) refused: bool,
    /// Frames that came too late for the order.
    pub(crate) late_frames: u64,
    /// Whether this is no node but the store.
    pub(crate) is_store: bool,
    /// Has its feed begin, with this request.
    pub(crate) begin: Option<oneshot::Sender<GetFlowsRequest>>,
}

/// What is expected of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Frames that belong into the current phase.
    Flowing,
    /// Its history is read; its new frames wait until that of all nodes is.
    Rewound,
    /// It kept the others waiting for too long; what it still has of its history is dropped.
    Late,
    /// It cannot be asked at the moment.
    Away,
    /// It is asked when the stored flows have been read.
    Waiting,
    /// Nothing more.
    Ended,
}

impl Input {
    /// A node that sends its events over `events`; `connected` if it can be asked at once.
    pub(crate) fn new(name: String, events: mpsc::Receiver<Event>, connected: bool) -> Self {
        Self {
            name,
            events,
            taken: VecDeque::new(),
            part: if connected { Part::Flowing } else { Part::Away },
            asked: connected,
            failed: false,
            refused: false,
            late_frames: 0,
            is_store: false,
            begin: None,
        }
    }

    /// The stored flows.
    pub(crate) fn stored(relay: &str, events: mpsc::Receiver<Event>) -> Self {
        Self { is_store: true, ..Self::new(relay.to_owned(), events, true) }
    }

    /// Has the node asked only when `begin` is used.
    pub(crate) fn wait_for(&mut self, begin: oneshot::Sender<GetFlowsRequest>) {
        self.begin = Some(begin);
        if self.part == Part::Flowing {
            self.part = Part::Waiting;
        }
    }

    /// Whether nothing more will come.
    pub(crate) fn has_ended(&self) -> bool {
        self.part == Part::Ended
    }
}
