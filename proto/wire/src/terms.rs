//! The filter language: one vocabulary for command line, query bar, URL and API.
//!
//! A [`Term`] is a key with a value, negated or not; a [`Search`] is terms and a span of time.
//! [`KEYS`] says which keys there are: each is a long flag of `tidegate observe`. Of several
//! values of one key one suffices, and every key used must hold; a negated term leaves out what it
//! matches. [`translate`] makes the lists of a request. [`bar`], [`command`] and [`url`] are the
//! written forms; what is read in one can be written in the others.

pub mod bar;
pub mod command;
mod conflicts;
mod exclude;
mod fields;
mod filters;
mod keys;
mod own;
mod shell;
pub mod url;
pub mod when;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use exclude::from_flags;
pub use filters::{Filters, stock, translate};
pub use keys::{KEYS, Key, Reach, Shape, find, nearest};
pub use words::{RESERVED_IDENTITIES, TRACE_POINTS};

/// The value of a key that takes none.
pub const ON: &str = "true";

/// One condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Term {
    /// Name of a [`Key`].
    pub key: String,
    /// What the key is to be; [`ON`] for a key that takes no value.
    pub value: String,
    /// Leave out what the condition matches.
    #[serde(default)]
    pub not: bool,
}

/// What a line of text asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Search {
    /// Which flows, in the order written.
    pub terms: Vec<Term>,
    /// From when on, in a form that [`when::parse`] reads.
    pub since: Option<String>,
    /// Until when, likewise.
    pub until: Option<String>,
    /// New flows too, as they come.
    pub follow: bool,
}

/// A term that cannot be used, or text that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct TermError {
    /// The key as written; empty when the fault is not with one term.
    pub key: String,
    /// The value as written.
    pub value: String,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such key; with the one that is most like it, if one is alike.
    UnknownKey(Option<&'static str>),
    /// The value is not of the key's shape; says what would be.
    Value(String),
    /// It cannot be combined with this key, which stands before it.
    Excluded(&'static str),
    /// Terms contradict one another, or the text as a whole is none of the language.
    Whole(String),
}

impl Term {
    /// The condition that `key` is `value`.
    pub fn new(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), not: false }
    }

    /// The opposite condition.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { not: !self.not, ..self }
    }

    /// Judges the term as a server will: also patterns, addresses and selectors, which
    /// [`translate`] passes on unread.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), TermError> {
        let filters = translate(std::slice::from_ref(self))?;
        let flows = filters.allow.iter().chain(&filters.deny).filter_map(|filter| filter.flow.as_ref());
        for flow in flows {
            crate::filter::filter(flow).map_err(|error| self.fault(error.to_string()))?;
        }
        Ok(())
    }

    fn fault(&self, reason: String) -> TermError {
        TermError { key: self.key.clone(), value: self.value.clone(), reason: Reason::Value(reason) }
    }
}

/// Reads what was typed or pasted into a query bar: terms, or a whole command line.
///
/// # Errors
/// When it is neither.
pub fn read(text: &str) -> Result<Search, TermError> {
    match command::is_command(text) {
        true => command::parse(text),
        false => Ok(Search { terms: bar::parse(text)?, ..Search::default() }),
    }
}

impl TermError {
    fn unknown(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), reason: Reason::UnknownKey(nearest(key)) }
    }

    fn value(key: &str, value: &str, reason: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), reason: Reason::Value(reason.into()) }
    }

    fn whole(reason: impl Into<String>) -> Self {
        Self { key: String::new(), value: String::new(), reason: Reason::Whole(reason.into()) }
    }

    fn sentence(&self) -> String {
        let (key, value) = (&self.key, &self.value);
        match &self.reason {
            Reason::UnknownKey(Some(near)) => format!("unknown key {key:?}; did you mean {near}?"),
            Reason::UnknownKey(None) => format!("unknown key {key:?}"),
            Reason::Value(reason) => format!("{key} {value:?}: {reason}"),
            Reason::Excluded(other) => format!("{other} and {key} cannot be combined"),
            Reason::Whole(reason) => reason.clone(),
        }
    }
}

impl fmt::Display for Term {
    /// The term as in the query bar.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bar::print(std::slice::from_ref(self)))
    }
}

#[cfg(test)]
mod tests;
