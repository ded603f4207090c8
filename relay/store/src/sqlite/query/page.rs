//! Pages of flows.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::block::Column;
use super::cache::forget;
use super::place;
use super::scan::{self, Budget, Range, Scan};
use super::shown::{self, Shown};
use super::tables::Tables;
use crate::sqlite::connect::Reader;
use crate::sqlite::row::{COLUMNS, Row, broken};
use crate::sqlite::segments::{Segment, Segments};
use crate::{Cursor, Order, Page, PageRequest, Query, Span, StoreError, Stored};

/// Flows looked at in one go: as many as a block of a sealed segment has.
const FLOWS: usize = 16_384;

/// See [`crate::FlowStore::page`].
pub(in crate::sqlite) async fn page(
    segments: &Segments,
    query: &Query,
    request: &PageRequest,
) -> Result<Page, StoreError> {
    if request.limit == 0 {
        return Err(StoreError::Invalid("a page holds at least one flow".to_owned()));
    }
    let query = &scan::asked(query)?;
    let budget = Budget::new(request.budget);
    let mut list = segments.of(query.span);
    list.retain(|segment| {
        let (low, high) = bounds(segment, query, request);
        low < high
    });
    if request.order == Order::NewestFirst {
        list.reverse();
    }
    let mut page = Page { flows: Vec::new(), next: None, budget_spent: false };
    for (at, segment) in list.iter().enumerate() {
        if at > 0 && budget.is_spent() {
            // Everything on this side of the border between the two was looked at.
            let border = match request.order {
                Order::NewestFirst => list[at - 1].since,
                Order::OldestFirst => segment.since,
            };
            page.next = Some(cursor(request.order, border, 0));
            page.budget_spent = true;
            return Ok(page);
        }
        let Some(mut reader) = segments.read(segment).await? else { continue };
        // One more than a page holds tells whether there is a next one.
        let missing = request.limit.saturating_add(1) - page.flows.len();
        let part = part(segment, &mut reader, query, request, missing, budget).await;
        forget(&segments.all());
        let (flows, stopped) = match part {
            Ok(part) => part,
            Err(error) => {
                segments.failed(segment, "read flows", error)?;
                continue;
            }
        };
        page.flows.extend(flows);
        if page.flows.len() > request.limit {
            page.flows.truncate(request.limit);
            page.next = page.flows.last().map(|flow| flow.cursor);
            return Ok(page);
        }
        if stopped.is_some() {
            page.next = stopped;
            page.budget_spent = true;
            return Ok(page);
        }
    }
    Ok(page)
}

/// At most `missing` flows of one segment, and where the budget ended if it did.
async fn part(
    segment: &Segment,
    reader: &mut Reader,
    query: &Arc<Query>,
    request: &PageRequest,
    missing: usize,
    budget: Budget,
) -> Result<(Vec<Stored>, Option<Cursor>), sqlx::Error> {
    let order = request.order;
    let (low, high) = bounds(segment, query, request);
    let range = Range { order, low, high, flows: FLOWS };
    let Some(mut scan) = Scan::new(reader, segment, query, range, Some(Tables::NONE)).await? else {
        return Ok((Vec::new(), None));
    };
    let mut ids = Vec::new();
    let mut stopped = None;
    let mut next = scan.next();
    while let Some(slice) = next {
        let begin = ids.len();
        for block in &slice.blocks {
            let (mut columns, places) = scan.look(&slice, *block).await?;
            if places.is_empty() {
                continue;
            }
            columns.load(Column::Id).await?;
            let known = columns.read_ids();
            places.each(|place| ids.push(known[place]));
        }
        match order {
            Order::NewestFirst => ids[begin..].sort_unstable_by_key(|id| std::cmp::Reverse(*id)),
            Order::OldestFirst => ids[begin..].sort_unstable(),
        }
        if ids.len() >= missing {
            ids.truncate(missing);
            break;
        }
        next = scan.next();
        if next.is_some() && budget.is_spent() {
            let border = match order {
                Order::NewestFirst => slice.low,
                Order::OldestFirst => slice.high,
            };
            stopped = Some(cursor(order, segment.since, border));
            break;
        }
    }
    Ok((read(&mut scan, ids).await?, stopped))
}

/// The flows with these ids, in their order.
async fn read(scan: &mut Scan<'_>, ids: Vec<i64>) -> Result<Vec<Stored>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("SELECT {COLUMNS} FROM flow WHERE id IN (SELECT value FROM json_each(?))");
    let rows = sqlx::query(AssertSqlSafe(text)).bind(shown::list(ids.iter().copied()));
    let rows = rows.fetch_all(&mut *scan.transaction).await?;
    let mut rows = rows.iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    if rows.len() != ids.len() {
        return Err(broken("a block with flows that there are not"));
    }
    let places: HashMap<_, _> = ids.into_iter().zip(0..).collect();
    rows.sort_by_key(|row| places.get(&row.id).copied().unwrap_or(usize::MAX));
    let shown = Shown::read(&mut scan.transaction, &scan.dictionary, &rows).await?;
    let flow = |row: &Row| {
        let cursor = place::cursor(scan.since, row.id);
        row.record(scan.since, &shown).map(|record| Stored { cursor, record })
    };
    rows.iter().map(flow).collect()
}

/// The ids of a segment that are behind the place where a page begins: from the first up to and
/// without the second.
fn bounds(segment: &Segment, query: &Query, request: &PageRequest) -> (i64, i64) {
    let span = Span { until: query.span.until.min(segment.until()), ..query.span };
    place::bounds(segment.since, span, request.order, request.after)
}

/// The place from which on a page in this order finds what is on the other side of the id `border`,
/// which is the lowest of its time; if the oldest come first, it is on the other side too.
fn cursor(order: Order, since: u64, border: i64) -> Cursor {
    match order {
        Order::NewestFirst => place::cursor(since, border),
        Order::OldestFirst if border > 0 => place::cursor(since, border - 1),
        Order::OldestFirst => Cursor { time: since.saturating_sub(1), tie: u16::MAX },
    }
}
