//! What is asked of the store, and the same in SQL of one plain table.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tidegate_flow::Filter;
use tidegate_flow::filter::{Condition, Pattern, PodPattern, Side};
use tidegate_flow::flow::{Outcome, uuid_text};
use tidegate_store::sqlite::Sqlite;
use tidegate_store::{Cursor, FacetField, FlowStore as _, Order, PageRequest, Query, Span};

/// Flows of a page, as the dashboard asks for them.
const PAGE: usize = 500;
/// Buckets of a histogram, likewise.
const BUCKETS: u32 = 96;
/// Values of a facet, likewise.
const VALUES: usize = 10;
/// The fields that the dashboard counts, and what is grouped by in SQL.
const FIELDS: [(FacetField, &str); 12] = [
    (FacetField::Outcome, "outcome"),
    (FacetField::SourceNamespace, "source_namespace"),
    (FacetField::DestinationName, "destination_name"),
    (FacetField::EgressPolicy, "policy"),
    (FacetField::EgressIp, "egress_ip"),
    (FacetField::DropReason, "drop_reason"),
    (FacetField::SourceWorkload, "source_workload"),
    (FacetField::DestinationNamespace, "destination_namespace"),
    (FacetField::DestinationPort, "destination_port"),
    (FacetField::EgressGateway, "gateway"),
    (FacetField::NodeName, "node"),
    (FacetField::Protocol, "protocol"),
];

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Page,
    DeepPage,
    PageOfName,
    Uuid,
    Histogram,
    HistogramOfName,
    HistogramOfPod,
    HistogramOfDrops,
    Facets,
    Values,
}

impl Question {
    /// Each with what it is called, and the goal for its first answer in milliseconds.
    pub(super) const ALL: [(Self, &'static str, u32); 10] = [
        (Self::Page, "page of 500, newest", 50),
        (Self::DeepPage, "page of 500, from the middle", 50),
        (Self::PageOfName, "page of 500, one name", 50),
        (Self::Uuid, "one UUID", 50),
        (Self::Histogram, "histogram", 300),
        (Self::HistogramOfName, "histogram of a name", 300),
        (Self::HistogramOfPod, "histogram of a pod", 300),
        (Self::HistogramOfDrops, "histogram of drops", 300),
        (Self::Facets, "twelve facets", 400),
        (Self::Values, "values of a field by prefix", 300),
    ];

    /// The one at this place of [`Question::ALL`].
    pub(super) fn at(place: usize) -> Result<Self> {
        Ok(Self::ALL.get(place).with_context(|| format!("there is no question {place}"))?.0)
    }
}

/// What questions are about.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// When the flows were.
    pub(super) span: Span,
    /// A name that one flow in some hundreds is for.
    pub(super) name: String,
    /// A pod, as `namespace/pod`.
    pub(super) pod: String,
    /// A flow in the middle.
    pub(super) uuid: u128,
    /// Its time.
    pub(super) middle: u64,
}

impl Subject {
    /// Asks; how many flows were found or counted.
    pub(super) async fn ask(&self, store: &Sqlite, question: Question) -> Result<u64> {
        let query = self.query(question)?;
        match question {
            Question::Page | Question::DeepPage | Question::PageOfName | Question::Uuid => {
                let after = (question == Question::DeepPage).then_some(Cursor { time: self.middle, tie: 0 });
                let page = PageRequest { order: Order::NewestFirst, after, limit: PAGE, budget: None };
                Ok(store.page(&query, &page).await?.flows.len() as u64)
            }
            Question::Facets => {
                let facets = store.facets(&query, &FIELDS.map(|(field, _)| field), VALUES, "", None).await?.facets;
                Ok(facets[0].values.iter().map(|(_, flows)| flows).sum())
            }
            Question::Values => {
                let field = [FacetField::DestinationName];
                let facets = store.facets(&query, &field, VALUES, "api.", None).await?.facets;
                Ok(facets[0].values.iter().map(|(_, flows)| flows).sum())
            }
            _ => {
                let histogram = store.histogram(&query, BUCKETS, None).await?;
                ensure!(!histogram.rollup, "sums were added up, where flows should be counted");
                Ok(histogram.buckets.iter().flatten().sum())
            }
        }
    }

    fn query(&self, question: Question) -> Result<Query> {
        let filter = |condition| Filter { conditions: vec![condition] };
        let allow = match question {
            Question::PageOfName | Question::HistogramOfName => {
                vec![filter(Condition::Fqdn(Side::Destination, vec![Pattern::fqdn(&self.name)?]))]
            }
            Question::HistogramOfPod => {
                let side = |side| Ok(filter(Condition::Pod(side, vec![PodPattern::parse(&self.pod)?])));
                [Side::Source, Side::Destination].into_iter().map(side).collect::<Result<_>>()?
            }
            Question::HistogramOfDrops => vec![filter(Condition::Outcome(vec![Outcome::Dropped]))],
            Question::Uuid => vec![filter(Condition::Uuid(vec![uuid_text(self.uuid)]))],
            _ => vec![],
        };
        let span = if question == Question::Uuid { Span::ALL } else { self.span };
        Ok(Query { span, allow, deny: vec![] })
    }

    /// The same question to the table of [`super::plain`].
    pub(super) fn sql(&self, question: Question) -> String {
        let Span { since, until } = self.span;
        let Self { name, pod, middle, .. } = self;
        let (namespace, pod) = pod.split_once('/').unwrap_or(("", pod));
        let span = format!("time >= {since} AND time < {until}");
        let by_name = format!("destination_name = '{name}'");
        let newest = format!("ORDER BY time DESC LIMIT {PAGE}");
        let step = Duration::from_nanos(until - since).as_secs().div_ceil(u64::from(BUCKETS)) * 1_000_000_000;
        let histogram =
            |and: &str| format!("SELECT time / {step}, outcome, count(*) FROM flow WHERE {span} {and} GROUP BY 1, 2;");
        match question {
            Question::Page => format!("SELECT * FROM flow WHERE {span} {newest};"),
            Question::DeepPage => format!("SELECT * FROM flow WHERE {span} AND time < {middle} {newest};"),
            Question::PageOfName => format!("SELECT * FROM flow WHERE {span} AND {by_name} {newest};"),
            Question::Uuid => format!("SELECT * FROM flow WHERE uuid = '{}';", uuid_text(self.uuid)),
            Question::Histogram => histogram(""),
            Question::HistogramOfName => histogram(&format!("AND {by_name}")),
            Question::HistogramOfPod => histogram(&format!(
                "AND (source_pod = '{pod}' AND source_namespace = '{namespace}' \
                 OR destination_pod = '{pod}' AND destination_namespace = '{namespace}')"
            )),
            Question::HistogramOfDrops => histogram(&format!("AND outcome = {}", Outcome::Dropped as i32)),
            Question::Facets => {
                let facet = |(_, field): (FacetField, &str)| {
                    format!(
                        "SELECT {field}, count(*) FROM flow WHERE {span} GROUP BY 1 ORDER BY 2 DESC LIMIT {VALUES};"
                    )
                };
                FIELDS.map(facet).join("\n")
            }
            Question::Values => format!(
                "SELECT destination_name, count(*) FROM flow WHERE {span} AND destination_name LIKE 'api.%' \
                 GROUP BY 1 ORDER BY 2 DESC LIMIT {VALUES};"
            ),
        }
    }
}
