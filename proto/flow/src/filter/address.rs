//! Addresses and networks.

use std::{cmp::Reverse, net::IpAddr};

use ipnet::IpNet;

use super::FilterError;

/// A set of networks; a single address is its own network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSet {
    /// First and last address of each, in order and apart.
    ranges: Vec<(IpAddr, IpAddr)>,
}

impl AddressSet {
    /// Reads addresses and CIDRs.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, FilterError> {
        let one = |text: &str| {
            let net = if text.contains('/') { text.parse().ok() } else { text.parse::<IpAddr>().ok().map(IpNet::from) };
            net.map(|net| (net.network(), net.broadcast())).ok_or_else(|| FilterError::Address(text.to_owned()))
        };
        let mut ranges = texts.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
        ranges.sort_unstable_by_key(|(first, last)| (*first, Reverse(*last)));
        // Networks contain one another or are apart; what is contained comes later.
        ranges.dedup_by(|inner, outer| inner.1 <= outer.1);
        Ok(Self { ranges })
    }

    /// Whether the address is in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let before = self.ranges.partition_point(|(first, _)| *first <= address);
        self.ranges[..before].last().is_some_and(|(_, last)| address <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_the_networks_around_it() {
        let set =
            AddressSet::parse(["10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/24", "192.0.2.7", "2001:db8::1/64", "::/128"]);
        let set = set.unwrap();
        for inside in ["10.0.0.0", "10.1.2.3", "10.255.255.255", "192.0.2.7", "2001:db8::ffff", "::"] {
            assert!(set.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "2001:db8:0:1::", "::1", "0.0.0.0"] {
            assert!(!set.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(!AddressSet::parse([]).unwrap().contains("10.0.0.0".parse().unwrap()));
    }

    #[test]
    fn one_version_of_ip_is_not_in_the_networks_of_the_other() {
        let all = |text| AddressSet::parse([text]).unwrap();
        assert!(!all("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(!all("::/0").contains("10.0.0.1".parse().unwrap()));
    }
}
