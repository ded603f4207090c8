//! Which keys cannot be combined, as data: at most one key of each group may be used. The groups
//! are those of Hubble's command line, so that a line that works there works here.

const GROUPS: &[&[&str]] = &[
    &["from-fqdn", "from-ip", "ip", "fqdn", "from-namespace", "namespace", "from-all-namespaces", "all-namespaces"],
    &["from-fqdn", "from-ip", "ip", "fqdn", "from-pod", "pod"],
    &["to-fqdn", "to-ip", "ip", "fqdn", "to-namespace", "namespace", "to-all-namespaces", "all-namespaces"],
    &["to-fqdn", "to-ip", "ip", "fqdn", "to-pod", "pod"],
    &["to-pod", "namespace", "all-namespaces"],
    &["from-pod", "namespace", "all-namespaces"],
    &["to-service", "namespace", "all-namespaces"],
    &["from-service", "namespace", "all-namespaces"],
    &["label", "from-label"],
    &["label", "to-label"],
    &["service", "from-service"],
    &["service", "to-service"],
    &["port", "from-port"],
    &["port", "to-port"],
    &["identity", "from-identity"],
    &["identity", "to-identity"],
    &["workload", "from-workload"],
    &["workload", "to-workload"],
    &["encrypted", "unencrypted"],
];

/// The first of the keys used so far that excludes `name`.
pub(super) fn conflict<'a>(used: &[&'a str], name: &str) -> Option<&'a str> {
    used.iter()
        .copied()
        .find(|used| *used != name && GROUPS.iter().any(|group| group.contains(&name) && group.contains(used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_by_different_means_are_no_conflict() {
        assert_eq!(conflict(&["from-fqdn"], "to-fqdn"), None);
        assert_eq!(conflict(&["from-ip"], "to-fqdn"), None);
        assert_eq!(conflict(&["pod"], "port"), None);
        assert_eq!(conflict(&["namespace"], "service"), None);
        assert_eq!(conflict(&["from-label"], "to-label"), None);
    }

    #[test]
    fn one_side_by_two_means_is_a_conflict_in_either_order() {
        for (one, other) in [
            ("from-fqdn", "from-pod"),
            ("ip", "fqdn"),
            ("to-namespace", "to-ip"),
            ("from-pod", "namespace"),
            ("to-service", "all-namespaces"),
            ("port", "to-port"),
            ("encrypted", "unencrypted"),
        ] {
            assert_eq!(conflict(&[one], other), Some(one));
            assert_eq!(conflict(&[other], one), Some(other));
        }
    }

    #[test]
    fn a_repeated_key_is_no_conflict() {
        assert_eq!(conflict(&["to-fqdn", "to-fqdn"], "to-fqdn"), None);
    }
}
