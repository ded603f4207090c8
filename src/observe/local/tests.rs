//! Each filter field against a flow that it matches and one that it does not.

use tidegate_proto::json;

use super::*;

/// A pod's packet to an outside name, through an HTTP proxy, with everything that filters see.
const FLOW: &str = r#"{
    "verdict": "FORWARDED", "uuid": "u-1", "node_name": "worker", "node_labels": ["zone=a"],
    "IP": {"source": "10.244.1.5", "destination": "203.0.113.9", "source_xlated": "172.19.0.12",
           "ipVersion": "IPv4"},
    "l4": {"TCP": {"source_port": 40000, "destination_port": 443,
                   "flags": {"SYN": true, "ACK": true}}},
    "source": {"identity": 41395, "namespace": "shop", "pod_name": "cart-1", "cluster_name": "west",
               "labels": ["k8s:app=cart"], "workloads": [{"name": "cart", "kind": "Deployment"}]},
    "destination": {"identity": 2, "labels": ["reserved:world"]},
    "destination_names": ["api.example.org"],
    "source_service": {"name": "cart", "namespace": "shop"},
    "Type": "L7", "event_type": {"type": 4, "sub_type": 11}, "traffic_direction": "EGRESS",
    "is_reply": false, "interface": {"index": 2, "name": "eth0"},
    "l7": {"type": "RESPONSE", "http": {"code": 404, "method": "GET",
           "url": "http://api.example.org/v1/items?x=1", "headers": [{"key": "k", "value": "v"}]}}
}"#;

fn matcher(allow: &str, deny: &str) -> anyhow::Result<Matcher> {
    let list = |text| anyhow::Ok(json::all_from_str::<FlowFilter>(text)?.into_iter().map(Filter::from).collect());
    Matcher::new(&Filters { allow: list(allow)?, deny: list(deny)? })
}

fn admits(allow: &str, deny: &str) -> bool {
    let flow: Flow = json::from_str(FLOW).unwrap();
    matcher(allow, deny).unwrap().admits(&flow)
}

