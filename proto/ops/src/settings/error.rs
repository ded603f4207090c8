//! Why settings were refused. Every variant names where the value came from and what to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::Origin;

/// A reason to refuse the settings; the process should end with it.
#[derive(Debug, Error)]
pub enum SettingError {
    /// The settings file that was asked for cannot be read.
    #[error("cannot read settings file {}: {source}; name another one with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The settings file is not one YAML mapping from keys to values.
    #[error("settings file {} is not a list of `key: value` lines: {reason}", path.display())]
    NotSettings {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and column where known.
        reason: String,
    },
    /// A key that no part of the program knows.
    #[error("unknown setting {key:?} in {}; {}", path.display(), hint(*.nearest))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key as written.
        key: String,
        /// The valid key that is most like it.
        nearest: Option<&'static str>,
    },
    /// An environment variable with our prefix that is no setting.
    #[error("unknown setting {variable} in the environment; {}", hint(.nearest.as_deref()))]
    UnknownVariable {
        /// The variable.
        variable: String,
        /// The variable of the valid key that is most like it.
        nearest: Option<String>,
    },
    /// A value that the key cannot take.
    #[error("setting {key} = {value:?} ({origin}) is not valid: {reason}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// The value, redacted.
        value: String,
        /// Where it was set.
        origin: Origin,
        /// What is wrong, and what a right value looks like.
        reason: String,
    },
    /// A server without TLS would be reachable from other machines.
    #[error(
        "setting {key} = {address} ({origin}) would serve flows without TLS to other machines; \
         listen on a loopback address, or add --insecure if the network is trusted"
    )]
    Exposed {
        /// The key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Where it was set.
        origin: Origin,
    },
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(key) => format!("did you mean {key:?}?"),
        None => "`tidegate config view` lists the settings".to_owned(),
    }
}
