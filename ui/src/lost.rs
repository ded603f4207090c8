//! Flows that were not stored, in a sentence.

use tidegate_proto::v1::{Gap, GapReason};

use crate::answer::{Lost, LostReason};
use crate::time::Time;

/// What the relay says of a gap.
pub(crate) fn of(gap: &Gap) -> Lost {
    let reason = match gap.reason() {
        GapReason::KernelRing => LostReason::KernelRing,
        GapReason::History => LostReason::History,
        GapReason::CollectorGone => LostReason::CollectorGone,
        GapReason::Store | GapReason::Unspecified => LostReason::Store,
    };
    let since = Time::of(gap.since.as_ref()).unwrap_or_default();
    Lost {
        node: gap.node.clone(),
        since,
        until: Time::of(gap.until.as_ref()).unwrap_or(since),
        count: gap.count,
        reason,
        text: text(gap.count, reason, &gap.node),
    }
}

fn text(count: Option<u64>, reason: LostReason, node: &str) -> String {
    let count = count.map_or_else(|| "unknown number".to_owned(), grouped);
    match reason {
        LostReason::KernelRing => format!("{count} lost, ring buffer full on {node}"),
        LostReason::History => format!("{count} lost, history of {node} moved on before it was read"),
        LostReason::CollectorGone => format!("{count} lost, collector on {node} ended before it was read"),
        LostReason::Store => format!("{count} lost, store refused flows of {node}"),
    }
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_with_count_cause_and_node() {
        let gap =
            Gap { node: "worker-07".into(), count: Some(1840), reason: GapReason::KernelRing.into(), ..Gap::default() };
        assert_eq!(of(&gap).text, "1,840 lost, ring buffer full on worker-07");
        let unknown = Gap { count: None, reason: GapReason::CollectorGone.into(), ..gap };
        assert_eq!(of(&unknown).text, "unknown number lost, collector on worker-07 ended before it was read");
    }

    #[test]
    fn thousands_are_parted() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
