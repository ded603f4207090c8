//! A store for tests: everything in memory, by the words of the trait; it fails when told to, and
//! outlives the recorder as a disk does.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tidegate_flow::Filter;
use tidegate_flow::flow::Outcome;
use tidegate_store::*;

/// The store.
#[derive(Debug, Default)]
pub(crate) struct FakeStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    flows: BTreeMap<Cursor, Record>,
    uuids: HashSet<u128>,
    /// Newest start of a node's collector last.
    progress: Vec<Progress>,
    gaps: Vec<Gap>,
    /// Time of the oldest flow that each commit added.
    commits: Vec<Option<u64>>,
    broken: Option<&'static str>,
    full: bool,
    maintained: Vec<Retention>,
    closed: bool,
    pages: usize,
}

impl FakeStore {
    /// Has every call fail for this reason, or work again.
    pub(crate) fn fail(&self, reason: Option<&'static str>) {
        self.state.lock().expect("not poisoned").broken = reason;
    }

    /// Has it take nothing more, or again; it answers all the while.
    pub(crate) fn fill(&self, full: bool) {
        self.lock().full = full;
    }

    /// Everything stored, in time order.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.lock().flows.values().cloned().collect()
    }

    /// Every gap, in the order of arrival.
    pub(crate) fn all_gaps(&self) -> Vec<Gap> {
        self.lock().gaps.clone()
    }

    /// How often it was asked for a page.
    pub(crate) fn pages(&self) -> usize {
        self.lock().pages
    }

    /// Whether it was closed in good order.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// What it was told to keep.
    pub(crate) fn maintained(&self) -> Vec<Retention> {
        self.lock().maintained.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    fn working(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.lock();
        match state.broken {
            Some(reason) => Err(StoreError::Invalid(reason.to_owned())),
            None => Ok(state),
        }
    }
}

impl State {
    fn add(&mut self, record: &Record) -> bool {
        if !self.uuids.insert(record.uuid) {
            return false;
        }
        let mut cursor = Cursor { time: record.flow.time, tie: 0 };
        while self.flows.contains_key(&cursor) {
            cursor.tie += 1;
        }
        self.flows.insert(cursor, record.clone());
        true
    }

    /// A gap within a known one is that one told again; those that touch become one.
    fn miss(&mut self, new: &Gap) {
        let of_it = |known: &Gap| (&known.node, known.reason) == (&new.node, new.reason);
        if self.gaps.iter().any(|known| of_it(known) && known.since <= new.since && new.until <= known.until) {
            return;
        }
        let mut whole = new.clone();
        self.gaps.retain(|known| {
            let touches = of_it(known) && known.since <= new.until + 1 && new.since <= known.until + 1;
            if touches {
                let again = new.since <= known.since && known.until <= new.until;
                whole.since = whole.since.min(known.since);
                whole.until = whole.until.max(known.until);
                let counts = whole.count.zip(known.count);
                whole.count = counts.map(|(new, old)| if again { new.max(old) } else { new + old });
            }
            !touches
        });
        self.gaps.push(whole);
    }

    fn matching<'a>(&'a self, query: &'a Query) -> impl DoubleEndedIterator<Item = (Cursor, &'a Record)> {
        let Span { since, until } = query.span;
        let range = Cursor { time: since, tie: 0 }..Cursor { time: until.max(since), tie: 0 };
        let of_span = self.flows.range(range).map(|(cursor, record)| (*cursor, record));
        of_span.filter(|(_, record)| Filter::admits(&query.allow, &query.deny, &record.flow))
    }
}

#[tonic::async_trait]
impl FlowStore for FakeStore {
    async fn append(&self, batch: &Batch) -> Result<Appended, StoreError> {
        let mut state = self.working()?;
        if state.full {
            return Err(StoreError::Invalid("the disk is full".to_owned()));
        }
        if batch.records.is_empty() && batch.gaps.is_empty() {
            return Ok(Appended { commit: state.commits.len() as u64, ..Appended::default() });
        }
        let added: Vec<u64> =
            batch.records.iter().filter(|record| state.add(record)).map(|record| record.flow.time).collect();
        for progress in &batch.progress {
            let same = |one: &Progress| (&one.node, one.boot) == (&progress.node, progress.boot);
            match state.progress.iter().position(same) {
                Some(at) => state.progress[at] = progress.clone(),
                None => state.progress.push(progress.clone()),
            }
        }
        batch.gaps.iter().for_each(|gap| state.miss(gap));
        state.commits.push(added.iter().min().copied());
        let stored = added.len() as u64;
        let repeated = batch.records.len() as u64 - stored;
        Ok(Appended { commit: state.commits.len() as u64, stored, repeated })
    }

