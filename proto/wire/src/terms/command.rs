//! A search as a command line: `tidegate observe --to-fqdn '*.example' --since 1h -f`. Those of
//! `hubble observe` are read too. Flags that say from where or how flows are shown are passed
//! over.

use super::{KEYS, Key, ON, Reason, Search, Term, TermError, exclude, find, nearest, shell};

const PROGRAMS: [&str; 2] = ["tidegate", "hubble"];

/// Flags that decide nothing about which flows are meant: long, short, whether a value follows.
#[rustfmt::skip]
const PASSED_OVER: &[(&str, Option<char>, bool)] = &[
    ("all", None, false),
    ("basic-auth-password", None, true),
    ("basic-auth-username", None, true),
    ("color", None, true),
    ("config", None, true),
    ("debug", Some('D'), false),
    ("field-mask", None, true),
    ("first", None, true),
    ("flow-info", None, false),
    ("ip-translation", None, false),
    ("kube-context", None, true),
    ("kube-namespace", None, true),
    ("kubeconfig", None, true),
    ("last", None, true),
    ("log-format", None, true),
    ("log-level", None, true),
    ("numeric", None, false),
    ("output", Some('o'), true),
    ("port-forward", Some('P'), false),
    ("port-forward-port", None, true),
    ("print-node-name", None, false),
    ("print-policy-names", None, false),
    ("print-raw-filters", None, false),
    ("request-timeout", None, true),
    ("server", None, true),
    ("silent-errors", Some('s'), false),
    ("time-format", None, true),
    ("timeout", None, true),
    ("tls", None, false),
    ("tls-allow-insecure", None, false),
    ("tls-ca-cert-files", None, true),
    ("tls-client-cert-file", None, true),
    ("tls-client-key-file", None, true),
    ("tls-server-name", None, true),
    ("use-default-field-masks", None, false),
];

/// Flags that decide it, but not by terms.
const WITHOUT_TERM: [&str; 3] = ["allowlist", "denylist", "input-file"];

/// What a flag does.
#[derive(Clone, Copy)]
enum Flag {
    Term(&'static Key),
    Not,
    Since,
    Until,
    Follow,
    PassedOver { takes_value: bool },
    WithoutTerm,
}

/// Whether the text is meant as a command line: it names a program, or starts with a long flag.
pub fn is_command(text: &str) -> bool {
    let mut words = text.split_whitespace().skip_while(|word| is_prompt(word));
    words.next().is_some_and(|word| is_program(word) || word.starts_with("--"))
}

/// Reads a command line, or its flags alone.
///
/// # Errors
/// When it is another command, a flag is unknown, or terms cannot say what it asks for.
pub fn parse(text: &str) -> Result<Search, TermError> {
    let words = shell::split(text).map_err(|quote| TermError::whole(format!("a quote ({quote}) is not closed")))?;
    let mut words = words.into_iter().skip_while(|word| is_prompt(word)).peekable();
    let program = words.next_if(|word| is_program(word));
    let mut reader = Reader { search: Search::default(), not: false };
    let mut commands = ["observe", "flows"].into_iter().peekable();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
            let flag = by_name(name).ok_or_else(|| unknown(name, nearest(name)))?;
            reader.flag(flag, name, value, || words.next())?;
        } else if let Some(shorts) = word.strip_prefix('-').filter(|shorts| !shorts.is_empty()) {
            reader.shorts(shorts, || words.next())?;
        } else if commands.next_if(|command| *command == word).is_none() {
            return Err(TermError::whole(format!("{word:?} is no part of a line of `observe`")));
        }
    }
    if reader.not {
        return Err(TermError::whole("trailing --not found in the arguments"));
    }
    match program.filter(|_| commands.next() == Some("observe")) {
        Some(program) => Err(TermError::whole(format!("{program} is to be followed by observe"))),
        None => Ok(Search { terms: exclude::from_flags(reader.search.terms), ..reader.search }),
    }
}

/// Writes a search so that [`parse`] and the program itself read it again.
pub fn print(search: &Search) -> String {
    let mut words = vec![PROGRAMS[0].to_owned(), "observe".to_owned()];
    for Term { key, value, not } in &exclude::to_flags(&search.terms) {
        words.extend(not.then(|| "--not".to_owned()));
        match find(key) {
            Some(Key { value: None, .. }) => words.push(format!("--{key}")),
            _ => words.extend(option(key, value)),
        }
    }
    for (name, time) in [("since", &search.since), ("until", &search.until)] {
        words.extend(time.iter().flat_map(|time| option(name, time)));
    }
    words.extend(search.follow.then(|| "-f".to_owned()));
    words.join(" ")
}

