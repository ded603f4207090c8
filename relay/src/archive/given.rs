//! Which flows a stream has given where the store and the nodes' memories overlap.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_flow::flow::uuid_number;
use tidegate_proto::Frame;

/// The flows given so far. Clones are the same. It holds at most what the nodes remember.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given(Arc<Mutex<Overlap>>);

#[derive(Debug, Default)]
struct Overlap {
    uuids: HashSet<u128>,
    sealed: bool,
}

impl Given {
    /// Whether the flow is given for the first time, which it is from now on.
    pub(crate) fn admit(&self, uuid: u128) -> bool {
        let mut overlap = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match overlap.sealed {
            false => overlap.uuids.insert(uuid),
            true => !overlap.uuids.remove(&uuid),
        }
    }

    /// As [`Given::admit`]; what has no uuid is always admitted.
    pub(crate) fn admit_frame(&self, frame: &Frame) -> bool {
        frame.uuid().and_then(uuid_number).is_none_or(|uuid| self.admit(uuid))
    }

    /// The overlap is over: what comes from now on is new, or one of those given, a last time.
    pub(crate) fn seal(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sealed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{flow_at, lost_at};

    #[test]
    fn a_flow_is_given_once_and_remembered_no_longer_than_its_repetition() {
        let given = Given::default();
        assert!(given.admit_frame(&flow_at("a", 1, 1)));
        assert!(!given.admit_frame(&flow_at("a", 1, 1)));
        assert!(given.admit_frame(&lost_at("a", 1)) && given.admit_frame(&lost_at("a", 1)));
        given.seal();
        assert!(!given.admit(uuid_number(flow_at("a", 1, 1).uuid().expect("a flow")).expect("a uuid")));
        assert!(given.admit_frame(&flow_at("a", 2, 2)) && given.admit_frame(&flow_at("a", 2, 2)));
        assert!(given.0.lock().expect("not poisoned").uuids.is_empty());
    }
}
