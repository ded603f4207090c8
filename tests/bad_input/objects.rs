//! Objects with a mistake, given to `tidegate apply`. Nothing runs: the command alone decides.

use std::fs;
use std::process::Command;

use crate::terminal::{PROGRAM, Said, run};
use crate::{Folder, RIGHT, mistakes};

#[test]
fn apply_names_file_object_and_field_of_each_mistake_and_applies_nothing() {
    let folder = Folder::new("apply");
    let manifests = folder.0.join("manifests");
    fs::create_dir(&manifests).unwrap();
    for mistake in mistakes() {
        let file = folder.write(&format!("{}.yaml", mistake.what), &mistake.text);
        let answer = tidegate(&["apply", "-f", file.to_str().unwrap()], &manifests).refused();
        for part in [file.to_str().unwrap(), mistake.object, mistake.field, mistake.words] {
            assert!(answer.contains(part), "{}: {part} is not in: {answer}", mistake.what);
        }
        assert_eq!(names(&manifests), Vec::<String>::new(), "{}", mistake.what);
    }
}

#[test]
fn one_mistake_in_a_file_keeps_all_of_the_file_back() {
    let folder = Folder::new("among");
    let manifests = folder.0.join("manifests");
    fs::create_dir(&manifests).unwrap();
    let wrong = RIGHT.replace("name: right", "name: wrong").replace("0.0.0.0/0", "x");
    for text in [format!("{RIGHT}---\n{wrong}"), format!("{wrong}---\n{RIGHT}")] {
        let file = folder.write("both.yaml", &text);
        let answer = tidegate(&["apply", "-f", file.to_str().unwrap()], &manifests).refused();
        assert!(answer.contains("ciliumegressgatewaypolicy/wrong") && !answer.contains("policy/right"), "{answer}");
        assert_eq!(names(&manifests), Vec::<String>::new());
    }
}

#[test]
fn a_mistaken_edit_leaves_the_object_as_it_was() {
    let folder = Folder::new("edit");
    let manifests = folder.0.join("manifests");
    fs::create_dir(&manifests).unwrap();
    let file = folder.write("policy.yaml", RIGHT);
    tidegate(&["apply", "-f", file.to_str().unwrap()], &manifests).done();
    let before = tidegate(&["get", "cegp", "right", "-o", "yaml"], &manifests).done();
    folder.write("policy.yaml", &RIGHT.replace("0.0.0.0/0", "0.0.0.0/x"));
    tidegate(&["apply", "-f", file.to_str().unwrap()], &manifests).refused();
    assert_eq!(tidegate(&["get", "cegp", "right", "-o", "yaml"], &manifests).done(), before);
}

#[test]
fn what_is_not_there_is_named() {
    let folder = Folder::new("absent");
    let answer = tidegate(&["apply", "-f", "/nonexistent/policy.yaml"], &folder.0).refused();
    assert!(answer.contains("/nonexistent/policy.yaml"), "{answer}");
    let answer = tidegate(&["get", "cegp", "absent"], &folder.0).refused();
    assert!(answer.contains("ciliumegressgatewaypolicy/absent"), "{answer}");
    let answer = tidegate(&["get", "policies"], &folder.0).refused();
    assert!(answer.contains("policies"), "{answer}");
    let answer = tidegate(&["delete", "cegp", "absent"], &folder.0).refused();
    assert!(answer.contains("absent"), "{answer}");
}

/// The program with a folder of manifests and no other setting.
fn tidegate(args: &[&str], manifests: &std::path::Path) -> Said {
    let mut command = Command::new(PROGRAM);
    command.args(args).arg("--manifests").arg(manifests).env("TIDEGATE_CONFIG", "/dev/null");
    run(command, "")
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}