/// A flag with its value; joined when the value looks like a flag.
fn option(name: &str, value: &str) -> Vec<String> {
    match value.starts_with('-') {
        true => vec![shell::quote(&format!("--{name}={value}"))],
        false => vec![format!("--{name}"), shell::quote(value)],
    }
}

/// Takes flags in.
struct Reader {
    search: Search,
    /// A `--not` waits for its filter.
    not: bool,
}

impl Reader {
    fn shorts(&mut self, shorts: &str, next: impl FnOnce() -> Option<String>) -> Result<(), TermError> {
        let mut rest = shorts.chars();
        while let Some(short) = rest.next() {
            let name = short.to_string();
            let flag = by_short(short).ok_or_else(|| unknown(&name, None))?;
            let joined = rest.as_str();
            let value =
                joined.strip_prefix('=').or_else(|| (flag.takes_value() && !joined.is_empty()).then_some(joined));
            if flag.takes_value() || value.is_some() {
                return self.flag(flag, &name, value.map(str::to_owned), next);
            }
            self.flag(flag, &name, None, || None)?;
        }
        Ok(())
    }

    fn flag(
        &mut self,
        flag: Flag,
        name: &str,
        joined: Option<String>,
        next: impl FnOnce() -> Option<String>,
    ) -> Result<(), TermError> {
        let value = match joined {
            None if flag.takes_value() => Some(next().ok_or_else(|| TermError::value(name, "", "a value is missing"))?),
            joined => joined,
        };
        match (flag, value) {
            (Flag::PassedOver { .. }, _) => {}
            (Flag::WithoutTerm, value) => {
                return Err(TermError::value(name, &value.unwrap_or_default(), "no term says the same"));
            }
            (Flag::Since, since) => self.search.since = since,
            (Flag::Until, until) => self.search.until = until,
            (Flag::Follow, value) => self.search.follow = value.as_deref() != Some("false"),
            (Flag::Not, _) => self.not = true,
            (Flag::Term(Key { name, value: None, .. }), Some(value)) if value != ON => {
                return Err(TermError::value(name, &value, "takes no value"));
            }
            (Flag::Term(key), value) => {
                let (key, value) = (key.name.to_owned(), value.unwrap_or_else(|| ON.to_owned()));
                self.search.terms.push(Term { key, value, not: std::mem::take(&mut self.not) });
            }
        }
        Ok(())
    }
}

impl Flag {
    fn takes_value(self) -> bool {
        match self {
            Self::Term(key) => key.value.is_some(),
            Self::Since | Self::Until | Self::WithoutTerm => true,
            Self::Not | Self::Follow => false,
            Self::PassedOver { takes_value } => takes_value,
        }
    }
}

fn by_name(name: &str) -> Option<Flag> {
    let passed_over = || PASSED_OVER.iter().find(|(long, _, _)| *long == name);
    Some(match name {
        "not" => Flag::Not,
        "since" => Flag::Since,
        "until" => Flag::Until,
        "follow" => Flag::Follow,
        _ if WITHOUT_TERM.contains(&name) => Flag::WithoutTerm,
        _ => match find(name) {
            Some(key) => Flag::Term(key),
            None => Flag::PassedOver { takes_value: passed_over()?.2 },
        },
    })
}

fn by_short(short: char) -> Option<Flag> {
    if short == 'f' {
        return Some(Flag::Follow);
    }
    match KEYS.iter().find(|key| key.short == Some(short)) {
        Some(key) => Some(Flag::Term(key)),
        None => {
            PASSED_OVER.iter().find(|flag| flag.1 == Some(short)).map(|flag| Flag::PassedOver { takes_value: flag.2 })
        }
    }
}

fn unknown(name: &str, near: Option<&'static str>) -> TermError {
    TermError { key: name.to_owned(), value: String::new(), reason: Reason::UnknownKey(near) }
}

fn is_prompt(word: &str) -> bool {
    word == "$" || word == "sudo"
}

fn is_program(word: &str) -> bool {
    word.rsplit('/').next().is_some_and(|name| PROGRAMS.contains(&name))
}
