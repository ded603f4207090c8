//! The kernel takes the embedded probes, and a second collector adopts what the first pinned.

use std::{fs, path::PathBuf};

use tidegate_collector::kernel::{EgressState, Probes, remove_all};
use tidegate_ebpf_abi::policy::{Endpoint, Rule, rule_kind};

/// A folder on a BPF file system of its own, gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(PathBuf::from(format!("/run/tidegate-test-{}-{name}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let pins = self.0.join("node");
        let _ = remove_all(&pins);
        let _ = nix::mount::umount(&pins);
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn intent_written_by_one_collector_is_read_by_the_next() {
    let folder = Folder::new("adopt");
    let pins = folder.0.join("node");
    let mut wanted = EgressState::default();
    wanted.endpoints.insert([10, 244, 1, 5].into(), Endpoint { ruleset: 7, node: 0 });
    wanted.inside.insert("10.244.0.0/16".parse().unwrap(), 1);
    wanted.rules.insert((7, "0.0.0.0/0".parse().unwrap()), Rule { kind: rule_kind::TRANSLATE, ..Rule::default() });
    wanted.nodes.insert([172, 19, 0, 11].into(), 1);
    {
        let mut first = Probes::load(&pins, 1000).unwrap();
        assert_eq!(first.tables.apply(&wanted).unwrap(), 4);
        assert_eq!(first.tables.apply(&wanted).unwrap(), 0);
    }
    let mut second = Probes::load(&pins, 1000).unwrap();
    assert_eq!(second.tables.read().unwrap(), wanted);
    wanted.rules.clear();
    wanted.endpoints.clear();
    assert_eq!(second.tables.apply(&wanted).unwrap(), 2);
    assert_eq!(second.tables.read().unwrap(), wanted);
}
