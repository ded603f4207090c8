//! Whether a node's flows go on where the recorded ones end. Pure.
//!
//! Our collectors number their flows densely per start, and send them in the order of the numbers.
//! So a flow that is not the next one says exactly how many are missing; where the call began after
//! the first of them, the node may still have them, and the call is to be made again for all that
//! the node has. What is missing then is gone.
//!
//! Other programs do not number their flows. Their stream goes on where the recorded one ends if
//! the first flow of a call is one that is stored: whatever comes behind it in the node's memory
//! comes in the stream as well.

use std::collections::HashSet;

use tidegate_flow::FlowId;
use tidegate_store::{Gap, GapReason};

use super::marks::{Mark, Marks};

/// What is to be done with a flow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: it is recorded.
    Known,
    /// Record it, and before it these gaps.
    Next(Vec<Gap>),
    /// Ask again, for everything that the node has.
    AskForAll,
    /// Find out whether it is stored, and say so by [`Continuity::join`].
    LookUp,
}

/// What one call to a node has yielded so far.
#[derive(Debug)]
pub(crate) struct Continuity {
    marks: Marks,
    /// Whether the call asked for everything that the node has.
    whole: bool,
    /// Nodes without numbers whose stream is known to go on.
    joined: HashSet<String>,
    /// The start whose stream was read to its end.
    ended: Option<u64>,
}

impl Continuity {
    /// A call when the node is recorded up to `marks`. `ended` is the start of a collector whose
    /// stream has come to an end, so that nothing of it can be missing.
    pub(crate) fn new(marks: Marks, whole: bool, ended: Option<u64>) -> Self {
        Self { marks, whole, joined: HashSet::new(), ended }
    }

    /// What becomes of the next flow of the call.
    pub(crate) fn offer(&mut self, node: &str, id: FlowId, time: u64) -> Step {
        let FlowId { boot, sequence } = id;
        let gaps = match self.marks.of(node, boot) {
            Some(_) if boot == 0 => match self.joined.contains(node) {
                true => Vec::new(),
                false => return Step::LookUp,
            },
            Some(mark) if sequence <= mark.sequence => return Step::Known,
            Some(mark) => match sequence - mark.sequence - 1 {
                0 => Vec::new(),
                _ if !self.whole => return Step::AskForAll,
                missing => vec![gap(node, mark.time, time, Some(missing), GapReason::History)],
            },
            None if sequence > 1 && !self.whole => return Step::AskForAll,
            None => {
                self.joined.insert(node.to_owned());
                self.before_a_new_start(node, sequence, time)
            }
        };
        self.marks.advance(node, Mark { boot, sequence, time });
        Step::Next(gaps)
    }

    /// As [`Continuity::offer`] after [`Step::LookUp`], with what was found.
    pub(crate) fn join(&mut self, node: &str, time: u64, stored: bool) -> Step {
        if !stored && !self.whole {
            return Step::AskForAll;
        }
        self.joined.insert(node.to_owned());
        if stored {
            return Step::Known;
        }
        let gaps = match self.marks.of(node, 0) {
            Some(mark) => vec![gap(node, mark.time, time, None, GapReason::History)],
            None => Vec::new(),
        };
        self.marks.advance(node, Mark { boot: 0, sequence: 0, time });
        Step::Next(gaps)
    }

    /// What is missing between the last start of the node's collector and the first flow of this
    /// one. A node that was never recorded misses nothing: its record begins here.
    fn before_a_new_start(&self, node: &str, sequence: u64, time: u64) -> Vec<Gap> {
        let Some(before) = self.marks.newest(node) else {
            return Vec::new();
        };
        let rest = (self.ended != Some(before.boot)).then_some((None, GapReason::CollectorGone));
        let first = (sequence > 1).then(|| (Some(sequence - 1), GapReason::History));
        (rest.into_iter().chain(first)).map(|(count, reason)| gap(node, before.time, time, count, reason)).collect()
    }
}

/// A node's clock may have been set back between the two moments.
fn gap(node: &str, from: u64, to: u64, count: Option<u64>, reason: GapReason) -> Gap {
    Gap { node: node.to_owned(), since: from.min(to), until: from.max(to), count, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Mark = Mark { boot: 7, sequence: 10, time: 100 };

    fn after(mark: Mark, whole: bool) -> Continuity {
        let mut marks = Marks::default();
        marks.advance("n", mark);
        Continuity::new(marks, whole, None)
    }

    fn offer(continuity: &mut Continuity, boot: u64, sequence: u64) -> Step {
        continuity.offer("n", FlowId { boot, sequence }, 100 + sequence)
    }

    fn missing(until: u64, count: Option<u64>, reason: GapReason) -> Gap {
        gap("n", 100, until, count, reason)
    }

    #[test]
    fn what_is_recorded_is_known_and_what_follows_is_next() {
        let mut continuity = after(OLD, false);
        assert_eq!(offer(&mut continuity, 7, 9), Step::Known);
        assert_eq!(offer(&mut continuity, 7, 10), Step::Known);
        assert_eq!(offer(&mut continuity, 7, 11), Step::Next(Vec::new()));
        assert_eq!(offer(&mut continuity, 7, 11), Step::Known);
    }

    #[test]
    fn a_hole_is_gone_only_when_the_node_was_asked_for_all() {
        assert_eq!(offer(&mut after(OLD, false), 7, 14), Step::AskForAll);
        let lost = missing(114, Some(3), GapReason::History);
        assert_eq!(offer(&mut after(OLD, true), 7, 14), Step::Next(vec![lost]));
    }

    #[test]
    fn a_new_start_leaves_the_rest_of_the_old_one_unknown() {
        let gone = missing(101, None, GapReason::CollectorGone);
        assert_eq!(offer(&mut after(OLD, false), 8, 1), Step::Next(vec![gone]));
        assert_eq!(offer(&mut after(OLD, false), 8, 5), Step::AskForAll);
        let gone = missing(105, None, GapReason::CollectorGone);
        let lost = missing(105, Some(4), GapReason::History);
        assert_eq!(offer(&mut after(OLD, true), 8, 5), Step::Next(vec![gone, lost]));
    }

    #[test]
    fn a_start_that_was_read_to_its_end_leaves_nothing() {
        let mut marks = Marks::default();
        marks.advance("n", OLD);
        let mut continuity = Continuity::new(marks, false, Some(7));
        assert_eq!(offer(&mut continuity, 8, 1), Step::Next(Vec::new()));
    }

    #[test]
    fn a_node_that_was_never_recorded_misses_nothing() {
        let mut continuity = Continuity::new(Marks::default(), true, None);
        assert_eq!(offer(&mut continuity, 8, 500), Step::Next(Vec::new()));
        assert_eq!(offer(&mut continuity, 8, 501), Step::Next(Vec::new()));
    }

    #[test]
    fn a_stream_without_numbers_goes_on_from_a_flow_that_is_stored() {
        let stock = Mark { boot: 0, sequence: 0, time: 100 };
        let mut continuity = after(stock, false);
        assert_eq!(offer(&mut continuity, 0, 0), Step::LookUp);
        assert_eq!(continuity.join("n", 99, false), Step::AskForAll);
        assert_eq!(continuity.join("n", 99, true), Step::Known);
        assert_eq!(offer(&mut continuity, 0, 0), Step::Next(Vec::new()));
        let mut continuity = after(stock, true);
        assert_eq!(offer(&mut continuity, 0, 0), Step::LookUp);
        let lost = missing(130, None, GapReason::History);
        assert_eq!(continuity.join("n", 130, false), Step::Next(vec![lost]));
    }
}
