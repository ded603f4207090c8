//! What an operator can observe of the settings: who wins, and what a mistake is answered with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Command};

use super::*;

#[test]
fn a_flag_wins_over_environment_file_and_default() {
    let world = World::new().file("cluster-name: from-file\n");
    assert_eq!(world.cluster(&[]), ("from-file".to_owned(), Origin::File(world.default_file())));

    let world = world.env("TIDEGATE_CLUSTER_NAME", "from-env");
    let origin = Origin::Env("TIDEGATE_CLUSTER_NAME".to_owned());
    assert_eq!(world.cluster(&[]), ("from-env".to_owned(), origin));

    let flag = ["--cluster-name", "from-flag"];
    assert_eq!(world.cluster(&flag), ("from-flag".to_owned(), Origin::Flag));
    assert_eq!(World::new().cluster(&[]), ("default".to_owned(), Origin::Default));
}

#[test]
fn the_client_variable_of_hubble_counts_below_our_own_sources() {
    let world = World::new().env("HUBBLE_SERVER", "hubble:1");
    assert_eq!(world.client().server.to_string(), "hubble:1");
    let world = world.file("server: file:2");
    assert_eq!(world.client().server.to_string(), "file:2");
    let world = world.env("TIDEGATE_SERVER", "ours:3");
    assert_eq!(world.client().server.to_string(), "ours:3");
}

#[test]
fn a_server_variable_does_not_disturb_a_client() {
    let world = World::new().env("TIDEGATE_RELAY_LISTEN", "nonsense");
    assert_eq!(world.client().server.to_string(), "localhost:4245");
    assert!(world.resolve(Role::Relay, &[]).is_err());
}

#[test]
fn an_unknown_key_is_answered_with_file_key_and_nearest() {
    let error = World::new().file("relay_listen: 127.0.0.1:1").refused(&[]);
    assert!(error.contains("config.yaml"), "{error}");
    assert!(error.contains("\"relay_listen\""), "{error}");
    assert!(error.contains("did you mean \"relay-listen\"?"), "{error}");
}

#[test]
fn an_unknown_variable_is_answered_with_its_name_and_nearest() {
    let error = World::new().env("TIDEGATE_RELAY_LISTN", "127.0.0.1:1").refused(&[]);
    assert_eq!(
        error,
        "unknown setting TIDEGATE_RELAY_LISTN in the environment; did you mean \"TIDEGATE_RELAY_LISTEN\"?"
    );
    let error = World::new().env("TIDEGATE_ZZZ", "1").refused(&[]);
    assert!(error.contains("TIDEGATE_ZZZ") && error.contains("config view"), "{error}");
    World::new().env("TIDEGATE_RELAY_LISTN", "").resolve(Role::Relay, &[]).expect("without a value it is not set");
}

#[test]
fn what_a_cluster_puts_into_the_environment_for_services_of_our_name_is_no_setting() {
    let mut world = World::new();
    for variable in [
        "TIDEGATE_SERVICE_HOST",
        "TIDEGATE_SERVICE_PORT",
        "TIDEGATE_SERVICE_PORT_GRPC",
        "TIDEGATE_PORT",
        "TIDEGATE_RELAY_PORT_4245_TCP",
        "TIDEGATE_RELAY_PORT_4245_TCP_ADDR",
    ] {
        world = world.env(variable, "10.96.3.4");
    }
    world.resolve(Role::Relay, &[]).expect("a cluster's variables disturb nobody");
}

#[test]
fn a_bad_value_is_answered_with_its_key_and_origin() {
    let error = World::new().file("dns-capture: maybe").refused(&[]);
    assert!(error.contains("dns-capture = \"maybe\" (file "), "{error}");
    assert!(error.contains("expected true or false"), "{error}");
    let error = World::new().env("TIDEGATE_PEERS", "nameless:1").refused(&[]);
    assert!(error.contains("peers") && error.contains("env TIDEGATE_PEERS"), "{error}");
    let error = World::new().file("log-level: loud").refused(&[]);
    assert!(error.contains("error, warn, info"), "{error}");
    let error = World::new().file("cluster-name: [a, b]").refused(&[]);
    assert!(error.contains("cluster-name") && error.contains("not a list"), "{error}");
}

