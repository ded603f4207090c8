//! `tidegate apply`, `get` and `delete`: the folder of manifests, as kubectl edits a cluster.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command};
use tidegate_collector::inventory::edit;
use tidegate_collector::inventory::manifests::Manifests;
use tidegate_collector::inventory::objects::Object;
use tidegate_ops::settings::{self, Role};

use crate::exit::{Exit, complain};
use crate::print::grid::Grid;

/// `apply -f`.
pub(crate) fn apply_command() -> Command {
    with_settings(Command::new("apply").about("Put objects into the folder of manifests, or change them there"))
        .arg(file().required(true))
}

/// `get KIND [NAME]`.
pub(crate) fn get_command() -> Command {
    let output =
        Arg::new("output").short('o').long("output").value_name("FORMAT").value_parser(["table", "yaml", "name"]);
    with_settings(Command::new("get").about("Show objects in the folder of manifests"))
        .arg(
            Arg::new("kind")
                .required(true)
                .value_name("KIND")
                .help("ciliumegressgatewaypolicies (cegp), pods, nodes, …"),
        )
        .arg(Arg::new("name").value_name("NAME"))
        .arg(output.default_value("table").help("table, yaml or name"))
}

/// `delete KIND NAME` or `delete -f`.
pub(crate) fn delete_command() -> Command {
    with_settings(Command::new("delete").about("Remove objects from the folder of manifests"))
        .arg(Arg::new("kind").value_name("KIND").required_unless_present("file").requires("name"))
        .arg(Arg::new("name").value_name("NAME"))
        .arg(file().conflicts_with("kind"))
        .arg(Arg::new("namespace").short('n').long("namespace").value_name("NAMESPACE").default_value("default"))
}

/// Applies files; nothing of a file is applied unless all of it is valid.
///
/// # Errors
/// With file, object and field of everything that is wrong.
pub(crate) fn apply(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let folder = folder(matches)?;
    for (origin, text) in sources(matches)? {
        for line in edit::apply(&folder, &text, &origin)? {
            writeln!(io::stdout(), "{line}")?;
        }
    }
    Ok(Exit::Done)
}

/// Shows objects. What cannot be read is told on standard error, and the rest is shown.
///
/// # Errors
/// For an unknown kind, or a name that is not there.
pub(crate) fn get(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let folder = folder(matches)?;
    let kind = edit::kind_named(matches.get_one::<String>("kind").map_or("", String::as_str))?;
    let name = matches.get_one::<String>("name");
    let reading = Manifests::new(&folder).read();
    for problem in &reading.problems {
        complain(&problem.to_string());
    }
    let found: Vec<&Object> = reading
        .objects
        .iter()
        .filter(|object| object.kind == kind && name.is_none_or(|name| *name == object.name))
        .collect();
    if let (Some(name), []) = (name, found.as_slice()) {
        anyhow::bail!("{}/{name} is not in {}", kind.to_lowercase(), folder.display());
    }
    if found.is_empty() {
        complain(&format!("no {} in {}", kind.to_lowercase(), folder.display()));
    }
    let text = match matches.get_one::<String>("output").map_or("table", String::as_str) {
        "yaml" => {
            let texts: Vec<_> =
                found.iter().map(|object| serde_yaml_ng::to_string(&object.document)).collect::<Result<_, _>>()?;
            texts.join("---\n")
        }
        "name" => found.iter().map(|object| format!("{}/{}\n", kind.to_lowercase(), object.name)).collect(),
        _ => table(&found),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if reading.problems.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Removes objects, by name or by the files that made them.
///
/// # Errors
/// When one is not there.
pub(crate) fn delete(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let folder = folder(matches)?;
    let namespace = matches.get_one::<String>("namespace").map_or("default", String::as_str);
    if let (Some(kind), Some(name)) = (matches.get_one::<String>("kind"), matches.get_one::<String>("name")) {
        writeln!(io::stdout(), "{}", edit::delete(&folder, kind, namespace, name)?)?;
        return Ok(Exit::Done);
    }
    for (origin, text) in sources(matches)? {
        for (kind, namespace, name) in edit::names_in(&text, &origin)? {
            writeln!(io::stdout(), "{}", edit::delete(&folder, &kind, &namespace, &name)?)?;
        }
    }
    Ok(Exit::Done)
}

fn with_settings(command: Command) -> Command {
    command.args(settings::args(Role::Objects))
}

fn file() -> Arg {
    Arg::new("file")
        .short('f')
        .long("filename")
        .value_name("FILE")
        .action(ArgAction::Append)
        .help("A YAML file, a folder of them, or - for standard input; may repeat")
}

fn folder(matches: &ArgMatches) -> anyhow::Result<PathBuf> {
    settings::resolve(matches, Role::Objects)?.manifests.context(
        "no folder of manifests is configured: set --manifests, TIDEGATE_MANIFESTS, or start a lab with `tidegate lab up`",
    )
}

/// Name and text of every file given.
fn sources(matches: &ArgMatches) -> anyhow::Result<Vec<(String, String)>> {
    let mut sources = Vec::new();
    for name in matches.get_many::<String>("file").into_iter().flatten() {
        if name == "-" {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            sources.push(("standard input".to_owned(), text));
            continue;
        }
        let path = Path::new(name);
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            let entries = fs::read_dir(path).with_context(|| format!("cannot read {name}"))?;
            files = entries.flatten().map(|entry| entry.path()).collect();
            files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml"));
            files.sort();
        }
        for file in files {
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            sources.push((file.display().to_string(), text));
        }
    }
    Ok(sources)
}

fn table(objects: &[&Object]) -> String {
    let namespaced = objects.iter().any(|object| !object.namespace.is_empty());
    let mut grid = Grid::default();
    if !objects.is_empty() {
        let titles = ["NAMESPACE", "NAME", "FILE"];
        grid.row(titles.into_iter().skip(usize::from(!namespaced)));
    }
    for object in objects {
        let cells = [object.namespace.clone(), object.name.clone(), object.origin.clone()];
        grid.row(cells.into_iter().skip(usize::from(!namespaced)));
    }
    grid.take()
}
