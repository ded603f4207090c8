//! The command line: which commands there are, and which file runs each.

use std::ffi::OsString;

use clap::{ArgMatches, Command};

use crate::exit::{Exit, complain};
use crate::{
    collector, completion, config, egress, lab, list, objects, observe, relay, status, store, ui, up, version, watch,
};

/// Every command with its flags.
pub(crate) fn command() -> Command {
    Command::new("tidegate")
        .about("Egress gateway and flow observability by name")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(observe::command())
        .subcommand(status::command())
        .subcommand(list::command())
        .subcommand(watch::command())
        .subcommand(egress::command())
        .subcommand(objects::apply_command())
        .subcommand(objects::get_command())
        .subcommand(objects::delete_command())
        .subcommand(config::command())
        .subcommand(store::command())
        .subcommand(up::command())
        .subcommand(collector::command())
        .subcommand(relay::command())
        .subcommand(ui::command())
        .subcommand(lab::command())
        .subcommand(collector::cleanup_command())
        .subcommand(version::command())
        .subcommand(completion::command())
}

/// Runs the command that `args`, the program's name first, spell out.
///
/// # Errors
/// Those of the command.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<Exit> {
    let matches = match command().try_get_matches_from(server_last(args)) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => {
            complain(error.render().to_string().trim_end());
            return Ok(Exit::Failed);
        }
        Err(help) => {
            help.print()?;
            return Ok(Exit::Done);
        }
    };
    dispatch(&matches)
}

/// Hubble's command line takes `--server` also before the command; ours belongs to the commands
/// that ask a server. A leading one is moved behind everything else.
fn server_last(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = args.into_iter().peekable();
    let mut ordered: Vec<_> = args.next().into_iter().collect();
    let mut moved = Vec::new();
    while let Some(arg) = args.next_if(is_server) {
        let joined = arg.as_encoded_bytes().contains(&b'=');
        moved.push(arg);
        moved.extend(args.next_if(|_| !joined));
    }
    ordered.extend(args);
    ordered.append(&mut moved);
    ordered
}

fn is_server(arg: &OsString) -> bool {
    arg == "--server" || arg.as_encoded_bytes().starts_with(b"--server=")
}

fn dispatch(matches: &ArgMatches) -> anyhow::Result<Exit> {
    match matches.subcommand() {
        Some(("observe", matches)) => observe::run(matches),
        Some(("status", matches)) => status::run(matches),
        Some(("list", matches)) => list::run(matches),
        Some(("watch", matches)) => watch::run(matches),
        Some(("egress", matches)) => egress::run(matches),
        Some(("apply", matches)) => objects::apply(matches),
        Some(("get", matches)) => objects::get(matches),
        Some(("delete", matches)) => objects::delete(matches),
        Some(("config", matches)) => config::run(matches),
        Some(("store", matches)) => store::run(matches),
        Some(("up", matches)) => up::run(matches),
        Some(("collector", matches)) => collector::run(matches),
        Some(("relay", matches)) => relay::run(matches),
        Some(("ui", matches)) => ui::run(matches),
        Some(("lab", matches)) => lab::run(matches),
        Some(("cleanup", matches)) => collector::cleanup(matches),
        Some(("version", _)) => version::run(),
        Some(("completion", matches)) => completion::run(matches, command()),
        _ => Ok(Exit::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_be_named_before_the_command() {
        for line in ["tidegate --server h:1 list nodes", "tidegate --server=h:1 list nodes"] {
            let line = server_last(line.split(' ').map(OsString::from));
            let matches = command().try_get_matches_from(line).unwrap();
            let (_, list) = matches.subcommand().unwrap();
            let (_, nodes) = list.subcommand().unwrap();
            assert_eq!(nodes.get_one::<String>("server").unwrap(), "h:1");
        }
    }

    #[test]
    fn a_server_alone_is_no_command() {
        let line = server_last(["tidegate", "--server"].map(OsString::from));
        assert!(command().try_get_matches_from(line).is_err());
    }

    #[test]
    fn the_definition_of_all_commands_is_consistent() {
        command().debug_assert();
    }
}
