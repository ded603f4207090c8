//! Prints a stream of flows from a server. When the connection breaks while following, the
//! stream is asked for again from where it stopped, and what was shown is not shown twice.

mod resume;

use std::io::Write;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use tidegate_proto::Frame;
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::observer::observer_client::ObserverClient;
use tonic::{Status, Streaming};

use crate::client::{Client, MESSAGE_MAX};
use crate::print::{Printer, Sinks};
use resume::Resume;

/// Between two attempts to be connected again.
const RETRY: Duration = Duration::from_secs(1);

/// Prints what the server answers, until it ends the stream or the user interrupts.
pub(super) async fn print<O: Write, N: Write>(
    client: &Client,
    request: GetFlowsRequest,
    printer: &mut Printer,
    sinks: &mut Sinks<O, N>,
) -> anyhow::Result<()> {
    let mut stream = Stream { client, resume: Resume::new(request), printer, sinks };
    let interrupted = tokio::signal::ctrl_c();
    let outcome = tokio::select! {
        outcome = stream.run() => outcome,
        _ = interrupted => Ok(()),
    };
    // What arrived before a failure or an interrupt is shown all the same.
    stream.printer.finish(stream.sinks)?;
    stream.sinks.out.flush()?;
    outcome
}

/// One `observe` with its connection and its output.
struct Stream<'a, O, N> {
    client: &'a Client,
    resume: Resume,
    printer: &'a mut Printer,
    sinks: &'a mut Sinks<O, N>,
}

impl<O: Write, N: Write> Stream<'_, O, N> {
    async fn run(&mut self) -> anyhow::Result<()> {
        let mut lost = false;
        loop {
            let broken = match self.ask().await {
                Ok(frames) => {
                    self.resume.begin();
                    if std::mem::take(&mut lost) {
                        writeln!(self.sinks.news, "connected to {} again", self.client.address)?;
                    }
                    match self.drain(frames).await? {
                        None => return Ok(()),
                        Some(status) => status,
                    }
                }
                Err(status) => status,
            };
            if !self.resume.can(&broken) {
                return Err(self.client.explain(&broken));
            }
            if !std::mem::replace(&mut lost, true) {
                self.sinks.out.flush()?;
                let address = &self.client.address;
                let why = broken.message();
                writeln!(self.sinks.news, "the connection to {address} ended ({why}); trying again until interrupted")?;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn ask(&self) -> Result<Streaming<Frame>, Status> {
        let mut observer = ObserverClient::new(self.client.channel.clone()).max_decoding_message_size(MESSAGE_MAX);
        Ok(observer.get_flows(self.resume.request()).await?.into_inner())
    }

    /// Prints until the stream ends; the status is that of a stream that failed. Lines are
    /// gathered while the server is ahead and written when it pauses.
    async fn drain(&mut self, mut frames: Streaming<Frame>) -> anyhow::Result<Option<Status>> {
        loop {
            let next = match frames.next().now_or_never() {
                Some(next) => next,
                None => {
                    self.sinks.out.flush()?;
                    frames.next().await
                }
            };
            match next {
                Some(Ok(frame)) if self.resume.is_new(&frame) => {
                    let response = frame.decode().map_err(|error| {
                        let address = &self.client.address;
                        anyhow::anyhow!("{address} sent an event that is no flow: {error}")
                    })?;
                    self.printer.print(self.sinks, &response)?;
                }
                Some(Ok(_)) => {}
                Some(Err(status)) => return Ok(Some(status)),
                None => return Ok(None),
            }
        }
    }
}
