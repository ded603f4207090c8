//! What is stored comes back as it was.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_flow::flow::{
    Counters, Direction, Dns, Emitter, Endpoint, Event, Flow, Interface, L4, L7Kind, Node, Party, Point, ServiceName,
    Translation, Verdict, Workload,
};
use tidegate_flow::{Confidence, Fqdn, Name, Source};

use super::flows::{foreign, ours, same};
use super::{all, batch, folder, number, open};
use crate::sqlite::Sqlite;
use crate::{FlowStore, Record};

fn name(text: &str, source: Source, confidence: Confidence) -> Name {
    Name { fqdn: Fqdn::new(text), source, confidence }
}

fn dns() -> Dns {
    Dns {
        query: Fqdn::new("api.example.com"),
        types: vec!["A".into(), "AAAA".into()],
        rcode: 3,
        addresses: vec![[192, 0, 2, 1].into(), "2001:db8::1".parse().unwrap()],
        ttl: 300,
        cnames: vec![Fqdn::new("edge.example.net"), Fqdn::new("x.example.net")],
        answer_types: vec!["CNAME".into(), "A".into()],
    }
}

/// Flows of which each differs from an ordinary one by something that must not be lost.
fn variants() -> Vec<Record> {
    let mut records = Vec::new();
    let mut add = |change: &dyn Fn(&mut Flow)| {
        let at = records.len() as u64 + 1;
        let mut record = ours(at, at);
        change(&mut record.flow);
        record.uuid = record.flow.id.number(&record.flow.node.name);
        records.push(record);
    };
    add(&|_| {});
    for verdict in Verdict::ALL {
        add(&|flow| flow.verdict = verdict);
    }
    for point in Point::ALL {
        add(&|flow| flow.event = Event::Trace(point));
    }
    for (kind, sub) in [(5, 2), (129, 0), (4, 14), (1, 256), (i32::MAX, i32::MIN)] {
        add(&|flow| flow.event = Event::Other { kind, sub });
    }
    add(&|flow| flow.event = Event::L7(L7Kind::Request));
    for latency in [0, 1, u64::MAX] {
        add(&|flow| flow.event = Event::L7(L7Kind::Response { latency }));
        add(&|flow| {
            flow.event = Event::L7(L7Kind::Response { latency });
            flow.dns = Some(Box::new(dns()));
        });
    }
    add(&|flow| {
        let nothing = Dns { types: vec![], addresses: vec![], cnames: vec![], answer_types: vec![], ttl: 0, ..dns() };
        flow.event = Event::L7(L7Kind::Request);
        flow.dns = Some(Box::new(Dns { query: Fqdn::new(""), rcode: 0, ..nothing }));
    });
    add(&|flow| {
        flow.event = Event::Drop(194);
        flow.verdict = Verdict::Dropped;
        flow.cause = "no gateway is ready: \"a\nb\"".to_owned().into();
    });
    for direction in [Direction::Unknown, Direction::Ingress] {
        add(&|flow| flow.direction = direction);
    }
    for reply in [None, Some(true)] {
        add(&|flow| flow.reply = reply);
    }
    for l4 in [
        L4::Tcp { source: 0, destination: 65_535, flags: 0xff },
        L4::Udp { source: 53, destination: 40_000 },
        L4::Sctp { source: 1, destination: 2 },
        L4::IcmpV4 { kind: 3, code: 4 },
        L4::IcmpV6 { kind: 255, code: 255 },
        L4::Other(0),
        L4::Other(6),
        L4::Other(17),
        L4::Other(132),
        L4::Other(255),
    ] {
        add(&|flow| flow.l4 = l4);
    }
    for address in ["0.0.0.0", "::", "::ffff:10.0.0.1", "2001:db8::ffff"] {
        add(&|flow| {
            flow.source.address = address.parse().unwrap();
            flow.destination.address = address.parse().unwrap();
        });
    }
    add(&|flow| {
        flow.destination.names = vec![
            name("api.example.com", Source::Sni, Confidence::High),
            name("b.example.com", Source::Dns, Confidence::Low),
            name("b.example.com", Source::Ptr, Confidence::Medium),
        ];
        flow.source.names = vec![name("..a", Source::HttpHost, Confidence::Unknown)];
    });
    for source in [Source::Dns, Source::Shared, Source::Sni, Source::HttpHost, Source::Ptr, Source::Unknown] {
        add(&|flow| flow.destination.names = vec![name("one.example.com", source, Confidence::Medium)]);
    }
    add(&|flow| flow.destination.service = Some(Arc::new(ServiceName { namespace: "a".into(), name: "b".into() })));
    add(&|flow| flow.source.service = Some(Arc::new(ServiceName { namespace: String::new(), name: String::new() })));
    add(&|flow| {
        let workload = |kind: &str, name: &str| Workload { kind: kind.into(), name: name.into() };
        flow.source.endpoint = Arc::new(Endpoint {
            id: u32::MAX,
            identity: u32::MAX,
            namespace: "shop".into(),
            pod: "web-0".into(),
            labels: vec!["k8s:app=web".into(), "a\nb".into(), "c\\".into(), String::new()],
            workloads: vec![workload("StatefulSet", "web"), workload("", "x\ny")],
            cluster: "west".into(),
        });
    });
    for (egress, gateway_address) in [
        (None, None),
        (Some(("203.0.113.7".parse().unwrap(), 0)), Some([10, 0, 0, 9].into())),
        (Some(("2001:db8::7".parse().unwrap(), 65_535)), Some("2001:db8::9".parse().unwrap())),
    ] {
        add(&|flow| {
            let (policy, gateway) = ("egress".into(), "worker2".into());
            flow.translation = Some(Translation { egress, policy, gateway, gateway_address });
        });
    }
    add(&|flow| flow.interface = Some(Interface { index: u32::MAX, name: "eth0".into() }));
    add(&|flow| flow.interface = Some(Interface { index: 0, name: "".into() }));
    add(&|flow| {
        let node = Node {
            name: "west/worker".into(),
            labels: vec!["zone=a".into()],
            emitter: Emitter { name: "tidegate".into(), version: "0.1.0".into() },
        };
        flow.node = Arc::new(node);
    });
    for most in [1, u64::MAX] {
        add(&|flow| {
            let (packets, bytes, reply_packets, reply_bytes) = (most, most, most, most);
            flow.counters = Counters { start: most, end: most, packets, bytes, reply_packets, reply_bytes };
        });
    }
    add(&|flow| flow.counters = Counters { start: flow.time, end: flow.time + 1, ..Counters::default() });
    for number in [0, u64::MAX] {
        add(&|flow| (flow.id.boot, flow.id.sequence) = (number, number));
    }
    let empty =
        Party { address: [0, 0, 0, 0].into(), endpoint: Arc::new(Endpoint::default()), names: vec![], service: None };
    add(&|flow| (flow.source, flow.destination) = (empty.clone(), empty.clone()));
    // The sequence does not fit into a UUID, or the UUID is another one.
    for (at, uuid) in (1000..).zip([0, 1, u128::MAX]) {
        records.push(foreign(uuid, at));
        records.push(Record { uuid, ..ours(at, 1000 + at) });
    }
    for original in [vec![], vec![0; 100_000]] {
        let at = records.len() as u64 + 5000;
        records.push(Record { original: Some(Bytes::from(original)), ..ours(at, at) });
    }
    records.sort_by_key(|record| record.flow.time);
    records
}

