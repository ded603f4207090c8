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
        let served: HashSet<Ipv4Addr> = state.borrow_and_update().served.values().copied().collect();
        streams.retain(|address, stream| {
            let keep = served.contains(address);
            if !keep {
                stream.abort();
            }
            keep
        });
        for address in served {
            let follow = || tokio::spawn(follow(node.clone(), address, port, state.clone(), told.clone()));
            streams.entry(address).or_insert_with(follow);
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// Follows one node for ever.
async fn follow(
    node: String,
    address: Ipv4Addr,
    port: u16,
    state: watch::Receiver<Arc<State>>,
    told: SyncSender<Learned>,
) {
    let mut pause = BACKOFF.0;
    loop {
        // A node speaks for its own endpoints only.
        let its_own = |endpoint: IpAddr| state.borrow().served.get(&endpoint) == Some(&address);
        match receive(&node, address, port, its_own, &told, &mut pause).await {
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
    its_own: impl Fn(IpAddr) -> bool,
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
        let Some(learned) = read(&record).filter(|learned| its_own(learned.endpoint)) else {
            tracing::warn!(%address, "a name record that cannot be read or is about another node's endpoint");
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
        let seconds = u64::try_from(time.seconds).ok()?.checked_mul(1_000_000_000)?;
        seconds.checked_add(u64::try_from(time.nanos).ok()?)
    };
    Some(Learned {
        endpoint: record.endpoint_ip.parse::<IpAddr>().ok()?,
        address: record.address.parse().ok()?,
        fqdn: Fqdn::new(&record.name),
        // A record from the future would outlive the true ones.
        learned: time(&record.learned)?.min(crate::clock::wall()),
        expires: time(&record.expires)?,
    })
}
