//! What a request asks: its query, read by the route's row and checked before anything is done.

use std::borrow::Cow;

use axum::http::StatusCode;
use percent_encoding::percent_decode_str;
use tidegate_proto::terms::{self, Filters, Term, when};
use tidegate_proto::v1::Query;

use crate::failure::{Failure, cut};
use crate::routes::{Form, Param, Route};
use crate::time::Time;

/// Longest query, bytes.
const QUERY_MAX: usize = 16 << 10;
/// Most filters of a request.
const FILTERS_MAX: usize = 100;
/// Longest value, bytes. A command is a whole line.
const VALUE_MAX: usize = 1 << 10;
const COMMAND_MAX: usize = 8 << 10;
/// Without `since`, this long before `until`.
const DEFAULT_SPAN: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Params {
    route: &'static Route,
    own: Vec<(&'static Param, String)>,
    /// The filters, as written.
    pub(crate) terms: Vec<Term>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Inclusive.
    pub(crate) since: Time,
    /// Exclusive.
    pub(crate) until: Time,
}

impl Params {
    /// Reads a query by the row of its route.
    pub(crate) fn read(route: &'static Route, query: Option<&str>) -> Result<Self, Failure> {
        let query = query.unwrap_or_default();
        if query.len() > QUERY_MAX {
            let error = format!("the query has {} bytes, {QUERY_MAX} are allowed", query.len());
            return Err(Failure::new(StatusCode::URI_TOO_LONG, error).hint("use fewer filters"));
        }
        let mut own = Vec::new();
        let mut filters = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            match route.params.iter().find(|param| param.name == name) {
                Some(param) => own.push((param, value.into_owned())),
                None if route.filters => filters.push((name, value)),
                None => return Err(unknown(route, &name)),
            }
        }
        let mut params = Self { route, own, terms: Vec::new() };
        params.check_own()?;
        params.check_filters(&filters)?;
        Ok(params)
    }

    /// The value of a parameter of the route.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.own.iter().find(|(param, _)| param.name == name).map(|(_, value)| value.as_str())
    }

    /// The number of a parameter, or its default.
    pub(crate) fn count(&self, name: &str) -> u32 {
        let given = self.text(name).and_then(|text| text.parse().ok());
        given.unwrap_or_else(|| match self.param(name).form {
            Form::Count { default, .. } => default,
            _ => 0,
        })
    }

    /// The word of a parameter, or its default.
    pub(crate) fn choice(&self, name: &str) -> &str {
        self.text(name).unwrap_or_else(|| match self.param(name).form {
            Form::Choice([first, ..]) => first,
            _ => "",
        })
    }

    /// The span of `since` and `until`; `now` is what durations count back from.
    pub(crate) fn span(&self, now: jiff::Timestamp) -> Result<Span, Failure> {
        let until = self.time("until", now)?.unwrap_or(now);
        let since = match self.time("since", now)? {
            Some(since) => since,
            None => until.saturating_sub(DEFAULT_SPAN).map_err(|error| Failure::bad_request(error.to_string()))?,
        };
        span(since, until)
    }

    /// As [`Params::span`]; without `since` and `until`, all there is.
    pub(crate) fn any_span(&self, now: jiff::Timestamp) -> Result<Span, Failure> {
        let until =
            self.time("until", now)?.unwrap_or(jiff::Timestamp::from_second(i64::from(u32::MAX)).unwrap_or(now));
        span(self.time("since", now)?.unwrap_or(jiff::Timestamp::UNIX_EPOCH), until)
    }

    fn time(&self, name: &str, now: jiff::Timestamp) -> Result<Option<jiff::Timestamp>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let time =
            when::parse(text, now).map_err(|reason| Failure::bad_request(format!("{name}: {}", cut(&reason))))?;
        // What is stored counts nanoseconds since 1970 in 63 bits.
        match i64::try_from(time.as_nanosecond()) {
            Ok(_) => Ok(Some(time.max(jiff::Timestamp::UNIX_EPOCH))),
            Err(_) => Err(Failure::bad_request(format!("{name}: {text} is not between 1970 and 2262"))),
        }
    }

    fn param(&self, name: &str) -> &'static Param {
        self.route.params.iter().find(|param| param.name == name).expect("handlers name parameters of their row")
    }

    fn check_own(&self) -> Result<(), Failure> {
        for (at, (param, value)) in self.own.iter().enumerate() {
            let name = param.name;
            if self.own[..at].iter().any(|(other, _)| other.name == name) {
                return Err(Failure::bad_request(format!("{name} is given twice")));
            }
            let most = if name == "command" { COMMAND_MAX } else { VALUE_MAX };
            if value.len() > most {
                return Err(Failure::bad_request(format!("{name} has {} bytes, {most} are allowed", value.len())));
            }
            check_form(name, value, param.form)?;
        }
        let missing = self.route.params.iter().find(|param| param.required && self.text(param.name).is_none());
        match missing {
            Some(param) => Err(Failure::bad_request(format!("{} is missing", param.name))
                .hint(format!("{}: {}", param.name, param.help))),
            None => Ok(()),
        }
    }

    fn check_filters(&mut self, pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<(), Failure> {
        if pairs.len() > FILTERS_MAX {
            return Err(Failure::bad_request(format!("{} filters, {FILTERS_MAX} are allowed", pairs.len())));
        }
        for (name, value) in pairs {
            // The names that the language itself knows beside its keys are parameters of some routes.
            if terms::find(name).is_none() {
                return Err(unknown(self.route, name));
            }
            if value.len() > VALUE_MAX {
                let error = format!("{name} has {} bytes, {VALUE_MAX} are allowed", value.len());
                return Err(Failure::bad_request(error));
            }
        }
        self.terms = terms::url::from_pairs(pairs.iter().map(|(name, value)| (name, value)))?.terms;
        for term in &self.terms {
            term.check()?;
        }
        // Terms that are well alone may contradict one another.
        terms::translate(&self.terms)?;
        Ok(())
    }
}

