//! What goes into a store and what comes out. Times are nanoseconds since the Unix epoch.

use bytes::Bytes;
use tidegate_flow::{Filter, Flow, flow::Outcome};

/// A flow to store.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number, the same everywhere; what makes two deliveries one flow.
    pub uuid: u128,
    /// The flow. Its `id` is zero if it was made by another program.
    pub flow: Flow,
    /// The encoded message, if the flow does not say everything that was in it.
    pub original: Option<Bytes>,
}

/// What is stored in one go.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// In any order; the same flow may be there twice.
    pub records: Vec<Record>,
    /// How far nodes are recorded once this batch is stored.
    pub progress: Vec<Progress>,
    /// What is known to be missing.
    pub gaps: Vec<Gap>,
}

/// How far a node is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The node's name, as in its flows.
    pub node: String,
    /// Start of its collector, [`tidegate_flow::FlowId::boot`]; 0 for other programs.
    pub boot: u64,
    /// Newest number of which all before are stored or known to be missing; 0 for other programs.
    pub sequence: u64,
    /// Time of the newest flow.
    pub time: u64,
}

/// Flows of a node that were not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The node.
    pub node: String,
    /// The first moment that may miss flows.
    pub since: u64,
    /// The last one.
    pub until: u64,
    /// How many; none: nobody knows.
    pub count: Option<u64>,
    /// Why.
    pub reason: GapReason,
}

/// Why flows are missing; numbers are those of `tidegate.v1.GapReason`, and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// The ring between kernel and collector was full.
    KernelRing = 1,
    /// The collector's history moved on before it was read.
    History = 2,
    /// The collector ended with flows that nobody had read.
    CollectorGone = 3,
    /// The store refused them.
    Store = 4,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Number of this commit; numbers grow, also over restarts.
    pub commit: u64,
    /// Flows that were new.
    pub stored: u64,
    /// Flows that were stored before.
    pub repeated: u64,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Inclusive.
    pub since: u64,
    /// Exclusive.
    pub until: u64,
}

impl Span {
    /// All there is. Ends where SQL's numbers do.
    pub const ALL: Span = Span { since: 0, until: i64::MAX as u64 };
}

/// Which flows are meant: those in the span that some filter of `allow` matches (or there is
/// none), and none of `deny`.
#[derive(Clone, Debug)]
pub struct Query {
    /// When.
    pub span: Span,
    /// Any of these.
    pub allow: Vec<Filter>,
    /// None of these.
    pub deny: Vec<Filter>,
}

/// Which end a page begins at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// A place between two flows, in time order. Stable: flows that come later do not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Time of the flow before it.
    pub time: u64,
    /// Tells flows of one instant apart.
    pub tie: u16,
}

/// Which page.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// From which end.
    pub order: Order,
    /// After this place; none: from the end that `order` names.
    pub after: Option<Cursor>,
    /// At most so many flows.
    pub limit: usize,
    /// How long to look.
    pub budget: Option<std::time::Duration>,
}

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order asked for.
    pub flows: Vec<Stored>,
    /// Where to go on; none: there is nothing further.
    pub next: Option<Cursor>,
    /// Whether the budget ended it.
    pub budget_spent: bool,
}

/// A flow from the store.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its place.
    pub cursor: Cursor,
    /// As it was stored.
    pub record: Record,
}

/// Counts over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Start of the first bucket: the span's, or a whole minute before it if `rollup`.
    pub since: u64,
    /// Length of a bucket.
    pub step: u64,
    /// One after another without holes.
    pub buckets: Vec<Bucket>,
    /// Everything from here on is counted.
    pub complete_since: u64,
    /// Whether sums made on arrival were added up; then the span is rounded to whole minutes.
    pub rollup: bool,
}

/// Flows by outcome, in the order of [`Outcome::ALL`].
pub type Bucket = [u64; Outcome::ALL.len()];

/// What is counted by value. Numbers are those of `tidegate.v1.FacetField`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FacetField {
    /// [`Outcome::name`]
    Outcome = 1,
    /// Name of the verdict.
    Verdict = 2,
    /// Namespace of the sender.
    SourceNamespace = 3,
    /// Namespace of the receiver.
    DestinationNamespace = 4,
    /// `namespace/pod` of the sender.
    SourcePod = 5,
    /// `namespace/pod` of the receiver.
    DestinationPod = 6,
    /// First workload of the sender.
    SourceWorkload = 7,
    /// First workload of the receiver.
    DestinationWorkload = 8,
    /// Best name of the sender.
    SourceName = 9,
    /// Best name of the receiver.
    DestinationName = 10,
    /// Address of the sender.
    SourceIp = 11,
    /// Address of the receiver.
    DestinationIp = 12,
    /// Port of the sender.
    SourcePort = 13,
    /// Port of the receiver.
    DestinationPort = 14,
    /// Protocol as filters name it.
    Protocol = 15,
    /// Hubble's number of the drop reason, as text.
    DropReason = 16,
    /// Name of the node.
    NodeName = 17,
    /// Policy that translated.
    EgressPolicy = 18,
    /// Gateway that translated.
    EgressGateway = 19,
    /// Address that the outside sees.
    EgressIp = 20,
}

/// Counts by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facets {
    /// As asked for, in that order.
    pub facets: Vec<Facet>,
    /// Everything from here on is counted.
    pub complete_since: u64,
}

/// The values of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// Which.
    pub field: FacetField,
    /// Value and flows, most frequent first; equal ones by value.
    pub values: Vec<(String, u64)>,
    /// Flows with values that are not listed.
    pub others: u64,
}

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Flows.
    pub flows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Time of the oldest flow.
    pub oldest: Option<u64>,
    /// Time of the newest flow.
    pub newest: Option<u64>,
    /// Spans that are removed as a whole.
    pub segments: u32,
    /// Of these, finished.
    pub sealed: u32,
    /// Gaps known.
    pub gaps: u64,
}

/// What is kept. Whichever limit is reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Flows younger than this.
    pub age: std::time::Duration,
    /// Bytes on disk.
    pub bytes: u64,
    /// The present moment.
    pub now: u64,
}

/// What [`crate::FlowStore::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Segments finished.
    pub sealed: u32,
    /// Segments removed.
    pub removed: u32,
    /// Flows in these.
    pub removed_flows: u64,
    /// Bytes that became free.
    pub freed: u64,
}
