//! `tidegate lab`: a cluster and an internet made of network namespaces.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use tidegate_lab::World;
use tidegate_lab::cli::{self, DEFAULT_WORLD, Up};
use tidegate_ops::settings::{self, Role};

use crate::exit::{Exit, complain};
use crate::print::grid::Grid;

/// The command with its subcommands.
pub(crate) fn command() -> Command {
    let world =
        || Arg::new("world").long("world").value_name("NAME").default_value(DEFAULT_WORLD).help("Name of the lab");
    let flag = |name, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let firewall = Arg::new("firewall")
        .long("firewall")
        .value_name("RULES")
        .action(ArgAction::Append)
        .value_delimiter(',')
        .help("Rules that every node has besides ours: masquerade, forward-drop, ct-invalid-drop");
    let up = Command::new("up")
        .about("Make the lab: three nodes, their pods, an outside network; collectors, relay and dashboard")
        .arg(world())
        .arg(firewall)
        .arg(flag("foreground", "Stay, and take the lab down at Ctrl-C"))
        .arg(flag("traffic", "Let the pods resolve and fetch names by themselves (always so with --foreground)"))
        .arg(flag("without-collectors", "Only the network: neither collectors nor relay nor dashboard"))
        .args(settings::args(Role::Lab));
    let target =
        Arg::new("target").required(true).value_name("POD|NODE").help("A pod, a node, `outside` or `internet`");
    let argv = Arg::new("command").required(true).num_args(1..).trailing_var_arg(true).allow_hyphen_values(true);
    let role = Arg::new("role").long("role").required(true);
    Command::new("lab")
        .about("A cluster and an internet on this machine, made of network namespaces")
        .subcommand_required(true)
        .subcommand(up)
        .subcommand(Command::new("status").about("Show nodes, pods and processes").arg(world()))
        .subcommand(
            Command::new("exec").about("Run a command in a pod or on a node").arg(world()).arg(target).arg(argv),
        )
        .subcommand(Command::new("down").about("Remove the lab without a trace").arg(world()))
        .subcommand(Command::new("serve").hide(true).arg(world()).arg(role))
}

/// Runs the subcommand.
///
/// # Errors
/// Without root, or when the kernel refuses a part of the lab.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let Some((what, matches)) = matches.subcommand() else {
        return Ok(Exit::Failed);
    };
    let world = matches.get_one::<String>("world").map_or(DEFAULT_WORLD, String::as_str);
    match what {
        "up" => up(matches, world)?,
        "status" => status(world)?,
        "exec" => return exec(matches, world),
        "down" => cli::down(world)?,
        _ => cli::serve(world, matches.get_one::<String>("role").map_or("", String::as_str))?,
    }
    Ok(Exit::Done)
}

fn up(matches: &ArgMatches, world: &str) -> anyhow::Result<()> {
    let settings = settings::resolve(matches, Role::Lab)?;
    let rules = matches.get_many::<String>("firewall").into_iter().flatten();
    let foreground = matches.get_flag("foreground");
    let options = Up {
        world: world.to_owned(),
        binary: std::env::current_exe().context("find this program")?,
        relay_listen: settings.relay_listen,
        ui_listen: settings.ui_listen,
        firewall: rules.map(|rule| rule.parse()).collect::<anyhow::Result<_>>()?,
        without_collectors: matches.get_flag("without-collectors"),
        traffic: foreground || matches.get_flag("traffic"),
    };
    if foreground {
        return cli::up_foreground(&options, |world| {
            introduce(world);
            complain("The lab is up. Ctrl-C takes it down and leaves nothing behind.");
        });
    }
    cli::up(&options)?;
    introduce(&World::open(world)?);
    complain(&format!("The lab is up. `tidegate lab down{}` takes it down and leaves nothing behind.", named(world)));
    Ok(())
}

/// Says where to look.
fn introduce(world: &World) {
    let Some(relay) = world.relay_address() else { return };
    complain(&format!("\nrelay on {relay}; try, in another terminal:\n"));
    // The settings of the lab of the default name are found.
    let server = if world.name() == DEFAULT_WORLD { String::new() } else { format!(" --server {relay}") };
    for line in [
        format!("lab exec{} client -- curl -s https://ifconfig.me", named(world.name())),
        format!("observe{server} --to-fqdn ifconfig.me"),
        format!("observe{server} -f --from-pod client -o table"),
    ] {
        complain(&format!("  tidegate {line}"));
    }
    complain("");
    if let Some(dashboard) = world.ui_address() {
        complain(&format!("dashboard on http://{dashboard}\n"));
    }
}

/// The flag that names the lab, if it needs one.
fn named(world: &str) -> String {
    if world == DEFAULT_WORLD { String::new() } else { format!(" --world {world}") }
}

fn status(world: &str) -> anyhow::Result<()> {
    let status = cli::status(world)?;
    let mut grid = Grid::default();
    grid.row(["KIND", "NAME", "NAMESPACE", "ADDRESS", "NODE", "PROCESS"]);
    for row in status.rows {
        grid.row([row.kind.to_owned(), row.name, row.namespace, row.address, row.node, row.process]);
    }
    io::stdout().write_all(grid.take().as_bytes())?;
    Ok(())
}

fn exec(matches: &ArgMatches, world: &str) -> anyhow::Result<Exit> {
    let target = matches.get_one::<String>("target").map_or("", String::as_str);
    let command: Vec<String> = matches.get_many("command").into_iter().flatten().cloned().collect();
    let code = cli::exec(world, target, &command)?;
    // The command's own code is this command's.
    std::process::exit(code)
}
