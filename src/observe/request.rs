//! From the command line to a `GetFlowsRequest`.

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches};
use jiff::Timestamp;
use prost_types::{Any, FieldMask};
use tidegate_proto::flow::FlowFilter;
use tidegate_proto::json;
use tidegate_proto::observer::GetFlowsRequest;
use tidegate_proto::terms::{self, Filters};
use tidegate_proto::v1::{Filter, FlowsOptions};

use super::selection::Selection;
use super::{flags, mask};

/// Everything that decides which flows are shown, and with which fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Which part of the history.
    pub(crate) selection: Selection,
    /// Which flows of it.
    pub(crate) filters: Filters,
    mask: Vec<String>,
    flow_info: bool,
}

/// The clap arguments beside filters and selectors that [`Query::from_args`] reads.
pub(crate) fn args() -> impl Iterator<Item = Arg> {
    let json = |name, help| Arg::new(name).long(name).value_name("JSON").help(help).action(ArgAction::Append);
    let switch = |name, help| Arg::new(name).long(name).help(help).action(ArgAction::SetTrue);
    let default_mask = Arg::new("use-default-field-masks").long("use-default-field-masks");
    let default_mask = default_mask.value_name("BOOL").value_parser(["true", "false"]);
    let default_mask = default_mask.num_args(0..=1).require_equals(true).default_value("false");
    let default_mask = default_mask.default_missing_value("true");
    let file = Arg::new("input-file").long("input-file").value_name("FILE");
    let mask = Arg::new("field-mask").long("field-mask").value_name("FIELD,...");
    [
        json("allowlist", "More filters, as FlowFilter JSON"),
        json("denylist", "More filters for flows to leave out, as FlowFilter JSON"),
        switch("print-raw-filters", "Print the filters as JSON lists in YAML and ask nothing"),
        file.help("Read flows from a file of JSON lines, not from a server; - is standard input"),
        mask.help("Fields to ask for, such as source.identity; with -o json"),
        default_mask.help("Ask only for what Hubble's command line asks for; hides names"),
        switch("flow-info", "Show egress address and port, gateway, policy, bytes and causes too"),
    ]
    .into_iter()
    .map(|arg| arg.help_heading("Request"))
}

impl Query {
    /// Reads the flags; `local` is true when flows come from a file.
    ///
    /// # Errors
    /// When flags are malformed or contradict one another.
    pub(crate) fn from_args(matches: &ArgMatches, now: Timestamp, local: bool) -> anyhow::Result<Self> {
        let selection = Selection::from_args(matches, now, local)?;
        let terms = flags::terms(matches)?;
        let mut filters = terms::translate(&terms).map_err(|error| flags::refusal(&error))?;
        filters.allow.extend(json_filters(matches, "allowlist")?);
        filters.deny.extend(json_filters(matches, "denylist")?);
        let text = |name| matches.get_one::<String>(name).map(String::as_str);
        let default = text("use-default-field-masks") == Some("true");
        let mask = mask::paths(text("field-mask"), default, text("output").unwrap_or_default())?;
        Ok(Self { selection, filters, mask, flow_info: matches.get_flag("flow-info") })
    }

    /// The request as it is sent.
    ///
    /// # Errors
    /// Never in practice: the options are a message of this program.
    pub(crate) fn request(&self) -> anyhow::Result<GetFlowsRequest> {
        let selection = &self.selection;
        let time =
            |time: Timestamp| prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() };
        let (whitelist, allow) = lists(&self.filters.allow);
        let (blacklist, deny) = lists(&self.filters.deny);
        let options = FlowsOptions { flow_info: self.flow_info, allow, deny };
        let extensions = (options != FlowsOptions::default()).then(|| Any::from_msg(&options)).transpose()?;
        Ok(GetFlowsRequest {
            number: selection.number,
            first: selection.first,
            follow: selection.follow,
            since: selection.since.map(time),
            until: selection.until.map(time),
            whitelist,
            blacklist,
            field_mask: (!self.mask.is_empty()).then(|| FieldMask { paths: self.mask.clone() }),
            extensions,
            ..GetFlowsRequest::default()
        })
    }

    /// Whether it takes a server of ours to answer.
    pub(crate) fn is_own(&self) -> bool {
        [&self.filters.allow, &self.filters.deny].into_iter().any(|list| terms::stock(list).is_none())
    }

    /// The filters in YAML: what an exporter's configuration takes.
    ///
    /// # Errors
    /// When a filter has no JSON form.
    pub(crate) fn raw_filters(&self) -> anyhow::Result<String> {
        let mut yaml = String::new();
        for (name, list) in [("allowlist", &self.filters.allow), ("denylist", &self.filters.deny)] {
            if !list.is_empty() {
                yaml.push_str(name);
                yaml.push_str(":\n");
            }
            let texts: Vec<_> = match lists(list) {
                (stock, own) if own.is_empty() => stock.iter().map(json::to_string).collect::<Result<_, _>>()?,
                (_, own) => own.iter().map(json::to_string).collect::<Result<_, _>>()?,
            };
            for text in texts {
                yaml.push_str("- '");
                yaml.push_str(&text.replace('\'', "''"));
                yaml.push_str("'\n");
            }
        }
        Ok(yaml)
    }
}

/// A list as Hubble's messages, or else as ours: only one of the two has entries.
fn lists(filters: &[Filter]) -> (Vec<FlowFilter>, Vec<Filter>) {
    match terms::stock(filters) {
        Some(stock) => (stock, Vec::new()),
        None => (Vec::new(), filters.to_vec()),
    }
}

fn json_filters(matches: &ArgMatches, name: &str) -> anyhow::Result<Vec<Filter>> {
    let mut filters = Vec::new();
    for text in matches.get_many::<String>(name).into_iter().flatten() {
        let list: Vec<FlowFilter> = json::all_from_str(text).with_context(|| {
            format!("--{name} {text:?} is not FlowFilter JSON, such as {{\"verdict\":[\"DROPPED\"]}}")
        })?;
        filters.extend(list.into_iter().map(Filter::from));
    }
    Ok(filters)
}
