//! Flows to print: the actors of the captures in [`captures`].

mod captures;
mod formats;

use tidegate_proto::flow::{self, Flow, LostEvent, layer4::Protocol, layer7::Record};
use tidegate_proto::observer::GetFlowsResponse;
use tidegate_proto::observer::get_flows_response::ResponseTypes;
use tidegate_proto::relay::{NodeState, NodeStatusEvent};

use super::style::Style;
use super::{Compact, Dict, Json, Options, Printer, Sinks, Table};

const SYN: flow::TcpFlags = flow::TcpFlags {
    syn: true,
    fin: false,
    rst: false,
    psh: false,
    ack: false,
    urg: false,
    ece: false,
    cwr: false,
    ns: false,
};

/// 2026-11-23 07:00:00 UTC and some milliseconds.
fn at(milli: i32) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: 1_795_417_200, nanos: milli * 1_000_000 }
}

fn pod(namespace: &str, pod: &str, identity: u32) -> Option<flow::Endpoint> {
    Some(flow::Endpoint { namespace: namespace.to_owned(), pod_name: pod.to_owned(), identity, ..Default::default() })
}

fn cart() -> Option<flow::Endpoint> {
    pod("shop", "cart-7d9f4-x2x1z", 41395)
}

fn front() -> Option<flow::Endpoint> {
    pod("shop", "front-5c7bd-abcde", 30211)
}

fn coredns() -> Option<flow::Endpoint> {
    pod("kube-system", "coredns-668d6bf9bc-9vfqh", 5128)
}

fn world() -> Option<flow::Endpoint> {
    Some(flow::Endpoint { identity: 2, labels: vec!["reserved:world".to_owned()], ..Default::default() })
}

fn tcp(source_port: u32, destination_port: u32) -> Option<flow::Layer4> {
    let flags = Some(SYN);
    let tcp = flow::Tcp { source_port, destination_port, flags };
    Some(flow::Layer4 { protocol: Some(Protocol::Tcp(tcp)) })
}

fn udp(source_port: u32, destination_port: u32) -> Option<flow::Layer4> {
    let udp = flow::Udp { source_port, destination_port };
    Some(flow::Layer4 { protocol: Some(Protocol::Udp(udp)) })
}

fn event(kind: i32, sub_type: i32) -> Option<flow::CiliumEventType> {
    Some(flow::CiliumEventType { r#type: kind, sub_type })
}

fn ip(source: &str, destination: &str) -> Option<flow::Ip> {
    Some(flow::Ip {
        source: source.to_owned(),
        destination: destination.to_owned(),
        ip_version: flow::IpVersion::IPv4.into(),
        ..Default::default()
    })
}

/// The pod's SYN to a named outside host, at the pod's node.
fn syn() -> Flow {
    Flow {
        time: Some(at(6)),
        verdict: flow::Verdict::Forwarded.into(),
        ip: ip("10.0.1.15", "34.160.111.145"),
        l4: tcp(51000, 443),
        source: cart(),
        destination: world(),
        destination_names: vec!["ifconfig.me".to_owned()],
        r#type: flow::FlowType::L3L4.into(),
        node_name: "default/node-a".to_owned(),
        event_type: event(4, 5),
        traffic_direction: flow::TrafficDirection::Egress.into(),
        is_reply: Some(false),
        summary: "TCP Flags: SYN".to_owned(),
        ..Flow::default()
    }
}

fn dns(kind: flow::L7FlowType) -> Option<flow::Layer7> {
    let dns = flow::Dns { observation_source: "proxy".to_owned(), ..Default::default() };
    Some(flow::Layer7 { r#type: kind.into(), record: Some(Record::Dns(dns)), ..Default::default() })
}

fn response(content: ResponseTypes, milli: i32) -> GetFlowsResponse {
    GetFlowsResponse { node_name: "relay-0".to_owned(), time: Some(at(milli)), response_types: Some(content) }
}

fn printed(mut printer: Printer, events: &[GetFlowsResponse]) -> (String, String) {
    let mut sinks = Sinks { out: Vec::new(), news: Vec::new() };
    for event in events {
        printer.print(&mut sinks, event).unwrap();
    }
    printer.finish(&mut sinks).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(sinks.out), text(sinks.news))
}

fn flows(flows: impl IntoIterator<Item = Flow>) -> Vec<GetFlowsResponse> {
    let flows = flows.into_iter();
    flows.map(|flow| response(ResponseTypes::Flow(flow), 0)).collect()
}

fn compact(flow: Flow) -> String {
    compact_with(Options::default(), flow)
}

fn compact_with(options: Options, flow: Flow) -> String {
    printed(Printer::Compact(Compact::new(options)), &flows([flow])).0
}
