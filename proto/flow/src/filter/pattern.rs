//! Name patterns: `*` stands for any run of letters, digits, `-` and `.`, dots included.

/// A pattern over names, anchored at both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Literal pieces between the stars, in order; at least one.
    pieces: Vec<String>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing to match.
    #[error("empty pattern")]
    Empty,
    /// More than one final dot.
    #[error("multiple trailing dots in pattern")]
    TrailingDots,
    /// A character that no name has.
    #[error("{0:?}: invalid rune in pattern")]
    Rune(char),
}

impl Pattern {
    /// Reads a pattern over domain names.
    pub fn fqdn(text: &str) -> Result<Self, PatternError> {
        Self::read(text.strip_suffix('.').unwrap_or(text), "")
    }

    /// Reads a pattern over node names: `cluster/node`, `cluster/` for all nodes of a cluster,
    /// `node` for that node of cluster "default".
    pub fn node(text: &str) -> Result<Self, PatternError> {
        let text = match text.split_once('/') {
            None => format!("default/{text}"),
            Some((_, "")) => format!("{text}*"),
            Some(("", node)) => format!("default/{node}"),
            Some(_) => text.to_owned(),
        };
        Self::read(&text, "/")
    }

    fn read(text: &str, extra: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.ends_with('.') {
            return Err(PatternError::TrailingDots);
        }
        let text = text.to_lowercase();
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.*".contains(c) || extra.contains(c);
        if let Some(wrong) = text.chars().find(|c| !fine(*c)) {
            return Err(PatternError::Rune(wrong));
        }
        Ok(Self { pieces: text.split('*').map(str::to_owned).collect() })
    }

    /// Whether the whole name, in lower case, fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|only| only == name);
        };
        let Some(mut rest) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        // The earliest place of each piece leaves the most room for the next ones; a star never
        // spans a character outside its set, so a run that does cannot be mended by a later place.
        for piece in middle {
            let Some(at) = rest.find(piece.as_str()) else {
                return false;
            };
            if !starred(&rest[..at]) {
                return false;
            }
            rest = &rest[at + piece.len()..];
        }
        rest.strip_suffix(last.as_str()).is_some_and(starred)
    }
}

fn starred(run: &str) -> bool {
    run.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::fqdn(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_pattern_without_star_is_the_whole_name() {
        assert!(matches("ifconfig.me", "ifconfig.me"));
        assert!(matches("IfConfig.me.", "ifconfig.me"));
        assert!(!matches("ifconfig.me", "x.ifconfig.me"));
        assert!(!matches("ifconfig.me", "ifconfig.me.evil.net"));
    }

    #[test]
    fn a_star_crosses_dots_but_not_underscores() {
        assert!(matches("*.cilium.io", "a.b.cilium.io"));
        assert!(!matches("*.cilium.io", "cilium.io"));
        assert!(!matches("*.cilium.io", "a_b.cilium.io"));
        assert!(matches("*a*b*", "xxaxxbxx"));
        assert!(!matches("a*a", "a"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        assert_eq!(Pattern::fqdn(""), Err(PatternError::Empty));
        assert_eq!(Pattern::fqdn("x.."), Err(PatternError::TrailingDots));
        assert_eq!(Pattern::fqdn("a b"), Err(PatternError::Rune(' ')));
    }

    #[test]
    fn node_patterns_know_the_default_cluster() {
        assert!(Pattern::node("gw-*").unwrap().matches("default/gw-1"));
        assert!(Pattern::node("west/").unwrap().matches("west/gw-1"));
        assert!(!Pattern::node("gw-1").unwrap().matches("west/gw-1"));
    }
}