#[test]
fn every_field_matches_its_flow_and_no_other() {
    for (hit, miss) in [
        (r#"{"source_ip":["10.244.0.0/16"]}"#, r#"{"source_ip":["10.245.0.0/16"]}"#),
        (r#"{"destination_ip":["203.0.113.9"]}"#, r#"{"destination_ip":["203.0.113.8"]}"#),
        (r#"{"source_ip_xlated":["172.19.0.12"]}"#, r#"{"source_ip_xlated":["172.19.0.11"]}"#),
        (r#"{"source_pod":["shop/cart"]}"#, r#"{"source_pod":["cart"]}"#),
        (r#"{"source_pod":["/cart"]}"#, r#"{"destination_pod":["/"]}"#),
        (r#"{"source_service":["shop/"]}"#, r#"{"destination_service":["shop/"]}"#),
        (r#"{"destination_fqdn":["*.example.org"]}"#, r#"{"source_fqdn":["*.example.org"]}"#),
        (r#"{"source_label":["app=cart"]}"#, r#"{"destination_label":["app=cart"]}"#),
        (r#"{"destination_label":["reserved:world"]}"#, r#"{"source_label":["app=front"]}"#),
        (r#"{"source_port":["40000"]}"#, r#"{"destination_port":["40000"]}"#),
        (r#"{"source_identity":[1,41395]}"#, r#"{"destination_identity":[3]}"#),
        (r#"{"source_cluster_name":["west"]}"#, r#"{"source_cluster_name":["we*"]}"#),
        (r#"{"source_workload":[{"kind":"Deployment"}]}"#, r#"{"source_workload":[{"name":"front"}]}"#),
        (r#"{"verdict":["DROPPED","FORWARDED"]}"#, r#"{"verdict":["DROPPED"]}"#),
        (r#"{"uuid":["u-1"]}"#, r#"{"uuid":["u-2"]}"#),
        (r#"{"ip_version":["IPv4"]}"#, r#"{"ip_version":["IPv6"]}"#),
        (r#"{"encrypted":[false]}"#, r#"{"encrypted":[true]}"#),
        (r#"{"reply":[false]}"#, r#"{"reply":[true]}"#),
        (r#"{"traffic_direction":["EGRESS"]}"#, r#"{"traffic_direction":["INGRESS"]}"#),
        (r#"{"event_type":[{"type":4}]}"#, r#"{"event_type":[{"type":1}]}"#),
        (
            r#"{"event_type":[{"match_sub_type":true,"sub_type":11}]}"#,
            r#"{"event_type":[{"type":4,"match_sub_type":true,"sub_type":5}]}"#,
        ),
        (r#"{"interface":[{"name":"eth0"}]}"#, r#"{"interface":[{"index":3}]}"#),
        (r#"{"tcp_flags":[{"RST":true},{"SYN":true}]}"#, r#"{"tcp_flags":[{"SYN":true,"FIN":true}]}"#),
        (r#"{"protocol":["TCP"]}"#, r#"{"protocol":["udp"]}"#),
        (r#"{"protocol":["http"]}"#, r#"{"protocol":["dns"]}"#),
        (r#"{"node_name":["work*"]}"#, r#"{"node_name":["west/"]}"#),
        (r#"{"http_status_code":["4+"]}"#, r#"{"http_status_code":["5+"]}"#),
        (r#"{"http_method":["get"]}"#, r#"{"http_method":["PUT"]}"#),
        (r#"{"http_path":["^/v1/items$"]}"#, r#"{"http_path":["x=1"]}"#),
        (r#"{"http_url":["x=1$"]}"#, r#"{"http_url":["^/v1"]}"#),
        (r#"{"http_header":[{"key":"k","value":"v"}]}"#, r#"{"http_header":[{"key":"k","value":"w"}]}"#),
        (r#"{}"#, r#"{"dns_query":["example"]}"#),
        (r#"{"node_labels":["zone=a"]}"#, r#"{"trace_id":["t"]}"#),
        (r#"{}"#, r#"{"ip_trace_id":[1]}"#),
    ] {
        assert!(admits(hit, ""), "{hit}");
        assert!(!admits(miss, ""), "{miss}");
    }
}

#[test]
fn fields_of_one_filter_are_anded_and_filters_are_ored() {
    let both = r#"{"verdict":["FORWARDED"],"source_port":["1"]}"#;
    assert!(!admits(both, ""));
    assert!(admits(&format!("{both}{}", r#"{"uuid":["u-1"]}"#), ""));
}

#[test]
fn a_denied_flow_is_left_out_even_if_allowed() {
    let filter = r#"{"uuid":["u-1"]}"#;
    assert!(!admits(filter, filter));
    assert!(admits("", r#"{"uuid":["u-2"]}"#));
}

#[test]
fn a_dropped_packet_counts_as_no_reply() {
    let dropped = Flow { verdict: flow::Verdict::Dropped.into(), ..Flow::default() };
    let no_reply = matcher(r#"{"reply":[false]}"#, "").unwrap();
    assert!(no_reply.admits(&dropped));
    assert!(!no_reply.admits(&Flow::default()));
}

#[test]
fn malformed_values_are_refused() {
    for filter in [
        r#"{"source_ip":["1.2.3"]}"#,
        r#"{"destination_fqdn":["a b"]}"#,
        r#"{"destination_fqdn":["x.."]}"#,
        r#"{"protocol":["zzz"]}"#,
        r#"{"http_status_code":["600"]}"#,
        r#"{"http_path":["("]}"#,
        r#"{"source_label":["a in ("]}"#,
        r#"{"experimental":{"cel_expression":["true"]}}"#,
    ] {
        assert!(matcher(filter, "").is_err(), "{filter}");
    }
}
