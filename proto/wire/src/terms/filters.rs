//! From terms to the allow and deny lists of a request. A list holds up to two filters, joined by
//! OR: in the left one a two-sided key speaks of the source, in the right one of the destination.
//! So `pod:x port:80` asks for port 80 **on the side of pod x**. Each negated key makes filters of
//! its own in the deny list, and so does each group of terms to be excluded.

use super::keys::{Meaning, Reach, Side, find};
use super::{Reason, Term, TermError, conflicts, exclude, own, words};
use crate::flow::{EventTypeFilter, FlowFilter};
use crate::v1;

/// What a request filters by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// Empty: every flow. Else flows that match one of these.
    pub allow: Vec<v1::Filter>,
    /// Flows that match one of these are left out.
    pub deny: Vec<v1::Filter>,
}

/// A list in Hubble's own messages, which any server understands; none when one of the filters
/// says what those cannot.
pub fn stock(filters: &[v1::Filter]) -> Option<Vec<FlowFilter>> {
    let one = |filter: &v1::Filter| {
        let alone = v1::Filter { flow: filter.flow.clone(), ..v1::Filter::default() };
        (*filter == alone).then(|| alone.flow.unwrap_or_default())
    };
    filters.iter().map(one).collect()
}

impl From<FlowFilter> for v1::Filter {
    fn from(flow: FlowFilter) -> Self {
        Self { flow: Some(flow), ..Self::default() }
    }
}

/// Translates terms in their order.
///
/// # Errors
/// When a key is unknown, a value is malformed or two terms that must hold together cannot.
pub fn translate(terms: &[Term]) -> Result<Filters, TermError> {
    let mut allow = Pair::default();
    let mut deny: Vec<(&str, Pair)> = Vec::new();
    for term in terms {
        let key = term.key.as_str();
        if exclude::is_exclude(term) {
            let mut pair = Pair::default();
            exclude::terms(term)?.iter().try_for_each(|term| pair.apply(term))?;
            deny.push((key, pair));
        } else if !term.not {
            allow.apply(term)?;
        } else if let Some((_, pair)) = deny.iter_mut().find(|(negated, _)| *negated == key) {
            pair.apply(term)?;
        } else {
            let mut pair = Pair::default();
            pair.apply(term)?;
            deny.push((key, pair));
        }
    }
    let deny = deny.into_iter().map(|(_, pair)| pair.finish()).collect::<Result<Vec<_>, _>>()?;
    Ok(Filters { allow: allow.finish()?, deny: deny.concat() })
}

/// The filters of one list in the making.
#[derive(Default)]
struct Pair {
    left: Draft,
    right: Draft,
    used: Vec<&'static str>,
    from: Places,
    to: Places,
    either: Places,
}

/// One filter in the making.
#[derive(Default, PartialEq)]
struct Draft {
    stock: FlowFilter,
    own: v1::Filter,
}

/// Pods, services and the namespaces that complete them, for one reach.
#[derive(Default)]
struct Places {
    namespaces: Vec<String>,
    pods: Vec<String>,
    services: Vec<String>,
}

impl Pair {
    fn apply(&mut self, term: &Term) -> Result<(), TermError> {
        let Some(key) = find(&term.key) else {
            return Err(TermError::unknown(&term.key, &term.value));
        };
        if let Some(other) = conflicts::conflict(&self.used, key.name) {
            let (key, value) = (term.key.clone(), term.value.clone());
            return Err(TermError { key, value, reason: Reason::Excluded(other) });
        }
        self.used.push(key.name);
        self.put(key.meaning, &term.value).map_err(|reason| term.fault(reason))
    }

    fn put(&mut self, meaning: Meaning, value: &str) -> Result<(), String> {
        match meaning {
            Meaning::Whole(put) => {
                put(&mut self.left.stock, value)?;
                put(&mut self.right.stock, value)
            }
            Meaning::OneSide(reach, put) => {
                let (left, right) = sides(reach);
                put(&mut self.left.stock, left, value)?;
                put(&mut self.right.stock, right, value)
            }
            Meaning::Ports(reach) => {
                let (left, right) = sides(reach);
                for (draft, side) in [(&mut self.left, left), (&mut self.right, right)] {
                    own::port(&mut draft.stock, &mut draft.own, side, value)?;
                }
                Ok(())
            }
            Meaning::Own(put) => {
                put(&mut self.left.own, value)?;
                put(&mut self.right.own, value)
            }
            Meaning::Pod(reach) => push(&mut self.places(reach).pods, value),
            Meaning::Service(reach) => push(&mut self.places(reach).services, value),
            Meaning::Namespace(reach) => push(&mut self.places(reach).namespaces, value),
            // The empty namespace stands for all of them.
            Meaning::AllNamespaces(reach) => push(&mut self.places(reach).namespaces, ""),
            Meaning::Exclude => Err("is no condition of one flow".to_owned()),
        }
    }

