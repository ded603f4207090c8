//! As much of Rust's grammar as the rules need: what is code, and which words stand in it.

/// `text` with comments and literals blanked; lines and columns of the rest stay.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let opaque = opaque(rest, code.ends_with(in_word));
        if opaque == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..opaque].chars().map(|c| if c == '\n' { c } else { ' ' }));
            rest = &rest[opaque..];
        }
    }
    code
}

/// A word of code and its surroundings.
#[derive(Debug)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: usize,
    /// The code before it, up to what is not white space.
    pub(crate) before: &'a str,
    /// The code after it, from what is not white space.
    pub(crate) after: &'a str,
}

impl Word<'_> {
    /// Whether it stands where a crate is named: at the start of a path, or in a `use`.
    pub(crate) fn is_crate(&self) -> bool {
        if let Some(before) = self.before.strip_suffix("::") {
            return !before.ends_with(in_word) && !before.ends_with('>');
        }
        self.after.starts_with("::") || ["use", "crate"].iter().any(|word| is_last_word(self.before, word))
    }
}

/// The words of `code`, in order.
pub(crate) fn words(code: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    let mut line = 1;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(in_word)?;
        let end = code[start..].find(|c| !in_word(c)).map_or(code.len(), |length| start + length);
        line += code[at..start].matches('\n').count();
        at = end;
        let (before, after) = (code[..start].trim_end(), code[end..].trim_start());
        Some(Word { text: &code[start..end], line, before, after })
    })
}

/// Length of the comment or literal that `rest` starts with, 0 if it starts with code.
fn opaque(rest: &str, after_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return escaped(rest, '"');
    }
    if let Some(quoted) = rest.strip_prefix('\'') {
        let mut chars = quoted.chars();
        let one = chars.next();
        let literal = one == Some('\\') || chars.next() == Some('\'');
        return if literal { escaped(rest, '\'') } else { 0 };
    }
    if after_word { 0 } else { raw_string(rest) }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length of a literal that ends at the next `quote` without a backslash before it.
fn escaped(rest: &str, quote: char) -> usize {
    let mut backslash = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if backslash => backslash = false,
            '\\' => backslash = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> usize {
    let unprefixed = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let Some(hashes) = unprefixed.strip_prefix('r') else { return 0 };
    let content = hashes.trim_start_matches('#');
    if !content.starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes.len() - content.len()));
    let start = rest.len() - content.len() + 1;
    rest[start..].find(&end).map_or(rest.len(), |length| start + length + end.len())
}

fn is_last_word(text: &str, word: &str) -> bool {
    text.trim_end().strip_suffix(word).is_some_and(|rest| !rest.ends_with(in_word))
}

fn in_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = "a // x\n/* x /* x */ x */ b \"x \\\" x\" 'x' '\\'' r#\"x \" x\"# br\"x\" c";
    assert_eq!(code(text).split_whitespace().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(code(text).len(), text.len());
}

#[test]
fn a_lifetime_is_code_and_so_is_what_follows_it() {
    assert_eq!(code("fn f<'a>(x: &'a str, y: &'static u8) {}"), "fn f<'a>(x: &'a str, y: &'static u8) {}");
}
