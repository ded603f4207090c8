//! A search as the query of a URL: `from-namespace=payments&to-port=!53&since=1h`. A leading `!`
//! negates; a value that itself starts with `!` or `\` has a `\` before it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{ON, Search, Term, TermError, find};

/// What is written as it is: all that no part of a URL's query, and no text around it, takes for
/// something else.
const ENCODED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'*')
    .remove(b':')
    .remove(b'/')
    .remove(b',');

/// Reads the query of a URL, without its `?`.
///
/// # Errors
/// When a name is no key.
pub fn parse(query: &str) -> Result<Search, TermError> {
    from_pairs(form_urlencoded::parse(query.as_bytes()))
}

/// As [`parse`], of names and values that are decoded already. `since`, `until` and `follow` are
/// the only names beside keys; a page's own names are to be left out.
///
/// # Errors
/// When a name is no key.
pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Search, TermError> {
    let mut search = Search::default();
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        match name {
            "since" => search.since = some(value),
            "until" => search.until = some(value),
            "follow" => search.follow = value.is_empty() || value == ON,
            _ => search.terms.push(term(name, value)?),
        }
    }
    Ok(search)
}

/// Writes a search so that [`parse`] reads it again.
pub fn print(search: &Search) -> String {
    let mut query = String::new();
    for (name, value) in pairs(search) {
        query.push_str(if query.is_empty() { "" } else { "&" });
        query.extend(utf8_percent_encode(&name, &ENCODED));
        query.push('=');
        query.extend(utf8_percent_encode(&value, &ENCODED));
    }
    query
}

/// The names and values of a search, not yet encoded.
pub fn pairs(search: &Search) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for Term { key, value, not } in &search.terms {
        let mark = match not {
            true => "!",
            false if value.starts_with(['!', '\\']) => "\\",
            false => "",
        };
        pairs.push((key.clone(), format!("{mark}{value}")));
    }
    let times = [("since", &search.since), ("until", &search.until)];
    pairs.extend(times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), time.clone()?))));
    pairs.extend(search.follow.then(|| ("follow".to_owned(), ON.to_owned())));
    pairs
}

fn term(name: &str, text: &str) -> Result<Term, TermError> {
    let negated = text.strip_prefix('!');
    let value = negated.or_else(|| text.strip_prefix('\\')).unwrap_or(text);
    let key = find(name).ok_or_else(|| TermError::unknown(name, value))?;
    let value = match key.value {
        Some(_) => value,
        None if value.is_empty() || value == ON => ON,
        None => return Err(TermError::value(name, value, "takes no value")),
    };
    Ok(Term { key: name.to_owned(), value: value.to_owned(), not: negated.is_some() })
}

fn some(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}
