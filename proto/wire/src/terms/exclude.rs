//! Leaving flows out. A negated term leaves out what it matches, whatever else is negated. On
//! Hubble's command line it does not: there, all that stands behind `--not` is one filter, which
//! leaves out only what matches every key in it. Such a filter is one term here, with the words
//! of a query bar as its value: `exclude:"to-port:53 verdict:DROPPED"`.

use super::{Term, TermError, bar};

/// The key whose value is terms.
pub(super) const KEY: &str = "exclude";

/// Whether the term is of [`KEY`].
pub(super) fn is_exclude(term: &Term) -> bool {
    term.key == KEY
}

/// The terms that a flow must match, all of them, to be left out.
pub(super) fn terms(term: &Term) -> Result<Vec<Term>, TermError> {
    let terms = bar::parse(&term.value)?;
    if term.not {
        return Err(TermError::value(KEY, &term.value, "leaves flows out already and cannot be negated"));
    }
    if terms.is_empty() {
        return Err(TermError::value(KEY, &term.value, "expected conditions such as to-port:53 verdict:DROPPED"));
    }
    match terms.iter().any(|term| term.not || is_exclude(term)) {
        true => Err(TermError::value(KEY, &term.value, "what is left out cannot be negated in itself")),
        false => Ok(terms),
    }
}

/// The terms that flags ask for, in their order: several keys behind `--not` become one term, and
/// one condition to be excluded a negated term.
pub fn from_flags(flags: Vec<Term>) -> Vec<Term> {
    let behind_not: Vec<_> = flags.iter().filter(|term| is_negated(term)).cloned().map(Term::negated).collect();
    let mut joined = is_several(&behind_not).then(|| Term::new(KEY, &bar::print(&behind_not)));
    let joins = joined.is_some();
    let mut terms = Vec::with_capacity(flags.len());
    for flag in flags {
        match joins && is_negated(&flag) {
            true => terms.extend(joined.take()),
            false => terms.push(single(&flag).unwrap_or(flag)),
        }
    }
    terms
}

/// The flags that ask for terms: as with Hubble, a lone key that is negated stands behind `--not`.
pub(super) fn to_flags(terms: &[Term]) -> Vec<Term> {
    let negated: Vec<_> = terms.iter().filter(|term| is_negated(term)).cloned().collect();
    let several = is_several(&negated);
    let flag = |term: &Term| match several && is_negated(term) {
        true => Term::new(KEY, &bar::print(&[term.clone().negated()])),
        false => term.clone(),
    };
    terms.iter().map(flag).collect()
}

fn is_negated(term: &Term) -> bool {
    term.not && !is_exclude(term)
}

fn is_several(terms: &[Term]) -> bool {
    terms.iter().any(|term| term.key != terms[0].key)
}

/// The negated term that says the same as an exclusion of one condition.
fn single(flag: &Term) -> Option<Term> {
    let mut terms = if is_exclude(flag) { terms(flag).ok()? } else { Vec::new() };
    let only = terms.pop()?;
    terms.is_empty().then(|| only.negated())
}
