//! What depends on who reads: a person at a terminal gets colours, and no control characters
//! from the network; a pipe gets the bytes as they came.

use std::io::IsTerminal;

/// How text is decorated and guarded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Write ANSI colours.
    pub(crate) color: bool,
    /// Write control characters of untrusted text as `\u{1b}`.
    pub(crate) escape: bool,
}

/// Which part of a line is coloured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ink {
    /// Names and addresses.
    Host,
    /// Identities and other asides.
    Aside,
    /// It went through.
    Good,
    /// It did not.
    Bad,
    /// Worth a look.
    Warning,
}

impl Style {
    /// The style for standard output: `when` is the value of `--color`.
    pub(crate) fn for_stdout(when: &str) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = match when {
            "always" => true,
            "never" => false,
            _ => terminal && !plain,
        };
        Self { color, escape: terminal }
    }

    /// Appends text of our own in a colour.
    pub(crate) fn paint(self, out: &mut String, ink: Ink, text: &str) {
        if !self.color || text.is_empty() {
            out.push_str(text);
            return;
        }
        out.push_str(match ink {
            Ink::Host => "\x1b[36m",
            Ink::Aside => "\x1b[2m",
            Ink::Good => "\x1b[32m",
            Ink::Bad => "\x1b[31m",
            Ink::Warning => "\x1b[33m",
        });
        out.push_str(text);
        out.push_str("\x1b[0m");
    }

    /// Appends text from the network: whoever names a host must not move the reader's cursor.
    pub(crate) fn untrusted(self, out: &mut String, text: &str) {
        if !self.escape || !text.contains(is_unsafe) {
            out.push_str(text);
            return;
        }
        for char in text.chars() {
            if is_unsafe(char) {
                out.extend(char.escape_unicode());
            } else {
                out.push(char);
            }
        }
    }
}

/// Control characters, and those that reorder the text around them.
fn is_unsafe(char: char) -> bool {
    char.is_control() || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(escape: bool, text: &str) -> String {
        let mut out = String::new();
        Style { color: false, escape }.untrusted(&mut out, text);
        out
    }

    #[test]
    fn a_terminal_never_receives_control_characters_from_names() {
        assert_eq!(shown(true, "a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(shown(true, "a\u{202e}b\n"), "a\\u{202e}b\\u{a}");
        assert_eq!(shown(true, "bücher.example"), "bücher.example");
    }

    #[test]
    fn a_pipe_receives_names_as_they_are() {
        assert_eq!(shown(false, "a\x1b[2Jb"), "a\x1b[2Jb");
    }

    #[test]
    fn colour_surrounds_text_and_nothing_else() {
        let mut out = String::new();
        let style = Style { color: true, escape: false };
        style.paint(&mut out, Ink::Bad, "DROPPED");
        style.paint(&mut out, Ink::Bad, "");
        assert_eq!(out, "\x1b[31mDROPPED\x1b[0m");
    }
}
