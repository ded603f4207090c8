//! What is recorded, read as a client of `tidegate.v1.History` reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use prost::Message as _;
use tidegate_proto::flow::Flow;
use tidegate_proto::v1::history_client::HistoryClient;
use tidegate_proto::v1::{FlowInfo, Gap, GapsRequest, PageRequest, Query};
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// A node within one start of its collector.
pub(crate) type Source = (String, u64);

/// Everything that a relay's store has.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// Number and time of each flow by where it comes from.
    pub(crate) flows: BTreeMap<Source, BTreeMap<u64, i64>>,
    /// Flows that came twice.
    pub(crate) doubles: Vec<String>,
    pub(crate) gaps: Vec<Gap>,
}

/// Numbers that follow one another and are not there.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) node: String,
    pub(crate) count: u64,
    /// Times of what is there before and after; the ends of time where there is nothing.
    pub(crate) between: (i64, i64),
}

impl Recorded {
    /// Reads it all, page by page.
    pub(crate) fn read(relay: SocketAddr) -> Result<Self, tonic::Status> {
        Runtime::new().expect("a runtime").block_on(async {
            let channel = Channel::from_shared(format!("http://{relay}")).expect("an address is a URI");
            let channel = channel.connect().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
            let mut history = HistoryClient::new(channel).max_decoding_message_size(64 << 20);
            let mut read = Self::default();
            let mut uuids = BTreeSet::new();
            let mut cursor = String::new();
            loop {
                let query = Some(Query::default());
                let request = PageRequest { query, oldest_first: true, cursor, limit: 5000, budget_ms: 0 };
                let page = history.page(request).await?.into_inner();
                for flow in page.flows {
                    if !uuids.insert(flow.uuid.clone()) {
                        read.doubles.push(flow.uuid.clone());
                    }
                    read.take(&flow);
                }
                if page.next.is_empty() {
                    break;
                }
                cursor = page.next;
            }
            read.gaps = history.gaps(GapsRequest { since: None, until: None }).await?.into_inner().gaps;
            Ok(read)
        })
    }

    fn take(&mut self, flow: &Flow) {
        let info = flow.extensions.as_ref().expect("our facts");
        let info = FlowInfo::decode(info.value.as_slice()).expect("readable facts");
        let time = flow.time.map_or(0, |time| time.seconds * 1_000_000_000 + i64::from(time.nanos));
        self.flows.entry((flow.node_name.clone(), info.boot)).or_default().insert(info.sequence, time);
    }

    pub(crate) fn count(&self) -> usize {
        self.flows.values().map(BTreeMap::len).sum()
    }

    /// The newest number of each source.
    pub(crate) fn newest(&self) -> BTreeMap<Source, u64> {
        self.flows.iter().filter_map(|(source, flows)| Some((source.clone(), *flows.last_key_value()?.0))).collect()
    }

    /// Every run of numbers that is not there. Numbers are dense from 1 on.
    pub(crate) fn missing(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        for ((node, _), flows) in &self.flows {
            let (mut last, mut last_time) = (0, i64::MIN);
            for (&sequence, &time) in flows {
                if sequence > last + 1 {
                    let between = (last_time, time);
                    missing.push(Missing { node: node.clone(), count: sequence - last - 1, between });
                }
                (last, last_time) = (sequence, time);
            }
        }
        missing
    }
}
