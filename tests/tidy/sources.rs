//! What a reader may expect of every source file.

use crate::assert_none;
use crate::rust::{code, words};
use crate::tree::{self, File};

const LONGEST_FILE: usize = 600;
const LONGEST_MAIN: usize = 60;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "misc", "manager", "managers"];
/// What stands in for work to be done, or was left from looking for a fault.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

#[test]
fn no_source_file_is_longer_than_a_reader_can_hold() {
    assert_none(tree::rust_files().iter().filter_map(too_long).collect());
}

#[test]
fn a_file_one_line_too_long_would_be_found_unless_it_is_generated_or_a_test() {
    let complaint = |path: &str, lines: usize| too_long(&file(path, &"//\n".repeat(lines)));
    assert!(complaint("relay/src/merge.rs", 601).is_some());
    assert!(complaint("tests/lab/src/world/mod.rs", 601).is_some());
    assert!(complaint("relay/src/merge.rs", 600).is_none());
    for exempt in ["proto/wire/src/gen/flow.rs", "relay/src/tests.rs", "tests/lab/tests/world.rs", "a/src/b/tests/c.rs"]
    {
        assert!(complaint(exempt, 601).is_none(), "{exempt}");
    }
}

#[test]
fn no_main_does_more_than_start_wait_and_stop() {
    assert_none(tree::rust_files().iter().filter_map(long_main).collect());
}

#[test]
fn a_main_one_line_too_long_would_be_found() {
    let main = |lines: usize| format!("fn main() {{\n{}}}\n", "    f();\n".repeat(lines - 2));
    assert!(long_main(&file("src/main.rs", &main(61))).is_some());
    assert!(long_main(&file("src/main.rs", &main(60))).is_none());
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    assert_none(tree::rust_files().iter().flat_map(empty_names).collect());
}

#[test]
fn a_module_with_an_empty_name_would_be_found_as_file_folder_or_block() {
    for (path, text) in
        [("src/utils.rs", ""), ("src/common/mod.rs", ""), ("src/a.rs", "mod helpers {}"), ("src/a.rs", "mod\nmisc;")]
    {
        assert_eq!(empty_names(&file(path, text)).len(), 1, "{path} {text}");
    }
    assert_none(empty_names(&file("src/a.rs", "// mod util\nlet common = model::misc;")));
}

#[test]
fn nothing_is_left_unfinished() {
    assert_none(tree::rust_files().iter().flat_map(unfinished).collect());
}

#[test]
fn what_is_unfinished_would_be_found() {
    for text in ["fn f() { todo!() }", "unimplemented! (\"later\")", "let x = dbg!(y);"] {
        assert_eq!(unfinished(&file("src/a.rs", text)).len(), 1, "{text}");
    }
    assert_none(unfinished(&file("src/a.rs", "// todo!()\nlet todo = \"dbg!\"; todo != done")));
}

#[test]
fn every_crate_says_first_why_it_exists() {
    let crates: Vec<_> = tree::rust_files().into_iter().filter(|file| file.path.ends_with("src/lib.rs")).collect();
    assert!(crates.len() > 5);
    let silent = crates.iter().filter(|file| !file.text.starts_with("//! "));
    assert_none(silent.map(|file| format!("{}: does not start with //!", file.path)).collect());
}

fn too_long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    let exempt = file.path.contains("/gen/") || is_test(&file.path);
    (lines > LONGEST_FILE && !exempt).then(|| format!("{}: {lines} lines, {LONGEST_FILE} allowed", file.path))
}

/// In a folder of tests that has no sources below it, or a file of unit tests beside its subject.
fn is_test(path: &str) -> bool {
    let nearest = path.rsplit('/').skip(1).find(|folder| ["src", "tests"].contains(folder));
    nearest == Some("tests") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// The probes' `main.rs` has no main function: it is the table of their hooks.
fn long_main(file: &File) -> Option<String> {
    let is_main = file.path.ends_with("src/main.rs")
        && words(&code(&file.text)).any(|word| word.text == "main" && word.before.ends_with("fn"));
    let lines = file.text.lines().count();
    (is_main && lines > LONGEST_MAIN).then(|| format!("{}: {lines} lines, {LONGEST_MAIN} allowed", file.path))
}

fn empty_names(file: &File) -> Vec<String> {
    let code = code(&file.text);
    let path = file.path.trim_end_matches(".rs").split('/').map(str::to_owned);
    // `mod name;` is the file or folder of that name, which is in the list by itself.
    let blocks = words(&code).filter(|word| word.before.ends_with("mod")).map(|word| word.text.to_owned());
    let empty = path.chain(blocks).filter(|name| EMPTY_NAMES.contains(&name.as_str()));
    empty.map(|name| format!("{}: {name} says nothing; name what is inside", file.path)).collect()
}

fn unfinished(file: &File) -> Vec<String> {
    let code = code(&file.text);
    let left = words(&code)
        .filter(|word| UNFINISHED.contains(&word.text) && word.after.starts_with('!') && !word.after.starts_with("!="));
    left.map(|word| format!("{}:{}: {}!", file.path, word.line, word.text)).collect()
}

fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}
