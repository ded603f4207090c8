//! Identity numbers. A pod's is a 24-bit hash of its sorted identity labels: the same on every
//! node and after every restart, with nobody to ask. The reserved numbers are Hubble's.

use std::ops::RangeInclusive;

/// Address of nobody we know of, inside the cluster.
pub const UNKNOWN: u32 = 0;
/// This node.
pub const HOST: u32 = 1;
/// Outside the cluster.
pub const WORLD: u32 = 2;
/// Another node.
pub const REMOTE_NODE: u32 = 6;

/// What lies outside of the cluster: [`WORLD`]; its IPv4 and IPv6 halves, which another program
/// tells apart where both are in use; and the numbers that it gives to networks by CIDR.
pub const OUTSIDE: [RangeInclusive<u32>; 3] = [WORLD..=WORLD, 9..=10, 1 << 24..=(2 << 24) - 1];

/// Lowest number that a hash may give: 0 to 255 are reserved.
const FIRST: u32 = 256;
const SPACE: u32 = 1 << 24;

/// Identity of a workload with these labels, which must be sorted.
///
/// Two label sets may share a number: with n sets the odds are about n² / 2²⁵ (a thousand sets:
/// 3 %). The collector looks for such pairs and logs them; labels stay exact in any case.
#[must_use]
pub fn of_labels(labels: &[String]) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for label in labels {
        for byte in label.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    let folded = (hash ^ (hash >> 24) ^ (hash >> 48)) as u32 % (SPACE - FIRST);
    FIRST + folded
}

/// Whether the identity is one of [`OUTSIDE`].
#[must_use]
pub fn is_outside(identity: u32) -> bool {
    OUTSIDE.iter().any(|range| range.contains(&identity))
}

/// Label of a reserved identity, as `reserved:NAME`.
#[must_use]
pub fn reserved_label(identity: u32) -> Option<&'static str> {
    Some(match identity {
        UNKNOWN => "reserved:unknown",
        HOST => "reserved:host",
        WORLD => "reserved:world",
        REMOTE_NODE => "reserved:remote-node",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_between_the_reserved_ranges() {
        for n in 0..10_000 {
            let identity = of_labels(&[format!("k8s:app=a{n}")]);
            assert!((FIRST..SPACE).contains(&identity), "{identity}");
        }
    }

    #[test]
    fn a_workload_is_never_outside() {
        assert!((FIRST..SPACE).chain([UNKNOWN, HOST, REMOTE_NODE]).all(|identity| !is_outside(identity)));
        assert!([WORLD, 9, 10, SPACE, SPACE + 77].into_iter().all(is_outside));
    }

    #[test]
    fn label_borders_matter() {
        let joined = of_labels(&["k8s:a=bk8s:c=d".into()]);
        let apart = of_labels(&["k8s:a=b".into(), "k8s:c=d".into()]);
        assert_ne!(joined, apart);
    }
}
