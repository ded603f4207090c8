//! Which part of the history a request asks for: how many, from which end, between which times.

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use jiff::Timestamp;
use tidegate_proto::terms::when;

/// How many flows are shown when nothing says where to begin.
const DEFAULT_NUMBER: u64 = 20;
/// The most lines that `--last` keeps of a file.
pub(crate) const LOCAL_LAST_MAX: u64 = 1_000_000;

/// The start and the end of what is asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Selection {
    /// How many; 0: no limit.
    pub(crate) number: u64,
    /// Count from the oldest.
    pub(crate) first: bool,
    /// Keep streaming.
    pub(crate) follow: bool,
    /// Inclusive.
    pub(crate) since: Option<Timestamp>,
    /// Inclusive.
    pub(crate) until: Option<Timestamp>,
}

/// The clap arguments that [`Selection::from_args`] reads.
pub(crate) fn args() -> impl Iterator<Item = Arg> {
    let number =
        |name, help| Arg::new(name).long(name).value_name("N").help(help).value_parser(value_parser!(u64).range(1..));
    let time = |name, help| Arg::new(name).long(name).value_name("TIME").help(help);
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue);
    let follow = Arg::new("follow").short('f').long("follow").action(ArgAction::SetTrue);
    [
        number("last", "The newest N flows [default: 20, when nothing else says where to begin]"),
        number("first", "The oldest N flows"),
        all.help("All flows that are still kept"),
        follow.help("Keep waiting for new flows"),
        time("since", "Flows from this time on: 90s, 1h5m, 3d ago, or 2026-11-23T07:00Z"),
        time("until", "Flows up to this time, in the same forms"),
    ]
    .into_iter()
    .map(|arg| arg.help_heading("Selectors"))
}

impl Selection {
    /// Reads the flags; `local` is true when flows come from a file, which is read whole unless
    /// the flags say otherwise.
    ///
    /// # Errors
    /// When flags contradict one another or a time has no known form.
    pub(crate) fn from_args(matches: &ArgMatches, now: Timestamp, local: bool) -> anyhow::Result<Self> {
        let number = |name| matches.get_one::<u64>(name).copied();
        let (last, first) = (number("last"), number("first"));
        let (all, follow) = (matches.get_flag("all"), matches.get_flag("follow"));
        for (one, other, both) in [
            ("first", "last", first.is_some() && last.is_some()),
            ("first", "all", first.is_some() && all),
            ("last", "all", last.is_some() && all),
            ("first", "follow", first.is_some() && follow),
        ] {
            anyhow::ensure!(!both, "cannot set both --{one} and --{other}");
        }
        if local && last.is_some_and(|last| last > LOCAL_LAST_MAX) {
            anyhow::bail!("--last keeps at most {LOCAL_LAST_MAX} flows of a file; use --since");
        }
        let time = |name: &str| {
            let text = matches.get_one::<String>(name);
            let time = text.map(|text| when::parse(text, now)).transpose();
            time.map_err(|reason| anyhow::anyhow!("failed to parse the {name} time: {reason}"))
        };
        let (since, until) = (time("since")?, time("until")?);
        let number = match last.or(first) {
            Some(number) => number,
            None if all => u64::MAX,
            None if follow || local || since.is_some() || until.is_some() => 0,
            None => DEFAULT_NUMBER,
        };
        // A stream that is followed has no end.
        let until = until.filter(|_| !follow);
        Ok(Self { number, first: first.is_some(), follow, since, until })
    }
}
