//! Pages of flows.

use std::collections::HashSet;
use std::time::Duration;

use tidegate_store::{Cursor, Order, PageRequest, Query, Span, StoreError};

use super::walk::{same_flows, walk};
use super::{Engine, Given, START, everything, traffic};

const ORDERS: [Order; 2] = [Order::NewestFirst, Order::OldestFirst];

/// Pages of any size hold each flow once, in order, and end where the span does.
pub async fn pages_are_in_order_and_complete(engine: &dyn Engine) {
    let given = Given::flows(engine, 1_200).await;
    let expected = given.expected();
    let (early, late) = (expected.records()[100].flow.time, expected.records()[1_000].flow.time);
    for span in [Span::ALL, Span { since: early, until: late }, Span { since: early + 1, until: late + 1 }] {
        let query = Query { span, ..everything() };
        for order in ORDERS {
            for limit in [1, 7, 100, 5_000] {
                same_flows(walk(&*given.store, &query, order, limit, None).await, expected.matching(&query));
            }
        }
    }
}

/// Flows that come while somebody turns pages neither hide nor repeat what was there before.
pub async fn a_cursor_holds_while_flows_arrive(engine: &dyn Engine) {
    for order in ORDERS {
        let mut given = Given::nothing(engine).await;
        let records = traffic(2_000);
        let (first, second): (Vec<_>, Vec<_>) = records.into_iter().enumerate().partition(|(n, _)| n % 3 != 0);
        let [first, second] =
            [first, second].map(|part| part.into_iter().map(|(_, record)| record).collect::<Vec<_>>());
        let before: HashSet<_> = first.iter().map(|record| record.uuid).collect();
        given.append(first).await;
        let mut seen = Vec::new();
        let mut arriving = second.chunks(40);
        let mut after = None;
        loop {
            let request = PageRequest { order, after, limit: 60, budget: None };
            let page = given.store.page(&everything(), &request).await.expect("a page");
            seen.extend(page.flows.iter().map(|flow| flow.record.uuid));
            if let Some(records) = arriving.next() {
                given.append(records.to_vec()).await;
            }
            if page.next.is_none() {
                break;
            }
            after = page.next;
        }
        let once: HashSet<_> = seen.iter().copied().collect();
        assert_eq!(once.len(), seen.len(), "a flow came twice");
        assert!(before.is_subset(&once), "a flow was left out");
    }
}

/// Without any time, each page still gets further.
pub async fn a_page_without_time_leads_on(engine: &dyn Engine) {
    let given = Given::flows(engine, 1_500).await;
    let expected = given.expected();
    let rare = crate::question::condition(&expected.records()[700], 20, &mut crate::Random::new(1));
    let rare = Query { allow: vec![tidegate_flow::Filter { conditions: vec![rare] }], ..everything() };
    for query in [everything(), rare] {
        for order in ORDERS {
            let found = walk(&*given.store, &query, order, 40, Some(Duration::ZERO)).await;
            same_flows(found, expected.matching(&query));
        }
    }
}

/// A cursor that no flow ever had is a place as well.
pub async fn a_cursor_may_be_anywhere(engine: &dyn Engine) {
    let given = Given::flows(engine, 500).await;
    let expected = given.expected();
    let middle = expected.records()[250].flow.time;
    for time in [0, START - 1, middle, middle + 1, Span::ALL.until, u64::MAX] {
        for tie in [0, u16::MAX] {
            for order in ORDERS {
                let request = PageRequest { order, after: Some(Cursor { time, tie }), limit: 1_000, budget: None };
                let page = given.store.page(&everything(), &request).await.expect("a page");
                let is_behind = |other: u64| if order == Order::NewestFirst { other < time } else { other > time };
                let certain = expected.records().iter().filter(|record| is_behind(record.flow.time)).count();
                let same = expected.records().iter().filter(|record| record.flow.time == time).count();
                assert!((certain..=certain + same).contains(&page.flows.len()), "{order:?} {time} {tie}");
            }
        }
    }
}

/// A page of no flows would never end.
pub async fn a_page_of_nothing_is_refused(engine: &dyn Engine) {
    let given = Given::flows(engine, 10).await;
    let request = PageRequest { order: Order::NewestFirst, after: None, limit: 0, budget: None };
    assert!(matches!(given.store.page(&everything(), &request).await, Err(StoreError::Invalid(_))));
}
