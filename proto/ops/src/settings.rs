//! Settings: read once, typed, printable.
//!
//! One flat list of kebab-case keys. The same key is the flag `--key`, the environment variable
//! `TIDEGATE_KEY` and the key in the YAML file (`--config`, default `/etc/tidegate/config.yaml`),
//! and they win in that order. Variables of the stock client (`HUBBLE_SERVER`) are honoured below
//! all of them. When no file is named and the default one is missing, the file of a running lab is
//! used.
//!
//! Environment variables that start with `TIDEGATE_` and are no key are ignored: Kubernetes sets
//! such names by itself for a service called `tidegate`.

mod error;
mod keys;
mod sources;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;

pub use error::SettingError;
pub use keys::{Fallback, KEYS, Key, Kind, Role, Scope, find, nearest};
pub use sources::{Origin, Surroundings, args};
pub use value::{Address, Peer, Store};

use crate::logs;

/// How much one connection reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// One event per change of a connection, and one per interval while it is active.
    Medium,
    /// One event per packet.
    None,
}

/// Every setting with its type. A part takes what it needs into a struct of its own.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `node-name`
    pub node_name: String,
    /// `cluster-name`
    pub cluster_name: String,
    /// `state-dir`
    pub state_dir: PathBuf,
    /// `bpffs-dir`
    pub bpffs_dir: PathBuf,
    /// `collector-listen`; port 0 means any free port.
    pub collector_listen: SocketAddr,
    /// `collector-socket`
    pub collector_socket: PathBuf,
    /// `relay-listen`; port 0 means any free port.
    pub relay_listen: SocketAddr,
    /// `peers`, in the order given; names are unique.
    pub peers: Vec<Peer>,
    /// `ui-listen`; port 0 means any free port.
    pub ui_listen: SocketAddr,
    /// `store`
    pub store: Store,
    /// `retention-age`
    pub retention_age: Duration,
    /// `retention-size`, bytes, at least 1.
    pub retention_size: u64,
    /// `history-events`, at least 1.
    pub history_events: u32,
    /// `manifests`; none: nothing is translated or blocked.
    pub manifests: Option<PathBuf>,
    /// `devices`; empty: those with a default route.
    pub devices: Vec<String>,
    /// `endpoint-interfaces`; empty: every veth.
    pub endpoint_interfaces: Vec<String>,
    /// `enable-egress-gateway`
    pub enable_egress_gateway: bool,
    /// `egress-gateway-reconciliation-trigger-interval`
    pub egress_gateway_reconciliation_trigger_interval: Duration,
    /// `egress-gateway-policy-map-max`, entries, at least 1.
    pub egress_gateway_policy_map_max: u32,
    /// `egress-fail-closed`
    pub egress_fail_closed: bool,
    /// `tunnel-port`, host byte order.
    pub tunnel_port: u16,
    /// `tunnel-vni`, 24 bits.
    pub tunnel_vni: u32,
    /// `dns-capture`
    pub dns_capture: bool,
    /// `monitor-aggregation`
    pub monitor_aggregation: Aggregation,
    /// `monitor-aggregation-interval`
    pub monitor_aggregation_interval: Duration,
    /// `insecure`
    pub insecure: bool,
    /// `log-format`
    pub log_format: logs::Format,
    /// `log-level`
    pub log_level: logs::Level,
    /// `server`
    pub server: Address,
    values: Vec<Setting>,
}

/// One effective value, as text.
#[derive(Clone, Debug)]
struct Setting {
    key: &'static Key,
    value: String,
    origin: Origin,
}

/// One line of `config view`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The key's name.
    pub key: &'static str,
    /// The effective value, with secrets redacted; empty when there is none.
    pub value: String,
    /// Who set it.
    pub origin: Origin,
}

/// Reads the settings of `role` from its flags, this process's environment and the file.
pub fn resolve(matches: &ArgMatches, role: Role) -> Result<Settings, SettingError> {
    resolve_in(matches, role, &Surroundings::of_process())
}

/// As [`resolve`], with the world outside the flags as an argument.
pub fn resolve_in(matches: &ArgMatches, role: Role, around: &Surroundings) -> Result<Settings, SettingError> {
    let values = sources::gather(matches, role, around)?
        .into_iter()
        .map(|(key, value, origin)| Setting { key, value, origin })
        .collect();
    let settings = Settings::typed(values)?;
    if role != Role::View {
        settings.refuse_exposure(role)?;
    }
    Ok(settings)
}

impl Settings {
    /// Every key with its effective value and origin, in the order of [`KEYS`], redacted.
    pub fn view(&self) -> Vec<Shown> {
        self.values
            .iter()
            .map(|setting| Shown { key: setting.key.name, value: setting.shown(), origin: setting.origin.clone() })
            .collect()
    }

