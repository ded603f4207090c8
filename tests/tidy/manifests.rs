//! One list of versions, in the root manifest.

use crate::assert_none;
use crate::tree;

#[test]
fn every_version_is_in_the_one_list() {
    let manifests: Vec<_> = tree::packages().into_iter().map(|package| package.manifest).collect();
    // The probes are a workspace of their own and have their own list.
    let members = manifests.iter().filter(|manifest| !manifest.starts_with("ebpf/probes/"));
    let mut complaints = Vec::new();
    for manifest in members {
        let text = tree::read(manifest);
        complaints.extend(own_versions(&text).into_iter().map(|line| format!("{manifest}: {line}")));
    }
    assert_none(complaints);
}

#[test]
fn a_version_of_a_members_own_would_be_found() {
    for section in ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
        for own in
            ["serde = \"1\"", "serde = { version = \"1\" }", "flow = { path = \"../flow\" }", "serde.version = \"1\""]
        {
            assert_eq!(own_versions(&format!("[{section}]\n# why\n{own}\n")), [own]);
        }
    }
    assert_eq!(own_versions("[dependencies.serde]\nversion = \"1\"\n").len(), 1);
}

#[test]
fn a_version_from_the_list_is_allowed_also_with_features_of_its_own() {
    let manifest = "[package]\nversion = \"1\"\n[dependencies]\na.workspace = true\n\
        b = { workspace = true, features = [\n\"c\",\n] }\n[workspace.dependencies]\nd = \"1\"\n[lints]\nworkspace = true\n";
    assert_eq!(own_versions(manifest), [""; 0]);
}

/// The lines that name a dependency without taking it from the workspace's list.
fn own_versions(manifest: &str) -> Vec<&str> {
    let mut own = Vec::new();
    let mut in_list = false;
    let mut depth = 0;
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let outermost = depth == 0;
        if outermost && line.starts_with('[') {
            let section = line.trim_matches(['[', ']']);
            in_list = section.ends_with("dependencies") && section != "workspace.dependencies";
            if section.contains("dependencies.") {
                own.push(line);
            }
            continue;
        }
        depth += line.matches(['[', '{']).count();
        depth -= line.matches([']', '}']).count().min(depth);
        let inherited = line.contains(".workspace = true") || line.contains("{ workspace = true");
        if outermost && in_list && !inherited {
            own.push(line);
        }
    }
    own
}
