//! Egress state and settings of the whole cluster, in our own interface.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;
use tidegate_proto::v1::config_server::Config;
use tidegate_proto::v1::egress_server::Egress;
use tidegate_proto::v1::{
    ListEntriesRequest, ListEntriesResponse, ListPoliciesRequest, ListPoliciesResponse, NodeFailure, Setting,
    ViewConfigRequest, ViewConfigResponse,
};
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status};

use crate::connect;
use crate::peers::{CALL_TIMEOUT, Peer, Pool, Reach};

/// The Egress service over all peers.
#[derive(Debug)]
pub(crate) struct ClusterEgress {
    /// The nodes.
    pub(crate) pool: Pool,
}

/// The Config service of this relay.
#[derive(Debug)]
pub(crate) struct RelayConfig {
    /// The effective settings, redacted.
    pub(crate) settings: Vec<Setting>,
}

#[tonic::async_trait]
impl Egress for ClusterEgress {
    async fn list_entries(&self, _: Request<ListEntriesRequest>) -> Result<Response<ListEntriesResponse>, Status> {
        let mut all = ListEntriesResponse::default();
        let ask =
            async |peer: Arc<Peer>| peer.egress().list_entries(ListEntriesRequest {}).await.map(Response::into_inner);
        for answer in ask_all(&self.pool, ask).await {
            match answer {
                Ok(answer) => {
                    all.entries.extend(answer.entries);
                    all.failures.extend(answer.failures);
                }
                Err(failure) => all.failures.push(failure),
            }
        }
        Ok(Response::new(all))
    }

    async fn list_policies(&self, _: Request<ListPoliciesRequest>) -> Result<Response<ListPoliciesResponse>, Status> {
        let mut all = ListPoliciesResponse::default();
        let ask =
            async |peer: Arc<Peer>| peer.egress().list_policies(ListPoliciesRequest {}).await.map(Response::into_inner);
        for answer in ask_all(&self.pool, ask).await {
            match answer {
                Ok(answer) => {
                    all.policies.extend(answer.policies);
                    all.failures.extend(answer.failures);
                }
                Err(failure) => all.failures.push(failure),
            }
        }
        Ok(Response::new(all))
    }
}

#[tonic::async_trait]
impl Config for RelayConfig {
    async fn view(&self, _: Request<ViewConfigRequest>) -> Result<Response<ViewConfigResponse>, Status> {
        Ok(Response::new(ViewConfigResponse { settings: self.settings.clone() }))
    }
}

/// Asks every node; the answers come sorted by node, a node that cannot answer as its failure.
async fn ask_all<T, F>(pool: &Pool, ask: impl Fn(Arc<Peer>) -> F) -> Vec<Result<T, NodeFailure>>
where
    F: Future<Output = Result<T, Status>>,
{
    pool.settle().await;
    let calls = pool.all().iter().map(|peer| {
        let call = ask(peer.clone());
        async move {
            let answer = match peer.reach() {
                Reach::Unavailable(reason) => Err(reason),
                Reach::Untried => Err("it was not reached yet".to_owned()),
                Reach::Usable => match timeout(CALL_TIMEOUT, call).await {
                    Ok(Ok(answer)) => Ok(answer),
                    Ok(Err(status)) if status.code() == Code::Unimplemented => {
                        Err("it has no egress state to tell: it is not a Tidegate collector".into())
                    }
                    Ok(Err(status)) => Err(connect::reason(&status)),
                    Err(_) => Err(format!("no answer within {} s", CALL_TIMEOUT.as_secs())),
                },
            };
            answer.map_err(|message| NodeFailure { node: peer.name.clone(), message })
        }
    });
    join_all(calls).await
}
