//! What a drop's number means in prose, as Hubble 1.19 prints it: the one text for command line
//! and dashboard. Several texts are not the enum's name in other words, so the table stands on its
//! own.

use std::borrow::Cow;

/// The first number of [`TEXTS`].
const FIRST: u32 = 130;

/// The text for drop reason `number`; unknown numbers stay numbers.
pub fn text(number: u32) -> Cow<'static, str> {
    let known = number
        .checked_sub(FIRST)
        .and_then(|index| TEXTS.get(usize::try_from(index).ok()?))
        .filter(|text| !text.is_empty());
    known.map_or_else(|| Cow::Owned(number.to_string()), |text| Cow::Borrowed(*text))
}

const TEXTS: [&str; 78] = [
    "Invalid source mac",
    "Invalid destination mac",
    "Invalid source ip",
    "Policy denied",
    "Invalid packet",
    "CT: Truncated or invalid header",
    "Fragmentation needed",
    "CT: Unknown L4 protocol",
    "CT: Can't create entry from packet",
    "Unsupported L3 protocol",
    "Missed tail call",
    "Error writing to packet",
    "Unknown L4 protocol",
    "Unknown ICMPv4 code",
    "Unknown ICMPv4 type",
    "Unknown ICMPv6 code",
    "Unknown ICMPv6 type",
    "Error retrieving tunnel key",
    "Error retrieving tunnel options",
    "Invalid Geneve option",
    "Unknown L3 target address",
    "Stale or unroutable IP",
    "No matching local container found",
    "Error while correcting L3 checksum",
    "Error while correcting L4 checksum",
    "CT: Map insertion failed",
    "Invalid IPv6 extension header",
    "IP fragmentation not supported",
    "Service backend not found",
    "",
    "No tunnel/encapsulation endpoint (datapath BUG!)",
    "NAT 46/64 not enabled",
    "Reached EDT rate-limiting drop horizon",
    "Unknown connection tracking state",
    "Local host is unreachable",
    "No configuration available to perform policy decision",
    "Unsupported L2 protocol",
    "No mapping for NAT masquerade",
    "Unsupported protocol for NAT masquerade",
    "FIB lookup failed",
    "Encapsulation traffic is prohibited",
    "Invalid identity",
    "Unknown sender",
    "NAT not needed",
    "Is a ClusterIP",
    "First logical datagram fragment not found",
    "Forbidden ICMPv6 message",
    "Denied by LB src range check",
    "Socket lookup failed",
    "Socket assign failed",
    "Proxy redirection not supported for protocol",
    "Policy denied by denylist",
    "VLAN traffic disallowed by VLAN filter",
    "Incorrect VNI from VTEP",
    "Failed to update or lookup TC buffer",
    "No SID was found for the IP address",
    "SRv6 state was removed during tail call",
    "L3 translation from IPv4 to IPv6 failed (NAT46)",
    "L3 translation from IPv6 to IPv4 failed (NAT64)",
    "Authentication required",
    "No conntrack map found",
    "No nat map found",
    "Invalid ClusterID",
    "Unsupported packet protocol for DSR encapsulation",
    "No egress gateway found",
    "Traffic is unencrypted",
    "TTL exceeded",
    "No node ID found",
    "Rate limited",
    "IGMP handled",
    "IGMP subscribed",
    "Multicast handled",
    "Host datapath not ready",
    "Endpoint policy program not available",
    "No Egress IP configured",
    "Punt to proxy",
    "No device",
    "First logical datagram fragment not found from world",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::DropReason;

    #[test]
    fn known_numbers_have_their_text() {
        for (number, expected) in [
            (130, "Invalid source mac"),
            (133, "Policy denied"),
            (158, "Service backend not found"),
            (160, "No tunnel/encapsulation endpoint (datapath BUG!)"),
            (167, "No mapping for NAT masquerade"),
            (169, "FIB lookup failed"),
            (181, "Policy denied by denylist"),
            (194, "No egress gateway found"),
            (203, "Endpoint policy program not available"),
            (204, "No Egress IP configured"),
            (207, "First logical datagram fragment not found from world"),
        ] {
            assert_eq!(text(number), expected, "{number}");
        }
    }

    #[test]
    fn every_reason_of_the_protocol_has_a_text() {
        let known = (1..300).filter(|number| DropReason::try_from(*number).is_ok());
        let known: Vec<_> = known.map(|number| u32::try_from(number).unwrap()).collect();
        assert!(known.len() > 70);
        let without: Vec<_> = known.iter().filter(|number| text(**number) == number.to_string()).collect();
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn unknown_numbers_stay_numbers() {
        for number in [0, 129, 159, 208, u32::MAX] {
            assert_eq!(text(number), number.to_string());
        }
    }
}
