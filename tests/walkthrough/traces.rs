//! A lab that is taken down leaves nothing on the machine, whatever happened to its processes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tidegate_lab::World;

use crate::SUITE;
use crate::terminal::{PROGRAM, Said, eventually, may_run, run};

#[test]
fn a_lab_that_is_taken_down_leaves_nothing() {
    let Some(lab) = Lab::up() else { return };
    assert!(!lab.traces().is_empty(), "or the next line would prove nothing");
    lab.types("down").done();
    assert_eq!(lab.traces(), Vec::<String>::new());
    lab.types("down").done();
}

#[test]
fn a_lab_whose_processes_were_all_killed_goes_down_as_well() {
    let Some(lab) = Lab::up() else { return };
    let processes = lab.processes();
    assert_eq!(processes.len(), 7, "three collectors, relay, dashboard, the servers outside and the resolver");
    for process in processes {
        kill(process, Signal::SIGKILL).unwrap();
    }
    eventually(|| if lab.processes().is_empty() { Ok(()) } else { Err("processes") });
    assert!(!lab.traces().is_empty(), "a death cleans nothing up");
    lab.types("down").done();
    assert_eq!(lab.traces(), Vec::<String>::new());
}

#[test]
fn a_foreground_lab_that_was_killed_with_all_it_started_goes_down_as_well() {
    if !may_run(SUITE) {
        return;
    }
    let lab = Lab { name: World::unique_name() };
    let mut up = lab.command("up --foreground --relay-listen 127.0.0.1:0 --ui-listen 127.0.0.1:0");
    let mut up = up.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // With traffic of its own, and the dashboard last.
    eventually(|| {
        let processes = lab.processes();
        if processes.len() >= 10 { Ok(()) } else { Err(processes) }
    });
    for process in lab.processes() {
        kill(process, Signal::SIGKILL).unwrap();
    }
    up.kill().unwrap();
    up.wait().unwrap();
    lab.types("down").done();
    assert_eq!(lab.traces(), Vec::<String>::new());
}

/// A lab that was made from the command line, and goes with this value.
struct Lab {
    name: String,
}

impl Lab {
    fn up() -> Option<Self> {
        may_run(SUITE).then(|| {
            let lab = Self { name: World::unique_name() };
            lab.types("up --relay-listen 127.0.0.1:0 --ui-listen 127.0.0.1:0").done();
            lab
        })
    }

    fn types(&self, words: &str) -> Said {
        run(self.command(words), "")
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("lab").args(words.split(' ')).args(["--world", &self.name]);
        command
    }

    /// The processes that `lab status` shows.
    fn processes(&self) -> Vec<Pid> {
        let status = self.types("status").out;
        let ids = status.lines().filter_map(|line| line.rsplit_once('(')?.1.trim_end().strip_suffix(')'));
        ids.filter_map(|id| id.parse().ok()).map(Pid::from_raw).collect()
    }

    /// Everything of this lab that the machine shows: namespaces, mounts, files and processes.
    fn traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        let namespaces: Vec<_> = entries(Path::new("/run/netns"))
            .into_iter()
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&self.prefix())))
            .collect();
        let inodes: Vec<_> = namespaces.iter().filter_map(|path| Some(fs::metadata(path).ok()?.ino())).collect();
        traces.extend(namespaces.iter().map(|path| path.display().to_string()));
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        traces.extend(mounts.lines().filter(|line| self.is_named_in(line)).map(str::to_owned));
        for path in entries(Path::new("/run/tidegate/lab")) {
            traces.extend(Some(path.display().to_string()).filter(|path| self.is_named_in(path)));
        }
        for process in entries(Path::new("/proc")) {
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let inside = fs::metadata(process.join("ns/net")).is_ok_and(|netns| inodes.contains(&netns.ino()));
            if inside || self.is_named_in(&line) {
                traces.push(format!("{} {line}", process.display()));
            }
        }
        traces
    }

    /// What the names of the lab's namespaces begin with.
    fn prefix(&self) -> String {
        format!("{}-", self.name)
    }

    fn is_named_in(&self, text: &str) -> bool {
        let whole =
            |part: &str| part == self.name || part.trim_start_matches('.').starts_with(&format!("{}.", self.name));
        text.split(['/', ' ']).any(|part| whole(part) || part.starts_with(&self.prefix()))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // After a failed assertion; otherwise it is down.
        drop(self.types("down"));
    }
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()).collect()
}
