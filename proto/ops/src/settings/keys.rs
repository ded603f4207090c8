//! The list of settings as data. Flags, environment variables, file keys, help and `config view`
//! are all made from it, so that they cannot disagree.
//!
//! A key is listed only when something acts on it.

use self::Fallback::{Empty, Hostname, Value};

/// What runs: decides which keys are offered as flags and read from the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The node agent.
    Collector,
    /// The cluster's view.
    Relay,
    /// Collector, relay and dashboard in one process.
    Up,
    /// The world of network namespaces.
    Lab,
    /// A command that asks a running collector or relay.
    Client,
    /// A command that edits the folder of manifests.
    Objects,
    /// The dashboard's server alone.
    Ui,
    /// A command that opens the store itself.
    Store,
    /// `config view`, which shows every key.
    View,
}

/// A set of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(u16);

impl Scope {
    const COLLECTOR: Scope = Scope(1 << Role::Collector as u8 | Scope::UP.0);
    const RELAY: Scope = Scope(1 << Role::Relay as u8 | Scope::UP.0 | Scope::LAB.0);
    const SERVERS: Scope = Scope(Scope::COLLECTOR.0 | Scope::RELAY.0);
    const MANIFESTS: Scope = Scope(Scope::COLLECTOR.0 | 1 << Role::Objects as u8);
    const CLIENT: Scope = Scope(1 << Role::Client as u8);
    const UI: Scope = Scope(1 << Role::Ui as u8 | Scope::UP.0 | Scope::LAB.0);
    // A lab has a store of its own.
    const STORE: Scope = Scope(1 << Role::Store as u8 | 1 << Role::Relay as u8 | Scope::UP.0);
    const ALL: Scope = Scope(u16::MAX);
    const UP: Scope = Scope(1 << Role::Up as u8);
    const LAB: Scope = Scope(1 << Role::Lab as u8);

    /// Whether `role` takes the key; [`Role::View`] takes them all.
    pub fn contains(self, role: Role) -> bool {
        role == Role::View || self.0 & (1 << role as u8) != 0
    }
}

/// The form of a value; it gives the flag its shape and its placeholder in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A path in the file system.
    Path,
    /// An address to listen on: `address:port`.
    Listen,
    /// An address to call: `host:port` or `unix:///path`.
    Address,
    /// Where a store is: `sqlite:///path` or `none`.
    Store,
    /// `true` or `false`; as a flag without a value it means `true`.
    Bool,
    /// A whole number.
    Count,
    /// A length of time such as `500ms`, `1s`, `1h30m` or `14d`.
    Duration,
    /// An amount of bytes such as `512MiB`, `10GiB` or `1.5GB`.
    Size,
    /// A comma-separated list; in YAML also a sequence.
    List,
    /// A comma-separated list of `name=address`; in YAML also a sequence.
    Peers,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// The placeholder of the value in the help.
    pub fn value_name(self) -> &'static str {
        match self {
            Kind::Text => "TEXT",
            Kind::Path => "PATH",
            Kind::Listen => "ADDRESS:PORT",
            Kind::Address => "ADDRESS",
            Kind::Store => "URL",
            Kind::Bool => "BOOL",
            Kind::Count => "NUMBER",
            Kind::Duration => "DURATION",
            Kind::Size => "SIZE",
            Kind::List => "NAME,...",
            Kind::Peers => "NAME=ADDRESS,...",
            Kind::Choice(_) => "WORD",
        }
    }
}

/// What a key is worth when nobody sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// The machine's host name, in lower case.
    Hostname,
    /// Nothing: the help text says what that means.
    Empty,
}

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Kebab-case; the flag is `--name`, the YAML key `name`.
    pub name: &'static str,
    /// The value when nobody sets one.
    pub default: Fallback,
    /// One line for the operator.
    pub help: &'static str,
    /// The form of the value.
    pub kind: Kind,
    /// The roles that take it.
    pub scope: Scope,
    /// Never printed.
    pub secret: bool,
    /// The variable of the `hubble` client that is honoured below our own.
    pub hubble_env: Option<&'static str>,
}

impl Key {
    /// The environment variable: `TIDEGATE_` and the name in upper case with underscores.
    pub fn env(&self) -> String {
        format!("TIDEGATE_{}", self.name.replace('-', "_").to_ascii_uppercase())
    }
}

/// The key with this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The valid name most like `name`, if one is alike enough to be meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|key| (strsim::jaro_winkler(name, key.name), key.name))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

const fn key(name: &'static str, default: Fallback, kind: Kind, scope: Scope, help: &'static str) -> Key {
    Key { name, default, help, kind, scope, secret: false, hubble_env: None }
}