    fn places(&mut self, reach: Reach) -> &mut Places {
        match reach {
            Reach::From => &mut self.from,
            Reach::To => &mut self.to,
            Reach::Either => &mut self.either,
        }
    }

    fn finish(mut self) -> Result<Vec<v1::Filter>, TermError> {
        if self.used.is_empty() {
            return Ok(Vec::new());
        }
        self.check_http()?;
        for (reach, places) in [(Reach::From, self.from), (Reach::To, self.to), (Reach::Either, self.either)] {
            let (pods, services) = places.complete()?;
            let (left, right) = sides(reach);
            for (draft, side) in [(&mut self.left, left), (&mut self.right, right)] {
                let filter = &mut draft.stock;
                let (in_pods, in_services) = match side {
                    Side::Source => (&mut filter.source_pod, &mut filter.source_service),
                    Side::Destination => (&mut filter.destination_pod, &mut filter.destination_service),
                };
                in_pods.extend_from_slice(&pods);
                in_services.extend_from_slice(&services);
            }
        }
        Ok(match self.left == self.right {
            true => vec![self.left.finish()],
            false => vec![self.left.finish(), self.right.finish()],
        })
    }

    /// An HTTP filter never matches another type of event; asking for both is a mistake.
    fn check_http(&self) -> Result<(), TermError> {
        let other = |event: &EventTypeFilter| event.r#type != words::L7;
        let Some(key) = self.used.iter().find_map(|name| name.strip_prefix("http-")) else {
            return Ok(());
        };
        if !self.left.stock.event_type.iter().any(other) {
            return Ok(());
        }
        let what = if key == "status" { "status code" } else { key };
        Err(TermError::whole(format!(
            "filtering by http {what} requires the event type filter to only match 'l7' events"
        )))
    }
}

impl Draft {
    fn finish(self) -> v1::Filter {
        let Self { mut stock, mut own } = self;
        own::join_ports(&mut stock, &mut own);
        v1::Filter { flow: (stock != FlowFilter::default()).then_some(stock), ..own }
    }
}

impl Places {
    /// Every pod and every service in every namespace; the namespaces alone, when there is
    /// neither.
    fn complete(self) -> Result<(Vec<String>, Vec<String>), TermError> {
        let Self { namespaces, pods, services } = self;
        if namespaces.is_empty() {
            return Ok((pods, services));
        }
        if pods.is_empty() && services.is_empty() {
            let pods = namespaces.iter().map(|namespace| format!("{namespace}/")).collect();
            return Ok((pods, Vec::new()));
        }
        Ok((within(&namespaces, pods)?, within(&namespaces, services)?))
    }
}

fn within(namespaces: &[String], names: Vec<String>) -> Result<Vec<String>, TermError> {
    let mut complete = Vec::new();
    for name in names {
        match name.split_once('/') {
            None => complete.extend(namespaces.iter().map(|space| format!("{space}/{name}"))),
            Some((namespace, _)) => {
                if !namespaces.iter().any(|known| known.is_empty() || known == namespace) {
                    return Err(TermError::whole(format!(
                        "namespace conflict: {name:?} is not in namespace {:?}; name one of the two",
                        namespaces.join(", ")
                    )));
                }
                complete.push(name);
            }
        }
    }
    Ok(complete)
}

/// Which side a key means in the left and in the right filter.
fn sides(reach: Reach) -> (Side, Side) {
    match reach {
        Reach::From => (Side::Source, Side::Source),
        Reach::To => (Side::Destination, Side::Destination),
        Reach::Either => (Side::Source, Side::Destination),
    }
}

fn push(list: &mut Vec<String>, value: &str) -> Result<(), String> {
    list.push(value.to_owned());
    Ok(())
}
