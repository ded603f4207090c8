//! Dependencies behind a fence: what shapes everything that touches it is touched in one place.

use crate::assert_none;
use crate::rust::{code, words};
use crate::tree::{self, File, Package};

/// A family of crates, the packages that may depend on it and the paths that may name it.
struct Fence {
    crates: &'static [&'static str],
    packages: &'static [&'static str],
    paths: &'static [&'static str],
}

const FENCES: &[Fence] = &[
    Fence {
        crates: &["aya", "aya-obj", "aya-log"],
        packages: &["tidegate-collector"],
        paths: &["collector/src/kernel/"],
    },
    Fence {
        crates: &["rtnetlink"],
        packages: &["tidegate-collector", "tidegate-lab"],
        paths: &["collector/src/network/", "tests/lab/"],
    },
    Fence { crates: &["sqlx"], packages: &["tidegate-store"], paths: &["relay/store/"] },
    Fence {
        crates: &["axum", "axum-extra"],
        packages: &["tidegate-ui", "tidegate-ops"],
        paths: &["ui/", "proto/ops/"],
    },
    Fence {
        crates: &["kube", "kube-client", "kube-core", "kube-runtime"],
        packages: &["tidegate-collector"],
        paths: &["collector/src/inventory/"],
    },
];

#[test]
fn a_fenced_dependency_is_named_only_behind_its_fence() {
    assert_none(tree::rust_files().iter().flat_map(outside).collect());
}

#[test]
fn a_fenced_dependency_is_in_no_other_manifest() {
    assert_none(tree::packages().iter().flat_map(dependents).collect());
}

#[test]
fn a_name_outside_its_fence_would_be_found_however_it_is_written() {
    for text in [
        "use aya::Ebpf;",
        "use std::{fs};\nuse { aya_obj::Object };",
        "fn f() -> ::aya::Ebpf { todo }",
        "extern crate aya;",
        "use rtnetlink as links;",
        "let x: Option<sqlx::Pool> = None;",
    ] {
        assert_eq!(outside(&file("relay/src/peers.rs", text)).len(), 1, "{text}");
    }
}

#[test]
fn a_name_behind_its_fence_and_a_word_that_is_no_crate_are_allowed() {
    assert_none(outside(&file("collector/src/kernel/pins.rs", "use aya::Ebpf;")));
    for text in ["// aya::Ebpf", "let s = \"aya::Ebpf\";", "let kube = 1;", "use crate::kube::Pod;", "use aya_ebpf::X;"]
    {
        assert_none(outside(&file("relay/src/peers.rs", text)));
    }
}

fn outside(file: &File) -> Vec<String> {
    let code = code(&file.text);
    let mut complaints = Vec::new();
    for fence in FENCES.iter().filter(|fence| !fence.paths.iter().any(|path| file.path.starts_with(path))) {
        for word in words(&code).filter(|word| word.is_crate()) {
            if fence.crates.contains(&word.text.replace('_', "-").as_str()) {
                complaints.push(format!("{}:{}: names {}", file.path, word.line, word.text));
            }
        }
    }
    complaints
}

fn dependents(package: &Package) -> Vec<String> {
    let mut complaints = Vec::new();
    for fence in FENCES.iter().filter(|fence| !fence.packages.contains(&package.name.as_str())) {
        for dependency in &package.dependencies {
            if fence.crates.contains(&dependency.name.as_str()) {
                complaints.push(format!("{} depends on {}", package.manifest, dependency.name));
            }
        }
    }
    complaints
}

fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}
