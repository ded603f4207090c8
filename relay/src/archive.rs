//! The stored part of an answer on 4245: flows that the nodes' memories no longer hold.
//!
//! A request needs it if it asks for flows from before what every node remembers. Then the store
//! is one more source of the stream's merge, and the nodes are asked only for what they have to
//! add: what each has after the last flow that was recorded of it. [`reader`] reads the store,
//! [`given`] recognises flows that come from both, [`dress`] makes frames of stored flows.
//!
//! A request for the last flows, and one that follows from now on, is the nodes' alone, and so is
//! one that they can answer in full: it costs the store nothing.

mod dress;
mod given;
mod reader;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::future::join_all;
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::{filter, options};
use tidegate_store::{Query, Span};
use tonic::Status;

use self::dress::Dress;
pub(crate) use self::given::Given;
pub(crate) use self::reader::Reader;
use crate::history::ask;
use crate::peers::{Edge, Peer, Reach};
use crate::recorder::Recorder;

/// Flows that can be asked for as the last ones before a moment; they are read backwards and have
/// to be held.
const MOST_LAST: u64 = 100_000;

/// What is to be read from the store for a request.
#[derive(Debug)]
pub(crate) struct Plan {
    recorder: Recorder,
    /// The client's request.
    request: GetFlowsRequest,
    /// The nodes that are asked for the rest.
    peers: Vec<Arc<Peer>>,
    query: Query,
    /// So many, the newest of them; none: all, the oldest first.
    last: Option<usize>,
    dress: Dress,
}

impl Plan {
    /// What the request needs of the store; none if nothing.
    ///
    /// # Errors
    /// When it is needed and cannot answer such a request.
    pub(crate) async fn of(
        recorder: &Recorder,
        request: &GetFlowsRequest,
        peers: &[Arc<Peer>],
    ) -> Result<Option<Self>, Status> {
        let counted = request.number > 0 && request.number < u64::MAX;
        let last = counted && !request.first && request.since.is_none();
        let older = match &request.since {
            Some(since) => !all_reach_back(peers, ask::nanoseconds(since)).await,
            None => !request.follow && (request.first || request.until.is_some()),
        };
        if !older {
            return Ok(None);
        }
        if last && request.number > MOST_LAST {
            let most = format!("at most {MOST_LAST} flows can be asked for as the last before a moment; give a since");
            return Err(Status::invalid_argument(most));
        }
        let last = last.then(|| usize::try_from(request.number).unwrap_or(usize::MAX));
        let options = options::of(request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (allow, deny) = match options.allow.is_empty() && options.deny.is_empty() {
            true => (filter::filters(&request.whitelist), filter::filters(&request.blacklist)),
            false => (filter::own_filters(&options.allow), filter::own_filters(&options.deny)),
        };
        let since = request.since.as_ref().map_or(0, ask::nanoseconds);
        // Inclusive here, exclusive in the store.
        let until = request.until.as_ref().map_or(Span::ALL.until, |until| ask::nanoseconds(until).saturating_add(1));
        let span = Span { since, until: until.max(since) };
        let query = Query { span, allow: ask::answerable(allow)?, deny: ask::answerable(deny)? };
        let dress = Dress::new(options.flow_info, request.field_mask.as_ref())?;
        let (recorder, request, peers) = (recorder.clone(), request.clone(), peers.to_vec());
        Ok(Some(Self { recorder, request, peers, query, last, dress }))
    }
}

/// Whether every node can be asked and remembers a flow of that moment or before.
async fn all_reach_back(peers: &[Arc<Peer>], since: u64) -> bool {
    let reach_back = async |peer: &Arc<Peer>| {
        let oldest = match peer.reach() {
            Reach::Usable => peer.edge(Edge::Oldest).await,
            Reach::Untried | Reach::Unavailable(_) => None,
        };
        oldest.is_some_and(|oldest| oldest <= since)
    };
    join_all(peers.iter().map(reach_back)).await.into_iter().all(|reaches| reaches)
}
