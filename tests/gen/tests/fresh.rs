//! The committed output is what the proto files say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn the_committed_code_is_what_the_proto_files_generate() {
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fresh");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).unwrap();
    tidegate_gen::generate(&fresh).unwrap();

    let fresh = read(&fresh);
    let committed = read(&tidegate_gen::committed_dir());
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&fresh), names(&committed), "run `make gen`");
    for (name, bytes) in &fresh {
        assert!(committed[name] == *bytes, "{name} is stale: run `make gen`");
    }
}

fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}
