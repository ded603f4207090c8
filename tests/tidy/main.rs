//! The shape of the tree, held by tests: who may depend on whom, where a dependency may be
//! named, how long a file may be, and whether the manual tells the truth about the commands.
//!
//! Each rule is a function from text to complaints, so that a second test can show it at fault.

mod arrows;
mod fences;
mod manifests;
mod manual;
mod rust;
mod sources;
mod tree;

/// Fails with every complaint on a line of its own.
fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
