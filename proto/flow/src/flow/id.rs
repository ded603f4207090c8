//! The number of a flow, and UUIDs: the one place that knows their form.

/// Number of a flow: dense per start of a collector, given when it is finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowId {
    /// Random number of the collector's start.
    pub boot: u64,
    /// Dense number within it, from 1.
    pub sequence: u64,
}

impl FlowId {
    /// The UUID of this number on `node`, as 128 bits: version 8 (RFC 9562), made of boot, node
    /// and sequence.
    #[must_use]
    pub fn number(&self, node: &str) -> u128 {
        let node = fnv(node.as_bytes());
        let node = u64::from((node ^ (node >> 16)) & 0x3fff);
        let high = (self.boot & !0xf000) | 0x8000;
        let low = (0x8000 | node) << 48 | (self.sequence & 0xffff_ffff_ffff);
        u128::from(high) << 64 | u128::from(low)
    }

    /// The UUID of this number on `node`, as text.
    #[must_use]
    pub fn uuid(&self, node: &str) -> String {
        uuid_text(self.number(node))
    }
}

/// The text of a UUID: lower-case hexadecimal digits in groups of 8, 4, 4, 4 and 12.
#[must_use]
pub fn uuid_text(number: u128) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let mut text = String::with_capacity(36);
    for (at, byte) in number.to_be_bytes().into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0xf));
    }
    text
}

/// Reads the text of a UUID, in either case; `None` if it is none.
#[must_use]
pub fn uuid_number(text: &str) -> Option<u128> {
    let mut number = 0;
    for (at, c) in text.chars().enumerate() {
        match (at, c) {
            (8 | 13 | 18 | 23, '-') => {}
            (8 | 13 | 18 | 23, _) => return None,
            _ => number = number << 4 | u128::from(c.to_digit(16)?),
        }
    }
    (text.len() == 36).then_some(number)
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: FlowId = FlowId { boot: 0x0123_4567_89ab_cdef, sequence: 1 };

    #[test]
    fn a_flow_number_is_a_version_8_uuid() {
        // Stored and compared across versions: this text must never change.
        assert_eq!(ID.uuid("worker"), "01234567-89ab-8def-a299-000000000001");
        let all = FlowId { boot: u64::MAX, sequence: u64::MAX }.uuid("worker");
        assert_eq!((&all[14..15], all.len()), ("8", 36));
        assert!(matches!(all.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{all}");
    }

    #[test]
    fn nodes_and_sequences_tell_uuids_apart() {
        assert_ne!(ID.uuid("worker"), ID.uuid("worker2"));
        assert_ne!(ID.uuid("worker"), FlowId { sequence: 2, ..ID }.uuid("worker"));
    }

    #[test]
    fn text_and_number_are_one() {
        for number in [0, 1, u128::MAX, 0x0198_77aa_bbcc_4ddd_8eee_ff00_1122_3344, ID.number("worker")] {
            let text = uuid_text(number);
            assert_eq!(uuid_number(&text), Some(number), "{text}");
            assert_eq!(uuid_number(&text.to_uppercase()), Some(number), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_uuid() {
        for text in [
            "",
            "ff",
            "zz000000-0000-0000-0000-000000000000",
            "00000000-0000-0000-0000-0000000000000",
            "00000000-0000-0000-0000-00000000000",
            "00000000000000000000000000000000",
            "0000000-00000-0000-0000-000000000000",
            "00000000-0000-0000-0000-00000000000é",
        ] {
            assert_eq!(uuid_number(text), None, "{text}");
        }
    }
}