    async fn progress(&self) -> Result<Vec<Progress>, StoreError> {
        Ok(self.working()?.progress.iter().rev().cloned().collect())
    }

    async fn page(&self, query: &Query, page: &PageRequest) -> Result<Page, StoreError> {
        let mut state = self.working()?;
        state.pages += 1;
        let found = state.matching(query).map(|(cursor, record)| Stored { cursor, record: record.clone() });
        let mut flows: Vec<Stored> = match (page.order, page.after) {
            (Order::OldestFirst, None) => found.take(page.limit + 1).collect(),
            (Order::NewestFirst, None) => found.rev().take(page.limit + 1).collect(),
            (Order::OldestFirst, Some(after)) => {
                found.filter(|stored| stored.cursor > after).take(page.limit + 1).collect()
            }
            (Order::NewestFirst, Some(after)) => {
                found.rev().filter(|stored| stored.cursor < after).take(page.limit + 1).collect()
            }
        };
        let more = flows.len() > page.limit;
        flows.truncate(page.limit);
        let next = flows.last().map(|stored| stored.cursor).filter(|_| more);
        Ok(Page { flows, next, budget_spent: false })
    }

    async fn histogram(&self, query: &Query, buckets: u32, _: Option<Duration>) -> Result<Histogram, StoreError> {
        let state = self.working()?;
        let Span { since, until } = query.span;
        let step = (until - since).div_ceil(u64::from(buckets)).max(1);
        let mut counted = vec![Bucket::default(); usize::try_from((until - since).div_ceil(step)).expect("few")];
        for (cursor, record) in state.matching(query) {
            let bucket = usize::try_from((cursor.time - since) / step).expect("few");
            let outcome = record.flow.outcome();
            let at = Outcome::ALL.iter().position(|one| *one == outcome).expect("listed");
            counted[bucket][at] += 1;
        }
        Ok(Histogram { since, step, buckets: counted, complete_since: since, rollup: false })
    }

    async fn facets(
        &self,
        query: &Query,
        fields: &[FacetField],
        limit: usize,
        prefix: &str,
        _: Option<Duration>,
    ) -> Result<Facets, StoreError> {
        let state = self.working()?;
        let mut facets = Vec::new();
        for field in fields {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for (_, record) in state.matching(query) {
                let value = match field {
                    FacetField::NodeName => record.flow.node.name.clone(),
                    FacetField::DropReason => match record.flow.event.numbers() {
                        (1, reason) => reason.to_string(),
                        _ => continue,
                    },
                    _ => record.flow.outcome().name().to_owned(),
                };
                if value.starts_with(prefix) {
                    *counts.entry(value).or_default() += 1;
                }
            }
            let mut values: Vec<(String, u64)> = counts.into_iter().collect();
            values.sort_by_key(|(value, count)| (u64::MAX - count, value.clone()));
            let others = values.iter().skip(limit).map(|(_, count)| count).sum();
            values.truncate(limit);
            facets.push(Facet { field: *field, values, others });
        }
        Ok(Facets { facets, complete_since: query.span.since })
    }

    async fn gaps(&self, span: Span) -> Result<Vec<Gap>, StoreError> {
        let state = self.working()?;
        let touches = |gap: &&Gap| gap.until >= span.since && gap.since < span.until;
        let mut gaps: Vec<Gap> = state.gaps.iter().filter(touches).cloned().collect();
        gaps.sort_by_key(|gap| gap.since);
        Ok(gaps)
    }

    async fn since_commit(&self, commit: u64) -> Result<Option<u64>, StoreError> {
        let state = self.working()?;
        let given = usize::try_from(commit).ok().filter(|commit| *commit <= state.commits.len());
        let later = &state.commits[given.unwrap_or(0)..];
        Ok(later.iter().flatten().min().copied())
    }

    async fn stats(&self) -> Result<Stats, StoreError> {
        let state = self.working()?;
        Ok(Stats {
            flows: state.flows.len() as u64,
            bytes: 1000,
            oldest: state.flows.keys().next().map(|cursor| cursor.time),
            newest: state.flows.keys().next_back().map(|cursor| cursor.time),
            segments: 1,
            sealed: 0,
            gaps: state.gaps.len() as u64,
        })
    }

    async fn maintain(&self, retention: &Retention) -> Result<Maintained, StoreError> {
        self.working()?.maintained.push(*retention);
        Ok(Maintained::default())
    }

    async fn close(&self) {
        self.lock().closed = true;
    }
}
