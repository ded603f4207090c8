//! A journey's script, in Node.js with Chromium, and the answers to what it asks of the world.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, thread};

use serde_json::{Value, json};

use crate::SUITE;
use crate::terminal::{Terminal, may_run};

/// This suite's folder, with the journeys.
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dashboard");
/// What drives the browser, from the packages that the page is built with.
const DRIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ui/web/node_modules/playwright-core");
/// Where Debian has it; `CHROMIUM` names another.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Whether there is a browser to go with the lab.
///
/// # Panics
/// When there is none, unless `TIDEGATE_SKIP` names the suite.
pub(crate) fn may_browse() -> bool {
    if !may_run(SUITE) {
        return false;
    }
    let skipped = env::var("TIDEGATE_SKIP").unwrap_or_default();
    let Some(missing) = missing() else { return true };
    assert!(
        skipped.split(',').any(|name| name == SUITE),
        "{SUITE} needs {missing}, or TIDEGATE_SKIP={SUITE} to leave it out"
    );
    false
}

fn missing() -> Option<String> {
    let on_path = |folder: PathBuf| folder.join("node").exists();
    if !env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(on_path) {
        return Some("Node.js: run deploy/install-build-deps.sh".to_owned());
    }
    if !Path::new(&chromium()).exists() {
        return Some(format!("a browser at {}: run deploy/install-build-deps.sh", chromium()));
    }
    (!Path::new(DRIVER).exists()).then(|| "the page's packages: run ui/web/build.sh".to_owned())
}

fn chromium() -> String {
    env::var("CHROMIUM").unwrap_or_else(|_| CHROMIUM.to_owned())
}

/// Plays a journey before this world's dashboard, to its end.
///
/// # Panics
/// When it does not come to a good end: with what it says.
#[track_caller]
pub(crate) fn play(terminal: &Terminal, journey: &str, more: &[(&str, &OsStr)]) {
    let temporary = tempfile::tempdir().expect("a folder for the browser");
    let address = terminal.world.ui_address().expect("the world has a dashboard");
    let mut script = Script(
        Command::new("node")
            .arg(format!("{HERE}/{journey}"))
            .env("DASHBOARD", format!("http://{address}/"))
            .env("CHROMIUM", chromium())
            // Pictures of failures stay; the browser's own files go with the folder.
            .env("DASHBOARD_PICTURES", env!("CARGO_TARGET_TMPDIR"))
            .env("TMPDIR", temporary.path())
            .envs(more.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("node starts"),
    );
    let mut errors = script.0.stderr.take().expect("a pipe");
    let complaints = thread::spawn(move || {
        let mut text = String::new();
        drop(errors.read_to_string(&mut text));
        text
    });
    let mut answers = script.0.stdin.take().expect("a pipe");
    for line in BufReader::new(script.0.stdout.take().expect("a pipe")).lines() {
        let wish: Value = serde_json::from_str(&line.expect("text")).expect("a line of JSON");
        let answer = fulfil(terminal, &wish);
        // A script that ends meanwhile says itself why.
        drop(writeln!(answers, "{answer}"));
    }
    let status = script.0.wait().expect("it ends");
    let complaints = complaints.join().expect("read to the end");
    assert!(status.success(), "{journey}: {status}\n{complaints}");
}

/// What a journey may ask of the world.
fn fulfil(terminal: &Terminal, wish: &Value) -> Value {
    let world = &terminal.world;
    match wish["wish"].as_str().expect("a word") {
        "fetch" => json!(terminal.seen_address(wish["pod"].as_str().expect("a name"))),
        // What the collectors themselves remember, past store and dashboard.
        "observed" => terminal.observed(&format!("--last 1000 {}", wish["flags"].as_str().expect("flags"))).into(),
        "kill relay" => world.kill_relay().map(|()| Value::Null).expect("it ran"),
        "start relay" => world.start_relay().map(|()| Value::Null).expect("it starts again"),
        "kill dashboard" => world.kill_ui().map(|()| Value::Null).expect("it ran"),
        "start dashboard" => world.start_ui().map(|()| Value::Null).expect("it starts again"),
        other => panic!("the world cannot {other}"),
    }
}

/// A running script; it is killed with the value, and its browser ends with it.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // It has ended, or what it was for has.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
