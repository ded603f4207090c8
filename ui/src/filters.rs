//! What the filters of a query ask for, and the command that asks for the same.
//!
//! In a query different keys join by AND, so each negated key leaves out what it matches. On the
//! command line, as on Hubble's, all that stands behind `--not` is one filter, which leaves out
//! only what matches all of it. The two are the same as long as one key is negated.

use tidegate_proto::json;
use tidegate_proto::terms::{self, Filters, Search, Term, TermError, command};

/// The lists of a request.
///
/// # Errors
/// When a term is malformed or two cannot be combined.
pub(crate) fn translate(all: &[Term]) -> Result<Filters, TermError> {
    // What is refused on the command line is refused here, so that every query has a command.
    terms::translate(all)?;
    let (negated, plain): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|term| term.not);
    let mut filters = terms::translate(&plain)?;
    for key in keys(&negated) {
        let of_key: Vec<_> = negated.iter().filter(|term| term.key == key).cloned().collect();
        filters.deny.extend(terms::translate(&of_key)?.deny);
    }
    Ok(filters)
}

/// Whether a value that flows have is one that a filter takes: an empty one is not, nor one that is
/// newer than this program.
pub(crate) fn takes(key: &str, value: &str) -> bool {
    !value.is_empty() && Term::new(key, value).check().is_ok()
}

/// The command that shows the same flows. Several negated keys are written as `--denylist`, which
/// knows Hubble's filters only; with another one among them, the command shows more.
pub(crate) fn command(search: &Search) -> String {
    exact(search).unwrap_or_else(|| command::print(search))
}

/// The command with a list of its own for what is left out, if it needs one and can say it.
fn exact(search: &Search) -> Option<String> {
    let (negated, plain): (Vec<_>, Vec<_>) = search.terms.iter().cloned().partition(|term| term.not);
    if keys(&negated).len() < 2 {
        return None;
    }
    let deny = terms::stock(&translate(&negated).ok()?.deny)?;
    let deny: Vec<_> = deny.iter().map(json::to_string).collect::<Result<_, _>>().ok()?;
    let deny = deny.join(" ").replace('\'', r"'\''");
    let command = command::print(&Search { terms: plain, ..search.clone() });
    Some(format!("{command} --denylist '{deny}'"))
}

/// The keys that are used, in their order.
fn keys(terms: &[Term]) -> Vec<&str> {
    let mut keys = Vec::new();
    for term in terms {
        if !keys.contains(&term.key.as_str()) {
            keys.push(term.key.as_str());
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not(key: &str, value: &str) -> Term {
        Term::new(key, value).negated()
    }

    fn command_of(terms: &[Term]) -> String {
        command(&Search { terms: terms.to_vec(), ..Search::default() })
    }

    #[test]
    fn each_negated_key_leaves_out_what_it_matches() {
        let terms =
            [not("verdict", "DROPPED"), Term::new("to-port", "443"), not("protocol", "udp"), not("verdict", "AUDIT")];
        let filters = translate(&terms).expect("valid");
        assert_eq!(filters.allow.len(), 1);
        let deny: Vec<_> = filters.deny.iter().map(|filter| filter.flow.clone().expect("a filter")).collect();
        assert_eq!(deny.len(), 2);
        assert_eq!((deny[0].verdict.len(), deny[0].protocol.len()), (2, 0));
        assert_eq!((deny[1].verdict.len(), deny[1].protocol.as_slice()), (0, &["udp".to_owned()][..]));
    }

    #[test]
    fn one_negated_key_is_as_on_the_command_line() {
        let terms = [Term::new("from-namespace", "shop"), not("port", "53"), not("port", "80")];
        assert_eq!(translate(&terms), terms::translate(&terms));
        assert_eq!(command_of(&terms), "tidegate observe --from-namespace shop --not --port 53 --not --port 80");
    }

    #[test]
    fn several_negated_keys_are_a_list_of_their_own_in_the_command() {
        let terms = [not("verdict", "DROPPED"), Term::new("to-port", "443"), not("to-fqdn", "*.example")];
        assert_eq!(
            command_of(&terms),
            "tidegate observe --to-port 443 \
             --denylist '{\"verdict\":[\"DROPPED\"]} {\"destination_fqdn\":[\"*.example\"]}'"
        );
        let quoted = command_of(&[not("verdict", "DROPPED"), not("interface", "it's")]);
        assert!(quoted.contains(r"it'\''s"), "{quoted}");
    }

    #[test]
    fn what_hubbles_filters_cannot_say_is_written_by_flags() {
        let terms = [not("verdict", "DROPPED"), not("egress-policy", "p")];
        assert_eq!(command_of(&terms), "tidegate observe --not --verdict DROPPED --not --egress-policy p");
    }

    #[test]
    fn a_value_that_no_filter_takes_is_known() {
        assert!(takes("verdict", "DROPPED") && takes("from-pod", "shop/cart-1") && takes("to-ip", "2001:db8::1"));
        assert!(!takes("verdict", "VERDICT_UNKNOWN") && !takes("from-namespace", "") && !takes("to-port", "x"));
    }

    #[test]
    fn terms_that_no_command_can_combine_are_refused() {
        assert!(translate(&[not("from-pod", "a"), not("namespace", "b")]).is_err());
    }
}
