//! Where values come from: the YAML file, the environment, the flags. This is the only place that
//! reads them; what it yields is text with an origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use serde_yaml_ng::{Mapping, Value};

use super::error::SettingError;
use super::keys::{self, Fallback, KEYS, Key, Kind, Role};

/// The flag, and `TIDEGATE_CONFIG` the variable, that name the settings file.
pub(super) const CONFIG: &str = "config";
/// What the name of every variable of ours begins with.
const PREFIX: &str = "TIDEGATE_";

/// Who set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command-line flag.
    Flag,
    /// This environment variable.
    Env(String),
    /// This settings file.
    File(PathBuf),
    /// The settings file of the running lab.
    Lab,
    /// Nobody: the built-in value.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.write_str("flag"),
            Origin::Env(variable) => write!(f, "env {variable}"),
            Origin::File(path) => write!(f, "file {}", path.display()),
            Origin::Lab => f.write_str("lab"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// The world outside the flags, as values, so that tests need neither files in /etc nor a changed
/// environment.
#[derive(Debug)]
pub struct Surroundings {
    /// The environment variables that may matter; those without a value count as not set.
    pub env: BTreeMap<String, String>,
    /// The settings file that is read when none is named; it may be missing.
    pub default_file: PathBuf,
    /// The settings file of a running lab; read when neither of the others is there.
    pub lab_file: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self {
            env: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .filter(|(name, _)| name.starts_with(PREFIX) || name.starts_with("HUBBLE_"))
                .collect(),
            default_file: PathBuf::from("/etc/tidegate/config.yaml"),
            lab_file: PathBuf::from("/run/tidegate/lab/lab/config.yaml"),
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The flags of `role`, `--config` first. Environment variables are read by this module and not
/// by clap: its help would print their values, secrets included.
pub fn args(role: Role) -> Vec<Arg> {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("PATH")
        .help("Settings file in YAML [env: TIDEGATE_CONFIG] [default: /etc/tidegate/config.yaml]");
    std::iter::once(config).chain(KEYS.iter().filter(|key| key.scope.contains(role)).map(arg)).collect()
}

/// The value of every key, in the order of [`KEYS`]. Keys outside the role are taken from the file
/// only: a server variable in the environment must not disturb a client.
pub(super) fn gather(
    matches: &ArgMatches,
    role: Role,
    around: &Surroundings,
) -> Result<Vec<(&'static Key, String, Origin)>, SettingError> {
    if let Some(variable) = around.env.keys().find(|name| is_mistaken(name) && around.variable(name).is_some()) {
        let key = variable.trim_start_matches(PREFIX).to_ascii_lowercase().replace('_', "-");
        let nearest = keys::nearest(&key).and_then(keys::find).map(Key::env);
        return Err(SettingError::UnknownVariable { variable: variable.clone(), nearest });
    }
    let file = settings_file(matches, role, around)?;
    let mut values = Vec::with_capacity(KEYS.len());
    for key in KEYS {
        let here = key.scope.contains(role);
        let found = (here.then(|| from_flag(matches, key)).flatten())
            .or_else(|| here.then(|| from_env(around, key)).flatten())
            .or_else(|| file.get(key.name).cloned())
            .or_else(|| here.then(|| from_hubble_env(around, key)).flatten());
        let (value, origin) = found.unwrap_or_else(|| (fallback(key), Origin::Default));
        values.push((key, value, origin));
    }
    Ok(values)
}

fn arg(key: &'static Key) -> Arg {
    let default = match key.default {
        Fallback::Value(value) => format!(" [default: {value}]"),
        Fallback::Hostname => " [default: the host name]".to_owned(),
        Fallback::Empty => String::new(),
    };
    let choices = match key.kind {
        Kind::Choice(words) => format!(" [one of: {}]", words.join(", ")),
        _ => String::new(),
    };
    let arg = Arg::new(key.name).long(key.name).value_name(key.kind.value_name()).help(format!(
        "{} [env: {}]{default}{choices}",
        key.help,
        key.env()
    ));
    match key.kind {
        Kind::Bool => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg,
    }
}

fn from_flag(matches: &ArgMatches, key: &Key) -> Option<(String, Origin)> {
    Some((flag(matches, key.name)?, Origin::Flag))
}

/// The flag's value; none if it was not given or the command does not have it.
fn flag(matches: &ArgMatches, name: &str) -> Option<String> {
    let value = matches.try_get_one::<String>(name).ok().flatten()?;
    (matches.value_source(name) == Some(ValueSource::CommandLine)).then(|| value.clone())
}

fn from_env(around: &Surroundings, key: &Key) -> Option<(String, Origin)> {
    let name = key.env();
    let value = around.variable(&name)?.to_owned();
    Some((value, Origin::Env(name)))
}

/// Whether a variable has our prefix and sets nothing.
fn is_mistaken(name: &str) -> bool {
    // The settings file, and the suites that a test run leaves out.
    let known = ["TIDEGATE_CONFIG", "TIDEGATE_SKIP"].contains(&name) || KEYS.iter().any(|key| key.env() == name);
    name.starts_with(PREFIX) && !known && !is_service_link(name)
}

/// Whether Kubernetes makes a variable of this form for a Service, as for one named `tidegate`:
/// TIDEGATE_SERVICE_HOST, TIDEGATE_SERVICE_PORT_GRPC, TIDEGATE_PORT, TIDEGATE_PORT_4245_TCP_ADDR.
fn is_service_link(name: &str) -> bool {
    let numbered = name.split("_PORT_").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    numbered || name.ends_with("_PORT") || name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}

/// The variables of the `hubble` client say less than our own file: they count as defaults that
/// the user brought along.
fn from_hubble_env(around: &Surroundings, key: &Key) -> Option<(String, Origin)> {
    let name = key.hubble_env?;
    Some((around.variable(name)?.to_owned(), Origin::Env(name.to_owned())))
}

fn fallback(key: &Key) -> String {
    match key.default {
        Fallback::Value(value) => value.to_owned(),
        Fallback::Empty => String::new(),
        Fallback::Hostname => nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().to_ascii_lowercase())
            .unwrap_or_else(|_| "localhost".to_owned()),
    }
}

/// The keys of the one file that applies: the named one, which must exist, else the default one,
/// else, for commands that ask and edit, that of a running lab.
fn settings_file(
    matches: &ArgMatches,
    role: Role,
    around: &Surroundings,
) -> Result<BTreeMap<&'static str, (String, Origin)>, SettingError> {
    let named =
        flag(matches, CONFIG).or_else(|| around.variable("TIDEGATE_CONFIG").map(str::to_owned)).map(PathBuf::from);
    if let Some(path) = named {
        return read(&path, Origin::File(path.clone()));
    }
    let standard = Some((&around.default_file, Origin::File(around.default_file.clone())));
    // The lab's policies are for the lab: a collector or relay of this machine must not take them up.
    let asks = matches!(role, Role::Client | Role::Objects | Role::Store | Role::View);
    let lab = asks.then_some((&around.lab_file, Origin::Lab));
    for (path, origin) in [standard, lab].into_iter().flatten() {
        match read(path, origin) {
            Err(SettingError::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    Ok(BTreeMap::new())
}

fn read(path: &Path, origin: Origin) -> Result<BTreeMap<&'static str, (String, Origin)>, SettingError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| SettingError::Unreadable { path: path.to_owned(), source })?;
    let not_settings = |reason: String| SettingError::NotSettings { path: path.to_owned(), reason };
    let mapping = match serde_yaml_ng::from_str::<Value>(&text) {
        Ok(Value::Mapping(mapping)) => mapping,
        Ok(Value::Null) => Mapping::new(),
        Ok(_) => return Err(not_settings("the top level is not a mapping".to_owned())),
        Err(error) => return Err(not_settings(error.to_string())),
    };
    let mut values = BTreeMap::new();
    for (name, value) in mapping {
        let name = match name {
            Value::String(name) => name,
            other => return Err(not_settings(format!("{other:?} is not a key"))),
        };
        let Some(key) = keys::find(&name) else {
            let nearest = keys::nearest(&name);
            return Err(SettingError::UnknownKey { path: path.to_owned(), key: name, nearest });
        };
        match as_text(&value, key.kind) {
            Ok(Some(text)) => {
                values.insert(key.name, (text, origin.clone()));
            }
            // `key:` with nothing behind it reads as not set.
            Ok(None) => {}
            Err(reason) => {
                return Err(SettingError::BadValue { key: key.name, value: String::new(), origin, reason });
            }
        }
    }
    Ok(values)
}

/// The value as a flag would carry it.
fn as_text(value: &Value, kind: Kind) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(value) => Ok(Some(value.to_string())),
        Value::Number(value) => Ok(Some(value.to_string())),
        Value::Sequence(items) if matches!(kind, Kind::List | Kind::Peers) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    _ => Err("a list holds plain text only".to_owned()),
                })
                .collect::<Result<_, _>>()?;
            Ok(Some(items.join(",")))
        }
        Value::Sequence(_) => Err("expected one value, not a list".to_owned()),
        _ => Err("expected a plain value".to_owned()),
    }
}
