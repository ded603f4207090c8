//! Names: what a workload asked for, where we know it from, and how sure we are.

use std::{fmt, sync::Arc};

/// A fully qualified domain name: lower case, no final dot, one string shared by all holders.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fqdn(Arc<str>);

impl Fqdn {
    /// The name in `text`, brought to the one spelling.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim_end_matches('.').to_ascii_lowercase().into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name of an address as one endpoint knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub fqdn: Fqdn,
    /// Where it is from.
    pub source: Source,
    /// How sure we are.
    pub confidence: Confidence,
}

/// Where a name is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The endpoint's own DNS answer.
    Dns,
    /// The endpoint's own DNS answer, seen on its node and sent to the gateway.
    Shared,
    /// The server name of a TLS handshake.
    Sni,
    /// The host of an HTTP request.
    HttpHost,
    /// A reverse lookup of the address.
    Ptr,
    /// Nobody said; a flow of another program.
    Unknown,
}

/// How sure we are that the connection was meant for the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Nobody said; a flow of another program.
    Unknown,
    /// Several names share the address, and this is not the newest answer.
    Low,
    /// Several names share the address; this is the newest answer.
    Medium,
    /// The only name that the endpoint has for the address.
    High,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_final_dot_make_no_difference() {
        assert_eq!(Fqdn::new("IfConfig.Me."), Fqdn::new("ifconfig.me"));
        assert_eq!(Fqdn::new("a..").as_str(), "a");
    }
}
