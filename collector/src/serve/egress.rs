//! Egress state as the kernel has it, and the settings in force.

use std::{net::Ipv4Addr, sync::PoisonError};

use tidegate_ebpf_abi::policy::{Rule, rule_kind};
use tidegate_proto::v1::{
    EgressEntry, EntryKind, ListEntriesRequest, ListEntriesResponse, ListPoliciesRequest, ListPoliciesResponse,
    PolicyStatus, Setting, ViewConfigRequest, ViewConfigResponse, config_server::Config, egress_server::Egress,
};
use tonic::{Request, Response, Status};

use super::Sources;

pub(super) struct NodeEgress {
    sources: Sources,
}

impl NodeEgress {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources }
    }
}

#[tonic::async_trait]
impl Egress for NodeEgress {
    async fn list_entries(&self, _: Request<ListEntriesRequest>) -> Result<Response<ListEntriesResponse>, Status> {
        let tables = self.sources.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let state = tables.read().map_err(|error| Status::internal(format!("{error:#}")))?;
        drop(tables);
        let names = self.sources.state.borrow().names.clone();
        let mut entries = Vec::new();
        for (source, endpoint) in &state.endpoints {
            for ((_, net), rule) in state.rules.iter().filter(|((ruleset, _), _)| *ruleset == endpoint.ruleset) {
                entries.push(EgressEntry {
                    source_ip: source.to_string(),
                    destination_cidr: net.to_string(),
                    egress_ip: text(rule.egress),
                    gateway_ip: text(rule.gateway),
                    policy: names.get(&rule.policy).map(ToString::to_string).unwrap_or_default(),
                    node: self.sources.settings.node_name.clone(),
                    kind: kind(rule) as i32,
                });
            }
        }
        entries.sort_by(|a, b| (&a.source_ip, &a.destination_cidr).cmp(&(&b.source_ip, &b.destination_cidr)));
        Ok(Response::new(ListEntriesResponse { entries, failures: Vec::new() }))
    }

    async fn list_policies(&self, _: Request<ListPoliciesRequest>) -> Result<Response<ListPoliciesResponse>, Status> {
        let state = self.sources.state.borrow().clone();
        let policies = state.policies.iter().map(|policy| PolicyStatus {
            name: policy.name.clone(),
            kind: "CiliumEgressGatewayPolicy".into(),
            matched_endpoints: policy.matched.clone(),
            gateways: policy.gateways.clone(),
            egress_ips: policy.egress.iter().map(ToString::to_string).collect(),
            problems: policy.problems.clone(),
            node: self.sources.settings.node_name.clone(),
        });
        // What could not be read at all is shown beside what could.
        let unread = state.problems.iter().map(|problem| PolicyStatus {
            name: if problem.object.is_empty() { problem.origin.clone() } else { problem.object.clone() },
            problems: vec![format!("{}: {}", problem.origin, problem.message)],
            node: self.sources.settings.node_name.clone(),
            ..PolicyStatus::default()
        });
        Ok(Response::new(ListPoliciesResponse { policies: policies.chain(unread).collect(), failures: Vec::new() }))
    }
}

fn kind(rule: &Rule) -> EntryKind {
    match rule.kind {
        rule_kind::TRANSLATE | rule_kind::TUNNEL => EntryKind::Egress,
        rule_kind::EXCLUDED => EntryKind::Excluded,
        rule_kind::NO_EGRESS_IP => EntryKind::NoEgressIp,
        _ => EntryKind::NoGateway,
    }
}

fn text(word: u32) -> String {
    Ipv4Addr::from(word.to_ne_bytes()).to_string()
}

pub(super) struct NodeConfig {
    sources: Sources,
}

impl NodeConfig {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources }
    }
}

#[tonic::async_trait]
impl Config for NodeConfig {
    async fn view(&self, _: Request<ViewConfigRequest>) -> Result<Response<ViewConfigResponse>, Status> {
        let settings = self
            .sources
            .settings
            .view()
            .into_iter()
            .map(|shown| Setting { key: shown.key.to_owned(), value: shown.value, origin: shown.origin.to_string() })
            .collect();
        Ok(Response::new(ViewConfigResponse { settings }))
    }
}
