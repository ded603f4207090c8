//! One GetFlows call to one node, read frame by frame and given up when the node is found lost.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::{Frame, FrameKind};
use tonic::{Code, Status, Streaming};

use crate::connect;
use crate::peers::Peer;

/// How a call ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The node ended the stream in good order.
    Complete,
    /// The node refused the request before it sent anything: most likely a bad filter.
    Refused(Box<Status>),
    /// The call failed for this reason.
    Failed(String),
}

/// An open call. Dropping it cancels it.
pub(crate) struct Call {
    peer: Arc<Peer>,
    frames: Streaming<Frame>,
    lost: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether a frame has come.
    begun: bool,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("peer", &self.peer.name).field("begun", &self.begun).finish_non_exhaustive()
    }
}

impl Call {
    /// Asks the node.
    pub(crate) async fn open(peer: &Arc<Peer>, request: GetFlowsRequest) -> Result<Self, End> {
        let mut client = peer.streams();
        let frames = client.get_flows(request).await.map_err(before_the_first_frame)?.into_inner();
        Ok(Self { peer: peer.clone(), frames, lost: Box::pin(peer.found_lost()), begun: false })
    }

    /// The next frame, or how the call ended.
    pub(crate) async fn next(&mut self) -> Result<Frame, End> {
        let next = tokio::select! {
            biased;
            next = self.frames.message() => next,
            // A machine that vanished says nothing; its probes notice before TCP does.
            () = &mut self.lost => return Err(End::Failed("the node stopped answering".to_owned())),
        };
        match next {
            Ok(Some(frame)) => {
                if !std::mem::replace(&mut self.begun, true) {
                    self.learn_name(&frame);
                }
                Ok(frame)
            }
            Ok(None) => Err(End::Complete),
            Err(status) if self.begun => Err(End::Failed(connect::reason(&status))),
            Err(status) => Err(before_the_first_frame(status)),
        }
    }

    fn learn_name(&self, frame: &Frame) {
        if frame.kind() == FrameKind::Flow
            && let Some(name) = frame.node_name().filter(|name| !name.is_empty())
        {
            self.peer.seen_as(name);
        }
    }
}

/// Our collectors answer a bad filter with InvalidArgument, stock servers with Unknown.
fn before_the_first_frame(status: Status) -> End {
    let refusal = matches!(status.code(), Code::InvalidArgument | Code::Unknown);
    match refusal && !connect::is_transport(&status) {
        true => End::Refused(Box::new(status)),
        false => End::Failed(connect::reason(&status)),
    }
}