/// Every setting, in the order in which `config view` prints them.
pub static KEYS: &[Key] = &[
    key("node-name", Hostname, Kind::Text, Scope::SERVERS, "Name of this node in flows and in the relay's node list"),
    key(
        "cluster-name",
        Value("default"),
        Kind::Text,
        Scope::SERVERS,
        "Name of the cluster; put before node names unless it is `default`",
    ),
    key(
        "state-dir",
        Value("/var/lib/tidegate"),
        Kind::Path,
        Scope::COLLECTOR,
        "Folder for what must survive a restart",
    ),
    key(
        "bpffs-dir",
        Value("/sys/fs/bpf/tidegate"),
        Kind::Path,
        Scope::COLLECTOR,
        "Folder for pinned maps and links; a BPF file system is mounted when missing",
    ),
    key(
        "collector-listen",
        Value("127.0.0.1:4244"),
        Kind::Listen,
        Scope::COLLECTOR,
        "Address of the collector's gRPC server; other than loopback only with --insecure",
    ),
    key(
        "collector-socket",
        Value("/run/tidegate/collector.sock"),
        Kind::Path,
        Scope::COLLECTOR,
        "Unix socket of the collector's gRPC server",
    ),
    key(
        "relay-listen",
        Value("127.0.0.1:4245"),
        Kind::Listen,
        Scope::RELAY,
        "Address of the relay's gRPC server; other than loopback only with --insecure",
    ),
    key(
        "peers",
        Empty,
        Kind::Peers,
        Scope::RELAY,
        "Collectors that the relay asks: name=host:port or name=unix:///path",
    ),
    key(
        "ui-listen",
        Value("127.0.0.1:12000"),
        Kind::Listen,
        Scope::UI,
        "Address of the dashboard; other than loopback only with --insecure",
    ),
    key(
        "store",
        Value("sqlite:///var/lib/tidegate/flows"),
        Kind::Store,
        Scope::STORE,
        "Where flows are stored: sqlite:///folder; none: they are only in the collectors' memory",
    ),
    key("retention-age", Value("14d"), Kind::Duration, Scope::STORE, "Stored flows older than this are removed"),
    key(
        "retention-size",
        Value("10GiB"),
        Kind::Size,
        Scope::STORE,
        "The oldest stored flows are removed when the store is larger than this",
    ),
    key(
        "history-events",
        Value("65535"),
        Kind::Count,
        Scope(Scope::COLLECTOR.0 | Scope::LAB.0),
        "How many records the collector keeps in memory",
    ),
    key(
        "manifests",
        Empty,
        Kind::Path,
        Scope::MANIFESTS,
        "Folder of Kubernetes objects in YAML that is watched; none: observe only",
    ),
    key("devices", Empty, Kind::List, Scope::COLLECTOR, "Uplink interfaces; none: those with a default route"),
    key(
        "endpoint-interfaces",
        Empty,
        Kind::List,
        Scope::COLLECTOR,
        "Host-side interfaces of the endpoints; none: every veth",
    ),
    key(
        "enable-egress-gateway",
        Value("true"),
        Kind::Bool,
        Scope(Scope::COLLECTOR.0 | Scope::LAB.0),
        "Enforce egress policies; false: observe only",
    ),
    key(
        "egress-gateway-reconciliation-trigger-interval",
        Value("1s"),
        Kind::Duration,
        Scope(Scope::COLLECTOR.0 | Scope::LAB.0),
        "Least time between two reconciliations of the egress maps",
    ),
    key(
        "egress-gateway-policy-map-max",
        Value("65536"),
        Kind::Count,
        Scope::COLLECTOR,
        "Most entries of the egress policy map",
    ),
    key(
        "egress-fail-closed",
        Value("true"),
        Kind::Bool,
        Scope::COLLECTOR,
        "Drop selected traffic that cannot get its egress address",
    ),
    key("tunnel-port", Value("6269"), Kind::Count, Scope::COLLECTOR, "UDP port of the VXLAN tunnel between nodes"),
    key(
        "tunnel-vni",
        Value("4269"),
        Kind::Count,
        Scope::COLLECTOR,
        "VXLAN network identifier of the tunnel between nodes",
    ),
    key(
        "dns-capture",
        Value("true"),
        Kind::Bool,
        Scope::COLLECTOR,
        "Read the endpoints' DNS answers to name their flows",
    ),
    key(
        "monitor-aggregation",
        Value("medium"),
        Kind::Choice(&["medium", "none"]),
        Scope::COLLECTOR,
        "medium: one event per connection change; none: one per packet",
    ),
    key(
        "monitor-aggregation-interval",
        Value("5s"),
        Kind::Duration,
        Scope::COLLECTOR,
        "Time between two events of an active connection",
    ),
    key(
        "insecure",
        Value("false"),
        Kind::Bool,
        Scope(Scope::SERVERS.0 | Scope::UI.0),
        "Allow to listen without TLS on addresses that other machines can reach",
    ),
    key(
        "log-format",
        Value("text"),
        Kind::Choice(&["text", "json"]),
        Scope::ALL,
        "Form of log lines on standard error",
    ),
    key(
        "log-level",
        Value("info"),
        Kind::Choice(&["error", "warn", "info", "debug", "trace", "off"]),
        Scope::ALL,
        "Least severe level that is logged",
    ),
    Key {
        hubble_env: Some("HUBBLE_SERVER"),
        ..key(
            "server",
            Value("localhost:4245"),
            Kind::Address,
            Scope(Scope::CLIENT.0 | 1 << Role::Ui as u8),
            "Relay or collector to ask: host:port or unix:///path",
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_named_once_and_in_kebab_case() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(key.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", key.name);
            assert!(KEYS[at + 1..].iter().all(|other| other.name != key.name), "{}", key.name);
        }
    }

    #[test]
    fn a_misspelt_key_leads_to_the_one_meant() {
        assert_eq!(nearest("relay_listen"), Some("relay-listen"));
        assert_eq!(nearest("enable-egres-gateway"), Some("enable-egress-gateway"));
        assert_eq!(nearest("zzz"), None);
    }
}
