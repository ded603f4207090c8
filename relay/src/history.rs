//! tidegate.v1.History: what is stored, over the wire. [`ask`] reads requests, [`answer`] makes
//! messages, [`follow`] is one client's stream, from a [`position`] on.

pub(crate) mod answer;
pub(crate) mod ask;
mod follow;
mod position;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use tidegate_ops::stop;
use tidegate_proto::encode::timestamp;
use tidegate_proto::v1::history_server::History;
use tidegate_proto::v1::{
    FacetsRequest, FacetsResponse, FollowRequest, FollowResponse, GapsRequest, GapsResponse, HistogramRequest,
    HistogramResponse, PageRequest, PageResponse, RecordedNode, StatsRequest, StatsResponse,
};
use tidegate_store::{FacetField, Query, Span, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use self::answer::failure;
use self::follow::Follower;
use self::position::Position;
use crate::recorder::{Node, Recorder};

/// Messages that wait for a follower to read them.
const CLIENT_QUEUE: usize = 1;

/// Reasons for a drop that the interface can name.
const DROP_REASONS: usize = 256;

/// The History service.
#[derive(Debug)]
pub(crate) struct StoredHistory {
    /// What is recorded; none: this relay has no store.
    pub(crate) recorder: Option<Recorder>,
    /// Ends all streams.
    pub(crate) stop: stop::Signal,
}

#[tonic::async_trait]
impl History for StoredHistory {
    type FollowStream = ReceiverStream<Result<FollowResponse, Status>>;

    async fn page(&self, request: Request<PageRequest>) -> Result<Response<PageResponse>, Status> {
        let recorder = self.recorder()?;
        let mut request = request.into_inner();
        let (query, _) = ask::query(request.query.take())?;
        let page = ask::page(&request)?;
        let found = recorder.store().page(&query, &page).await.map_err(refusal)?;
        let mut flows: VecDeque<_> = found.flows.iter().map(|stored| answer::flow(&stored.record)).collect();
        let flows = answer::portion(&mut flows);
        // Flows that do not fit in the message are the next page's.
        let next = match flows.len() < found.flows.len() {
            true => found.flows.get(flows.len() - 1).map(|last| last.cursor),
            false => found.next,
        };
        let next = next.map(ask::write_cursor).unwrap_or_default();
        Ok(Response::new(PageResponse { flows, next, budget_spent: found.budget_spent }))
    }

    async fn histogram(&self, request: Request<HistogramRequest>) -> Result<Response<HistogramResponse>, Status> {
        let recorder = self.recorder()?;
        let request = request.into_inner();
        let (mut query, ends) = ask::query(request.query)?;
        if ends.since.is_none() || ends.until.is_none() {
            let stats = recorder.store().stats().await.map_err(refusal)?;
            let until = ends.until.or(stats.newest.map(|newest| newest.saturating_add(1))).or(ends.since).unwrap_or(0);
            let since = ends.since.or(stats.oldest).unwrap_or(until).min(until);
            query.span = Span { since, until: until.max(since) };
        }
        if query.span.since == query.span.until {
            let at = Some(timestamp(query.span.since));
            return Ok(Response::new(HistogramResponse { since: at, complete_since: at, ..Default::default() }));
        }
        let (buckets, budget) = (ask::buckets(request.buckets), ask::budget(request.budget_ms));
        let found = recorder.store().histogram(&query, buckets, budget).await.map_err(refusal)?;
        Ok(Response::new(answer::histogram(&found)))
    }

    async fn facets(&self, request: Request<FacetsRequest>) -> Result<Response<FacetsResponse>, Status> {
        let recorder = self.recorder()?;
        let request = request.into_inner();
        let (query, _) = ask::query(request.query.clone())?;
        let fields = ask::fields(&request.fields)?;
        let (limit, budget) = (ask::values(request.limit), ask::budget(request.budget_ms));
        let found = match request.prefix.as_str() {
            "" => recorder.store().facets(&query, &fields, limit, "", budget).await,
            prefix => facets_from(recorder, &query, &fields, limit, prefix, budget).await,
        };
        Ok(Response::new(answer::facets(&found.map_err(refusal)?)))
    }

    async fn gaps(&self, request: Request<GapsRequest>) -> Result<Response<GapsResponse>, Status> {
        let recorder = self.recorder()?;
        let request = request.into_inner();
        let ends = ask::Ends::new(request.since.as_ref(), request.until.as_ref())?;
        let found = recorder.store().gaps(ends.span()).await.map_err(refusal)?;
        Ok(Response::new(GapsResponse { gaps: found.iter().map(answer::gap).collect() }))
    }

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Self::FollowStream>, Status> {
        let recorder = self.recorder()?.clone();
        let request = request.into_inner();
        let (allow, deny) = ask::filters(&request.allow, &request.deny)?;
        let (out, stream) = mpsc::channel(CLIENT_QUEUE);
        let follower = Follower { recorder, allow, deny, out };
        // What is no position was never given out, and asks for nothing that was.
        tokio::spawn(follower.run(Position::read(&request.position), self.stop.clone()));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn stats(&self, _: Request<StatsRequest>) -> Result<Response<StatsResponse>, Status> {
        let recorder = self.recorder()?;
        let found = recorder.store().stats().await.map_err(refusal)?;
        let keep = recorder.keep();
        Ok(Response::new(StatsResponse {
            flows: found.flows,
            bytes: found.bytes,
            oldest: found.oldest.map(timestamp),
            newest: found.newest.map(timestamp),
            retention_age_s: keep.age.as_secs(),
            retention_bytes: keep.bytes,
            nodes: nodes(recorder),
            store: recorder.url().to_owned(),
            segments: found.segments,
            gaps: found.gaps,
        }))
    }
}

impl StoredHistory {
    fn recorder(&self) -> Result<&Recorder, Status> {
        self.recorder.as_ref().ok_or_else(|| {
            Status::failed_precondition(
                "this relay stores no flows: give it the setting `store`, for example \
                 sqlite:///var/lib/tidegate/flows",
            )
        })
    }
}

/// Facets of values that begin so. The store knows reasons for a drop by their numbers, so they
/// are chosen by name here; there are few.
async fn facets_from(
    recorder: &Recorder,
    query: &Query,
    fields: &[FacetField],
    limit: usize,
    prefix: &str,
    budget: Option<std::time::Duration>,
) -> Result<tidegate_store::Facets, StoreError> {
    let mut found = recorder.store().facets(query, fields, limit, prefix, budget).await?;
    if !fields.contains(&FacetField::DropReason) {
        return Ok(found);
    }
    let all = recorder.store().facets(query, &[FacetField::DropReason], DROP_REASONS, "", budget).await?;
    found.complete_since = found.complete_since.max(all.complete_since);
    let prefix = prefix.to_ascii_uppercase();
    let of_drops = found.facets.iter_mut().filter(|facet| facet.field == FacetField::DropReason);
    for (facet, all) in of_drops.zip(all.facets) {
        let named = all.values.into_iter().filter(|(number, _)| answer::drop_reason(number).starts_with(&prefix));
        facet.values = named.collect();
        let others = facet.values.split_off(limit.min(facet.values.len()));
        facet.others = others.iter().map(|(_, flows)| flows).sum();
    }
    Ok(found)
}

/// The peers, and nodes that were recorded and are none any more, sorted by name.
fn nodes(recorder: &Recorder) -> Vec<RecordedNode> {
    let marks = recorder.marks();
    let mut nodes = BTreeMap::new();
    for (node, mark) in marks.all() {
        let message = "it is none of the peers".to_owned();
        let time = Some(timestamp(mark.time));
        nodes.insert(node.to_owned(), RecordedNode { node: node.to_owned(), time, connected: false, message });
    }
    for Node { node, connected, message } in recorder.nodes() {
        let time = marks.newest(&node).map(|mark| timestamp(mark.time));
        nodes.insert(node.clone(), RecordedNode { node, time, connected, message });
    }
    nodes.into_values().collect()
}

fn refusal(error: StoreError) -> Status {
    failure(&error)
}
