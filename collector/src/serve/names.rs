//! Names for gateways, and only for the endpoints that leave through the one that asks.

use std::net::{IpAddr, Ipv4Addr};

use tidegate_proto::{
    encode,
    v1::{NameRecord, WatchNamesRequest, names_server::Names},
};
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, transport::server::TcpConnectInfo};

use super::Sources;
use crate::names::Learned;

/// Records that may wait for a slow gateway.
const QUEUE: usize = 1024;

pub(super) struct NameService {
    sources: Sources,
}

impl NameService {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources }
    }

    /// Address of the node that asks. It must ask from that address: a name tells what a workload
    /// does, and is for its gateway alone.
    fn asker(&self, request: &Request<WatchNamesRequest>) -> Result<Ipv4Addr, Status> {
        let node = &request.get_ref().node;
        let state = self.sources.state.borrow();
        let Some((_, address)) = state.nodes.iter().find(|(name, _)| name == node) else {
            return Err(Status::not_found(format!("no node {node:?} is known here")));
        };
        let from = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
        match from {
            // The Unix socket is root's.
            None => Ok(*address),
            Some(from) if from.ip() == IpAddr::V4(*address) => Ok(*address),
            Some(from) => {
                Err(Status::permission_denied(format!("node {node} has address {address}, not {}", from.ip())))
            }
        }
    }
}

#[tonic::async_trait]
impl Names for NameService {
    type WatchStream = ReceiverStream<Result<NameRecord, Status>>;

    async fn watch(&self, request: Request<WatchNamesRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let gateway = self.asker(&request)?;
        let shared = self.sources.shared.clone();
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let (known, mut live) = shared.watch(gateway);
            for learned in &known {
                if sender.send(Ok(record(learned))).await.is_err() {
                    return;
                }
            }
            loop {
                let learned = tokio::select! {
                    () = sender.closed() => return,
                    received = live.recv() => match received {
                        Ok(learned) => learned,
                        // The gateway asks anew and gets everything that is still known.
                        Err(RecvError::Lagged(missed)) => {
                            let status = Status::data_loss(format!("{missed} names were not sent in time"));
                            let _ = sender.send(Err(status)).await;
                            return;
                        }
                        Err(RecvError::Closed) => return,
                    },
                };
                if shared.serves(learned.endpoint, gateway) && sender.send(Ok(record(&learned))).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

fn record(learned: &Learned) -> NameRecord {
    NameRecord {
        endpoint_ip: learned.endpoint.to_string(),
        address: learned.address.to_string(),
        name: learned.fqdn.to_string(),
        learned: Some(encode::timestamp(learned.learned)),
        expires: Some(encode::timestamp(learned.expires)),
    }
}
