//! What a store must answer, found the slow way: by looking at every flow.

use std::collections::HashMap;

use tidegate_flow::filter::{Condition, Filter};
use tidegate_flow::flow::{Event, Flow, Party, Verdict, uuid_text};
use tidegate_store::{Bucket, Facet, FacetField, Query, Record, Span};

/// Everything that was given to a store.
#[derive(Debug, Default)]
pub struct Expected {
    /// In the order of time.
    records: Vec<Record>,
}

impl Expected {
    /// These, each once.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let mut records: Vec<_> = records.into_iter().collect();
        records.sort_by_key(|record| (record.flow.time, record.uuid));
        records.dedup_by_key(|record| record.uuid);
        Self { records }
    }

    /// All of them, in the order of time and then of their numbers.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Those that a question is about.
    pub fn matching<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Record> + 'a {
        let in_span = |record: &&Record| contains(query.span, record.flow.time);
        self.records.iter().filter(in_span).filter(|record| admits(query, record))
    }

    /// Nothing but those that a question is about.
    #[must_use]
    pub fn only(&self, query: &Query) -> Self {
        Self { records: self.matching(query).cloned().collect() }
    }

    /// How many of all are in each of `buckets` buckets of `step` from `since` on.
    #[must_use]
    pub fn histogram(&self, since: u64, step: u64, buckets: usize) -> Vec<Bucket> {
        let mut counts = vec![Bucket::default(); buckets];
        for record in &self.records {
            let bucket = ((record.flow.time - since) / step) as usize;
            counts[bucket][record.flow.outcome() as usize - 1] += 1;
        }
        counts
    }

    /// The most frequent values of a field.
    #[must_use]
    pub fn facet(&self, field: FacetField, limit: usize, prefix: &str) -> Facet {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for record in &self.records {
            if let Some(value) = value(&record.flow, field) {
                *counts.entry(value).or_default() += 1;
            }
        }
        let all: u64 = counts.values().sum();
        let prefix = prefix.to_lowercase();
        let mut values: Vec<_> =
            counts.into_iter().filter(|(value, _)| value.to_lowercase().starts_with(&prefix)).collect();
        values.sort_by(|(value, count), (other, more)| more.cmp(count).then_with(|| value.cmp(other)));
        values.truncate(limit);
        let others = all - values.iter().map(|(_, count)| count).sum::<u64>();
        Facet { field, values, others }
    }
}

fn contains(span: Span, time: u64) -> bool {
    (span.since..span.until).contains(&time)
}

fn admits(query: &Query, record: &Record) -> bool {
    let matches = |filter: &Filter| filter.conditions.iter().all(|condition| holds(condition, record));
    (query.allow.is_empty() || query.allow.iter().any(matches)) && !query.deny.iter().any(matches)
}

/// A flow of another program has no number of ours; it is known by the one that it came with.
fn holds(condition: &Condition, record: &Record) -> bool {
    match condition {
        Condition::Uuid(uuids) => uuids.contains(&uuid_text(record.uuid)),
        other => Filter { conditions: vec![other.clone()] }.matches(&record.flow),
    }
}

/// A flow's value of a field; none: it has none, and is not counted.
fn value(flow: &Flow, field: FacetField) -> Option<String> {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let pod = |party: &Party| {
        let endpoint = &party.endpoint;
        (!endpoint.pod.is_empty()).then(|| format!("{}/{}", endpoint.namespace, endpoint.pod))
    };
    let workload = |party: &Party| party.endpoint.workloads.first().and_then(|workload| text(&workload.name));
    let name = |party: &Party| party.names.first().map(|name| name.fqdn.to_string());
    match field {
        FacetField::Outcome => text(flow.outcome().name()),
        FacetField::Verdict => text(verdict(flow.verdict)),
        FacetField::SourceNamespace => text(&flow.source.endpoint.namespace),
        FacetField::DestinationNamespace => text(&flow.destination.endpoint.namespace),
        FacetField::SourcePod => pod(&flow.source),
        FacetField::DestinationPod => pod(&flow.destination),
        FacetField::SourceWorkload => workload(&flow.source),
        FacetField::DestinationWorkload => workload(&flow.destination),
        FacetField::SourceName => name(&flow.source),
        FacetField::DestinationName => name(&flow.destination),
        FacetField::SourceIp => Some(flow.source.address.to_string()),
        FacetField::DestinationIp => Some(flow.destination.address.to_string()),
        FacetField::SourcePort => flow.source_port().map(|port| port.to_string()),
        FacetField::DestinationPort => flow.destination_port().map(|port| port.to_string()),
        FacetField::Protocol => text(flow.l4.protocol()),
        FacetField::DropReason => match flow.event {
            Event::Drop(reason) => Some(reason.to_string()),
            _ => None,
        },
        FacetField::NodeName => text(&flow.node.name),
        FacetField::EgressPolicy => flow.translation.as_ref().and_then(|translation| text(&translation.policy)),
        FacetField::EgressGateway => flow.translation.as_ref().and_then(|translation| text(&translation.gateway)),
        FacetField::EgressIp => flow.translated_source().map(|(address, _)| address.to_string()),
    }
}

/// As in `flow.Verdict`.
fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown => "VERDICT_UNKNOWN",
        Verdict::Forwarded => "FORWARDED",
        Verdict::Dropped => "DROPPED",
        Verdict::Error => "ERROR",
        Verdict::Audit => "AUDIT",
        Verdict::Redirected => "REDIRECTED",
        Verdict::Traced => "TRACED",
        Verdict::Translated => "TRANSLATED",
    }
}

/// All fields that are counted by.
pub const FIELDS: [FacetField; 20] = [
    FacetField::Outcome,
    FacetField::Verdict,
    FacetField::SourceNamespace,
    FacetField::DestinationNamespace,
    FacetField::SourcePod,
    FacetField::DestinationPod,
    FacetField::SourceWorkload,
    FacetField::DestinationWorkload,
    FacetField::SourceName,
    FacetField::DestinationName,
    FacetField::SourceIp,
    FacetField::DestinationIp,
    FacetField::SourcePort,
    FacetField::DestinationPort,
    FacetField::Protocol,
    FacetField::DropReason,
    FacetField::NodeName,
    FacetField::EgressPolicy,
    FacetField::EgressGateway,
    FacetField::EgressIp,
];
