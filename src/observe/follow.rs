//! Prints a stream of flows from a server.

use std::io::Write;

use futures_util::{FutureExt as _, StreamExt as _};
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::observer::observer_client::ObserverClient;

use crate::client::{Client, MESSAGE_MAX};
use crate::print::{Printer, Sinks};

/// Prints what the server answers, until it ends the stream or the user interrupts. Lines are
/// gathered while the server is ahead and written when it pauses.
pub(super) async fn print<O: Write, N: Write>(
    client: &Client,
    request: GetFlowsRequest,
    printer: &mut Printer,
    sinks: &mut Sinks<O, N>,
) -> anyhow::Result<()> {
    let mut observer =
        ObserverClient::new(client.channel.clone()).max_decoding_message_size(MESSAGE_MAX);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let mut frames = tokio::select! {
        answer = observer.get_flows(request) => {
            answer.map_err(|status| client.explain(&status))?.into_inner()
        }
        _ = &mut interrupted => return Ok(()),
    };
    let outcome = loop {
        let next = match frames.next().now_or_never() {
            Some(next) => next,
            None => {
                sinks.out.flush()?;
                tokio::select! {
                    next = frames.next() => next,
                    _ = &mut interrupted => break Ok(()),
                }
            }
        };
        match next {
            Some(Ok(frame)) => {
                let response = frame.decode().map_err(|error| {
                    anyhow::anyhow!("{} sent an event that is no flow: {error}", client.address)
                })?;
                printer.print(sinks, &response)?;
            }
            Some(Err(status)) => break Err(client.explain(&status)),
            None => break Ok(()),
        }
    };
    // What arrived before a failure is shown all the same.
    printer.finish(sinks)?;
    sinks.out.flush()?;
    outcome
}
