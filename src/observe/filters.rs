//! From filter flags to the allow and deny lists of a request. A list holds up to two filters,
//! joined by OR: in the left one a two-sided flag speaks of the source, in the right one of the
//! destination. So `--pod x --port 80` asks for port 80 **on the side of pod x**.

use tidegate_proto::flow::FlowFilter;

use super::conflicts;
use super::flags::{Meaning, Reach, Side, Use};

/// What a request filters by.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filters {
    /// Empty: every flow. Else flows that match one of these.
    pub(crate) allow: Vec<FlowFilter>,
    /// Flows that match one of these are left out.
    pub(crate) deny: Vec<FlowFilter>,
}

/// A filter flag that cannot be used as it was.
#[derive(Debug, thiserror::Error)]
#[error("invalid argument {value:?} for \"--{flag}\" flag: {reason}")]
pub(crate) struct BadFlag {
    flag: &'static str,
    value: String,
    reason: String,
}

/// Translates the flags in their order on the command line.
///
/// # Errors
/// When a value is malformed or two flags cannot be combined.
pub(crate) fn translate(uses: &[Use<'_>]) -> anyhow::Result<Filters> {
    let mut allow = Pair::default();
    let mut deny = Pair::default();
    for used in uses {
        let pair = if used.negated { &mut deny } else { &mut allow };
        pair.apply(used).map_err(|reason| BadFlag { flag: used.flag.name, value: used.value.to_owned(), reason })?;
    }
    Ok(Filters { allow: allow.finish()?, deny: deny.finish()? })
}

/// The filters of one list in the making.
#[derive(Default)]
struct Pair {
    left: FlowFilter,
    right: FlowFilter,
    used: Vec<&'static str>,
    from: Places,
    to: Places,
    either: Places,
}

/// Pods, services and the namespaces that complete them, for one reach.
#[derive(Default)]
struct Places {
    namespaces: Vec<String>,
    pods: Vec<String>,
    services: Vec<String>,
}

impl Pair {
    fn apply(&mut self, used: &Use<'_>) -> Result<(), String> {
        let (name, value) = (used.flag.name, used.value);
        if let Some(other) = conflicts::conflict(&self.used, name) {
            return Err(format!("filters --{other} and --{name} cannot be combined"));
        }
        self.used.push(name);
        match used.flag.meaning {
            Meaning::Whole(put) => {
                put(&mut self.left, value)?;
                put(&mut self.right, value)
            }
            Meaning::OneSide(reach, put) => {
                let (left, right) = sides(reach);
                put(&mut self.left, left, value)?;
                put(&mut self.right, right, value)
            }
            Meaning::Pod(reach) => push(&mut self.places(reach).pods, value),
            Meaning::Service(reach) => push(&mut self.places(reach).services, value),
            Meaning::Namespace(reach) => push(&mut self.places(reach).namespaces, value),
            // The empty namespace stands for all of them.
            Meaning::AllNamespaces(reach) => push(&mut self.places(reach).namespaces, ""),
        }
    }

    fn places(&mut self, reach: Reach) -> &mut Places {
        match reach {
            Reach::From => &mut self.from,
            Reach::To => &mut self.to,
            Reach::Either => &mut self.either,
        }
    }

    fn finish(mut self) -> anyhow::Result<Vec<FlowFilter>> {
        if self.used.is_empty() {
            return Ok(Vec::new());
        }
        self.check_http()?;
        for (reach, places) in [(Reach::From, self.from), (Reach::To, self.to), (Reach::Either, self.either)] {
            let (pods, services) = places.complete()?;
            let (left, right) = sides(reach);
            for (filter, side) in [(&mut self.left, left), (&mut self.right, right)] {
                let (in_pods, in_services) = match side {
                    Side::Source => (&mut filter.source_pod, &mut filter.source_service),
                    Side::Destination => (&mut filter.destination_pod, &mut filter.destination_service),
                };
                in_pods.extend_from_slice(&pods);
                in_services.extend_from_slice(&services);
            }
        }
        Ok(match self.left == self.right {
            true => vec![self.left],
            false => vec![self.left, self.right],
        })
    }

    /// An HTTP filter never matches another type of event; asking for both is a mistake.
    fn check_http(&self) -> anyhow::Result<()> {
        let other = |event: &tidegate_proto::flow::EventTypeFilter| event.r#type != super::fields::L7;
        if let Some(flag) = self.used.iter().find_map(|name| name.strip_prefix("http-")) {
            let what = if flag == "status" { "status code" } else { flag };
            anyhow::ensure!(
                !self.left.event_type.iter().any(other),
                "filtering by http {what} requires the event type filter to only match 'l7' events"
            );
        }
        Ok(())
    }
}

impl Places {
    /// Every pod and every service in every namespace; the namespaces alone, when there is
    /// neither.
    fn complete(self) -> anyhow::Result<(Vec<String>, Vec<String>)> {
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

fn within(namespaces: &[String], names: Vec<String>) -> anyhow::Result<Vec<String>> {
    let mut complete = Vec::new();
    for name in names {
        match name.split_once('/') {
            None => complete.extend(namespaces.iter().map(|space| format!("{space}/{name}"))),
            Some((namespace, _)) => {
                let fits = namespaces.iter().any(|known| known.is_empty() || known == namespace);
                anyhow::ensure!(
                    fits,
                    "namespace conflict: {name:?} is not in namespace {:?}; name one of the two",
                    namespaces.join(", ")
                );
                complete.push(name);
            }
        }
    }
    Ok(complete)
}

/// Which side a flag means in the left and in the right filter.
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
