//! Calls to the relay, from which everything here comes.

use std::time::Duration;

use anyhow::Context as _;
use tidegate_ops::settings::Address;
use tidegate_proto::observer::observer_client::ObserverClient;
use tidegate_proto::observer::{GetNodesRequest, GetNodesResponse};
use tidegate_proto::v1::config_client::ConfigClient;
use tidegate_proto::v1::history_client::HistoryClient;
use tidegate_proto::v1::*;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::failure::Failure;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// A relay that vanished without a word is noticed after these two.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(10);
/// How long a question about stored flows may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a question about the present state may take.
const STATE: Duration = Duration::from_secs(3);
/// The largest answer that is accepted, bytes; a flow has around one KiB.
const MESSAGE_MAX: usize = 64 << 20;

/// The relay at one address. Connects when it is first asked, and again whenever that broke.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    pub(crate) address: Address,
    endpoint: Endpoint,
    channel: Channel,
}

impl Relay {
    /// # Errors
    /// When the address is no URI.
    pub(crate) fn at(address: Address) -> anyhow::Result<Self> {
        let uri = match &address {
            Address::Tcp(host_port) => format!("http://{host_port}"),
            Address::Unix(path) => format!("unix://{}", path.display()),
        };
        let endpoint = Endpoint::from_shared(uri)
            .with_context(|| format!("{address} is no address; use host:port or unix:///path"))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_ANSWER);
        let channel = endpoint.connect_lazy();
        Ok(Self { address, endpoint, channel })
    }

    pub(crate) async fn page(&self, request: PageRequest) -> Result<PageResponse, Failure> {
        self.answer(self.history().page(within(ANSWER, request)).await)
    }

    pub(crate) async fn histogram(&self, request: HistogramRequest) -> Result<HistogramResponse, Failure> {
        self.answer(self.history().histogram(within(ANSWER, request)).await)
    }

    pub(crate) async fn facets(&self, request: FacetsRequest) -> Result<FacetsResponse, Failure> {
        self.answer(self.history().facets(within(ANSWER, request)).await)
    }

    pub(crate) async fn gaps(&self, request: GapsRequest) -> Result<GapsResponse, Failure> {
        self.answer(self.history().gaps(within(ANSWER, request)).await)
    }

    pub(crate) async fn stats(&self) -> Result<StatsResponse, Failure> {
        self.answer(self.history().stats(within(STATE, StatsRequest {})).await)
    }

    /// The stream of flows as they are stored. It has a connection of its own: a reader that is
    /// slow fills the connection's window, and must not stop other questions by that.
    ///
    /// # Errors
    /// The relay's own words: what to do depends on who asks.
    pub(crate) async fn follow(&self, request: FollowRequest) -> Result<Streaming<FollowResponse>, Status> {
        let mut history = HistoryClient::new(self.endpoint.connect_lazy()).max_decoding_message_size(MESSAGE_MAX);
        // Not a deadline of the request: that would end the stream.
        match tokio::time::timeout(CONNECT + STATE, history.follow(request)).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded("the stream did not begin in time")),
        }
    }

    /// The nodes; none when it is no relay.
    pub(crate) async fn nodes(&self) -> Result<Option<GetNodesResponse>, Failure> {
        let answer = ObserverClient::new(self.channel.clone()).get_nodes(within(STATE, GetNodesRequest {})).await;
        match answer {
            Err(status) if status.code() == Code::Unimplemented => Ok(None),
            answer => self.answer(answer).map(Some),
        }
    }

    /// A setting of the relay, if it says.
    pub(crate) async fn setting(&self, key: &str) -> Option<String> {
        let answer = ConfigClient::new(self.channel.clone()).view(within(STATE, ViewConfigRequest {})).await.ok()?;
        answer.into_inner().settings.into_iter().find(|setting| setting.key == key).map(|setting| setting.value)
    }

    /// What a failed call means.
    pub(crate) fn explain(&self, status: &Status) -> Failure {
        Failure::of_call(status, &self.address)
    }

    fn history(&self) -> HistoryClient<Channel> {
        HistoryClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX)
    }

    fn answer<T>(&self, answer: Result<tonic::Response<T>, Status>) -> Result<T, Failure> {
        answer.map(tonic::Response::into_inner).map_err(|status| self.explain(&status))
    }
}

fn within<T>(time: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}