#[test]
fn a_file_that_is_no_mapping_is_refused() {
    assert!(World::new().file("- a\n- b\n").refused(&[]).contains("not a mapping"));
    assert!(World::new().file("a: [\n").refused(&[]).contains("line"));
    let twice = World::new().file("insecure: true\ninsecure: false\n").refused(&[]);
    assert!(twice.contains("duplicate"), "{twice}");
}

#[test]
fn a_missing_named_file_is_an_error_and_a_missing_default_is_not() {
    let error = World::new().refused(&["--config", "/does/not/exist.yaml"]);
    assert!(error.contains("/does/not/exist.yaml"), "{error}");
    assert!(World::new().resolve(Role::Relay, &[]).is_ok());
}

#[test]
fn the_file_of_a_running_lab_stands_in_for_a_missing_default_file() {
    let world = World::new();
    world.write("lab.yaml", "server: localhost:1\n");
    let server = |world: &World| world.resolve(Role::Client, &[]).expect("valid").server.to_string();
    assert_eq!(server(&world), "localhost:1");
    let world = world.file("server: localhost:2\n");
    assert_eq!(server(&world), "localhost:2");
}

#[test]
fn the_file_of_a_running_lab_is_not_for_the_roles_of_this_machine() {
    let world = World::new();
    world.write("lab.yaml", "manifests: /lab\n");
    assert!(world.resolve(Role::Objects, &[]).expect("valid").manifests.is_some());
    for role in [Role::Collector, Role::Relay, Role::Ui, Role::Up] {
        assert!(world.resolve(role, &[]).expect("valid").manifests.is_none(), "{role:?}");
    }
}

#[test]
fn other_than_loopback_needs_insecure() {
    let open = ["--relay-listen", "0.0.0.0:4245"];
    let error = World::new().refused(&open);
    assert!(error.contains("relay-listen") && error.contains("--insecure"), "{error}");
    let open = ["--relay-listen", "0.0.0.0:4245", "--insecure"];
    let settings = World::new().resolve(Role::Relay, &open).expect("allowed");
    assert_eq!(settings.relay_listen.to_string(), "0.0.0.0:4245");
    // The relay does not serve the collector's port, so it has no say in it.
    let world = World::new().file("collector-listen: 0.0.0.0:4244");
    assert!(world.resolve(Role::Relay, &[]).is_ok());
    assert!(world.resolve(Role::Collector, &[]).is_err());
    let open = ["--ui-listen", "0.0.0.0:12000"];
    for role in [Role::Ui, Role::Up, Role::Lab] {
        let error = World::new().resolve(role, &open).expect_err("must be refused").to_string();
        assert!(error.contains("ui-listen") && error.contains("--insecure"), "{error}");
    }
    let trusted = ["--ui-listen", "0.0.0.0:12000", "--insecure"];
    assert!(World::new().resolve(Role::Ui, &trusted).is_ok());
}

#[test]
fn what_is_kept_of_flows_is_set_for_those_who_store_them() {
    let world = World::new();
    let settings = world.resolve(Role::Store, &[]).expect("valid");
    assert_eq!(settings.store, Store::Sqlite("/var/lib/tidegate/flows".into()));
    assert_eq!((settings.retention_age.as_secs(), settings.retention_size), (14 * 86_400, 10 << 30));
    let flags = ["--store", "none", "--retention-age", "1h", "--retention-size", "1.5GB"];
    let settings = world.resolve(Role::Relay, &flags).expect("valid");
    assert_eq!((settings.store, settings.retention_size), (Store::None, 1_500_000_000));
    let error = World::new().file("store: postgres://me:secret@db/flows").refused(&[]);
    assert!(error.contains("sqlite:///") && !error.contains("secret"), "{error}");
    let error = World::new().file("retention-size: 10").refused(&[]);
    assert!(error.contains("retention-size") && error.contains("10GiB"), "{error}");
}

