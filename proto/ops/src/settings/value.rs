//! From text to typed values. Every error is a clause that follows "because": it says what is
//! wrong and gives an example of what is right.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Where a gRPC server can be called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `host:port`; the host is a name, an IPv4 address or an IPv6 address in brackets.
    Tcp(String),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.starts_with('/') {
                true => Ok(Address::Unix(PathBuf::from(path))),
                false => Err("a socket path is absolute, for example unix:///run/x.sock".to_owned()),
            };
        }
        if text.contains("://") {
            return Err("only host:port and unix:///path are supported".to_owned());
        }
        let example = "expected host:port, for example localhost:4245";
        let (host, port) = text.rsplit_once(':').ok_or(example)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain = !host.contains([':', '/', '@', '[', ']']);
        if host.is_empty() || host.contains(char::is_whitespace) || !(bracketed || plain) {
            return Err(example.to_owned());
        }
        match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(Address::Tcp(text.to_owned())),
            _ => Err(format!("{port:?} is not a port; {example}")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host_port) => f.write_str(host_port),
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// Where flows are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// Nowhere.
    None,
    /// In this folder, by SQLite; the path is absolute.
    Sqlite(PathBuf),
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Store::None);
        }
        let exists = "expected sqlite:///folder, for example sqlite:///var/lib/tidegate/flows, or none";
        let path = text.strip_prefix("sqlite://").ok_or(exists)?;
        match path.strip_prefix('/') {
            Some("") | None => Err(exists.to_owned()),
            Some(_) if path.contains(['?', '#', '%']) => Err(format!("a folder without ?, # and % is meant; {exists}")),
            Some(_) => Ok(Store::Sqlite(PathBuf::from(path))),
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Store::None => f.write_str("none"),
            Store::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
        }
    }
}

/// A collector that the relay asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The node's name, as in its flows.
    pub name: String,
    /// Where its Observer is served.
    pub address: Address,
}

/// `name=address,...`; names are unique.
pub(super) fn peers(text: &str) -> Result<Vec<Peer>, String> {
    let mut peers: Vec<Peer> = Vec::new();
    for item in list(text) {
        let (name, address) = item.split_once('=').ok_or_else(|| {
            format!("{item:?} has no name; expected name=address, for example worker=172.19.0.12:4244")
        })?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(format!("{item:?} has no usable name; expected name=address"));
        }
        if peers.iter().any(|peer| peer.name == name) {
            return Err(format!("peer {name:?} is listed twice; give each node one address"));
        }
        let address = address.trim().parse().map_err(|reason| format!("of peer {name:?}: {reason}"))?;
        peers.push(Peer { name: name.to_owned(), address });
    }
    Ok(peers)
}

/// Comma-separated items without surrounding blanks; empty items are skipped.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// `address:port`; `localhost` stands for 127.0.0.1.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| "expected address:port, for example 127.0.0.1:4245".to_owned())
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// A whole number between `least` and `most`.
pub(super) fn count(text: &str, least: u32, most: u32) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from {least} to {most}")),
    }
}

/// Numbers with units, largest first by habit: `1h30m`, `1.5s`, `14d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let example = "expected a number with a unit, for example 500ms, 1s, 1h30m or 14d";
    let mut rest = text;
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(example)?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        total += number.parse::<f64>().map_err(|_| example)? * seconds_per(unit).ok_or(example)?;
        rest = tail;
    }
    match Duration::try_from_secs_f64(total) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(example.to_owned()),
    }
}

/// A number with a unit, in bytes: `512MiB`, `10GiB`, `1.5GB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let example = "expected a size with its unit, for example 512MiB, 10GiB or 1.5GB";
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(example)?;
    let (number, unit) = text.split_at(digits);
    let bytes = number.parse::<f64>().map_err(|_| example)? * bytes_per(unit).ok_or(example)?;
    // Beyond 2^53 a number of bytes is no longer exact, nor a disk.
    match (1.0..=9e15).contains(&bytes) {
        true => Ok(bytes as u64),
        false => Err(example.to_owned()),
    }
}

