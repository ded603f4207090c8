//! The written forms against one another, and against the vectors that the dashboard's own reader
//! is held to.

mod random;
mod vectors;

use super::*;
use random::Random;

#[test]
fn what_is_written_in_any_form_is_read_as_the_same_search() {
    let mut random = Random::new();
    for _ in 0..20_000 {
        let search = random.search();
        let text = bar::print(&search.terms);
        assert_eq!(bar::parse(&text).as_ref(), Ok(&search.terms), "{text:?}");
        let bare = Search { terms: search.terms.clone(), ..Search::default() };
        assert_eq!(read(&text), Ok(bare), "{text:?} is taken for a command");
        let line = command::print(&search);
        assert_eq!(read(&line).as_ref(), Ok(&search), "{line:?}");
        let query = url::print(&search);
        assert_eq!(url::parse(&query).as_ref(), Ok(&search), "{query:?}");
        assert_eq!(url::from_pairs(url::pairs(&search)).as_ref(), Ok(&search), "{query:?}");
    }
}

#[test]
fn any_text_is_refused_or_read_as_terms_that_can_be_written() {
    let mut random = Random::new();
    let mut were_read = [0; 3];
    for _ in 0..40_000 {
        let text = random.typed();
        if let Ok(terms) = bar::parse(&text) {
            assert_eq!(bar::parse(&bar::print(&terms)), Ok(terms), "{text:?}");
            were_read[0] += 1;
        }
        if let Ok(search) = command::parse(&text) {
            assert_eq!(command::parse(&command::print(&search)), Ok(search), "{text:?}");
            were_read[1] += 1;
        }
        if let Ok(search) = url::parse(&text) {
            assert_eq!(url::parse(&url::print(&search)), Ok(search), "{text:?}");
            were_read[2] += 1;
        }
    }
    assert!(were_read.iter().all(|read| *read > 100), "{were_read:?}");
}

#[test]
fn a_search_survives_its_json() {
    let mut random = Random::new();
    for _ in 0..1_000 {
        let search = random.search();
        let json = serde_json::to_string(&search).unwrap();
        assert_eq!(serde_json::from_str::<Search>(&json).unwrap(), search);
    }
}

