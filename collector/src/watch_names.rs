//! The gateway's side of name sharing: one stream from every node whose endpoints leave here.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use anyhow::Context as _;
use tidegate_flow::Fqdn;
use tidegate_proto::v1::{NameRecord, WatchNamesRequest, names_client::NamesClient};
use tokio::{sync::watch, task::JoinHandle};
use tonic::transport::Endpoint;

use crate::{names::Learned, reconcile::State};

/// First and longest pause before a node is asked again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Keeps one stream per served node until dropped or aborted.
pub async fn run(node: String, port: u16, mut state: watch::Receiver<Arc<State>>, told: SyncSender<Learned>) {
    let mut streams: HashMap<Ipv4Addr, JoinHandle<()>> = HashMap::new();
    loop {
        let served: HashSet<Ipv4Addr> = state.borrow_and_update().served.clone();
        streams.retain(|address, stream| {
            let keep = served.contains(address);
            if !keep {
                stream.abort();
            }
            keep
        });
        for address in served {
            streams.entry(address).or_insert_with(|| tokio::spawn(follow(node.clone(), address, port, told.clone())));
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// Follows one node for ever.
async fn follow(node: String, address: Ipv4Addr, port: u16, told: SyncSender<Learned>) {
    let mut pause = BACKOFF.0;
    loop {
        match receive(&node, address, port, &told, &mut pause).await {
            Ok(()) => tracing::debug!(%address, "the stream of names ended"),
            Err(error) => tracing::debug!(%address, "no names from this node: {error:#}"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(BACKOFF.1);
    }
}

async fn receive(
    node: &str,
    address: Ipv4Addr,
    port: u16,
    told: &SyncSender<Learned>,
    pause: &mut Duration,
) -> anyhow::Result<()> {
    let channel = Endpoint::from_shared(format!("http://{address}:{port}"))?
        .connect_timeout(Duration::from_secs(2))
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .connect()
        .await
        .context("cannot connect")?;
    let request = WatchNamesRequest { node: node.to_owned() };
    let mut records = NamesClient::new(channel).watch(request).await.context("refused")?.into_inner();
    *pause = BACKOFF.0;
    while let Some(record) = records.message().await.context("the stream broke")? {
        let Some(learned) = read(&record) else {
            tracing::warn!(%address, "a name record that cannot be read");
            continue;
        };
        // The pipeline empties its queue every few milliseconds; a full one is a lost name.
        if told.try_send(learned).is_err() {
            tracing::warn!(%address, "a name came too fast and was lost");
        }
    }
    Ok(())
}

fn read(record: &NameRecord) -> Option<Learned> {
    let time = |time: &Option<prost_types::Timestamp>| {
        let time = time.as_ref()?;
        Some(u64::try_from(time.seconds).ok()? * 1_000_000_000 + u64::try_from(time.nanos).ok()?)
    };
    Some(Learned {
        endpoint: record.endpoint_ip.parse::<IpAddr>().ok()?,
        address: record.address.parse().ok()?,
        fqdn: Fqdn::new(&record.name),
        learned: time(&record.learned)?,
        expires: time(&record.expires)?,
    })
}
