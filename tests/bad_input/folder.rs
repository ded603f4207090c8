//! Files with a mistake, dropped into the watched folder of a running world.

use std::fs;
use std::net::Ipv4Addr;

use serde_json::Value;

use crate::terminal::{Terminal, eventually};
use crate::{Mistake, RIGHT, SUITE, mistakes};

#[test]
fn each_mistake_is_named_by_every_node_and_the_right_policy_goes_on() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    let gateway = terminal.world.node("worker2").unwrap().address;
    terminal.applies(RIGHT);
    terminal.awaits_gateway("client", "worker2", gateway);

    for mistake in mistakes() {
        let file = format!("{}.yaml", mistake.what);
        terminal.world.apply(&file, &mistake.text).unwrap();
        every_node_names(&terminal, &mistake);
        still_translates(&terminal, gateway, mistake.what);
        terminal.world.delete_manifest(&file).unwrap();
        eventually(|| {
            let problems = problems(&terminal);
            if problems.is_empty() { Ok(()) } else { Err(problems) }
        });
    }
}

#[test]
fn many_mistakes_at_once_are_all_named_and_a_policy_beside_them_is_taken_up() {
    let Some(terminal) = Terminal::open(SUITE) else { return };
    for mistake in mistakes() {
        terminal.world.apply(&format!("{}.yaml", mistake.what), &mistake.text).unwrap();
    }
    for mistake in mistakes() {
        every_node_names(&terminal, &mistake);
    }
    let gateway = terminal.world.node("worker2").unwrap().address;
    terminal.world.apply("right.yaml", RIGHT).unwrap();
    terminal.awaits_gateway("client", "worker2", gateway);
    still_translates(&terminal, gateway, "everything");

    // The table names them to people, each once.
    let table = terminal.types("tidegate egress policies").done();
    for mistake in mistakes() {
        assert!(table.contains(&format!("{}.yaml", mistake.what)), "{} is not in:\n{table}", mistake.what);
    }
    // So does `get`, which shows what is right all the same.
    let got = terminal.types("tidegate get cegp");
    assert_eq!(got.code, Some(1), "{got:?}");
    assert!(got.out.lines().any(|line| line.starts_with("right ")), "{got:?}");
    assert!(got.err.contains("long-cidr.yaml") && got.err.contains("broken.yaml"), "{got:?}");
}

/// In its log, and when asked.
fn every_node_names(terminal: &Terminal, mistake: &Mistake) {
    let file = format!("{}.yaml", mistake.what);
    let is_named = |text: &str| [file.as_str(), mistake.field, mistake.words].iter().all(|part| text.contains(part));
    for node in terminal.world.nodes() {
        eventually(|| {
            let problems = problems(terminal);
            let named = problems.iter().any(|(on, object, problem)| {
                let about = if mistake.object.is_empty() { file.as_str() } else { mistake.object };
                *on == node.name && object == about && is_named(problem)
            });
            if named { Ok(()) } else { Err((mistake.what, problems)) }
        });
        let log = fs::read_to_string(terminal.world.collector_log(&node.name)).unwrap();
        let logged = log.lines().any(|line| line.contains("ERROR") && line.contains(mistake.object) && is_named(line));
        assert!(logged, "{} on {}: {log}", mistake.what, node.name);
    }
}

/// Node, object and text of what is wrong, as `egress policies` says it.
fn problems(terminal: &Terminal) -> Vec<(String, String, String)> {
    let list: Vec<Value> = serde_json::from_str(&terminal.types("tidegate egress policies -o json").done()).unwrap();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |policy: &Value| {
        let (node, name) = (word(&policy["node"]), word(&policy["name"]));
        let texts: Vec<_> = policy["problems"].as_array().unwrap().iter().map(word).collect();
        texts.into_iter().map(move |text| (node.clone(), name.clone(), text))
    };
    list.iter().flat_map(of).collect()
}

fn still_translates(terminal: &Terminal, gateway: Ipv4Addr, beside: &str) {
    assert_eq!(terminal.seen_address("client"), gateway.to_string(), "beside {beside}");
}
