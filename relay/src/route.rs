//! Which nodes can have flows for a request. A node is left out only when every filter names
//! nodes and none of the names can be its own; in doubt it is asked, and its own filter decides.

use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::options;

/// Whether a node known by any of `names` can have a flow that the request asks for.
pub(crate) fn can_match(request: &GetFlowsRequest, names: &[&str]) -> bool {
    // Malformed options go to every node, so that the refusal is heard.
    let Ok(options) = options::of(request) else {
        return true;
    };
    let fits = |patterns: &[String]| {
        patterns.is_empty() || patterns.iter().any(|pattern| names.iter().any(|name| pattern_matches(pattern, name)))
    };
    match options.allow.as_slice() {
        [] => request.whitelist.is_empty() || request.whitelist.iter().any(|filter| fits(&filter.node_name)),
        own => own.iter().any(|filter| filter.flow.as_ref().is_none_or(|flow| fits(&flow.node_name))),
    }
}

/// `cluster/node`, `cluster/` or `node`, where `*` stands for any run of name characters. A
/// pattern that the node would refuse counts as matching, so that the refusal is heard.
fn pattern_matches(pattern: &str, name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.*/".contains(c);
    if pattern.is_empty() || pattern.ends_with("..") || !pattern.chars().all(known) {
        return true;
    }
    let pattern = pattern.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    let (cluster, node) = name.split_once('/').unwrap_or(("default", &name));
    match pattern.split_once('/') {
        Some((of_cluster, of_node)) => glob(of_cluster, cluster) && (of_node.is_empty() || glob(of_node, node)),
        None => glob(&pattern, node),
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use prost_types::Any;
    use tidegate_proto::flow::FlowFilter;
    use tidegate_proto::v1::{Filter, FlowsOptions};

    use super::*;

    fn filter(patterns: &[&str]) -> FlowFilter {
        FlowFilter {
            node_name: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..FlowFilter::default()
        }
    }

    fn asked(filters: &[&[&str]], name: &str) -> bool {
        let whitelist = filters.iter().map(|patterns| filter(patterns)).collect();
        can_match(&GetFlowsRequest { whitelist, ..GetFlowsRequest::default() }, &[name])
    }

    #[test]
    fn a_node_is_left_out_only_when_every_filter_names_others() {
        assert!(asked(&[], "worker"));
        assert!(asked(&[&["worker"]], "worker"));
        assert!(!asked(&[&["worker"]], "worker2"));
        assert!(asked(&[&["worker"], &[]], "worker2"));
        assert!(asked(&[&["worker", "worker2"]], "worker2"));
    }

    #[test]
    fn patterns_have_clusters_and_stars() {
        assert!(asked(&[&["kind/"]], "kind/worker"));
        assert!(!asked(&[&["kind/"]], "worker"));
        assert!(asked(&[&["default/worker"]], "worker"));
        assert!(asked(&[&["w*er*"]], "kind/worker2"));
        assert!(!asked(&[&["w*x"]], "worker"));
        assert!(asked(&[&["*/control-plane"]], "kind/control-plane"));
    }

    #[test]
    fn our_own_filters_stand_instead_of_the_stock_ones() {
        let asked = |allow: Vec<Filter>| {
            let options = FlowsOptions { allow, ..FlowsOptions::default() };
            let extensions = Some(Any::from_msg(&options).expect("encodes"));
            let request = GetFlowsRequest { whitelist: vec![filter(&["worker"])], extensions, ..Default::default() };
            ["worker", "worker2"].map(|name| can_match(&request, &[name]))
        };
        let own = |patterns: &[&str]| Filter { flow: Some(filter(patterns)), ..Filter::default() };
        assert_eq!(asked(vec![]), [true, false]);
        assert_eq!(asked(vec![own(&["worker2"])]), [false, true]);
        assert_eq!(asked(vec![own(&["worker2"]), Filter { snat_port: vec![1], ..Filter::default() }]), [true, true]);
    }

    #[test]
    fn options_that_the_node_would_refuse_are_passed_on() {
        let extensions = Some(Any { type_url: "/tidegate.v1.FlowsOptions".to_owned(), value: vec![0xff] });
        let request = GetFlowsRequest { whitelist: vec![filter(&["worker"])], extensions, ..Default::default() };
        assert!(can_match(&request, &["worker2"]));
    }

    #[test]
    fn a_pattern_that_the_node_would_refuse_is_passed_on() {
        assert!(asked(&[&["wor ker"]], "other"));
        assert!(asked(&[&["a.."]], "other"));
    }
}
