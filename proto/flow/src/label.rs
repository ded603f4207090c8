//! Kubernetes label selectors, in their two forms: the text of `kubectl -l` and the structure of
//! `matchLabels` and `matchExpressions`.

use std::collections::BTreeMap;

/// All requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// One condition on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Label key; for flows it may carry a source prefix, `k8s:app`.
    pub key: String,
    /// What is asked of it.
    pub operator: Operator,
}

/// What is asked of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The value is one of these.
    In(Vec<String>),
    /// The value is none of these, or there is no such key.
    NotIn(Vec<String>),
    /// The key is there.
    Exists,
    /// The key is not there.
    DoesNotExist,
}

/// Why a selector could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// An operator that Kubernetes does not have.
    #[error("unknown operator {0:?}: use In, NotIn, Exists or DoesNotExist")]
    Operator(String),
    /// Values where there must be none, or none where there must be some.
    #[error("key {key:?}: operator {operator} {complaint}")]
    Values { key: String, operator: &'static str, complaint: &'static str },
    /// Text that is no selector.
    #[error("cannot read the label selector {0:?}")]
    Text(String),
}

impl Selector {
    /// A selector of these requirements; with none it selects everything.
    #[must_use]
    pub fn new(requirements: Vec<Requirement>) -> Self {
        Self { requirements }
    }

    /// Reads the text form: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let wrong = || SelectorError::Text(text.to_owned());
        let mut requirements = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let end = end_of_requirement(rest).ok_or_else(wrong)?;
            requirements.push(requirement(rest[..end].trim()).ok_or_else(wrong)?);
            rest = match rest[end..].strip_prefix(',') {
                Some(after) if after.trim().is_empty() => return Err(wrong()),
                Some(after) => after.trim_start(),
                None => "",
            };
        }
        Ok(Self { requirements })
    }

    /// Whether labels, looked up by key, satisfy every requirement.
    pub fn matches<'a>(&self, lookup: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = lookup(&requirement.key);
            match &requirement.operator {
                Operator::In(values) => value.is_some_and(|value| values.iter().any(|one| one == value)),
                Operator::NotIn(values) => value.is_none_or(|value| values.iter().all(|one| one != value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }

    /// Whether a map of labels satisfies it.
    #[must_use]
    pub fn matches_map(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matches(|key| labels.get(key).map(String::as_str))
    }

    /// Whether labels written as `source:key=value` satisfy it. A key without a source, or with
    /// source `any`, means any source.
    #[must_use]
    pub fn matches_list(&self, labels: &[String]) -> bool {
        self.matches(|key| {
            let key = key.strip_prefix("any:").unwrap_or(key);
            labels.iter().find_map(|label| value_of(label, key))
        })
    }
}

impl Operator {
    /// Reads an operator of `matchExpressions` with its values.
    pub fn parse(key: &str, operator: &str, values: Vec<String>) -> Result<Self, SelectorError> {
        let wrong = |operator, complaint| SelectorError::Values { key: key.to_owned(), operator, complaint };
        match (operator, values.is_empty()) {
            ("In", false) => Ok(Self::In(values)),
            ("NotIn", false) => Ok(Self::NotIn(values)),
            ("In", true) => Err(wrong("In", "needs values")),
            ("NotIn", true) => Err(wrong("NotIn", "needs values")),
            ("Exists", true) => Ok(Self::Exists),
            ("DoesNotExist", true) => Ok(Self::DoesNotExist),
            ("Exists", false) => Err(wrong("Exists", "takes no values")),
            ("DoesNotExist", false) => Err(wrong("DoesNotExist", "takes no values")),
            _ => Err(SelectorError::Operator(operator.to_owned())),
        }
    }
}

/// Value of `key` if `label` (`source:key=value`) is that key; a label without value has an empty one.
fn value_of<'a>(label: &'a str, key: &str) -> Option<&'a str> {
    let (name, value) = label.split_once('=').unwrap_or((label, ""));
    let bare = name.split_once(':').map_or(name, |(_, bare)| bare);
    (name == key || bare == key).then_some(value)
}

/// Where the first requirement ends: at a comma outside parentheses.
fn end_of_requirement(text: &str) -> Option<usize> {
    let mut depth = 0u32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    (depth == 0).then_some(text.len())
}

fn requirement(text: &str) -> Option<Requirement> {
    let make = |key: &str, operator| {
        let key = key.trim();
        let fine = !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || "(),=!".contains(c));
        fine.then(|| Requirement { key: key.to_owned(), operator })
    };
    if let Some(key) = text.strip_prefix('!') {
        return make(key, Operator::DoesNotExist);
    }
    if let Some((head, list)) = text.split_once('(') {
        let values: Vec<_> = list.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, word) = head.trim_end().rsplit_once(char::is_whitespace)?;
        return match word {
            "in" => make(key, Operator::In(values)),
            "notin" => make(key, Operator::NotIn(values)),
            _ => None,
        };
    }
    let value = |text: &str| {
        let text = text.trim();
        (!text.contains(|c: char| c.is_whitespace() || "=!".contains(c))).then(|| vec![text.to_owned()])
    };
    if let Some((key, right)) = text.split_once("!=") {
        return make(key, Operator::NotIn(value(right)?));
    }
    if let Some((key, right)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return make(key, Operator::In(value(right)?));
    }
    make(text, Operator::Exists)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, labels: &[&str]) -> bool {
        let labels: Vec<_> = labels.iter().map(|&label| label.to_owned()).collect();
        Selector::parse(selector).unwrap().matches_list(&labels)
    }

    #[test]
    fn requirements_are_anded() {
        assert!(matches("app=client,tier", &["k8s:app=client", "k8s:tier=front"]));
        assert!(!matches("app=client,tier", &["k8s:app=client"]));
    }

    #[test]
    fn a_missing_key_is_not_in_any_set() {
        assert!(matches("app notin (a, b)", &["k8s:x=y"]));
        assert!(matches("app!=a", &["k8s:x=y"]));
        assert!(!matches("app in (a, b)", &["k8s:x=y"]));
        assert!(matches("app in (a, b)", &["k8s:app=b"]));
        assert!(matches("!app", &["k8s:x=y"]));
    }

    #[test]
    fn a_key_with_a_source_matches_that_source_alone() {
        assert!(matches("reserved:world", &["reserved:world"]));
        assert!(matches("k8s:app=a", &["k8s:app=a"]));
        assert!(!matches("container:app=a", &["k8s:app=a"]));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["a=b,", "a in (b", "=b", "a b", "a in b", "a=b=c"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn exists_takes_no_values() {
        assert!(Operator::parse("a", "Exists", vec!["b".into()]).is_err());
        assert!(Operator::parse("a", "In", vec![]).is_err());
        assert!(Operator::parse("a", "Gt", vec!["1".into()]).is_err());
    }
}
