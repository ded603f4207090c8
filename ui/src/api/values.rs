//! Values that a filter key may have.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use tidegate_proto::terms::{self, Key, ON, Reach, Shape};
use tidegate_proto::v1::{FacetField, FacetsRequest};

use super::counts::{field, takes};
use super::{App, params, turn};
use crate::answer::{Suggestion, Values};
use crate::failure::{Failure, cut};

/// How many values are offered.
const MOST: usize = 10;
/// How long the store may count: who types does not wait.
const BUDGET_MS: u32 = 300;

pub(super) async fn values(State(app): State<Arc<App>>, query: RawQuery) -> Result<Json<Values>, Failure> {
    let params = params("/values", &query)?;
    let span = params.span(jiff::Timestamp::now())?;
    let name = params.text("key").unwrap_or_default();
    let prefix = params.text("prefix").unwrap_or_default();
    let Some(key) = terms::find(name) else {
        let near = terms::nearest(name).map(|near| format!("; did you mean {near}?"));
        return Err(Failure::bad_request(format!("unknown key {:?}{}", cut(name), near.unwrap_or_default())));
    };
    let fields = fields(key);
    let mut counts = HashMap::new();
    if !fields.is_empty() {
        // Another value of the key joins those that are there by OR, so they do not limit it.
        let others: Vec<_> = params.terms.iter().filter(|term| term.not || term.key != key.name).cloned().collect();
        let request = FacetsRequest {
            query: Some(span.query(&others)?),
            fields: fields.iter().map(|field| i32::from(*field)).collect(),
            // A value that is rare on one side may be frequent on the other.
            limit: 2 * u32::try_from(MOST).unwrap_or(u32::MAX),
            budget_ms: BUDGET_MS,
            prefix: prefix.to_owned(),
        };
        let _turn = turn(&app.turns.questions).await?;
        for value in app.relay.facets(request).await?.facets.into_iter().flat_map(|facet| facet.values) {
            *counts.entry(value.value).or_insert(0) += value.flows;
        }
    }
    Ok(Json(Values { key: key.name.to_owned(), values: suggestions(key, prefix, counts) }))
}

/// The fields that have the key's values: of both sides, if it speaks of either.
fn fields(key: &Key) -> Vec<FacetField> {
    match key.reach() {
        Some(Reach::Either) => {
            ["from", "to"].iter().filter_map(|side| field(&format!("{side}-{}", key.name))).collect()
        }
        _ => field(key.name).into_iter().collect(),
    }
}

/// First what is stored, most frequent first; then what else the language has.
fn suggestions(key: &Key, prefix: &str, counts: HashMap<String, u64>) -> Vec<Suggestion> {
    let mut counts: Vec<_> = counts.into_iter().filter(|(value, _)| takes(key.name, value)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let words: &[&str] = match key.shape {
        Shape::Switch => &[ON],
        Shape::Word(words) | Shape::Number(words) => words,
        _ => &[],
    };
    let begins = |word: &str| word.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let unseen = words.iter().filter(|word| begins(word) && counts.iter().all(|(value, _)| value != *word));
    let unseen: Vec<_> = unseen.map(|word| Suggestion { value: (*word).to_owned(), count: None }).collect();
    let seen = counts.into_iter().map(|(value, count)| Suggestion { value, count: Some(count) });
    seen.chain(unseen).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> &'static Key {
        terms::find(name).expect(name)
    }

    #[test]
    fn a_key_of_either_side_asks_for_both() {
        assert_eq!(fields(key("pod")), [FacetField::SourcePod, FacetField::DestinationPod]);
        assert_eq!(fields(key("from-pod")), [FacetField::SourcePod]);
        assert_eq!(fields(key("egress-policy")), [FacetField::EgressPolicy]);
        assert_eq!(fields(key("label")), []);
    }

    #[test]
    fn what_is_stored_comes_before_what_could_be() {
        let counts = HashMap::from([("DROPPED".to_owned(), 2), ("FORWARDED".to_owned(), 7), (String::new(), 9)]);
        let offered = suggestions(key("verdict"), "", counts);
        let first: Vec<_> = offered.iter().take(3).map(|one| (one.value.as_str(), one.count)).collect();
        assert_eq!(first, [("FORWARDED", Some(7)), ("DROPPED", Some(2)), ("ERROR", None)]);
        assert!(offered.len() <= MOST);
        let with_prefix = suggestions(key("traffic-direction"), "EG", HashMap::new());
        assert_eq!(with_prefix, [Suggestion { value: "egress".into(), count: None }]);
        assert_eq!(suggestions(key("unresolved"), "", HashMap::new()).len(), 1);
        assert_eq!(suggestions(key("label"), "é", HashMap::new()), []);
    }
}
