//! What the outside network answers: its names, their addresses, and who holds them.
//!
//! Every address is outside 10/8 and 172.16/12. 203.0.113.0/24 is left free for egress addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The public resolver that `kube-dns` forwards to.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);
/// The host that answers with its caller's address.
pub const IFCONFIG: Ipv4Addr = Ipv4Addr::new(34, 160, 111, 145);
const SECOND_RESOLVER: Ipv4Addr = Ipv4Addr::new(8, 8, 4, 4);

/// One owner name of the outside's DNS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Lower case, without the trailing dot.
    pub name: &'static str,
    /// The owner name as it is written in answers, when it is not the one asked for.
    pub spelled: Option<&'static str>,
    /// Seconds.
    pub ttl: u32,
    pub data: Data,
}

/// What a name holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    Addresses(Vec<Ipv4Addr>),
    Alias(&'static str),
    /// The name exists and has no address.
    Nothing,
}

/// The whole zone; a name that is not here does not exist.
pub fn entries() -> Vec<Entry> {
    let host = |name, ttl, hosts: &[u8]| Entry {
        name,
        spelled: None,
        ttl,
        data: Data::Addresses(hosts.iter().map(|&n| server(n)).collect()),
    };
    let alias = |name, ttl, target| Entry { name, spelled: None, ttl, data: Data::Alias(target) };
    let edge = "edge-7.cdn.example.net";
    let mut zone = vec![
        Entry { name: "ifconfig.me", spelled: None, ttl: 300, data: Data::Addresses(vec![IFCONFIG]) },
        host("example.com", 300, &[10]),
        alias("www.example.com", 300, "example.com"),
        // Several addresses for one name.
        host("api.example.com", 60, &[20, 21, 22]),
        // A chain of two aliases; its end is shared by four names.
        alias("shop.example.com", 300, "shop.cdn.example.net"),
        alias("shop.cdn.example.net", 60, edge),
        alias("blog.example.com", 300, edge),
        host(edge, 30, &[30]),
        host("static.example.org", 300, &[30]),
        // Short lives.
        host("status.example.org", 1, &[40]),
        host("rotate.example.org", 5, &[41, 42]),
        host("fleeting.example.org", 0, &[43]),
        host("httpbin.org", 300, &[50]),
        host("registry.example.io", 300, &[60, 61]),
        // Thirty addresses that just fit 512 bytes, and sixty that need TCP without EDNS.
        host("many.cdn.test", 60, &(101..=130).collect::<Vec<_>>()),
        host("huge.cdn.test", 60, &(131..=190).collect::<Vec<_>>()),
        Entry { name: "empty.example.com", spelled: None, ttl: 300, data: Data::Nothing },
    ];
    zone.push(Entry { spelled: Some("CaSeD.ExAmPlE.nEt"), ..host("cased.example.net", 300, &[70]) });
    zone
}

/// Every address that the outside host holds.
pub fn addresses() -> BTreeSet<Ipv4Addr> {
    let mut all = BTreeSet::from([RESOLVER, SECOND_RESOLVER]);
    for entry in entries() {
        if let Data::Addresses(addresses) = entry.data {
            all.extend(addresses);
        }
    }
    all
}

/// The records that answer a question for `name` (any case): aliases first, then addresses.
/// `None` when the name does not exist.
pub fn lookup<'a>(zone: &'a [Entry], name: &str) -> Option<Vec<&'a Entry>> {
    let mut wanted = name.trim_end_matches('.').to_ascii_lowercase();
    let mut chain = Vec::new();
    // An alias loop would be a mistake of the table above; the bound keeps it harmless.
    while chain.len() < 8 {
        let Some(entry) = zone.iter().find(|entry| entry.name == wanted) else {
            // A chain that ends in nothing still has its aliases.
            return (!chain.is_empty()).then_some(chain);
        };
        chain.push(entry);
        match entry.data {
            Data::Alias(target) => target.clone_into(&mut wanted),
            Data::Addresses(_) | Data::Nothing => break,
        }
    }
    Some(chain)
}

fn server(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_answered_from_alias_to_address() {
        let zone = entries();
        let chain = lookup(&zone, "SHOP.example.com.").unwrap();
        let names: Vec<_> = chain.iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["shop.example.com", "shop.cdn.example.net", "edge-7.cdn.example.net"]);
        assert_eq!(lookup(&zone, "missing.example.com"), None);
    }

    #[test]
    fn every_alias_has_a_target_and_no_server_is_inside_the_cluster() {
        let zone = entries();
        for entry in &zone {
            let end = lookup(&zone, entry.name).unwrap();
            assert!(!matches!(end.last().unwrap().data, Data::Alias(_)), "{}", entry.name);
        }
        let inside: [ipnet::Ipv4Net; 2] = ["10.0.0.0/8".parse().unwrap(), "172.16.0.0/12".parse().unwrap()];
        for address in addresses() {
            assert!(!inside.iter().any(|net| net.contains(&address)), "{address}");
        }
    }
}
