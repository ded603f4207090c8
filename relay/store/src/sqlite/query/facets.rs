//! Flows by the values of their fields.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use tidegate_flow::flow::{Event, Outcome, Verdict};

use super::block::Column;
use super::columns::Columns;
use super::count::{Counter, count};
use super::dictionary::Dictionary;
use super::scan::{self, Budget};
use super::selection::Places;
use super::tables::Tables;
use crate::sqlite::row::{Kind, broken};
use crate::sqlite::segments::Segments;
use crate::{Facet, FacetField, Facets, Query, StoreError};

/// See [`crate::FlowStore::facets`].
pub(in crate::sqlite) async fn facets(
    segments: &Segments,
    query: &Query,
    fields: &[FacetField],
    limit: usize,
    prefix: &str,
    budget: Option<Duration>,
) -> Result<Facets, StoreError> {
    let mut sums = Sums { fields: fields.to_vec(), values: vec![HashMap::new(); fields.len()] };
    let query = scan::asked(query)?;
    let complete_since = count(segments, &query, Budget::new(budget), &mut sums).await?.max(query.span.since);
    let prefix = prefix.to_lowercase();
    let facets =
        sums.fields.iter().zip(sums.values).map(|(field, values)| most_frequent(*field, values, limit, &prefix));
    Ok(Facets { facets: facets.collect(), complete_since })
}

/// The most frequent values that begin with `prefix`, which is in lower case.
fn most_frequent(field: FacetField, values: HashMap<String, u64>, limit: usize, prefix: &str) -> Facet {
    let all: u64 = values.values().sum();
    let fits = |value: &str| prefix.is_empty() || value.to_lowercase().starts_with(prefix);
    let mut values: Vec<_> = values.into_iter().filter(|(value, _)| fits(value)).collect();
    values.sort_unstable_by(|(value, flows), (other, more)| (Reverse(flows), value).cmp(&(Reverse(more), other)));
    values.truncate(limit);
    let listed: u64 = values.iter().map(|(_, flows)| flows).sum();
    Facet { field, values, others: all - listed }
}

/// Flows by the value of each field.
#[derive(Debug)]
struct Sums {
    fields: Vec<FacetField>,
    values: Vec<HashMap<String, u64>>,
}

/// The flows of one segment by the value of the column that a field is in.
#[derive(Debug)]
struct Tally {
    column: Column,
    /// Whether the column says something, by kind of flow; none: always.
    kinds: Option<Vec<bool>>,
    flows: Vec<u64>,
}

impl Counter for Sums {
    type Counts = Vec<Tally>;

    fn columns(&self) -> Vec<Column> {
        let kind = self.fields.iter().any(|field| holds_for(*field).is_some()).then_some(Column::Kind);
        self.fields.iter().map(|field| column(*field)).chain(kind).collect()
    }

    fn tables(&self) -> Option<Tables> {
        Some(self.fields.iter().map(|field| Tables::of_field(*field)).collect())
    }

    fn begin(&self, all: &Dictionary) -> Vec<Tally> {
        let tally = |field: &FacetField| {
            let column = column(*field);
            let kinds = holds_for(*field).map(|holds| all.kinds.set(true, holds));
            Tally { column, kinds, flows: vec![0; all.values_of(column)] }
        };
        self.fields.iter().map(tally).collect()
    }

    fn count(&self, tallies: &mut Vec<Tally>, _: u64, columns: &Columns<'_>, places: &Places) {
        for Tally { column, kinds, flows } in tallies {
            let numbers = columns.read(*column);
            let mut add = |place: usize| {
                if let Some(flows) = flows.get_mut(numbers[place] as usize) {
                    *flows += 1;
                }
            };
            match kinds {
                None => places.each(add),
                Some(holds) => {
                    let kinds = columns.read(Column::Kind);
                    places.each(|place| {
                        if holds.get(kinds[place] as usize).is_some_and(|holds| *holds) {
                            add(place);
                        }
                    });
                }
            }
        }
    }