#[test]
fn a_yaml_sequence_reads_like_a_comma_list() {
    let world = World::new().file("peers:\n- a=unix:///run/a.sock\n- b=127.0.0.1:4244\n");
    let names: Vec<_> = world.resolve(Role::Relay, &[]).expect("valid").peers.into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_boolean_flag_without_a_value_means_true() {
    let world = World::new();
    let on = world.resolve(Role::Collector, &["--dns-capture"]).expect("valid");
    let off = world.resolve(Role::Collector, &["--dns-capture=false"]).expect("valid");
    assert!(on.dns_capture && !off.dns_capture);
}

#[test]
fn the_view_shows_every_key_and_no_password() {
    let world = World::new().env("TIDEGATE_MANIFESTS", "https://me:hunter2@host/x");
    let settings = world.resolve(Role::View, &[]).expect("valid");
    let view = settings.view();
    assert_eq!(view.len(), KEYS.len());
    let manifests = view.iter().find(|line| line.key == "manifests").expect("listed");
    assert_eq!(manifests.value, "https://me:REDACTED@host/x");
    let egress = view.iter().find(|line| line.key == "enable-egress-gateway").expect("listed");
    assert_eq!((egress.value.as_str(), &egress.origin), ("true", &Origin::Default));
}

#[test]
fn a_secret_is_shown_as_set_but_not_what_it_is() {
    static SECRET: Key = Key {
        name: "token",
        default: Fallback::Empty,
        help: "",
        kind: Kind::Text,
        scope: KEYS[0].scope,
        secret: true,
        hubble_env: None,
    };
    let setting = |value: &str| Setting { key: &SECRET, value: value.to_owned(), origin: Origin::Default };
    assert_eq!(setting("hunter2").shown(), "REDACTED");
    assert_eq!(setting("").shown(), "");
}

#[test]
fn the_help_names_variable_and_default() {
    let help = Command::new("relay").args(args(Role::Relay)).render_long_help().to_string();
    assert!(help.contains("TIDEGATE_RELAY_LISTEN") && help.contains("127.0.0.1:4245"), "{help}");
    assert!(!help.contains("--tunnel-port"), "{help}");
}

/// A folder of its own in place of /etc, and an environment of its own.
struct World {
    folder: PathBuf,
    env: BTreeMap<String, String>,
}

impl World {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidegate-settings-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("temp dir is writable");
        Self { folder, env: BTreeMap::new() }
    }

    fn file(self, text: &str) -> Self {
        self.write("config.yaml", text);
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).expect("temp dir is writable");
    }

    fn default_file(&self) -> PathBuf {
        self.folder.join("config.yaml")
    }

    fn resolve(&self, role: Role, flags: &[&str]) -> Result<Settings, SettingError> {
        resolve_in(&matches(role, flags), role, &surroundings(&self.folder, &self.env))
    }

    fn client(&self) -> Settings {
        self.resolve(Role::Client, &[]).expect("valid settings")
    }

    fn refused(&self, flags: &[&str]) -> String {
        self.resolve(Role::Relay, flags).expect_err("must be refused").to_string()
    }

    fn cluster(&self, flags: &[&str]) -> (String, Origin) {
        let settings = self.resolve(Role::Relay, flags).expect("valid settings");
        let line = settings.view().into_iter().find(|line| line.key == "cluster-name");
        let line = line.expect("cluster-name is listed");
        assert_eq!(line.value, settings.cluster_name);
        (line.value, line.origin)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn matches(role: Role, flags: &[&str]) -> ArgMatches {
    let arguments = std::iter::once("test").chain(flags.iter().copied());
    Command::new("test").args(args(role)).get_matches_from(arguments)
}

fn surroundings(folder: &Path, env: &BTreeMap<String, String>) -> Surroundings {
    Surroundings { env: env.clone(), default_file: folder.join("config.yaml"), lab_file: folder.join("lab.yaml") }
}
