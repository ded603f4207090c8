//! Pod and service names.

use super::FilterError;

/// `namespace/prefix`, `namespace/`, `/prefix`, or `prefix` in namespace "default".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodPattern {
    /// Exact namespace; empty for any.
    namespace: String,
    /// Prefix of the name; empty for any.
    prefix: String,
}

impl PodPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let (namespace, prefix) = text.split_once('/').unwrap_or(("default", text));
        if prefix.contains('/') || (namespace == "default" && text.is_empty()) {
            return Err(FilterError::Pod(text.to_owned()));
        }
        Ok(Self { namespace: namespace.to_owned(), prefix: prefix.to_owned() })
    }

    /// Whether the pod fits. An address that is no pod's never does.
    #[must_use]
    pub fn matches_pod(&self, namespace: &str, name: &str) -> bool {
        if namespace.is_empty() && name.is_empty() {
            return false;
        }
        (self.namespace.is_empty() || self.namespace == namespace) && name.starts_with(&self.prefix)
    }
}
