//! Which flows of a segment a question is about, decided by their columns.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use tidegate_flow::Filter;

use super::block::Column;
use super::columns::Columns;
use super::condition::{self, Asked, Set, Test, tests};
use super::dictionary::Dictionary;
use crate::Query;

/// The filters of a question, as one segment knows them.
#[derive(Debug)]
pub(super) struct Selection {
    /// None: all are allowed.
    allow: Option<Vec<Vec<Test>>>,
    deny: Vec<Vec<Test>>,
}

/// Places of flows in a part of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Places {
    /// As many as there are.
    All(usize),
    /// These, in order.
    Some(Vec<u32>),
}

impl Places {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::All(count) => *count == 0,
            Self::Some(places) => places.is_empty(),
        }
    }

    /// Calls for each place, in order.
    #[inline]
    pub(super) fn each(&self, mut call: impl FnMut(usize)) {
        match self {
            Self::All(count) => (0..*count).for_each(call),
            Self::Some(places) => places.iter().for_each(|place| call(*place as usize)),
        }
    }

    fn keep(self, keep: impl Fn(usize) -> bool) -> Self {
        Self::Some(match self {
            Self::All(count) => (0..count as u32).filter(|place| keep(*place as usize)).collect(),
            Self::Some(mut places) => {
                places.retain(|place| keep(*place as usize));
                places
            }
        })
    }
}

impl Selection {
    /// Everything.
    pub(super) fn all() -> Self {
        Self { allow: None, deny: Vec::new() }
    }

    /// What is asked of a segment with these dictionaries, and with these ids of the UUIDs asked
    /// for. None: it has no such flow.
    pub(super) fn new(query: &Query, all: &Dictionary, ids: &HashMap<u128, i64>, stop: &AtomicBool) -> Option<Self> {
        let one = |filter| one(filter, all, ids, stop);
        let allow: Vec<_> = query.allow.iter().filter_map(one).collect();
        let deny: Vec<_> = query.deny.iter().filter_map(one).collect();
        if deny.iter().any(Vec::is_empty) || (allow.is_empty() && !query.allow.is_empty()) {
            return None;
        }
        // A filter without a condition allows everything.
        let allow = (!allow.is_empty() && !allow.iter().any(Vec::is_empty)).then_some(allow);
        Some(Self { allow, deny })
    }

    /// Those of a part of a block.
    pub(super) async fn places(&self, columns: &mut Columns<'_>) -> Result<Places, sqlx::Error> {
        let all = Places::All(columns.len());
        let mut selected = match self.allow.as_deref() {
            None => all,
            Some([only]) => narrow(all, only, columns).await?,
            Some(filters) => {
                let mut any = vec![false; columns.len()];
                for filter in filters {
                    narrow(all.clone(), filter, columns).await?.each(|place| any[place] = true);
                }
                all.keep(|place| any[place])
            }
        };
        for filter in &self.deny {
            let mut denied = vec![false; columns.len()];
            narrow(selected.clone(), filter, columns).await?.each(|place| denied[place] = true);
            selected = selected.keep(|place| !denied[place]);
        }
        Ok(selected)
    }
}

/// Whether a flow may be meant, going by what is needed to begin alone.
pub(super) fn is_possible(query: &Query, all: &Dictionary, stop: &AtomicBool) -> bool {
    let fits = |filter: &Filter| {
        filter.conditions.iter().all(|condition| condition::is_possible(Asked { condition, stop }, all))
    };
    query.allow.is_empty() || query.allow.iter().any(fits)
}

/// The tests of a filter, the rarest first; none: it matches nothing in the segment.
fn one(filter: &Filter, all: &Dictionary, ids: &HashMap<u128, i64>, stop: &AtomicBool) -> Option<Vec<Test>> {
    let mut left: Vec<Test> = Vec::new();
    for test in filter.conditions.iter().flat_map(|condition| tests(Asked { condition, stop }, all, ids)) {
        match left.iter_mut().find(|other| other.column == test.column) {
            Some(other) => other.set.intersect(&test.set),
            None => left.push(test),
        }
    }
    left.sort_by_key(|test| test.set.share());
    left.iter().all(|test| !test.set.is_empty()).then_some(left)
}

/// Those of some places that pass all tests. Columns are read only as long as there are any.
async fn narrow(mut places: Places, tests: &[Test], columns: &mut Columns<'_>) -> Result<Places, sqlx::Error> {
    for test in tests {
        if places.is_empty() {
            break;
        }
        places = match &test.set {
            Set::Values(set) => {
                columns.load(test.column).await?;
                let numbers = columns.read(test.column);
                places.keep(|place| set.get(numbers[place] as usize).is_some_and(|is_in| *is_in))
            }
            Set::Ids(ids) => {
                let (low, high) = columns.bounds();
                if ids.iter().any(|id| (low..=high).contains(id)) {
                    columns.load(Column::Id).await?;
                    let known = columns.read_ids();
                    places.keep(|place| ids.binary_search(&known[place]).is_ok())
                } else {
                    Places::Some(Vec::new())
                }
            }
        };
    }
    Ok(places)
}
