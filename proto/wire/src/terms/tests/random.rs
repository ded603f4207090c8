//! Searches and texts made of what the written forms give a meaning to, the same in every run.

use super::*;

const ALPHABET: [char; 48] = [
    'a', 'z', 'X', '0', '9', '.', '/', ':', '*', '-', '!', '\\', '"', '\'', ' ', '\t', '\n', '\r', '\u{a0}',
    '\u{2003}', 'é', '☁', '%', '+', '&', '=', '#', '?', '$', '`', '|', ';', '<', '>', '(', ')', '[', ']', '{', '}',
    '~', ',', '@', '^', '_', '2', '1', 'f',
];

/// What texts are made of beside single characters.
const PIECES: [&str; 16] = [
    "to-port",
    "unresolved",
    "label",
    "53",
    "--not ",
    "--to-port ",
    "-n",
    " -f ",
    "tidegate observe ",
    "hubble ",
    "--since=",
    "&to-port=",
    "true",
    "10.0.0.1",
    "fd00::1",
    "8000-8100",
];

/// xorshift64*: numbers that repeat in the next run.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % bound
    }

    fn text(&mut self, longest: usize) -> String {
        let length = self.below(longest + 1);
        (0..length).map(|_| ALPHABET[self.below(ALPHABET.len())]).collect()
    }

    /// Text as somebody might type it who half knows the language.
    pub(super) fn typed(&mut self) -> String {
        let pieces = self.below(6);
        (0..pieces)
            .map(|_| match self.below(2) {
                0 => PIECES[self.below(PIECES.len())].to_owned(),
                _ => self.text(2),
            })
            .collect()
    }

    /// Terms of known keys with any value, and times that are any text.
    pub(super) fn search(&mut self) -> Search {
        let terms = self.below(5);
        let time = |random: &mut Self| (random.below(3) == 0).then(|| format!("{}x", random.text(4)));
        Search {
            terms: (0..terms).map(|_| self.term()).collect(),
            since: time(self),
            until: time(self),
            follow: self.below(2) == 0,
        }
    }

    fn term(&mut self) -> Term {
        let key = &KEYS[self.below(KEYS.len())];
        let value = match (key.shape, self.below(2)) {
            (Shape::Switch, _) => ON.to_owned(),
            // Of one condition, it would be read as that condition negated.
            (Shape::Terms, _) => bar::print(&[self.term(), Term::new("uuid", &self.text(8))]),
            (Shape::Word(words) | Shape::Number(words), 0) if !words.is_empty() => {
                words[self.below(words.len())].to_owned()
            }
            (Shape::Port | Shape::Ports, 0) => self.below(65_536).to_string(),
            _ => self.text(8),
        };
        Term { key: key.name.to_owned(), value, not: self.below(3) == 0 }
    }
}
