//! The asking side: requests whose answers are counted and not looked into.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tidegate_proto::FrameKind;
use tidegate_proto::flow::FlowFilter;
use tidegate_proto::observer::observer_client::ObserverClient;
use tidegate_proto::observer::{GetFlowsRequest, ServerStatusRequest, ServerStatusResponse};
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of an Observer, for the thread that has it.
#[derive(Debug)]
pub(crate) struct Asker {
    runtime: Runtime,
    client: ObserverClient<Channel>,
}

impl Asker {
    /// Connects to `http://…` or `unix://…` as soon as somebody listens there.
    ///
    /// # Errors
    /// When nobody does in time.
    pub(crate) fn connect(uri: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        let endpoint = Endpoint::from_shared(uri.to_owned()).with_context(|| format!("{uri} is no address"))?;
        let deadline = Instant::now() + PATIENCE;
        let channel = runtime.block_on(async {
            loop {
                match endpoint.connect().await {
                    Ok(channel) => return Ok(channel),
                    Err(error) if Instant::now() >= deadline => bail!("nothing answers on {uri}: {error}"),
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })?;
        Ok(Self { runtime, client: ObserverClient::new(channel) })
    }

    /// Waits for a status that is `good`, and returns it.
    ///
    /// # Errors
    /// When there is none in time.
    pub(crate) fn await_status(
        &mut self,
        what: &str,
        good: impl Fn(&ServerStatusResponse) -> bool,
    ) -> Result<ServerStatusResponse> {
        let Self { runtime, client } = self;
        let deadline = Instant::now() + PATIENCE;
        runtime.block_on(async {
            loop {
                let answer = client.server_status(ServerStatusRequest::default()).await;
                match answer.map(tonic::Response::into_inner) {
                    Ok(status) if good(&status) => return Ok(status),
                    last if Instant::now() >= deadline => bail!("{what} did not come about: {last:?}"),
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })
    }

    /// Counts the flows of an answer, which have to come in order of time.
    ///
    /// # Errors
    /// When the stream breaks, or the order is not kept.
    pub(crate) fn flows(&mut self, request: GetFlowsRequest) -> Result<u64> {
        let Self { runtime, client } = self;
        runtime.block_on(async {
            let mut stream = client.get_flows(request).await.context("GetFlows is refused")?.into_inner();
            let (mut flows, mut last) = (0, None);
            while let Some(frame) = stream.message().await.context("the stream of flows broke")? {
                if frame.kind() == FrameKind::Flow {
                    flows += 1;
                    let time = frame.time_ns();
                    ensure!(last <= time, "flow {flows} of an answer is older than the one before it");
                    last = time;
                }
            }
            Ok(flows)
        })
    }
}

/// All flows that are kept, as `observe --all` asks for them.
pub(crate) fn all() -> GetFlowsRequest {
    GetFlowsRequest { number: u64::MAX, ..GetFlowsRequest::default() }
}

/// All flows that are kept and fit `filter`.
pub(crate) fn matching(filter: FlowFilter) -> GetFlowsRequest {
    GetFlowsRequest { whitelist: vec![filter], ..all() }
}
