//! Flows to store.

use std::sync::Arc;

use tidegate_flow::flow::{Counters, Direction, Endpoint, Event, Flow, L4, Node, Party, Point, Verdict};
use tidegate_flow::{FlowId, flow};

use crate::Record;

/// A whole hour.
pub(super) const T: u64 = 1_700_002_800_000_000_000;
pub(super) const SECOND: u64 = 1_000_000_000;
pub(super) const HOUR: u64 = 3600 * SECOND;

/// A flow of ours with this number, `after` nanoseconds since [`T`].
pub(super) fn ours(sequence: u64, after: u64) -> Record {
    let id = FlowId { boot: 7, sequence };
    let party = |last: u8| Party {
        address: [10, 0, 0, last].into(),
        endpoint: Arc::new(Endpoint { namespace: "shop".into(), pod: format!("pod-{last}"), ..Endpoint::default() }),
        names: vec![],
        service: None,
    };
    let flow = Flow {
        time: T + after,
        id,
        node: Arc::new(Node { name: "worker".into(), ..Node::default() }),
        event: Event::Trace(Point::ToNetwork),
        verdict: Verdict::Forwarded,
        direction: Direction::Egress,
        reply: Some(false),
        source: party(1),
        destination: party(2),
        l4: L4::Tcp { source: 40_000, destination: 443, flags: 2 },
        translation: None,
        interface: None,
        dns: None,
        counters: Counters::default(),
        cause: "".into(),
    };
    Record { uuid: id.number(&flow.node.name), flow, original: None }
}

/// A flow of another program with this UUID.
pub(super) fn foreign(uuid: u128, after: u64) -> Record {
    let mut record = ours(0, after);
    record.uuid = uuid;
    record.flow.id = FlowId::default();
    record
}

/// Checks that a flow came back as it was.
pub(super) fn same(a: &Record, b: &Record) {
    let text = |record: &Record| flow::uuid_text(record.uuid);
    assert_eq!((text(a), &a.flow, &a.original), (text(b), &b.flow, &b.original));
}