#[tokio::test]
async fn every_flow_comes_back_as_it_was() {
    let (folder, records) = (folder(), variants());
    let store = open(&folder).await;
    let appended = store.append(&batch(records.clone())).await.unwrap();
    assert_eq!((appended.stored, appended.repeated), (records.len() as u64, 0));
    let check = async |store: &Sqlite| {
        let stored = all(store).await;
        assert_eq!(stored.len(), records.len());
        for (stored, record) in stored.iter().zip(&records) {
            same(&stored.record, record);
        }
    };
    check(&store).await;
    // The same from another process, whose dictionaries are read from the files.
    store.close().await;
    let store = open(&folder).await;
    check(&store).await;
    let again = store.append(&batch(records.clone())).await.unwrap();
    assert_eq!((again.stored, again.repeated), (0, records.len() as u64));
    check(&store).await;
}

#[tokio::test]
async fn values_are_stored_once() {
    let folder = folder();
    let store = open(&folder).await;
    store.append(&batch((1..9).map(|at| ours(at, at)))).await.unwrap();
    store.close().await;
    let store = open(&folder).await;
    store.append(&batch([ours(9, 9)])).await.unwrap();
    store.close().await;
    for table in [
        "SELECT count(*) FROM node",
        "SELECT count(*) FROM origin",
        "SELECT count(*) FROM kind",
        "SELECT count(*) - 1 FROM party",
        "SELECT count(*) - 1 FROM endpoint",
        "SELECT count(*) - 1 FROM ip",
    ] {
        assert_eq!(number(&folder.path().join("segment-1.db"), table).await, 1, "{table}");
    }
}

#[tokio::test]
async fn a_dictionary_is_read_back_as_it_was_written() {
    let folder = folder();
    let store = Sqlite::open(folder.path()).await.unwrap();
    store.append(&batch(variants())).await.unwrap();
    store.close().await;
    let path = folder.path().join("segment-1.db");
    let rows = "SELECT (SELECT count(*) FROM node) + (SELECT count(*) FROM origin) + (SELECT count(*) FROM ip) \
        + (SELECT count(*) FROM fqdn) + (SELECT count(DISTINCT names) FROM name) + (SELECT count(*) FROM endpoint) \
        + (SELECT count(*) FROM service) + (SELECT count(*) FROM party) + (SELECT count(*) FROM kind) \
        + (SELECT count(*) FROM translation) + (SELECT count(*) FROM interface)";
    let before = number(&path, rows).await;
    let store = Sqlite::open(folder.path()).await.unwrap();
    // The same values in other flows.
    let others = variants().into_iter().map(|mut record| {
        record.flow.time += 1_000_000;
        record.uuid = record.uuid.wrapping_add(1 << 80);
        record
    });
    let appended = store.append(&batch(others)).await.unwrap();
    assert_eq!(appended.repeated, 0);
    store.close().await;
    assert_eq!(number(&path, rows).await, before);
}

#[tokio::test]
async fn minutes_count_what_is_there() {
    let folder = folder();
    let store = Sqlite::open(folder.path()).await.unwrap();
    let flows = || (0..300).map(|at| ours(at + 1, at * super::flows::SECOND));
    store.append(&batch(flows().take(200))).await.unwrap();
    store.append(&batch(flows().skip(100).chain(flows()))).await.unwrap();
    store.close().await;
    let path = folder.path().join("segment-1.db");
    assert_eq!(number(&path, "SELECT count(*) FROM flow").await, 300);
    assert_eq!(number(&path, "SELECT count(*) FROM hist_minute WHERE flows = 60 AND outcome = 1").await, 5);
    assert_eq!(number(&path, "SELECT sum(flows) FROM block").await, 300);
}
