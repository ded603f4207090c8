//! Which crates of this tree may depend on which: what each part may know.

use crate::assert_none;
use crate::tree::{self, Dependency, Package};

/// From a crate to those that it may name, without their common prefix. A role never names
/// another role, and what is shared never names a role.
const ARROWS: &[(&str, &[&str])] = &[
    ("tidegate", &["collector", "relay", "ui", "store", "proto", "flow", "ops", "lab"]),
    ("tidegate-collector", &["ebpf-abi", "flow", "proto", "ops"]),
    ("tidegate-relay", &["flow", "proto", "store", "ops"]),
    ("tidegate-ui", &["flow", "proto", "ops"]),
    ("tidegate-store", &["flow"]),
    ("tidegate-proto", &["flow"]),
    ("tidegate-flow", &[]),
    ("tidegate-ops", &[]),
    ("tidegate-ebpf-abi", &[]),
    ("tidegate-ebpf", &["ebpf-abi"]),
];

#[test]
fn every_crate_depends_only_on_the_crates_it_may_know() {
    let packages = tree::packages();
    assert!(packages.iter().any(|package| package.name == "tidegate-ebpf"), "the probes were not looked at");
    assert_none(packages.iter().flat_map(complaints).collect());
}

#[test]
fn a_role_that_names_another_role_would_be_found() {
    assert_eq!(complaints(&package("tidegate-relay", "tidegate-collector", false)).len(), 1);
    assert_eq!(complaints(&package("tidegate-relay", "tidegate-collector", true)).len(), 1);
    assert_eq!(complaints(&package("tidegate-flow", "tidegate-proto", false)).len(), 1);
}

#[test]
fn a_crate_that_nobody_placed_would_be_found() {
    assert_eq!(complaints(&package("tidegate-new", "serde", false)).len(), 1);
}

#[test]
fn a_crate_may_use_the_lab_in_its_tests_only() {
    assert_none(complaints(&package("tidegate-collector", "tidegate-lab", true)));
    assert_eq!(complaints(&package("tidegate-collector", "tidegate-lab", false)).len(), 1);
}

fn complaints(package: &Package) -> Vec<String> {
    // What stands in tests/ looks at everything from outside.
    if package.manifest.starts_with("tests/") {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
        return vec![format!("{}: in no arrow; add it to ARROWS and to docs/architecture.md", package.name)];
    };
    let may = |dependency: &&Dependency| match dependency.name.strip_prefix("tidegate-") {
        Some("lab") if dependency.for_tests => true,
        Some(name) => allowed.contains(&name),
        None => dependency.name != "tidegate",
    };
    let wrong = package.dependencies.iter().filter(|dependency| !may(dependency));
    wrong.map(|dependency| format!("{} may not depend on {}", package.name, dependency.name)).collect()
}

fn package(name: &str, dependency: &str, for_tests: bool) -> Package {
    let dependency = Dependency { name: dependency.into(), for_tests };
    Package { name: name.into(), manifest: format!("{name}/Cargo.toml"), dependencies: vec![dependency] }
}
