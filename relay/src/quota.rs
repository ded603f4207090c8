//! `number` of a request, counted over the cluster: the stream ends after the N oldest, or holds
//! back until the N newest are known. Losses and node status are passed on and not counted.

use std::collections::VecDeque;

use tidegate_proto::{Frame, FrameKind};

/// How many flows may still pass, and which.
#[derive(Debug)]
pub(crate) enum Quota {
    /// All of them.
    All,
    /// The next `left`.
    Oldest {
        /// How many more.
        left: u64,
    },
    /// The last `number`; frames are kept until the end is known.
    Newest {
        /// How many.
        number: u64,
        /// The flows among the kept frames.
        flows: u64,
        /// What may still be among the last, in order.
        kept: VecDeque<Frame>,
    },
}

/// What becomes of an offered frame.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It goes to the client.
    Pass(Frame),
    /// It is kept or was dropped; nothing goes out.
    Hold,
    /// It goes to the client and is the last one.
    PassAndEnd(Frame),
}

impl Quota {
    /// The first `number` flows in order.
    pub(crate) fn oldest(number: u64) -> Self {
        Quota::Oldest { left: number }
    }

    /// The last `number` flows in order.
    pub(crate) fn newest(number: u64) -> Self {
        Quota::Newest { number, flows: 0, kept: VecDeque::new() }
    }

    /// Takes the next frame in order.
    pub(crate) fn offer(&mut self, frame: Frame) -> Verdict {
        match self {
            Quota::All => Verdict::Pass(frame),
            Quota::Oldest { left } => match is_flow(&frame) {
                false => Verdict::Pass(frame),
                true if *left <= 1 => {
                    *left = 0;
                    Verdict::PassAndEnd(frame)
                }
                true => {
                    *left -= 1;
                    Verdict::Pass(frame)
                }
            },
            Quota::Newest { number, flows, kept } => {
                // Ahead of the first kept flow nothing uncounted is kept either: it can go.
                if kept.is_empty() && !is_flow(&frame) {
                    return Verdict::Pass(frame);
                }
                *flows += u64::from(is_flow(&frame));
                kept.push_back(frame);
                if *flows > *number {
                    *flows -= 1;
                    kept.pop_front();
                    return release(kept);
                }
                release(kept)
            }
        }
    }

    /// What was kept for the end, in order; call it until it yields nothing.
    pub(crate) fn flush(&mut self) -> Option<Frame> {
        match self {
            Quota::Newest { kept, .. } => kept.pop_front(),
            _ => None,
        }
    }
}

/// The first kept frame is a flow; an uncounted one that came to the front is passed on. At most
/// one is released per offer, so the front may lag, but never grows beyond what was offered.
fn release(kept: &mut VecDeque<Frame>) -> Verdict {
    match kept.front() {
        Some(front) if !is_flow(front) => kept.pop_front().map_or(Verdict::Hold, Verdict::Pass),
        _ => Verdict::Hold,
    }
}

fn is_flow(frame: &Frame) -> bool {
    frame.kind() == FrameKind::Flow
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{flow_at, lost_at};

    #[test]
    fn the_oldest_are_counted_and_losses_are_not() {
        let mut quota = Quota::oldest(2);
        let lost = lost_at("a", 1);
        assert_eq!(quota.offer(lost.clone()), Verdict::Pass(lost));
        assert!(matches!(quota.offer(flow_at("a", 2, 1)), Verdict::Pass(_)));
        assert!(matches!(quota.offer(lost_at("a", 3)), Verdict::Pass(_)));
        assert!(matches!(quota.offer(flow_at("a", 4, 2)), Verdict::PassAndEnd(_)));
    }

    #[test]
    fn the_newest_are_kept_in_order_with_the_losses_between_them() {
        let mut quota = Quota::newest(2);
        let mut passed = Vec::new();
        for frame in [flow_at("a", 1, 1), lost_at("a", 2), flow_at("a", 3, 2), flow_at("a", 4, 3), lost_at("a", 5)] {
            if let Verdict::Pass(frame) = quota.offer(frame) {
                passed.push(frame);
            }
        }
        assert_eq!(passed, [lost_at("a", 2)]);
        let kept: Vec<Frame> = std::iter::from_fn(|| quota.flush()).collect();
        assert_eq!(kept, [flow_at("a", 3, 2), flow_at("a", 4, 3), lost_at("a", 5)]);
    }
}