impl Span {
    /// The question about the flows of this span.
    pub(crate) fn query(self, terms: &[Term]) -> Result<Query, Failure> {
        let Filters { allow, deny } = terms::translate(terms)?;
        Ok(Query { since: Some(self.since.message()), until: Some(self.until.message()), allow, deny })
    }
}

fn span(since: jiff::Timestamp, until: jiff::Timestamp) -> Result<Span, Failure> {
    let (from, to) = (Time::from(since), Time::from(until));
    match since < until {
        true => Ok(Span { since: from, until: to }),
        false => Err(Failure::bad_request(format!("since {from} is not before until {to}"))),
    }
}

/// What is encoded for a form is decoded, and is to be text.
fn decoded(text: &str) -> Result<Cow<'_, str>, Failure> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    match decoded {
        Ok(decoded) => Ok(Cow::Owned(decoded.into_owned())),
        Err(_) => Err(Failure::bad_request(format!("{} is not UTF-8", cut(text)))),
    }
}

fn check_form(name: &str, value: &str, form: Form) -> Result<(), Failure> {
    let expected = |what: String| Err(Failure::bad_request(format!("{name} {value:?}: expected {what}")));
    match form {
        // Judged where they are used.
        Form::Text | Form::Time => Ok(()),
        Form::Count { least, most, .. } => {
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            match value.parse::<u32>() {
                Ok(number) if digits && (least..=most).contains(&number) => Ok(()),
                _ => expected(format!("a number from {least} to {most}")),
            }
        }
        Form::Choice(words) if words.contains(&value) => Ok(()),
        Form::Choice(words) => expected(words.join(" or ")),
        Form::Keys(words) => {
            let given: Vec<_> = value.split(',').collect();
            if let Some(word) = given.iter().find(|word| !words.contains(word)) {
                return Err(Failure::bad_request(format!("{name} {word:?}: expected some of {}", words.join(", "))));
            }
            // Each costs a count of its own.
            match given.iter().enumerate().find(|(at, word)| given[..*at].contains(word)) {
                Some((_, word)) => Err(Failure::bad_request(format!("{name} names {word} twice"))),
                None => Ok(()),
            }
        }
    }
}

