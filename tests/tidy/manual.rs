//! The manual and the commands say the same.

use std::collections::BTreeSet;
use std::path::Path;

use crate::assert_none;
use crate::tree;

/// What people and machines type.
const TARGETS: [&str; 7] = ["run", "test", "bench", "soak", "lint", "fmt", "gen"];

#[test]
fn every_make_command_of_the_readme_exists() {
    let targets = targets(&tree::read("Makefile"));
    let named = make_commands(&tree::read("README.md"));
    assert!(named.contains("run") && named.contains("test"), "the README names {named:?}");
    let missing: Vec<_> = named.difference(&targets).map(|name| format!("README.md: no target {name}")).collect();
    assert_none(missing);
}

#[test]
fn every_command_of_the_project_is_a_target() {
    let targets = targets(&tree::read("Makefile"));
    assert_none(TARGETS.iter().filter(|name| !targets.contains(**name)).map(ToString::to_string).collect());
}

#[test]
fn continuous_integration_runs_the_readmes_test_command() {
    assert!(tree::read(".ci/run").lines().any(|line| line.starts_with("exec make test")));
}

#[test]
fn every_link_of_the_manual_leads_to_a_file() {
    for page in ["README.md", "CHANGELOG.md", "docs/architecture.md"] {
        let folder = Path::new(page).parent().unwrap();
        let text = tree::read(page);
        let dead = links(&text).into_iter().filter(|link| !tree::exists(&folder.join(link)));
        assert_none(dead.map(|link| format!("{page}: {link}")).collect());
    }
}

#[test]
fn commands_are_found_in_blocks_and_in_sentences() {
    let page =
        "Type `make run` or make tea.\n```sh\n# make soak later\nsudo make test\n$ make lint fmt V=1 # why\n```\n";
    let expected = ["fmt", "lint", "run", "test"].map(str::to_owned);
    assert_eq!(make_commands(page), expected.into());
}

#[test]
fn links_to_files_are_found_and_others_left_alone() {
    assert_eq!(links("[a](b.md) [c](https://d) [e](f/g.md#h) [i](#j)"), ["b.md", "f/g.md"]);
}

fn targets(makefile: &str) -> BTreeSet<String> {
    let rules = makefile.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    rules.filter_map(|line| line.split_once(':').map(|(name, _)| name.to_owned())).collect()
}

/// Targets of `make` in code blocks and code spans.
fn make_commands(page: &str) -> BTreeSet<String> {
    let mut commands = BTreeSet::new();
    let mut block = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            block = !block;
        } else if block {
            commands.extend(targets_of_command(line));
        } else {
            commands.extend(line.split('`').skip(1).step_by(2).flat_map(targets_of_command));
        }
    }
    commands
}

fn targets_of_command(line: &str) -> Vec<String> {
    let line = line.trim_start_matches("$ ").trim_start_matches("sudo ");
    let Some(words) = line.strip_prefix("make ") else { return Vec::new() };
    let words = words.split_whitespace().take_while(|word| !word.starts_with('#'));
    words.filter(|word| !word.contains('=')).map(str::to_owned).collect()
}

/// Paths that links lead to, without their fragments.
fn links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let paths = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    paths.filter(|path| !path.is_empty() && !path.contains("://")).collect()
}