#[test]
fn every_condition_negated_leaves_out_what_it_would_show_alone() {
    let mut random = Random::new();
    let mut translated = 0;
    for _ in 0..5_000 {
        let conditions = random.search().terms.into_iter().filter(|term| term.key != "exclude");
        let conditions: Vec<_> = conditions.map(|term| Term { not: false, ..term }).collect();
        let negated: Vec<_> = conditions.iter().cloned().map(Term::negated).collect();
        let mut keys: Vec<_> = conditions.iter().map(|term| &term.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let alone = |key: &&String| {
            let of_key: Vec<_> = conditions.iter().filter(|term| term.key == **key).cloned().collect();
            translate(&of_key).map(|filters| filters.allow)
        };
        let each: Result<Vec<_>, _> = keys.iter().map(alone).collect();
        match (each, translate(&negated)) {
            (Ok(each), Ok(negated)) => {
                let (each, deny) = (each.concat(), negated.deny);
                assert!(negated.allow.is_empty());
                assert!(each.len() == deny.len() && each.iter().all(|filter| deny.contains(filter)), "{conditions:?}");
                translated += 1;
            }
            (each, negated) => assert!(each.is_err() && negated.is_err(), "{conditions:?}"),
        }
    }
    assert!(translated > 1_000, "{translated}");
}

#[test]
fn an_exclusion_leaves_out_what_its_terms_would_show() {
    let mut random = Random::new();
    let mut translated = 0;
    for _ in 0..20_000 {
        let conditions = random.search().terms.into_iter().filter(|term| term.key != "exclude");
        let conditions: Vec<_> = conditions.map(|term| Term { not: false, ..term }).collect();
        let exclusion = Term::new("exclude", &bar::print(&conditions));
        match (translate(&conditions), translate(&[exclusion])) {
            (Ok(shown), Ok(left_out)) => {
                assert_eq!((shown.allow, shown.deny), (left_out.deny, left_out.allow));
                translated += 1;
            }
            (Ok(_), Err(_)) => assert!(conditions.is_empty()),
            (shown, left_out) => assert_eq!(shown, left_out),
        }
    }
    assert!(translated > 1_000, "{translated}");
}

#[test]
fn any_command_asks_for_the_same_filters_as_the_search_that_it_writes() {
    for (search, line) in [
        (vec![Term::new("exclude", "to-port:53")], "tidegate observe --exclude to-port:53"),
        (vec![Term::new("exclude", "to-port:53 to-port:80")], "tidegate observe --exclude 'to-port:53 to-port:80'"),
    ] {
        let written = command::print(&Search { terms: search.clone(), ..Search::default() });
        assert_eq!(written, line);
        assert_eq!(translate(&read(&written).unwrap().terms), translate(&search));
    }
}

#[test]
fn every_key_can_be_used() {
    for key in KEYS {
        let value = match (key.name, key.shape) {
            ("type", _) => "drop",
            ("drop-reason-desc", _) => "POLICY_DENIED",
            ("tcp-flags", _) => "SYN",
            ("http-header", _) => "k:v",
            ("protocol", _) => "tcp",
            (_, Shape::Switch) => ON,
            (_, Shape::Address) => "10.0.0.0/8",
            (_, Shape::Ports | Shape::Port | Shape::Number(_)) => "53",
            (_, Shape::Word(words)) => words[0],
            _ => "x",
        };
        let mut filters = translate(&[Term::new(key.name, value)]).unwrap();
        if key.name == "exclude" {
            std::mem::swap(&mut filters.allow, &mut filters.deny);
        }
        assert!(!filters.allow.is_empty() && !filters.allow.contains(&Default::default()), "{}", key.name);
        let own = ["snat-port", "egress-policy", "egress-gateway", "outcome", "dns-rcode", "unresolved"];
        assert_eq!(stock(&filters.allow).is_none(), own.contains(&key.name), "{}", key.name);
    }
}

#[test]
fn the_words_of_a_shape_are_those_that_the_key_takes() {
    for key in KEYS {
        if let Shape::Word(words) | Shape::Number(words) = key.shape {
            for word in words {
                translate(&[Term::new(key.name, word)]).unwrap();
            }
            assert!(translate(&[Term::new(key.name, "no such word")]).is_err(), "{}", key.name);
        }
    }
}

#[test]
fn a_term_is_judged_as_a_server_judges_it() {
    for (key, value) in
        [("to-ip", "1.2.3"), ("fqdn", "a b"), ("label", "a in ("), ("protocol", "zzz"), ("to-port", "x")]
    {
        let error = Term::new(key, value).check().unwrap_err();
        assert_eq!((error.key.as_str(), error.value.as_str()), (key, value));
        assert!(matches!(error.reason, Reason::Value(_)), "{error}");
        assert_eq!(Term::new(key, value).negated().check(), Err(error));
    }
    assert!(Term::new("exclude", "to-port:53 to-ip:1.2.3").check().is_err());
    assert_eq!(Term::new("to-ip", "10.0.0.0/8").check(), Ok(()));
}

#[test]
fn a_refusal_is_a_sentence() {
    let refusal = |text: &str| read(text).and_then(|search| translate(&search.terms)).unwrap_err().to_string();
    assert_eq!(refusal("to-fqnd:x"), "unknown key \"to-fqnd\"; did you mean to-fqdn?");
    assert_eq!(refusal("colour:x"), "unknown key \"colour\"");
    assert_eq!(refusal("snat-port:x"), "snat-port \"x\": expected a port from 0 to 65535");
    assert_eq!(refusal("from-fqdn:a from-ip:b"), "from-fqdn and from-ip cannot be combined");
    assert_eq!(refusal("label:"), "label \"\": a value is missing");
    assert_eq!(refusal("label:\"a"), "\"a has no closing quote");
    assert_eq!(refusal("hubble status"), "\"status\" is no part of a line of `observe`");
}