    fn typed(values: Vec<Setting>) -> Result<Self, SettingError> {
        let read = Reader(&values);
        Ok(Self {
            node_name: read.with("node-name", name)?,
            cluster_name: read.with("cluster-name", name)?,
            state_dir: read.with("state-dir", path)?,
            bpffs_dir: read.with("bpffs-dir", path)?,
            collector_listen: read.with("collector-listen", value::listen)?,
            collector_socket: read.with("collector-socket", path)?,
            relay_listen: read.with("relay-listen", value::listen)?,
            peers: read.with("peers", value::peers)?,
            ui_listen: read.with("ui-listen", value::listen)?,
            store: read.with("store", str::parse)?,
            retention_age: read.with("retention-age", value::duration)?,
            retention_size: read.with("retention-size", value::size)?,
            history_events: read.with("history-events", |v| value::count(v, 1, u32::MAX))?,
            manifests: read.with("manifests", |v| Ok((!v.is_empty()).then(|| v.into())))?,
            devices: read.with("devices", |v| Ok(value::list(v)))?,
            endpoint_interfaces: read.with("endpoint-interfaces", |v| Ok(value::list(v)))?,
            enable_egress_gateway: read.with("enable-egress-gateway", value::boolean)?,
            egress_gateway_reconciliation_trigger_interval: read
                .with("egress-gateway-reconciliation-trigger-interval", value::duration)?,
            egress_gateway_policy_map_max: read
                .with("egress-gateway-policy-map-max", |v| value::count(v, 1, u32::MAX))?,
            egress_fail_closed: read.with("egress-fail-closed", value::boolean)?,
            tunnel_port: read.with("tunnel-port", port)?,
            tunnel_vni: read.with("tunnel-vni", |v| value::count(v, 1, (1 << 24) - 1))?,
            dns_capture: read.with("dns-capture", value::boolean)?,
            monitor_aggregation: read.choice("monitor-aggregation", |word| match word {
                "none" => Aggregation::None,
                _ => Aggregation::Medium,
            })?,
            monitor_aggregation_interval: read.with("monitor-aggregation-interval", value::duration)?,
            insecure: read.with("insecure", value::boolean)?,
            log_format: read.choice("log-format", |word| match word {
                "json" => logs::Format::Json,
                _ => logs::Format::Text,
            })?,
            log_level: read.choice("log-level", |word| match word {
                "error" => logs::Level::Error,
                "warn" => logs::Level::Warn,
                "debug" => logs::Level::Debug,
                "trace" => logs::Level::Trace,
                "off" => logs::Level::Off,
                _ => logs::Level::Info,
            })?,
            server: read.with("server", str::parse)?,
            values,
        })
    }

    /// A server without TLS listens on loopback unless the operator says that the network is
    /// trusted.
    fn refuse_exposure(&self, role: Role) -> Result<(), SettingError> {
        let listens = [
            ("collector-listen", self.collector_listen),
            ("relay-listen", self.relay_listen),
            ("ui-listen", self.ui_listen),
        ];
        for (key, address) in listens {
            let setting = Reader(&self.values).setting(key);
            let serves = setting.key.scope.contains(role);
            if serves && !self.insecure && !address.ip().is_loopback() {
                let origin = setting.origin.clone();
                return Err(SettingError::Exposed { key, address, origin });
            }
        }
        Ok(())
    }
}

impl Setting {
    fn shown(&self) -> String {
        match self.key.secret && !self.value.is_empty() {
            true => "REDACTED".to_owned(),
            false => value::redacted(&self.value),
        }
    }
}

/// Reads one value at a time and turns a refusal into an error that names key and origin.
struct Reader<'a>(&'a [Setting]);

impl<'a> Reader<'a> {
    fn with<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, SettingError> {
        let setting = self.setting(name);
        parse(&setting.value).map_err(|reason| SettingError::BadValue {
            key: name,
            value: setting.shown(),
            origin: setting.origin.clone(),
            reason,
        })
    }

    fn choice<T>(&self, name: &'static str, meaning: impl FnOnce(&str) -> T) -> Result<T, SettingError> {
        let words = match self.setting(name).key.kind {
            Kind::Choice(words) => words,
            _ => &[],
        };
        self.with(name, |text| value::choice(text, words).map(meaning))
    }

    fn setting(&self, name: &str) -> &'a Setting {
        self.0
            .iter()
            .find(|setting| setting.key.name == name)
            .expect("every field is read from a key of the table, which a test holds")
    }
}

fn name(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains(|c: char| c.is_whitespace() || c == '/') {
        true => Err("expected a name without blanks and slashes".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    match text.starts_with('/') {
        true => Ok(PathBuf::from(text)),
        false => Err("expected an absolute path".to_owned()),
    }
}

fn port(text: &str) -> Result<u16, String> {
    value::count(text, 1, 65_535).and_then(|number| u16::try_from(number).map_err(|error| error.to_string()))
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
