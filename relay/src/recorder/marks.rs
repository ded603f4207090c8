//! How far nodes are recorded. Pure.

use std::collections::HashMap;

use tidegate_store::Progress;

/// How far one start of a node's collector is recorded, as in [`Progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The start; 0 for other programs.
    pub(crate) boot: u64,
    /// Newest number of which all before are stored or known to be missing; 0 for other programs.
    pub(crate) sequence: u64,
    /// Time of the last flow in the node's order, nanoseconds since 1970.
    pub(crate) time: u64,
}

/// The marks of all nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// Per node, the newest start first.
    nodes: HashMap<String, Vec<Mark>>,
}

impl Marks {
    /// What the store says.
    pub(crate) fn new(progress: Vec<Progress>) -> Self {
        let mut nodes: HashMap<String, Vec<Mark>> = HashMap::new();
        for Progress { node, boot, sequence, time } in progress {
            nodes.entry(node).or_default().push(Mark { boot, sequence, time });
        }
        Self { nodes }
    }

    /// The node's newest start.
    pub(crate) fn newest(&self, node: &str) -> Option<Mark> {
        self.nodes.get(node)?.first().copied()
    }

    /// This start of the node's collector.
    pub(crate) fn of(&self, node: &str, boot: u64) -> Option<Mark> {
        self.nodes.get(node)?.iter().find(|mark| mark.boot == boot).copied()
    }

    /// Every node with its newest start.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, Mark)> {
        self.nodes.iter().filter_map(|(node, marks)| Some((node.as_str(), *marks.first()?)))
    }

    /// Goes on to `to`; a start that is new to the node is its newest from now on. Numbers never
    /// go back.
    pub(crate) fn advance(&mut self, node: &str, to: Mark) {
        let Some(marks) = self.nodes.get_mut(node) else {
            self.nodes.insert(node.to_owned(), vec![to]);
            return;
        };
        match marks.iter_mut().find(|mark| mark.boot == to.boot) {
            Some(mark) if to.sequence >= mark.sequence => *mark = to,
            Some(_) => {}
            None => marks.insert(0, to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_start_becomes_the_newest_and_numbers_never_go_back() {
        let stored = Progress { node: "n".to_owned(), boot: 7, sequence: 10, time: 100 };
        let mut marks = Marks::new(vec![stored]);
        marks.advance("n", Mark { boot: 7, sequence: 9, time: 200 });
        assert_eq!(marks.newest("n"), Some(Mark { boot: 7, sequence: 10, time: 100 }));
        marks.advance("n", Mark { boot: 8, sequence: 1, time: 50 });
        assert_eq!(marks.newest("n"), Some(Mark { boot: 8, sequence: 1, time: 50 }));
        assert_eq!(marks.of("n", 7).map(|mark| mark.sequence), Some(10));
        assert_eq!(marks.newest("other"), None);
    }
}
