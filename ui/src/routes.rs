//! The routes as data. What a request may ask, and what openapi.json says about it, are made from
//! the same rows, so that they cannot disagree.

use self::Form::{Choice, Count, Keys, Text, Time};

/// Where the routes begin.
pub(crate) const BASE: &str = "/api/v1";

/// One route; all of them are read with GET.
#[derive(Debug)]
pub(crate) struct Route {
    /// After [`BASE`].
    pub(crate) path: &'static str,
    /// Name of the operation.
    pub(crate) name: &'static str,
    /// What it answers, in a sentence.
    pub(crate) summary: &'static str,
    /// Whether every key of the filter language is a parameter too.
    pub(crate) filters: bool,
    /// Its own parameters.
    pub(crate) params: &'static [Param],
    /// The form of the answer.
    pub(crate) answer: Answer,
}

/// A parameter.
#[derive(Debug)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it means.
    pub(crate) help: &'static str,
    /// What it may be.
    pub(crate) form: Form,
    /// Whether there is no answer without it.
    pub(crate) required: bool,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// Any text.
    Text,
    /// How long ago (`15m`, `1h`, `3d`) or RFC 3339.
    Time,
    /// A whole number.
    Count {
        /// At least.
        least: u32,
        /// At most.
        most: u32,
        /// When it is not there.
        default: u32,
    },
    /// One of these words; the first one when it is not there.
    Choice(&'static [&'static str]),
    /// Some of these words, joined by commas.
    Keys(&'static [&'static str]),
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// JSON of this schema.
    Json(&'static str),
    /// Server-sent events.
    Events,
    /// Lines of one of these media types.
    Lines(&'static [&'static str]),
    /// Any JSON.
    Document,
}

/// What facets can be asked about; each is a filter key.
pub(crate) const FACETS: &[&str] = &[
    "outcome",
    "verdict",
    "from-namespace",
    "to-namespace",
    "from-pod",
    "to-pod",
    "from-workload",
    "to-workload",
    "from-fqdn",
    "to-fqdn",
    "from-ip",
    "to-ip",
    "from-port",
    "to-port",
    "protocol",
    "drop-reason-desc",
    "node-name",
    "egress-policy",
    "egress-gateway",
    "snat-ip",
];

const SINCE: Param = optional("since", Time, "First moment; without it, an hour ago");
const UNTIL: Param = optional("until", Time, "Moment after the last one; without it, now");

/// Every route of the interface.
pub(crate) static ROUTES: &[Route] = &[
    Route {
        path: "/flows",
        name: "page",
        summary: "A page of stored flows",
        filters: true,
        params: &[
            SINCE,
            UNTIL,
            optional("order", Choice(&["newest", "oldest"]), "Which flows come first"),
            optional("cursor", Text, "`next` of the page before"),
            optional("limit", Count { least: 1, most: 500, default: 100 }, "Flows on the page"),
        ],
        answer: Answer::Json("FlowPage"),
    },
    Route {
        path: "/flows/histogram",
        name: "histogram",
        summary: "Stored flows over time, by outcome, with what was lost",
        filters: true,
        params: &[
            SINCE,
            UNTIL,
            optional("buckets", Count { least: 1, most: 1000, default: 96 }, "Buckets; the answer may have fewer"),
        ],
        answer: Answer::Json("Histogram"),
    },
    Route {
        path: "/flows/facets",
        name: "facets",
        summary: "The most frequent values of some fields of stored flows",
        filters: true,
        params: &[SINCE, UNTIL, required("fields", Keys(FACETS), "Fields, joined by commas")],
        answer: Answer::Json("Facets"),
    },
    Route {
        path: "/flows/stream",
        name: "stream",
        summary: "Flows as they are stored: events `flows` (StreamFlows), `lost` (a list of Lost), `status` (Status), `ping`",
        filters: true,
        params: &[optional("position", Text, "Where to go on; Last-Event-ID comes first")],
        answer: Answer::Events,
    },
    Route {
        path: "/flows/export",
        name: "export",
        summary: "Stored flows, oldest first: a line each, at most as many as the header x-row-limit says",
        filters: true,
        params: &[SINCE, UNTIL, optional("format", Choice(&["csv", "jsonl"]), "Form of the lines")],
        answer: Answer::Lines(&["text/csv", "application/jsonl"]),
    },
    Route {
        path: "/flows/{uuid}",
        name: "flow",
        summary: "A stored flow with everything that is known about it",
        filters: false,
        params: &[
            optional("since", Time, "First moment to look at; without it, the oldest"),
            optional("until", Time, "Moment after the last one to look at; without it, now"),
        ],
        answer: Answer::Json("FlowDetail"),
    },
    Route {
        path: "/values",
        name: "values",
        summary: "Values that a filter key may have, with their flows under the other filters",
        filters: true,
        params: &[
            SINCE,
            UNTIL,
            required("key", Text, "The key"),
            optional("prefix", Text, "What the values begin with, in any case"),
        ],
        answer: Answer::Json("Values"),
    },
    Route {
        path: "/cli",
        name: "cli",
        summary: "The command that shows the same flows",
        filters: true,
        params: &[
            optional("since", Time, "As in the command"),
            optional("until", Time, "As in the command"),
            optional("follow", Choice(&["false", "true"]), "Whether it follows"),
        ],
        answer: Answer::Json("CliCommand"),
    },
    Route {
        path: "/cli/parse",
        name: "parseCli",
        summary: "What a command asks for",
        filters: false,
        params: &[required("command", Text, "A line for the shell, such as `hubble observe --verdict DROPPED`")],
        answer: Answer::Json("CliFilters"),
    },
    Route {
        path: "/status",
        name: "status",
        summary: "How the relay, the nodes and the store are; always answers",
        filters: false,
        params: &[],
        answer: Answer::Json("Status"),
    },
    Route {
        path: "/openapi.json",
        name: "openapi",
        summary: "This interface",
        filters: false,
        params: &[],
        answer: Answer::Document,
    },
];

/// The route with this path.
///
/// # Panics
/// When there is none: a mistake in this crate.
pub(crate) fn route(path: &str) -> &'static Route {
    ROUTES.iter().find(|route| route.path == path).expect("handlers name routes of the table")
}

const fn optional(name: &'static str, form: Form, help: &'static str) -> Param {
    Param { name, help, form, required: false }
}

const fn required(name: &'static str, form: Form, help: &'static str) -> Param {
    Param { name, help, form, required: true }
}