/// The same words that `choices` lists, as an index into it.
pub(super) fn choice<'a>(text: &str, choices: &'a [&'a str]) -> Result<&'a str, String> {
    choices
        .iter()
        .find(|choice| **choice == text)
        .copied()
        .ok_or_else(|| format!("expected one of {}", choices.join(", ")))
}

/// The text without what must not be shown: the password of every URL in it.
pub(super) fn redacted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        shown.push_str(head);
        let end = tail.find(['/', '?', '#', ',', ' ']).unwrap_or(tail.len());
        let (authority, tail) = tail.split_at(end);
        match authority.rsplit_once('@') {
            Some((user_info, host)) => {
                let user = user_info.split(':').next().unwrap_or_default();
                shown.push_str(user);
                if user_info.contains(':') {
                    shown.push_str(":REDACTED");
                }
                shown.push('@');
                shown.push_str(host);
            }
            None => shown.push_str(authority),
        }
        rest = tail;
    }
    shown.push_str(rest);
    shown
}

fn seconds_per(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    })
}

fn bytes_per(unit: &str) -> Option<f64> {
    Some(match unit {
        "B" => 1.0,
        "KB" | "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1_024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "TiB" => 1_099_511_627_776.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_that_add_up() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("14d"), Ok(Duration::from_secs(14 * 86_400)));
        for bad in ["", "5", "s", "5 s", "0s", "-1s", "1.2.3s", "5y", "1e300d"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        assert_eq!(size("10GiB"), Ok(10 << 30));
        assert_eq!(size("1.5MB"), Ok(1_500_000));
        assert_eq!(size("1B"), Ok(1));
        for bad in ["", "10", "GiB", "10 GiB", "0GiB", "-1GiB", "1.2.3GB", "10Gi", "1e3MB", "99999TiB"] {
            assert!(size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_store_is_a_folder_or_none() {
        let folder = Store::Sqlite("/var/lib/x".into());
        assert_eq!("sqlite:///var/lib/x".parse(), Ok(folder.clone()));
        assert_eq!(folder.to_string().parse(), Ok(folder));
        assert_eq!(Store::None.to_string().parse(), Ok(Store::None));
        for bad in ["", "None", "/var/lib/x", "sqlite:", "sqlite:///", "sqlite://x/y", "sqlite:///x?mode=ro"] {
            assert!(bad.parse::<Store>().is_err(), "{bad:?}");
        }
        let missing = "postgres://db/flows".parse::<Store>().unwrap_err();
        assert!(missing.contains("sqlite:///") && missing.contains("none"), "{missing}");
    }

    #[test]
    fn an_address_is_a_host_with_port_or_a_socket_path() {
        assert_eq!("[::1]:4245".parse(), Ok(Address::Tcp("[::1]:4245".to_owned())));
        assert_eq!("unix:///run/a.sock".parse(), Ok(Address::Unix("/run/a.sock".into())));
        for bad in ["", "host", "host:", "host:0", ":4245", "::1:4245", "unix://x", "tls://a:1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_peer_listed_twice_is_refused() {
        let two = peers("a=unix:///a.sock, b=10.0.0.1:4244").expect("valid");
        assert_eq!(two[1].address.to_string(), "10.0.0.1:4244");
        assert!(peers("a=h:1,a=h:2").unwrap_err().contains("listed twice"));
        assert!(peers("h:1").unwrap_err().contains("name=address"));
    }

    #[test]
    fn the_password_of_a_url_is_never_shown() {
        assert_eq!(redacted("postgres://me:s3:cr@t@db/flows,http://x/y"), "postgres://me:REDACTED@db/flows,http://x/y");
        assert_eq!(redacted("a=unix:///run/a.sock"), "a=unix:///run/a.sock");
    }
}
