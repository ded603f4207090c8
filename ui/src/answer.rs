//! What the routes answer.

use serde::Serialize;
use utoipa::ToSchema;

use crate::row::Flow;
use crate::time::Time;

/// A page of stored flows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FlowPage {
    /// In the order asked for.
    pub(crate) flows: Vec<Flow>,
    /// Cursor of the next page, to be sent with the `since` and `until` of this answer; null:
    /// there is none.
    #[schema(required)]
    pub(crate) next: Option<String>,
    /// False: the time budget ended the page early; go on with `next`.
    pub(crate) complete: bool,
    /// Where the span begins.
    pub(crate) since: Time,
    /// Where it ends.
    pub(crate) until: Time,
    /// Time it took, milliseconds.
    pub(crate) ms: u64,
}

/// Flows over time, by outcome.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Histogram {
    /// Start of the first bucket.
    pub(crate) since: Time,
    /// Where the span begins: in the first bucket, of which only flows from here on count.
    pub(crate) span_since: Time,
    /// Where the span ends.
    pub(crate) until: Time,
    /// Length of a bucket, milliseconds.
    pub(crate) step_ms: f64,
    /// All of them, also the empty ones.
    pub(crate) buckets: Vec<Bucket>,
    /// Everything from here on is counted; a bucket's edge, and the buckets before it are empty.
    pub(crate) complete_since: Time,
    /// False: ask again with `since=spanSince`, `until=completeSince` and as many buckets as are
    /// before that, and add up.
    pub(crate) complete: bool,
    /// What was counted.
    pub(crate) source: CountSource,
    /// Flows of the span that were not stored.
    pub(crate) lost: Vec<Lost>,
    /// Time it took, milliseconds.
    pub(crate) ms: u64,
}

/// Flows by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Bucket {
    /// They went on as they were.
    pub(crate) forwarded: u64,
    /// They went on by an egress address.
    pub(crate) translated: u64,
    /// They did not go on.
    pub(crate) dropped: u64,
    /// They went on, against a policy in audit mode.
    pub(crate) audit: u64,
    /// They could not be judged.
    pub(crate) error: u64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CountSource {
    /// Every flow was looked at.
    Flows,
    /// Sums made when the flows were stored; the span is rounded to minutes.
    Rollup,
}

/// Flows of a node that were not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Lost {
    /// The node.
    pub(crate) node: String,
    /// The first moment that may miss flows.
    pub(crate) since: Time,
    /// The last one.
    pub(crate) until: Time,
    /// How many; null: nobody knows.
    #[schema(required)]
    pub(crate) count: Option<u64>,
    /// Why.
    pub(crate) reason: LostReason,
    /// In a sentence.
    #[schema(example = "1,840 lost, ring buffer full on worker-07")]
    pub(crate) text: String,
}

/// Why flows are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LostReason {
    /// The ring between kernel and collector was full.
    KernelRing,
    /// The collector's history moved on before it was read.
    History,
    /// The collector ended with flows that nobody had read.
    CollectorGone,
    /// The store refused them.
    Store,
}

/// The most frequent values of some fields.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Facets {
    /// As asked for, in that order.
    pub(crate) facets: Vec<Facet>,
    /// Everything from here on is counted.
    pub(crate) complete_since: Time,
    /// False: the time budget ended the count early; the counts are of `completeSince` and later.
    pub(crate) complete: bool,
    /// Time it took, milliseconds.
    pub(crate) ms: u64,
}

/// The most frequent values of a field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Facet {
    /// Which, as in `fields`.
    pub(crate) field: String,
    /// The filter key that a click adds.
    pub(crate) key: String,
    /// Most frequent first.
    pub(crate) values: Vec<ValueCount>,
    /// Flows with values that are not listed.
    pub(crate) others: u64,
}

/// A value and its flows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValueCount {
    /// As a filter takes it.
    pub(crate) value: String,
    /// In words, where there are others than the value: of drop reasons, as in `Drop.text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "No egress gateway found")]
    pub(crate) text: Option<String>,
    /// Flows with it.
    pub(crate) count: u64,
}

/// Values that a filter key may have.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Values {
    /// The key.
    pub(crate) key: String,
    /// At most ten, most frequent first.
    pub(crate) values: Vec<Suggestion>,
}

