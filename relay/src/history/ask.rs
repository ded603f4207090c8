//! What a request means to the store.

use std::time::Duration;

use prost_types::Timestamp;
use tidegate_flow::filter::{Condition, Protocol};
use tidegate_flow::{Filter, FilterError};
use tidegate_proto::{filter, v1};
use tidegate_store::{Cursor, FacetField, Order, PageRequest, Query, Span};
use tonic::Status;

/// Flows of a page that names no number, and the most that one may have.
const PAGE: (usize, usize) = (100, 5000);

/// Buckets of a histogram that names no number, and the most that it may have.
const BUCKETS: (u32, u32) = (100, 1000);

/// Values of a facet that names no number, and the most that it may have.
const VALUES: (usize, usize) = (10, 1000);

/// The fields by their numbers, from 1.
const FIELDS: [FacetField; 20] = [
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

/// A span whose ends may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) since: Option<u64>,
    pub(super) until: Option<u64>,
}

impl Ends {
    pub(super) fn new(since: Option<&Timestamp>, until: Option<&Timestamp>) -> Result<Self, Status> {
        let ends = Self { since: since.map(nanoseconds), until: until.map(nanoseconds) };
        match (ends.since, ends.until) {
            (Some(since), Some(until)) if until < since => {
                Err(Status::invalid_argument("until is before since: exchange them"))
            }
            _ => Ok(ends),
        }
    }

    /// With open ends as far as they can be.
    pub(super) fn span(self) -> Span {
        Span { since: self.since.unwrap_or(Span::ALL.since), until: self.until.unwrap_or(Span::ALL.until) }
    }
}

/// Which flows are meant, with the ends as they were given.
pub(super) fn query(query: Option<v1::Query>) -> Result<(Query, Ends), Status> {
    let query = query.unwrap_or_default();
    let ends = Ends::new(query.since.as_ref(), query.until.as_ref())?;
    let (allow, deny) = filters(&query.allow, &query.deny)?;
    Ok((Query { span: ends.span(), allow, deny }, ends))
}

pub(super) fn filters(allow: &[v1::Filter], deny: &[v1::Filter]) -> Result<(Vec<Filter>, Vec<Filter>), Status> {
    Ok((answerable(filter::own_filters(allow))?, answerable(filter::own_filters(deny))?))
}

/// Filters that were built, if stored flows can answer them: what other programs say of HTTP and
/// of traces is kept, but cannot be searched.
pub(crate) fn answerable(filters: Result<Vec<Filter>, FilterError>) -> Result<Vec<Filter>, Status> {
    let filters = filters.map_err(|error| Status::invalid_argument(error.to_string()))?;
    let unknown = |condition: &Condition| match condition {
        Condition::Never => true,
        Condition::Protocol(protocols) => protocols.contains(&Protocol::Absent),
        _ => false,
    };
    match filters.iter().flat_map(|filter| &filter.conditions).any(unknown) {
        true => Err(Status::invalid_argument(
            "stored flows cannot be searched for HTTP, Kafka or traces; leave that filter out, or ask for newer flows only",
        )),
        false => Ok(filters),
    }
}

pub(super) fn page(request: &v1::PageRequest) -> Result<PageRequest, Status> {
    let after = match request.cursor.as_str() {
        "" => None,
        text => Some(read_cursor(text).ok_or_else(|| Status::invalid_argument("the cursor is none of this relay's"))?),
    };
    let order = if request.oldest_first { Order::OldestFirst } else { Order::NewestFirst };
    Ok(PageRequest { order, after, limit: number(request.limit, PAGE), budget: budget(request.budget_ms) })
}

pub(super) fn buckets(asked: u32) -> u32 {
    number(asked, BUCKETS)
}

pub(super) fn values(asked: u32) -> usize {
    number(asked, VALUES)
}

pub(super) fn budget(ms: u32) -> Option<Duration> {
    (ms > 0).then(|| Duration::from_millis(u64::from(ms)))
}

/// The fields, each of which costs a count of its own.
pub(super) fn fields(numbers: &[i32]) -> Result<Vec<FacetField>, Status> {
    let mut fields = Vec::new();
    for number in numbers {
        let field = field(*number)?;
        if fields.contains(&field) {
            return Err(Status::invalid_argument(format!("facet field {number} is named twice")));
        }
        fields.push(field);
    }
    Ok(fields)
}

fn field(number: i32) -> Result<FacetField, Status> {
    let known = FIELDS.into_iter().find(|field| *field as i32 == number);
    known.ok_or_else(|| Status::invalid_argument(format!("there is no facet field {number}")))
}

pub(super) fn write_cursor(cursor: Cursor) -> String {
    format!("{:x}-{:x}", cursor.time, cursor.tie)
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let (time, tie) = text.split_once('-')?;
    Some(Cursor { time: u64::from_str_radix(time, 16).ok()?, tie: u16::from_str_radix(tie, 16).ok()? })
}

/// 0 asks for the usual number.
fn number<T: TryFrom<u32> + Ord>(asked: u32, (usual, most): (T, T)) -> T {
    match asked {
        0 => usual,
        asked => T::try_from(asked).map_or(usual, |asked| asked.min(most)),
    }
}

/// Nanoseconds since 1970, as far as SQL counts.
pub(crate) fn nanoseconds(time: &Timestamp) -> u64 {
    let ns = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    u64::try_from(ns.clamp(0, i128::from(Span::ALL.until))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_other_text_is_not() {
        for cursor in [Cursor { time: 0, tie: 0 }, Cursor { time: u64::MAX, tie: u16::MAX }] {
            assert_eq!(read_cursor(&write_cursor(cursor)), Some(cursor));
        }
        for text in ["1", "-", "1-", "1-10000", "g-1", "10000000000000000-1", "1-1-1"] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }

    #[test]
    fn every_field_has_the_number_of_its_message() {
        for number in 1..=20 {
            assert_eq!(field(number).expect("known") as i32, number);
            assert!(v1::FacetField::try_from(number).is_ok());
        }
        assert!(field(0).is_err() && field(21).is_err());
        assert_eq!(fields(&[2, 1]).expect("known"), [FacetField::Verdict, FacetField::Outcome]);
        assert!(fields(&[1, 2, 1]).is_err_and(|refusal| refusal.message().contains("twice")));
    }

    #[test]
    fn a_number_is_the_usual_one_when_none_is_named_and_never_more_than_the_most() {
        assert_eq!([0, 7, u32::MAX].map(buckets), [100, 7, 1000]);
    }

    #[test]
    fn a_span_that_ends_before_it_begins_is_refused() {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        assert!(Ends::new(Some(&at(2)), Some(&at(1))).is_err());
        let far = Ends::new(Some(&at(-1)), Some(&at(i64::MAX))).expect("valid");
        assert_eq!(far, Ends { since: Some(0), until: Some(Span::ALL.until) });
    }
}
