//! Words of a shell's command line, as POSIX shells part and quote them. Variables and globs are
//! taken as they stand.

/// Parts the first command of a text into words: it ends at an operator or a comment. Redirections
/// of a numbered stream are no words. `Err` is a quote that is not closed.
pub(super) fn split(text: &str) -> Result<Vec<String>, char> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' | '\u{a0}' => words.extend(word.take()),
            '#' if word.is_none() => break,
            '|' | '&' | ';' | '<' | '>' => {
                let stream = matches!(c, '<' | '>');
                word = word.filter(|word| !(stream && word.bytes().all(|byte| byte.is_ascii_digit())));
                break;
            }
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or('\'')? {
                        '\'' => break,
                        plain => word.push(plain),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or('"')? {
                        '"' => break,
                        '\\' => match chars.next().ok_or('"')? {
                            '\n' => {}
                            special @ ('"' | '\\' | '$' | '`') => word.push(special),
                            plain => word.extend(['\\', plain]),
                        },
                        plain => word.push(plain),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(plain) => word.get_or_insert_default().push(plain),
            },
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The word, in single quotes when a shell would change it without.
pub(super) fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,=@%+".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_as_in_a_shell() {
        for (text, words) in [
            ("a  b\tc\n", &["a", "b", "c"][..]),
            ("'a b' \"c d\" e\\ f", &["a b", "c d", "e f"]),
            ("a'b'\"c\" ''", &["abc", ""]),
            (r#""a\"b\\c\d""#, &[r#"a"b\c\d"#]),
            ("a \\\n  b", &["a", "b"]),
            ("a | b", &["a"]),
            ("a&&b", &["a"]),
            ("a 2>/dev/null", &["a"]),
            ("a 2 >b", &["a", "2"]),
            ("a #b", &["a"]),
            ("a#b '#c'", &["a#b", "#c"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        assert_eq!(split("a 'b"), Err('\''));
        assert_eq!(split("a \"b\\"), Err('"'));
    }

    #[test]
    fn a_quoted_word_is_one_word_again() {
        for word in ["", "a b", "it's", "*.example", "$x", "a\\b", "\"", "~", "!", "#", "&", "plain-1.2:3/4,5=6@7%8+9"]
        {
            assert_eq!(split(&quote(word)).unwrap(), [word]);
        }
        assert_eq!(quote("shop/cart"), "shop/cart");
    }
}