    fn add(&mut self, tallies: Vec<Tally>, all: &Dictionary) -> Result<(), sqlx::Error> {
        for ((field, tally), values) in self.fields.iter().zip(tallies).zip(&mut self.values) {
            for (id, flows) in (0..).zip(tally.flows).filter(|(_, flows)| *flows > 0) {
                let known = value(*field, id, all).ok_or_else(|| broken("an id that its dictionary lacks"))?;
                match values.get_mut(&*known) {
                    _ if known.is_empty() => {}
                    Some(sum) => *sum += flows,
                    None => drop(values.insert(known.into_owned(), flows)),
                }
            }
        }
        Ok(())
    }
}

/// The column that says which value a field has.
fn column(field: FacetField) -> Column {
    match field {
        FacetField::Outcome => Column::Outcome,
        FacetField::Verdict | FacetField::Protocol | FacetField::DropReason => Column::Kind,
        FacetField::SourceNamespace
        | FacetField::SourcePod
        | FacetField::SourceWorkload
        | FacetField::SourceName
        | FacetField::SourceIp => Column::Source,
        FacetField::DestinationNamespace
        | FacetField::DestinationPod
        | FacetField::DestinationWorkload
        | FacetField::DestinationName
        | FacetField::DestinationIp => Column::Destination,
        FacetField::SourcePort => Column::SourcePort,
        FacetField::DestinationPort => Column::DestinationPort,
        FacetField::NodeName => Column::Origin,
        FacetField::EgressPolicy | FacetField::EgressGateway | FacetField::EgressIp => Column::Translation,
    }
}

/// Of which flows the column says something about the field; none: of all.
fn holds_for(field: FacetField) -> Option<fn(&Kind) -> bool> {
    match field {
        FacetField::SourcePort | FacetField::DestinationPort => Some(|kind| kind.l4(0, 0).ports().is_some()),
        // As in `Flow::translated_source`: of a reply the outside sees the destination.
        FacetField::EgressIp => Some(|kind| kind.reply == Some(false)),
        _ => None,
    }
}

/// What an id of the field's column stands for, empty if that is nothing. None: the file is damaged.
fn value(field: FacetField, id: i64, all: &Dictionary) -> Option<Cow<'_, str>> {
    let text = |text| Some(Cow::Borrowed(text));
    let endpoint = || all.endpoints.get(all.parties.get(id)?.endpoint);
    match field {
        FacetField::Outcome => text(Outcome::of(id as i32)?.name()),
        FacetField::Verdict => text(verdict(all.kinds.get(id)?.verdict)),
        FacetField::SourceNamespace | FacetField::DestinationNamespace => text(&endpoint()?.namespace),
        FacetField::SourcePod | FacetField::DestinationPod => match &**endpoint()? {
            endpoint if endpoint.pod.is_empty() => text(""),
            endpoint => Some(Cow::Owned(format!("{}/{}", endpoint.namespace, endpoint.pod))),
        },
        FacetField::SourceWorkload | FacetField::DestinationWorkload => {
            text(endpoint()?.workloads.first().map_or("", |workload| &workload.name))
        }
        FacetField::SourceName | FacetField::DestinationName => match all.names.get(all.parties.get(id)?.names)? {
            [] => text(""),
            [best, ..] => text(all.fqdns.get(best.fqdn)?.as_str()),
        },
        FacetField::SourceIp | FacetField::DestinationIp => {
            Some(Cow::Owned(all.ips.get(all.parties.get(id)?.ip)?.to_string()))
        }
        FacetField::SourcePort | FacetField::DestinationPort => Some(Cow::Owned(id.to_string())),
        FacetField::Protocol => text(all.kinds.get(id)?.l4(0, 0).protocol()),
        FacetField::DropReason => match all.kinds.get(id)?.event {
            Event::Drop(reason) => Some(Cow::Owned(reason.to_string())),
            _ => text(""),
        },
        FacetField::NodeName => text(&all.nodes.get(all.origins.get(id)?.0)?.name),
        FacetField::EgressPolicy | FacetField::EgressGateway | FacetField::EgressIp if id == 0 => text(""),
        FacetField::EgressPolicy => text(&all.translations.get(id)?.policy),
        FacetField::EgressGateway => text(&all.translations.get(id)?.gateway),
        FacetField::EgressIp => match all.translations.get(id)?.egress_ip {
            0 => text(""),
            ip => Some(Cow::Owned(all.ips.get(ip)?.to_string())),
        },
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
