//! Settings with a mistake, from each place that settings come from.

use std::process::Command;

use crate::Folder;
use crate::terminal::{PROGRAM, Said, run};

#[test]
fn an_unknown_setting_is_named_with_the_nearest_wherever_it_stands() {
    let folder = Folder::new("settings");
    for command in [&["config", "view"][..], &["relay"], &["collector"]] {
        let flag = tidegate(&[command, &["--relay-listn", "127.0.0.1:1"]].concat(), &[]);
        assert_eq!((flag.code, flag.out.as_str()), (Some(1), ""), "{flag:?}");
        assert!(flag.err.contains("--relay-listn"), "{flag:?}");

        let said = tidegate(command, &[("TIDEGATE_RELAY_LISTN", "127.0.0.1:1")]).refused();
        assert!(said.contains("TIDEGATE_RELAY_LISTN") && said.contains("\"TIDEGATE_RELAY_LISTEN\""), "{said}");

        let file = folder.write("unknown.yaml", "relay-listn: 127.0.0.1:1\n");
        let file = file.to_str().unwrap();
        for said in
            [tidegate(&[command, &["--config", file]].concat(), &[]), tidegate(command, &[("TIDEGATE_CONFIG", file)])]
        {
            let said = said.refused();
            let parts = [file, "\"relay-listn\"", "\"relay-listen\""];
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
    }
}

#[test]
fn a_value_that_a_setting_cannot_take_is_named_with_its_place() {
    let folder = Folder::new("values");
    let file = folder.write("value.yaml", "egress-gateway-reconciliation-trigger-interval: soon\n");
    let file = file.to_str().unwrap();
    let key = "egress-gateway-reconciliation-trigger-interval";
    let flag = format!("--{key}=soon");
    let cases = [
        (tidegate(&["config", "view", &flag], &[]), "flag"),
        (
            tidegate(&["config", "view"], &[("TIDEGATE_EGRESS_GATEWAY_RECONCILIATION_TRIGGER_INTERVAL", "soon")]),
            "env TIDEGATE_EGRESS_GATEWAY_RECONCILIATION_TRIGGER_INTERVAL",
        ),
        (tidegate(&["config", "view", "--config", file], &[]), file),
    ];
    for (said, place) in cases {
        let said = said.refused();
        assert!([key, "\"soon\"", place].iter().all(|part| said.contains(part)), "{place}: {said}");
    }
}

#[test]
fn a_settings_file_that_is_none_is_named() {
    let folder = Folder::new("files");
    for text in ["a: [\n", "- a list\n", "just words\n"] {
        let file = folder.write("none.yaml", text);
        let said = tidegate(&["config", "view", "--config", file.to_str().unwrap()], &[]).refused();
        assert!(said.contains(file.to_str().unwrap()), "{said}");
    }
    let said = tidegate(&["config", "view", "--config", "/nonexistent/config.yaml"], &[]).refused();
    assert!(said.contains("/nonexistent/config.yaml"), "{said}");
}

/// The program with these variables, and none of the machine's settings.
fn tidegate(args: &[&str], variables: &[(&str, &str)]) -> Said {
    let mut command = Command::new(PROGRAM);
    command.args(args).env("TIDEGATE_CONFIG", "/dev/null").envs(variables.iter().copied());
    run(command, "")
}
