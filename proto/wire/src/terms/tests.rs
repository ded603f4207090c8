//! The written forms against one another and against the filters they mean.

use super::*;

#[test]
fn a_query_bar_is_read_as_terms() {
    let terms = bar::parse("to-fqdn:*.cardpay.example verdict:DROPPED !to-port:53 -from-pod:shop/x").unwrap();
    let expected = [
        Term::new("to-fqdn", "*.cardpay.example"),
        Term::new("verdict", "DROPPED"),
        Term::new("to-port", "53").negated(),
        Term::new("from-pod", "shop/x").negated(),
    ];
    assert_eq!(terms, expected);
}
