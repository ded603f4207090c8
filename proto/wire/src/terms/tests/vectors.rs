//! `tests/vectors/filter-language.json`, which says itself how it is to be read.

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::v1;

const TEXT: &str = include_str!("../../../../../tests/vectors/filter-language.json");

#[derive(Deserialize)]
struct Vectors {
    keys: Vec<Value>,
    cases: Vec<Case>,
    bars: Vec<Bar>,
    commands: Vec<Spelling>,
    urls: Vec<Spelling>,
}

/// A search in its canonical forms.
#[derive(Deserialize)]
struct Case {
    name: String,
    search: Search,
    bar: String,
    command: String,
    url: String,
    filters: Option<Value>,
    error: Option<Value>,
}

/// Words of a query bar.
#[derive(Deserialize)]
struct Bar {
    bar: String,
    terms: Option<Vec<Term>>,
    error: Option<Value>,
}

/// A command or a URL's query.
#[derive(Deserialize)]
struct Spelling {
    #[serde(alias = "command", alias = "url")]
    text: String,
    search: Option<Search>,
    error: Option<Value>,
}

fn vectors() -> Vectors {
    serde_json::from_str(TEXT).unwrap()
}

#[test]
fn the_keys_are_those_of_the_table() {
    let ours = KEYS.iter().map(
        |key| json!({ "name": key.name, "short": key.short.map(String::from), "value": key.value, "own": key.own }),
    );
    assert_eq!(vectors().keys, ours.collect::<Vec<_>>());
}

#[test]
fn every_case_is_written_read_and_translated_as_it_says() {
    for Case { name, search, bar: text, command: line, url: query, filters, error } in vectors().cases {
        assert_eq!(bar::print(&search.terms), text, "{name}");
        assert_eq!(bar::parse(&text).as_ref(), Ok(&search.terms), "{name}");
        assert_eq!(command::print(&search), line, "{name}");
        assert_eq!(read(&line).as_ref(), Ok(&search), "{name}");
        assert_eq!(url::print(&search), query, "{name}");
        assert_eq!(url::parse(&query).as_ref(), Ok(&search), "{name}");
        let lists = translate(&search.terms);
        let lists = lists.map(|lists| json!({ "allow": protojson(&lists.allow), "deny": protojson(&lists.deny) }));
        assert_eq!(lists.map_err(|error| outline(&error)), filters.ok_or_else(|| error.unwrap()), "{name}");
    }
}

#[test]
fn every_other_spelling_is_read_as_it_says() {
    let Vectors { bars, commands, urls, .. } = vectors();
    for Bar { bar: text, terms, error } in bars {
        let read = bar::parse(&text).map_err(|error| outline(&error));
        assert_eq!(read, terms.ok_or_else(|| error.unwrap()), "{text}");
    }
    for Spelling { text, search, error } in commands {
        assert!(command::is_command(&text), "{text}");
        let read = read(&text).map_err(|error| outline(&error));
        assert_eq!(read, search.ok_or_else(|| error.unwrap()), "{text}");
    }
    for Spelling { text, search, error } in urls {
        let read = url::parse(&text).map_err(|error| outline(&error));
        assert_eq!(read, search.ok_or_else(|| error.unwrap()), "{text}");
    }
}

fn protojson(filters: &[v1::Filter]) -> Vec<Value> {
    let one = |filter| serde_json::from_str(&crate::json::to_string(filter).unwrap()).unwrap();
    filters.iter().map(one).collect()
}

/// An error without its words.
fn outline(error: &TermError) -> Value {
    let (kind, nearest) = match error.reason {
        Reason::UnknownKey(nearest) => ("unknown-key", nearest),
        Reason::Value(_) => ("value", None),
        Reason::Excluded(_) => ("excluded", None),
        Reason::Whole(_) => ("whole", None),
    };
    let mut outline = json!({ "kind": kind });
    let texts = [("key", Some(error.key.as_str())), ("value", Some(error.value.as_str())), ("nearest", nearest)];
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            outline[name] = text.into();
        }
    }
    outline
}
