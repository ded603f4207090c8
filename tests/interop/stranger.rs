//! The client in Python, and the environment that it runs in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::terminal::run;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

/// Somebody who has the address of a server and nothing else.
pub(crate) struct Stranger {
    target: String,
}

impl Stranger {
    /// `host:port` or `unix:///path`.
    pub(crate) fn of(target: String) -> Self {
        Self { target }
    }

    /// The names of what the server offers.
    pub(crate) fn services(&self) -> Vec<String> {
        serde_json::from_value(self.says("services")).expect("a list of names")
    }

    /// The messages of the answer to `request`, which is JSON.
    pub(crate) fn asks(&self, path: &str, request: &str) -> Vec<Value> {
        let answer = self.says(&format!("call={path}={request}"));
        answer.as_array().cloned().unwrap_or_else(|| panic!("{path} {request}: {answer}"))
    }

    /// The first messages of a stream that does not end.
    pub(crate) fn first<const N: usize>(&self, path: &str, request: &str) -> [Value; N] {
        serde_json::from_value::<Vec<_>>(self.says(&format!("{N}={path}={request}"))).unwrap().try_into().unwrap()
    }

    /// Code and message of a refusal.
    pub(crate) fn asks_in_vain(&self, path: &str, request: &str) -> Value {
        let answer = self.says(&format!("call={path}={request}"));
        assert!(answer.get("code").is_some(), "{path} {request} was not refused: {answer}");
        answer
    }

    fn says(&self, question: &str) -> Value {
        let mut command = Command::new(python());
        command.arg(Path::new(HERE).join("client.py")).args([&self.target, question]);
        // A proxy of the machine is not for loopback.
        for variable in ["http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            command.env_remove(variable);
        }
        let said = run(command, "").done();
        serde_json::from_str(&said).expect("one line of JSON")
    }
}

/// The interpreter of an environment that holds the wanted versions; it is made when missing.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        // Beside the build's other products, and kept from run to run.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop-python");
        let wanted = fs::read_to_string(Path::new(HERE).join("requirements.txt")).expect("the list of versions");
        let installed = folder.join("installed.txt");
        if fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
            make(&folder);
            // Written last: half an environment is made anew.
            fs::write(&installed, wanted).expect("the environment can be written to");
        }
        folder.join("bin/python")
    })
}

fn make(folder: &Path) {
    let step = |program: &Path, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args);
        let said = run(command, "");
        assert_eq!(
            said.code,
            Some(0),
            "the client's Python environment cannot be made (python3-venv installed? network?): {said:?}"
        );
    };
    let path = folder.to_str().expect("a path that is text");
    step(Path::new("python3"), &["-m", "venv", "--clear", path]);
    let requirements = format!("{HERE}/requirements.txt");
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
    step(&folder.join("bin/python"), &[&quiet[..], &["--requirement", &requirements]].concat());
}
