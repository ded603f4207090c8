//! The keys of the filter language as flags. The order of the command line is kept, because
//! `--not` belongs to the flag after it.

use clap::{Arg, ArgAction, ArgMatches};
use tidegate_proto::terms::{self, KEYS, Key, ON, Reason, Term, TermError};

const NOT: &str = "not";

/// The clap arguments of all keys, `--not` included.
pub(crate) fn args() -> impl Iterator<Item = Arg> {
    let not = valueless(Arg::new(NOT).long(NOT));
    let not = not.help("Leave out what the next filter matches. As in Hubble, all filters behind --not are one");
    std::iter::once(not.help_heading("Filters")).chain(KEYS.iter().map(arg))
}

fn arg(key: &Key) -> Arg {
    let arg = Arg::new(key.name).long(key.name).help(key.help).action(ArgAction::Append);
    let arg = arg.help_heading(if key.own { "Filters beyond Hubble's" } else { "Filters" });
    let arg = match key.value {
        Some(value) => arg.value_name(value),
        None => valueless(arg),
    };
    match key.short {
        Some(short) => arg.short(short),
        None => arg,
    }
}

fn valueless(arg: Arg) -> Arg {
    arg.action(ArgAction::Append).num_args(0).default_missing_value(ON)
}

/// The terms that the filter flags ask for, in the order of the command line.
///
/// # Errors
/// When a `--not` has no filter after it.
pub(crate) fn terms(matches: &ArgMatches) -> anyhow::Result<Vec<Term>> {
    let mut found: Vec<(usize, Option<Term>)> = Vec::new();
    for key in KEYS {
        let values = matches.get_many::<String>(key.name).into_iter().flatten();
        let indices = matches.indices_of(key.name).into_iter().flatten();
        found.extend(indices.zip(values).map(|(index, value)| (index, Some(Term::new(key.name, value)))));
    }
    found.extend(matches.indices_of(NOT).into_iter().flatten().map(|index| (index, None)));
    found.sort_by_key(|(index, _)| *index);

    let mut terms = Vec::with_capacity(found.len());
    let mut not = false;
    for (_, found) in found {
        match found {
            Some(term) => terms.push(Term { not: std::mem::take(&mut not), ..term }),
            None => not = true,
        }
    }
    anyhow::ensure!(!not, "trailing --not found in the arguments");
    Ok(terms::from_flags(terms))
}

/// A refusal in the words of Hubble's command line.
pub(crate) fn refusal(error: &TermError) -> anyhow::Error {
    let TermError { key, value, reason } = error;
    let reason = match (reason, key.as_str()) {
        (Reason::Value(_), "verdict") => format!("invalid --verdict value: {value}"),
        (Reason::Value(reason), _) => reason.clone(),
        (Reason::Excluded(other), _) => format!("filters --{other} and --{key} cannot be combined"),
        (Reason::Whole(_) | Reason::UnknownKey(_), _) => return anyhow::anyhow!("{error}"),
    };
    anyhow::anyhow!("invalid argument {value:?} for \"--{key}\" flag: {reason}")
}
