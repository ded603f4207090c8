//! Terms as typed into a query bar: `to-fqdn:*.cardpay.example verdict:DROPPED !to-port:53`.
//!
//! Words are parted by white space; `!` or `-` before a word negates it. A value that holds white
//! space, starts with a quote or is empty stands in double quotes, with `\` before a quote or a
//! backslash in it. A word without key is typed by its shape, see [`typed`].

use std::net::IpAddr;

use super::words::{VERDICTS, number};
use super::{Key, ON, Term, TermError, find, own};

/// Reads the words of a query bar.
///
/// # Errors
/// When a key is unknown, a value is missing or a quote is not closed.
pub fn parse(text: &str) -> Result<Vec<Term>, TermError> {
    let mut terms = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (term, tail) = term(rest)?;
        terms.push(term);
        rest = tail.trim_start_matches(is_space);
    }
    Ok(terms)
}

/// Writes terms so that [`parse`] reads them again.
pub fn print(terms: &[Term]) -> String {
    let mut text = String::new();
    for Term { key, value, not } in terms {
        text.push_str(if text.is_empty() { "" } else { " " });
        text.push_str(if *not { "!" } else { "" });
        text.push_str(key);
        if value == ON && find(key).is_some_and(|key| key.value.is_none()) {
            continue;
        }
        text.push(':');
        match value.is_empty() || value.starts_with('"') || value.contains(is_space) {
            true => quote(&mut text, value),
            false => text.push_str(value),
        }
    }
    text
}

/// What a word without key is taken for: an address or CIDR for `ip`, a port or a range for
/// `port`, a verdict for `verdict`, the name of a key without value for that key; with a dot, for
/// the end of a name; else for the beginning of a pod's name, in any namespace.
pub fn typed(word: &str) -> Term {
    let verdict = number(&VERDICTS, word).and_then(|index| VERDICTS.get(usize::try_from(index).ok()?));
    if is_address(word) {
        Term::new("ip", word)
    } else if own::is_port(word) {
        Term::new("port", word)
    } else if let Some(verdict) = verdict {
        Term::new("verdict", verdict)
    } else if let Some(Key { name, value: None, .. }) = find(word) {
        Term::new(name, ON)
    } else if word.contains('/') {
        Term::new("pod", word)
    } else if word.contains('.') {
        let star = if word.contains('*') { "" } else { "*" };
        Term::new("fqdn", &format!("{star}{word}"))
    } else {
        Term::new("pod", &format!("/{word}"))
    }
}

/// Reads the first word of a text that starts with one.
fn term(text: &str) -> Result<(Term, &str), TermError> {
    let word = text.strip_prefix(['!', '-']).unwrap_or(text);
    let not = word.len() < text.len();
    let plain = &word[..word.find(is_space).unwrap_or(word.len())];
    if plain.is_empty() {
        return Err(TermError::whole(format!("{:?} stands before nothing", &text[..1])));
    }
    let key = plain.split_once(':').map(|(key, _)| key).filter(|key| is_key(key) && !is_address(plain));
    let Some(key) = key else {
        let (value, rest) = value(word)?;
        return Ok((Term { not, ..typed(&value) }, rest));
    };
    let (value, rest) = value(&word[key.len() + 1..])?;
    let Some(known) = find(&key.to_ascii_lowercase()) else {
        return Err(TermError::unknown(key, &value));
    };
    if value.is_empty() && !word[key.len() + 1..].starts_with('"') {
        return Err(TermError::value(key, "", "a value is missing"));
    }
    if known.value.is_none() && value != ON {
        return Err(TermError::value(key, &value, "takes no value"));
    }
    Ok((Term { key: known.name.to_owned(), value, not }, rest))
}

/// Reads a value and what stands after it.
fn value(text: &str) -> Result<(String, &str), TermError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(is_space).unwrap_or(text.len()));
        return Ok((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next() {
            Some('"') => break,
            Some('\\') => value.extend(chars.next()),
            Some(plain) => value.push(plain),
            None => return Err(TermError::whole(format!("{text} has no closing quote"))),
        }
    }
    let rest = chars.as_str();
    match rest.is_empty() || rest.starts_with(is_space) {
        true => Ok((value, rest)),
        false => Err(TermError::whole(format!("a space is missing after \"{value}\""))),
    }
}

fn quote(text: &mut String, value: &str) {
    text.push('"');
    for plain in value.chars() {
        if plain == '"' || plain == '\\' {
            text.push('\\');
        }
        text.push(plain);
    }
    text.push('"');
}

/// What parts words: what people type or paste for white space in a line.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{a0}')
}

/// Whether a word up to its first colon can be a key, known or not.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// An address or a CIDR.
fn is_address(text: &str) -> bool {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let longest = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.is_none_or(|length| {
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        digits && length.parse::<u8>().is_ok_and(|length| length <= longest)
    })
}