fn unknown(route: &Route, name: &str) -> Failure {
    let own = route.params.iter().map(|param| param.name);
    let alike = own.map(|own| (strsim::jaro_winkler(name, own), own)).filter(|(likeness, _)| *likeness >= 0.8);
    let near = alike.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, own)| own);
    let near = near.or_else(|| terms::nearest(name).filter(|_| route.filters));
    let name = cut(name);
    match near {
        Some(near) => Failure::bad_request(format!("unknown key {name:?}; did you mean {near}?")),
        None => Failure::bad_request(format!("unknown key {name:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::route;

    fn read(query: &str) -> Result<Params, Failure> {
        Params::read(route("/flows"), Some(query))
    }

    fn refusal(query: &str) -> String {
        let failure = read(query).expect_err(query);
        assert_eq!(failure.status.as_u16() / 100, 4, "{query}");
        failure.error
    }

    #[test]
    fn keys_are_filters_and_the_routes_own_parameters_are_not() {
        let params = read("from-namespace=payments&to-port=!53&to-fqdn=%2A.a%2Db&limit=7&order=oldest").expect("valid");
        assert_eq!(params.terms.len(), 3);
        assert_eq!(params.terms[1], Term::new("to-port", "53").negated());
        assert_eq!(params.terms[2], Term::new("to-fqdn", "*.a-b"));
        assert_eq!((params.count("limit"), params.choice("order")), (7, "oldest"));
        assert_eq!(
            (read("").expect("empty").count("limit"), read("").expect("empty").choice("order")),
            (100, "newest")
        );
    }

    #[test]
    fn what_is_unknown_is_told_with_the_nearest() {
        assert_eq!(refusal("from-namspace=x"), "unknown key \"from-namspace\"; did you mean from-namespace?");
        assert_eq!(refusal("limt=1"), "unknown key \"limt\"; did you mean limit?");
        assert_eq!(refusal("buckets=1"), "unknown key \"buckets\"");
        assert_eq!(refusal("follow=true"), "unknown key \"follow\"");
    }

    #[test]
    fn hostile_values_are_refused_with_a_sentence() {
        for (query, said) in [
            ("limit=1000000000", "expected a number from 1 to 500"),
            ("limit=-1", "expected a number"),
            ("limit=+5", "expected a number"),
            ("limit=1&limit=2", "limit is given twice"),
            ("order=random", "expected newest or oldest"),
            ("from-pod=%ff", "is not UTF-8"),
            ("%c3%28=1", "is not UTF-8"),
            ("verdict=NEVER", "verdict"),
            ("to-port=99999", "to-port"),
            ("ip=300.1.1.1", "ip"),
            ("to-fqdn=a%20b", "to-fqdn"),
            ("http-path=(", "http-path"),
            ("from-pod=a&namespace=b", "cannot be combined"),
            ("exclude=from-pod:a%20namespace:b", "cannot be combined"),
            ("exclude=colour:x", "unknown key \"colour\""),
            ("exclude=exclude:to-port:53", "exclude"),
            ("exclude=!to-port:53", "exclude"),
            ("exclude=", "exclude"),
        ] {
            let error = refusal(query);
            assert!(error.contains(said), "{query}: {error}");
        }
        assert!(refusal(&format!("cursor={}", "x".repeat(VALUE_MAX + 1))).contains("bytes"));
        assert!(refusal(&"pod=a&".repeat(FILTERS_MAX + 1)).contains("filters"));
        assert!(refusal(&"a".repeat(QUERY_MAX + 1)).contains("bytes"));
    }

    #[test]
    fn a_field_is_counted_once() {
        let of = |fields: &str| Params::read(route("/flows/facets"), Some(&format!("fields={fields}")));
        assert!(of("outcome,verdict").is_ok());
        assert_eq!(of("outcome,verdict,outcome").expect_err("refused").error, "fields names outcome twice");
    }

    #[test]
    fn a_span_ends_now_and_begins_an_hour_before_its_end() {
        let now: jiff::Timestamp = "2026-11-23T07:00:00Z".parse().expect("a time");
        let of =
            |query: &str| read(query).expect("valid").span(now).map(|span| format!("{}/{}", span.since, span.until));
        let at = |text: &str| format!("2026-11-23T{text}.000000000Z");
        assert_eq!(of(""), Ok(format!("{}/{}", at("06:00:00"), at("07:00:00"))));
        assert_eq!(of("since=15m"), Ok(format!("{}/{}", at("06:45:00"), at("07:00:00"))));
        assert_eq!(of("until=2026-11-23T05:00:00Z"), Ok(format!("{}/{}", at("04:00:00"), at("05:00:00"))));
        for bad in ["since=-1", "since=yesterday", "since=1h&until=2h", "since=0s", "until=9000-01-01T00:00:00Z"] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert!(of("since=99999d").expect("from the beginning").starts_with("1970-01-01"));
    }
}
