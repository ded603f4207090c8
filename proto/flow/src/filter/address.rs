//! Addresses and networks.

use std::net::IpAddr;

use ipnet::IpNet;

use super::FilterError;

/// A set of networks; a single address is its own network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSet(Vec<IpNet>);

impl AddressSet {
    /// Reads addresses and CIDRs.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, FilterError> {
        let one = |text: &str| {
            let net = if text.contains('/') { text.parse().ok() } else { text.parse::<IpAddr>().ok().map(IpNet::from) };
            net.ok_or_else(|| FilterError::Address(text.to_owned()))
        };
        texts.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the address is in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}
