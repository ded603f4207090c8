//! What a command line asks the server for, against captures of Hubble's own.

use clap::ArgMatches;
use tidegate_proto::json;
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::terms::{self, KEYS, Key, ON, Search, Term, command};
use tidegate_proto::v1::{Filter, FlowsOptions};

use super::*;

const NOW: &str = "2026-11-23T07:00:00Z";

fn matches(line: &[&str]) -> ArgMatches {
    let line = std::iter::once("observe").chain(line.iter().copied());
    command().try_get_matches_from(line).unwrap_or_else(|error| panic!("{error}"))
}

fn query(line: &[&str]) -> anyhow::Result<Query> {
    let matches = matches(line);
    let local = matches.contains_id("input-file");
    Query::from_args(&matches, NOW.parse().unwrap(), local)
}

fn request(line: &[&str]) -> GetFlowsRequest {
    query(line).unwrap().request().unwrap()
}

fn allowlist(line: &[&str]) -> Vec<String> {
    let filters = request(line).whitelist;
    filters.iter().map(|filter| json::to_string(filter).unwrap()).collect()
}

fn denylist(line: &[&str]) -> Vec<String> {
    let filters = request(line).blacklist;
    filters.iter().map(|filter| json::to_string(filter).unwrap()).collect()
}

fn refusal(line: &[&str]) -> String {
    query(line).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn one_sided_flags_make_one_filter() {
    assert_eq!(allowlist(&["--to-fqdn", "ifconfig.me"]), [r#"{"destination_fqdn":["ifconfig.me"]}"#]);
    assert_eq!(allowlist(&["--snat-ip", "203.0.113.7"]), [r#"{"source_ip_xlated":["203.0.113.7"]}"#]);
    assert_eq!(
        allowlist(&["--type", "trace:to-network", "--type", "drop"]),
        [r#"{"event_type":[{"type":4,"match_sub_type":true,"sub_type":11},{"type":1}]}"#]
    );
    assert_eq!(
        allowlist(&["--tcp-flags", "SYN,ACK", "--tcp-flags", "rst"]),
        [r#"{"tcp_flags":[{"SYN":true,"ACK":true},{"RST":true}]}"#]
    );
}

#[test]
fn two_sided_flags_make_a_left_and_a_right_filter() {
    assert_eq!(
        allowlist(&["--fqdn", "*.cilium.io"]),
        [r#"{"source_fqdn":["*.cilium.io"]}"#, r#"{"destination_fqdn":["*.cilium.io"]}"#]
    );
    assert_eq!(
        allowlist(&["--pod", "x", "--port", "80"]),
        [r#"{"source_pod":["x"],"source_port":["80"]}"#, r#"{"destination_pod":["x"],"destination_port":["80"]}"#]
    );
    assert_eq!(
        allowlist(&["--workload", "Deployment/cart"]),
        [
            r#"{"source_workload":[{"name":"cart","kind":"Deployment"}]}"#,
            r#"{"destination_workload":[{"name":"cart","kind":"Deployment"}]}"#
        ]
    );
}

#[test]
fn a_namespace_completes_pods_and_services_and_else_stands_for_its_pods() {
    assert_eq!(allowlist(&["-n", "shop"]), [r#"{"source_pod":["shop/"]}"#, r#"{"destination_pod":["shop/"]}"#]);
    assert_eq!(
        allowlist(&["--namespace", "shop", "--service", "cart"]),
        [r#"{"source_service":["shop/cart"]}"#, r#"{"destination_service":["shop/cart"]}"#]
    );
    assert_eq!(allowlist(&["--from-namespace", "shop", "--from-pod", "cart"]), [r#"{"source_pod":["shop/cart"]}"#]);
    assert_eq!(allowlist(&["-A"]), [r#"{"source_pod":["/"]}"#, r#"{"destination_pod":["/"]}"#]);
    assert_eq!(allowlist(&["-A", "--pod", "cart"])[0], r#"{"source_pod":["/cart"]}"#);
    let clash = refusal(&["-n", "shop", "--pod", "infra/x"]);
    assert!(clash.starts_with("namespace conflict: \"infra/x\""), "{clash}");
}

#[test]
fn not_belongs_to_the_next_flag_only() {
    assert_eq!(
        denylist(&["--not", "--pod", "a", "--not", "--to-port", "53"]),
        [r#"{"source_pod":["a"],"destination_port":["53"]}"#, r#"{"destination_pod":["a"],"destination_port":["53"]}"#]
    );
    let line = ["--not", "--to-port", "53", "--verdict", "DROPPED", "--not", "-4"];
    assert_eq!(denylist(&line), [r#"{"destination_port":["53"],"ip_version":["IPv4"]}"#]);
    assert_eq!(allowlist(&line), [r#"{"verdict":["DROPPED"]}"#]);
    assert_eq!(refusal(&["--to-port", "53", "--not"]), "trailing --not found in the arguments");
}

#[test]
fn each_exclusion_leaves_out_by_itself() {
    let line = ["--exclude", "to-port:53", "--exclude", "verdict:DROPPED", "--exclude", "pod:a !-4"];
    assert_eq!(
        refusal(&line),
        "invalid argument \"pod:a !-4\" for \"--exclude\" flag: what is left out cannot be negated in itself"
    );
    let line = ["--exclude", "to-port:53", "--exclude", "verdict:DROPPED", "--exclude", "from-pod:a ipv4"];
    assert_eq!(
        denylist(&line),
        [
            r#"{"destination_port":["53"]}"#,
            r#"{"verdict":["DROPPED"]}"#,
            r#"{"source_pod":["a"],"ip_version":["IPv4"]}"#
        ]
    );
    // Beside it, what stands behind --not is one filter as ever; and any server understands it.
    let line = ["--not", "--to-port", "53", "--exclude", "verdict:AUDIT", "--not", "--verdict", "DROPPED"];
    let joined = r#"{"verdict":["DROPPED"],"destination_port":["53"]}"#;
    let mut both = denylist(&line);
    both.sort();
    assert_eq!(both, [r#"{"verdict":["AUDIT"]}"#, joined]);
    assert!(!query(&line).unwrap().is_own());
}

#[test]
fn without_filters_the_lists_are_empty() {
    assert_eq!(request(&[]), GetFlowsRequest { number: 20, ..Default::default() });
}

#[test]
fn every_further_filter_has_its_field() {
    for (line, expected) in [
        (&["--from-ip", "10.0.0.0/8"][..], r#"{"source_ip":["10.0.0.0/8"]}"#),
        (&["--to-label", "app=x"], r#"{"destination_label":["app=x"]}"#),
        (&["--from-identity", "world"], r#"{"source_identity":[2]}"#),
        (&["--to-identity", "41395"], r#"{"destination_identity":[41395]}"#),
        (&["--from-workload", "Job/"], r#"{"source_workload":[{"kind":"Job"}]}"#),
        (&["--to-cluster", "west"], r#"{"destination_cluster_name":["west"]}"#),
        (&["--verdict", "dropped"], r#"{"verdict":["DROPPED"]}"#),
        (&["--to-port", "053"], r#"{"destination_port":["053"]}"#),
        (&["--protocol", "tcp"], r#"{"protocol":["tcp"]}"#),
        (&["-t", "drop:194"], r#"{"event_type":[{"type":1,"match_sub_type":true,"sub_type":194}]}"#),
        (&["-t", "129"], r#"{"event_type":[{"type":129}]}"#),
        (&["-t", "trace:to-endpoint"], r#"{"event_type":[{"type":4,"match_sub_type":true}]}"#),
        (&["--traffic-direction", "egress"], r#"{"traffic_direction":["EGRESS"]}"#),
        (&["--drop-reason-desc", "NO_EGRESS_GATEWAY"], r#"{"drop_reason_desc":["NO_EGRESS_GATEWAY"]}"#),
        (&["--node-name", "gw-*"], r#"{"node_name":["gw-*"]}"#),
        (&["--uuid", "0198"], r#"{"uuid":["0198"]}"#),
        (&["--ip-version", "v6"], r#"{"ip_version":["IPv6"]}"#),
        (&["-6"], r#"{"ip_version":["IPv6"]}"#),
        (&["--unencrypted"], r#"{"encrypted":[false]}"#),
        (&["--interface", "eth0"], r#"{"interface":[{"name":"eth0"}]}"#),
        (&["--http-header", "k:v"], r#"{"http_header":[{"key":"k","value":"v"}]}"#),
        (&["--type", "l7", "--http-status", "4+"], r#"{"event_type":[{"type":129}],"http_status_code":["4+"]}"#),
        (&["--cel-expression", "true"], r#"{"experimental":{"cel_expression":["true"]}}"#),
    ] {
        assert_eq!(allowlist(line), [expected], "{line:?}");
    }
}

#[test]
fn json_filters_are_appended() {
    let line = ["--verdict", "DROPPED", "--allowlist", r#"{"dns_query":["x"]} {"reply":[true]}"#];
    assert_eq!(allowlist(&line), [r#"{"verdict":["DROPPED"]}"#, r#"{"dns_query":["x"]}"#, r#"{"reply":[true]}"#]);
    assert_eq!(denylist(&["--denylist", r#"{"uuid":["a"]}"#]), [r#"{"uuid":["a"]}"#]);
    assert!(refusal(&["--allowlist", "nonsense"]).contains("is not FlowFilter JSON"));
}

#[test]
fn raw_filters_are_yaml_lists_of_json() {
    let query = query(&["--to-label", "a='b'", "--not", "--to-port", "53"]).unwrap();
    assert_eq!(
        query.raw_filters().unwrap(),
        "allowlist:\n- '{\"destination_label\":[\"a=''b''\"]}'\n\
         denylist:\n- '{\"destination_port\":[\"53\"]}'\n"
    );
}

#[test]
fn excluding_flags_are_named_in_the_refusal() {
    assert_eq!(
        refusal(&["--from-fqdn", "a", "--from-ip", "10.0.0.1"]),
        "invalid argument \"10.0.0.1\" for \"--from-ip\" flag: \
         filters --from-fqdn and --from-ip cannot be combined"
    );
    assert_eq!(
        refusal(&["--not", "--from-fqdn", "a", "--not", "--from-ip", "10.0.0.1"]),
        "invalid argument \"10.0.0.1\" for \"--from-ip\" flag: \
         filters --from-fqdn and --from-ip cannot be combined"
    );
    // What is shown and what is left out are judged apart, and so is each exclusion.
    assert!(query(&["--from-fqdn", "a", "--not", "--from-ip", "10.0.0.1", "--to-fqdn", "b"]).is_ok());
    assert!(query(&["--exclude", "from-fqdn:a", "--exclude", "from-ip:10.0.0.1"]).is_ok());
}

#[test]
fn bad_values_are_refused_before_anything_is_asked() {
    assert_eq!(
        refusal(&["--verdict", "FOO"]),
        "invalid argument \"FOO\" for \"--verdict\" flag: invalid --verdict value: FOO"
    );
    for line in [
        ["--verdict", "VERDICT_UNKNOWN"],
        ["--to-port", "80-70"],
        ["--snat-port", "80-90"],
        ["--dns-rcode", "NOSUCH"],
        ["--outcome", "lost"],
        ["--to-port", "65536"],
        ["--port", "http"],
        ["--identity", "nobody"],
        ["--type", "tracing"],
        ["--type", "trace:to-nowhere"],
        ["--type", "drop:POLICY"],
        ["--tcp-flags", "SYN,XYZ"],
        ["--traffic-direction", "up"],
        ["--drop-reason-desc", "policy_denied"],
        ["--ip-version", "5"],
        ["--ip-trace-id", "0"],
        ["--workload", "/"],
        ["--http-header", "novalue"],
    ] {
        let text = refusal(&line);
        assert!(text.starts_with(&format!("invalid argument {:?} for \"{}\" flag: ", line[1], line[0])), "{text}");
    }
    assert_eq!(
        refusal(&["--type", "drop", "--http-status", "404"]),
        "filtering by http status code requires the event type filter to only match 'l7' events"
    );
}

#[test]
fn selectors_decide_where_to_begin_and_how_many() {
    let number = |line: &[&str]| {
        let request = request(line);
        (request.number, request.first, request.follow)
    };
    assert_eq!(number(&["--last", "5"]), (5, false, false));
    assert_eq!(number(&["--first", "5"]), (5, true, false));
    assert_eq!(number(&["--all"]), (u64::MAX, false, false));
    assert_eq!(number(&["-f"]), (0, false, true));
    assert_eq!(number(&["-f", "--last", "3"]), (3, false, true));
    assert_eq!(number(&["--since", "1h"]), (0, false, false));
    assert_eq!(number(&["--until", "1h"]), (0, false, false));
    for (line, text) in [
        (["--first=1", "--last=1"], "cannot set both --first and --last"),
        (["--first=1", "--all"], "cannot set both --first and --all"),
        (["--last=1", "--all"], "cannot set both --last and --all"),
        (["--first=1", "-f"], "cannot set both --first and --follow"),
    ] {
        assert_eq!(refusal(&line), text);
    }
}

#[test]
fn times_become_bounds_and_a_followed_stream_has_no_end() {
    let request_ = request(&["--since", "90s", "--until", "2026-11-23T06:59:30.5Z"]);
    let since = request_.since.unwrap();
    assert_eq!((since.seconds, since.nanos), (1_795_417_110, 0));
    let until = request_.until.unwrap();
    assert_eq!((until.seconds, until.nanos), (1_795_417_170, 500_000_000));
    assert_eq!(request(&["-f", "--until", "1h"]).until, None);
    assert!(refusal(&["--since", "soon"]).starts_with("failed to parse the since time: "));
}

#[test]
fn every_field_is_asked_for_unless_a_mask_is_given() {
    assert_eq!(request(&[]).field_mask, None);
    assert_eq!(request(&["--use-default-field-masks=false"]).field_mask, None);
    let default = request(&["--use-default-field-masks"]).field_mask.unwrap();
    assert!(!default.paths.contains(&"destination_names".to_owned()));
    let own = request(&["-o", "json", "--field-mask", "source.identity,verdict"]).field_mask;
    assert_eq!(own.unwrap().paths, ["source.identity", "verdict"]);
    assert_eq!(refusal(&["--field-mask", "time"]), "compact output format is not compatible with custom field mask");
}

#[test]
fn our_own_facts_are_asked_for_on_demand() {
    assert_eq!(request(&["-o", "json"]).extensions, None);
    let any = request(&["-o", "json", "--flow-info"]).extensions.unwrap();
    let options: FlowsOptions = any.to_msg().unwrap();
    assert!(options.flow_info);
}

fn options(line: &[&str]) -> FlowsOptions {
    request(line).extensions.map(|any| any.to_msg().unwrap()).unwrap_or_default()
}

fn own(filters: &[Filter]) -> Vec<String> {
    filters.iter().map(|filter| json::to_string(filter).unwrap()).collect()
}

#[test]
fn what_hubbles_filters_cannot_say_is_asked_for_in_our_own() {
    for (line, expected) in [
        (&["--snat-port", "41234"][..], r#"{"snat_port":[41234]}"#),
        (
            &["--egress-policy", "p", "--to-port", "443"],
            r#"{"flow":{"destination_port":["443"]},"egress_policy":["p"]}"#,
        ),
        (&["--egress-gateway", "gw-1"], r#"{"egress_gateway":["gw-1"]}"#),
        (&["--dns-rcode", "nxdomain", "--dns-rcode", "2"], r#"{"dns_rcode":[3,2]}"#),
        (&["--unresolved"], r#"{"unresolved":true}"#),
        (&["--outcome", "translated"], r#"{"outcome":["OUTCOME_TRANSLATED"]}"#),
        (&["--to-port", "8000-8100"], r#"{"destination_port_range":[{"first":8000,"last":8100}]}"#),
        (
            &["--from-port", "8000-8100", "--from-port", "53"],
            r#"{"source_port_range":[{"first":8000,"last":8100},{"first":53,"last":53}]}"#,
        ),
    ] {
        assert_eq!(own(&options(line).allow), [expected], "{line:?}");
        assert_eq!((allowlist(line), options(line).flow_info), (vec![], false), "{line:?}");
        assert!(query(line).unwrap().is_own(), "{line:?}");
    }
    assert_eq!(
        own(&options(&["--port", "1-2"]).allow),
        [r#"{"source_port_range":[{"first":1,"last":2}]}"#, r#"{"destination_port_range":[{"first":1,"last":2}]}"#]
    );
}

#[test]
fn a_list_that_hubbles_filters_can_say_stays_theirs() {
    let line = ["--verdict", "DROPPED", "--not", "--snat-port", "1", "--flow-info"];
    assert_eq!(allowlist(&line), [r#"{"verdict":["DROPPED"]}"#]);
    let options = options(&line);
    assert_eq!((own(&options.allow), own(&options.deny)), (vec![], vec![r#"{"snat_port":[1]}"#.to_owned()]));
    assert!(options.flow_info);
    assert!(!query(&["--verdict", "DROPPED", "--not", "--to-port", "1"]).unwrap().is_own());
    let yaml = query(&line).unwrap().raw_filters().unwrap();
    assert_eq!(yaml, "allowlist:\n- '{\"verdict\":[\"DROPPED\"]}'\ndenylist:\n- '{\"snat_port\":[1]}'\n");
}

#[test]
fn a_command_written_for_a_search_asks_for_the_same_filters() {
    let text = include_str!("../../tests/vectors/filter-language.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut same = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let search: Search = serde_json::from_value(case["search"].clone()).unwrap();
        let line = command::print(&Search { terms: search.terms.clone(), ..Search::default() });
        let words = shell_words(&line);
        let words: Vec<_> = words.iter().skip(2).map(String::as_str).collect();
        match (query(&words), terms::translate(&search.terms)) {
            (Ok(query), filters) => {
                assert_eq!(Ok(query.filters), filters, "{line}");
                same += 1;
            }
            (Err(refusal), filters) => assert!(filters.is_err(), "{line}: {refusal}"),
        }
    }
    assert!(same > 20, "{same}");
}

#[test]
fn what_the_language_writes_as_a_command_is_read_as_the_same_terms() {
    for value in ["x", "a b", "-x", "", "it's", "*.example", "$HOME", "\n"] {
        let term = |key: &Key| Term::new(key.name, if key.value.is_some() { value } else { ON });
        let keys = || KEYS.iter().filter(|key| key.name != "exclude");
        let terms: Vec<_> = keys().map(term).flat_map(|term| [term.clone().negated(), term]).collect();
        let line = command::print(&Search { terms: terms.clone(), ..Search::default() });
        let words = shell_words(&line);
        let words: Vec<_> = words.iter().skip(2).map(String::as_str).collect();
        assert_eq!(flags::terms(&matches(&words)).unwrap(), terms, "{line}");
    }
}

/// The words as a real shell hands them over.
fn shell_words(line: &str) -> Vec<String> {
    let script = format!("printf '%s\\0' {line}");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap().stdout;
    let text = String::from_utf8(output).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn the_language_reads_every_flag_of_this_command() {
    let without_term = ["allowlist", "denylist", "input-file"];
    for arg in command().get_arguments().filter(|arg| arg.get_long().is_some()) {
        let long = arg.get_long().unwrap();
        let value = arg.get_action().takes_values() && arg.get_num_args().is_none_or(|number| number.min_values() > 0);
        let flag = format!("tidegate observe --{long}{} -f", if value { " x" } else { "" });
        // A filter, so that a --not is complete.
        let read = command::parse(&format!("{flag} --uuid u"));
        assert_eq!(read.is_err(), without_term.contains(&long), "{flag}: {read:?}");
        assert!(read.map_or(true, |search| search.follow), "{flag}");
        if let Some(short) = arg.get_short() {
            let flag = flag.replace(&format!("--{long}"), &format!("-{short}"));
            assert_eq!(command::parse(&flag).map_err(|error| error.to_string()).map(|_| ()), Ok(()), "{flag}");
        }
    }
}

#[test]
fn a_file_is_read_whole_unless_told_otherwise() {
    assert_eq!(query(&["--input-file", "x"]).unwrap().selection, selection::Selection::default());
    assert!(refusal(&["--input-file", "x", "--last", "1000001"]).contains("1000000"));
}
