//! What there is: the packages as Cargo sees them, and the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Built or fetched, not written here.
const NOT_OURS: [&str; 4] = ["target", ".git", "node_modules", "dist"];

/// A package of this tree.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Path of its manifest from the top of the tree.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency that a manifest names.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Named under `dev-dependencies`.
    pub(crate) for_tests: bool,
}

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the top of the tree.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The packages of the workspace, and the probes, which are a workspace of their own.
pub(crate) fn packages() -> Vec<Package> {
    ["Cargo.toml", "ebpf/probes/Cargo.toml"].into_iter().flat_map(packages_of).collect()
}

/// Every Rust file of the tree.
pub(crate) fn rust_files() -> Vec<File> {
    let mut files = Vec::new();
    collect(top(), &mut files);
    assert!(files.len() > 50, "found only {} files below {}", files.len(), top().display());
    files
}

/// The file at `path` from the top of the tree.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether there is a file or folder at `path` from the top of the tree.
pub(crate) fn exists(path: &Path) -> bool {
    top().join(path).exists()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn packages_of(manifest: &str) -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(top().join(manifest))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(value: &Value) -> Package {
    let dependencies = value["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dependency| Dependency { name: text(&dependency["name"]), for_tests: dependency["kind"] == "dev" });
    Package {
        name: text(&value["name"]),
        manifest: relative(&PathBuf::from(text(&value["manifest_path"]))),
        dependencies: dependencies.collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !NOT_OURS.contains(&name) {
            collect(&path, files);
        } else if name.ends_with(".rs") {
            files.push(File { path: relative(&path), text: fs::read_to_string(&path).unwrap() });
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(top()).unwrap().to_str().unwrap().to_owned()
}