/// A value to offer.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Suggestion {
    /// As a filter takes it.
    pub(crate) value: String,
    /// Flows with it under the other filters, one with it on both sides counted twice; null: not
    /// counted.
    #[schema(required)]
    pub(crate) count: Option<u64>,
}

/// A flow with everything that is known about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FlowDetail {
    /// The row.
    pub(crate) flow: Flow,
    /// The message as protojson.
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    pub(crate) raw: Box<serde_json::value::RawValue>,
}

/// Event `flows` of the stream: what was stored since the event before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamFlows {
    /// Those that match; one of `sampled` of them.
    pub(crate) flows: Vec<Flow>,
    /// Flows stored meanwhile, matching or not.
    pub(crate) seen: u64,
    /// One of so many is shown; null: all of them.
    #[schema(required)]
    pub(crate) sampled: Option<u64>,
}

/// A command.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CliCommand {
    /// To be pasted into a shell.
    #[schema(example = "tidegate observe --from-namespace payments --since 1h")]
    pub(crate) command: String,
}

/// What a command asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CliFilters {
    /// In the order of the command.
    pub(crate) filters: Vec<CliFilter>,
    /// As it stands there.
    #[schema(required)]
    pub(crate) since: Option<String>,
    /// As it stands there.
    #[schema(required)]
    pub(crate) until: Option<String>,
    /// Whether it follows.
    pub(crate) follow: bool,
}

/// One filter of a command.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CliFilter {
    /// The flag without dashes.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: String,
    /// Whether `--not` stood before it.
    pub(crate) not: bool,
}

/// How the dashboard's sources are.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// Name of the cluster; empty while the relay cannot be asked.
    pub(crate) cluster: String,
    /// Version of the dashboard's server.
    pub(crate) version: String,
    /// Where everything here comes from.
    pub(crate) relay: RelayStatus,
    /// By name.
    pub(crate) nodes: Vec<NodeStatus>,
    /// Null: there is none, or it cannot be asked; see `storeMessage`.
    #[schema(required)]
    pub(crate) store: Option<StoreStatus>,
    /// Why `store` is null and what to do, or why it takes no flows now.
    #[schema(required)]
    pub(crate) store_message: Option<String>,
}

/// The relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RelayStatus {
    /// Whether it answers.
    pub(crate) connected: bool,
    /// Why not, and what to do.
    #[schema(required)]
    pub(crate) message: Option<String>,
    /// Where it is asked.
    pub(crate) address: String,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeStatus {
    /// Its name, as in its flows.
    pub(crate) name: String,
    /// Whether the relay can ask it.
    pub(crate) state: NodeState,
    /// Why not.
    #[schema(required)]
    pub(crate) message: Option<String>,
    /// Of its collector; empty when it cannot be asked.
    pub(crate) version: String,
    /// Flows that it sees, between the last two times it was asked; null: asked only once.
    #[schema(required)]
    pub(crate) flows_per_second: Option<f64>,
    /// Time of its newest stored flow.
    #[schema(required)]
    pub(crate) recorded_until: Option<Time>,
}

/// Whether the relay can ask a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeState {
    /// It answers.
    Connected,
    /// It does not.
    Unavailable,
    /// It answers with an error.
    Error,
    /// It is no node of the cluster any more.
    Gone,
}

/// The store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreStatus {
    /// Where it is, without secrets.
    pub(crate) url: String,
    /// Flows.
    pub(crate) flows: u64,
    /// Bytes on disk.
    pub(crate) bytes: u64,
    /// Null: nothing is stored.
    #[schema(required)]
    pub(crate) oldest: Option<Time>,
    /// Null: nothing is stored.
    #[schema(required)]
    pub(crate) newest: Option<Time>,
    /// What is older is removed.
    pub(crate) retention_age_seconds: u64,
    /// What is oldest is removed when there is more.
    pub(crate) retention_bytes: u64,
    /// Spans that are removed as a whole.
    pub(crate) segments: u32,
}

/// Why there is no answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// The cause, in a sentence.
    pub(crate) error: String,
    /// What to try.
    #[schema(required)]
    pub(crate) hint: Option<String>,
    /// As in the log and in the header `x-request-id`.
    pub(crate) request_id: String,
}
