//! `tidegate observe`: flows from a server or a file, as text.
//!
//! [`flags`] makes the filter language's keys flags, [`selection`] says which part of the history,
//! [`mask`] which fields, and [`request`] all of it to a server. [`local`] does for a file what a
//! server does for a request.

mod flags;
mod follow;
mod local;
mod mask;
mod request;
mod selection;

use std::io::{self, BufWriter};

use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::Timestamp;
use tidegate_proto::observer::ServerStatusRequest;
use tidegate_proto::observer::observer_client::ObserverClient;

use crate::client::{self, Client};
use crate::exit::Exit;
use crate::print::style::Style;
use crate::print::time::TimeFormat;
use crate::print::{Compact, Dict, Json, Options, Printer, Sinks, Table};
use request::Query;

/// The command with all its flags.
pub(crate) fn command() -> Command {
    let what = Arg::new("what").value_parser(["flows"]).hide(true);
    client::with_args(Command::new("observe"))
        .about("Show flows")
        .after_help(
            "Filters: of several values of one flag one suffices, and different flags must all hold.\n\n\
             Leaving out: --not --to-port 53 leaves out what goes to port 53. As in Hubble, several flags \
             behind --not are one filter: --not --to-port 53 --not --verdict DROPPED leaves out only dropped flows \
             to port 53, and shows other dropped ones. To leave out either, exclude each: \
             --exclude to-port:53 --exclude verdict:DROPPED. That is what !to-port:53 !verdict:DROPPED means in the \
             dashboard, and how it writes it as a command.",
        )
        .arg(what)
        .args(selection::args())
        .args(flags::args())
        .args(request::args())
        .args(output_args())
}

/// Prints flows until there are no more, or until interrupted.
///
/// # Errors
/// When the flags, the file, the server or the output are at fault.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let file = matches.get_one::<String>("input-file");
    let query = Query::from_args(matches, Timestamp::now(), file.is_some())?;
    if matches.get_flag("print-raw-filters") {
        io::Write::write_all(&mut io::stdout(), query.raw_filters()?.as_bytes())?;
        return Ok(Exit::Done);
    }
    let mut printer = printer(matches, query.selection.follow)?;
    let news = Talk { silent: matches.get_flag("silent-errors") };
    let mut sinks = Sinks { out: BufWriter::with_capacity(1 << 16, io::stdout()), news };
    match file {
        Some(path) => local::print(path, &query, &mut printer, &mut sinks)?,
        None => client::run(async {
            let client = Client::connect(matches).await?;
            if query.is_own() {
                ensure_ours(&client).await?;
            }
            follow::print(&client, query.request()?, &mut printer, &mut sinks).await
        })?,
    }
    Ok(Exit::Done)
}

/// A server that is not ours would pass over filters that Hubble does not have, and send all flows.
async fn ensure_ours(client: &Client) -> anyhow::Result<()> {
    let mut observer = ObserverClient::new(client.channel.clone());
    let status = observer.server_status(client.request(ServerStatusRequest {})).await;
    let version = status.map_err(|status| client.explain(&status))?.into_inner().version;
    anyhow::ensure!(
        version.starts_with("tidegate"),
        "{} is no server of Tidegate ({version:?}) and knows only Hubble's filters",
        client.address
    );
    Ok(())
}

/// Standard error, unless the user does not want to hear.
struct Talk {
    silent: bool,
}

impl io::Write for Talk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.silent {
            true => Ok(bytes.len()),
            false => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn output_args() -> impl Iterator<Item = Arg> {
    let switch = |name, help| Arg::new(name).long(name).help(help).action(ArgAction::SetTrue);
    let choice = |name: &'static str, default: &'static str| Arg::new(name).long(name).default_value(default);
    let formats = ["compact", "dict", "table", "tab", "json", "jsonpb"];
    let output = choice("output", "compact").short('o').value_name("FORMAT").value_parser(formats);
    let time = choice("time-format", "StampMilli").value_name("FORMAT");
    let time = time.value_parser(TimeFormat::names().collect::<Vec<_>>());
    let color = choice("color", "auto").value_name("WHEN").value_parser(["auto", "always", "never"]);
    let translation = choice("ip-translation", "true").value_name("BOOL");
    let translation = translation.value_parser(["true", "false"]).num_args(0..=1);
    let translation = translation.require_equals(true).default_missing_value("true");
    [
        output.help("compact, dict, table or json"),
        switch("print-node-name", "Show the node of each flow"),
        switch("print-policy-names", "Show which policies decided"),
        time.help("Form of times, in UTC"),
        switch("numeric", "Show addresses even where names are known"),
        translation.help("Show names of pods and services"),
        color.help("When to use colours"),
        switch("silent-errors", "No news about nodes on standard error").short('s'),
    ]
    .into_iter()
    .map(|arg| arg.help_heading("Output"))
}

fn printer(matches: &ArgMatches, follow: bool) -> anyhow::Result<Printer> {
    let text = |name| matches.get_one::<String>(name).map_or("", String::as_str);
    let numeric = matches.get_flag("numeric") || text("ip-translation") == "false";
    let options = Options {
        time_format: TimeFormat::named(text("time-format")).unwrap_or_default(),
        style: Style::for_stdout(text("color")),
        node_name: matches.get_flag("print-node-name"),
        policy_names: matches.get_flag("print-policy-names"),
        numeric,
    };
    Ok(match text("output") {
        "dict" => Printer::Dict(Dict::new(options)),
        "table" | "tab" => Printer::Table(Table::new(options, follow)),
        "json" | "jsonpb" => Printer::Json(Json),
        _ => Printer::Compact(Compact::new(options)),
    })
}

#[cfg(test)]
mod tests;
