//! Where a message keeps what a filter asks for.

use tidegate_proto::flow::{self, Flow, layer4, layer7};

pub(super) fn record(flow: &Flow) -> Option<&layer7::Record> {
    flow.l7.as_ref()?.record.as_ref()
}

pub(super) fn http(flow: &Flow) -> Option<&flow::Http> {
    match record(flow)? {
        layer7::Record::Http(http) => Some(http),
        _ => None,
    }
}

/// The path of a URL, without query and fragment.
pub(super) fn path(url: &str) -> &str {
    let after_host = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => url,
    };
    after_host.split(['?', '#']).next().unwrap_or_default()
}

pub(super) fn pod(endpoint: Option<&flow::Endpoint>) -> Option<(&str, &str)> {
    endpoint.map(|endpoint| (endpoint.namespace.as_str(), endpoint.pod_name.as_str()))
}

pub(super) fn service(service: Option<&flow::Service>) -> Option<(&str, &str)> {
    service.map(|service| (service.namespace.as_str(), service.name.as_str()))
}

pub(super) fn labels(endpoint: Option<&flow::Endpoint>) -> &[String] {
    endpoint.map_or(&[], |endpoint| &endpoint.labels)
}

pub(super) fn has_workload(endpoint: Option<&flow::Endpoint>, wanted: &[flow::Workload]) -> bool {
    endpoint.into_iter().flat_map(|endpoint| &endpoint.workloads).any(|workload| {
        wanted.iter().any(|wanted| {
            (wanted.name.is_empty() || wanted.name == workload.name)
                && (wanted.kind.is_empty() || wanted.kind == workload.kind)
        })
    })
}

pub(super) fn ports(flow: &Flow) -> Option<(u32, u32)> {
    match flow.l4.as_ref()?.protocol.as_ref()? {
        layer4::Protocol::Tcp(tcp) => Some((tcp.source_port, tcp.destination_port)),
        layer4::Protocol::Udp(udp) => Some((udp.source_port, udp.destination_port)),
        layer4::Protocol::Sctp(sctp) => Some((sctp.source_port, sctp.destination_port)),
        _ => None,
    }
}

pub(super) fn tcp_flags(flow: &Flow) -> Option<&flow::TcpFlags> {
    match flow.l4.as_ref()?.protocol.as_ref()? {
        layer4::Protocol::Tcp(tcp) => tcp.flags.as_ref(),
        _ => None,
    }
}

/// Whether every wanted flag is set.
pub(super) fn includes(set: &flow::TcpFlags, wanted: &flow::TcpFlags) -> bool {
    let bits = |flags: &flow::TcpFlags| {
        [flags.fin, flags.syn, flags.rst, flags.psh, flags.ack, flags.urg, flags.ece, flags.cwr, flags.ns]
    };
    bits(wanted).iter().zip(bits(set)).all(|(wanted, set)| set || !wanted)
}
