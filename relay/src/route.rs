//! Which nodes can have flows for a request. A node is left out only when every filter names
//! nodes and none of the names can be its own; in doubt it is asked, and its own filter decides.

use tidegate_proto::observer::GetFlowsRequest;

/// Whether a node known by any of `names` can have a flow that the request asks for.
pub(crate) fn can_match(request: &GetFlowsRequest, names: &[&str]) -> bool {
    request.whitelist.is_empty()
        || request.whitelist.iter().any(|filter| {
            filter.node_name.is_empty()
                || (filter.node_name.iter()).any(|pattern| names.iter().any(|name| pattern_matches(pattern, name)))
        })
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
    use tidegate_proto::flow::FlowFilter;

    use super::*;

    fn asked(filters: &[&[&str]], name: &str) -> bool {
        let filter = |patterns: &&[&str]| FlowFilter {
            node_name: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..FlowFilter::default()
        };
        let whitelist = filters.iter().map(filter).collect();
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
    fn a_pattern_that_the_node_would_refuse_is_passed_on() {
        assert!(asked(&[&["wor ker"]], "other"));
        assert!(asked(&[&["a.."]], "other"));
    }
}
