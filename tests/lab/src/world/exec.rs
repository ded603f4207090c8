//! Commands and closures inside a node or pod.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::World;
use crate::netns::Netns;

/// A command of a test that runs longer than this is ended.
const LIMIT: Duration = Duration::from_secs(120);

impl World {
    /// Runs a command in a node or pod and returns its output; after two minutes it is ended.
    ///
    /// It sees the world's resolver as `/etc/resolv.conf` and trusts the world's authority.
    pub fn exec(&self, target: &str, command: &[&str]) -> Result<Output> {
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        let child = self.spawn(target, &command, |command| {
            use std::os::unix::process::CommandExt as _;
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.process_group(0);
        })?;
        within(LIMIT, child).with_context(|| format!("cannot run {command:?} in {target}"))
    }

    /// Runs a command that has to succeed, and returns its standard output.
    pub fn run(&self, target: &str, command: &[&str]) -> Result<String> {
        let output = self.exec(target, command)?;
        if !output.status.success() {
            bail!(
                "{command:?} in {target} ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command in a node or pod on this process's terminal, for as long as it takes.
    pub fn exec_on_terminal(&self, target: &str, command: &[String]) -> Result<ExitStatus> {
        let mut child = self.spawn(target, command, |_| {})?;
        child.wait().with_context(|| format!("cannot wait for {command:?} in {target}"))
    }

    /// Runs a closure on a thread inside the namespace of a node, a pod, `outside` or
    /// `internet`. Sockets and threads made there stay there.
    pub fn in_netns<T: Send>(&self, target: &str, work: impl FnOnce() -> T + Send) -> Result<T> {
        self.netns(target)?.run(work)
    }

    fn spawn(&self, target: &str, command: &[String], prepare: impl FnOnce(&mut Command) + Send) -> Result<Child> {
        let [program, args @ ..] = command else {
            bail!("no command to run in {target}; give one after `--`");
        };
        let netns: Netns = self.netns(target)?;
        let is_pod = self.pod(target).is_ok();
        let resolver = self.dir.file(if is_pod { "resolv.conf" } else { "resolv-node.conf" });
        let mut child = Command::new(program);
        child.args(args);
        for variable in ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
            child.env(variable, self.dir.ca());
        }
        prepare(&mut child);
        // The child inherits the namespaces of the thread that starts it.
        netns.run(move || -> Result<Child> {
            see_resolver(&resolver)?;
            child.spawn().with_context(|| format!("cannot start {program} in {target}"))
        })?
    }
}

/// Puts the world's resolver over `/etc/resolv.conf`, for this thread and its children alone.
fn see_resolver(resolver: &PathBuf) -> Result<()> {
    const SHARED: &str = "/etc/resolv.conf";
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_FS).context("cannot make a mount namespace (is this root?)")?;
    // Nothing mounted here is seen outside; what the host unmounts goes here as well.
    let slave = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&str>, "/", None::<&str>, slave, None::<&str>).context("cannot detach the mount namespace")?;
    mount(Some(resolver), SHARED, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .with_context(|| format!("cannot put {} over {SHARED}", resolver.display()))
}

/// Waits for a child with pipes; when time is up its whole process group is ended.
fn within(limit: Duration, child: Child) -> Result<Output> {
    let group = Pid::from_raw(i32::try_from(child.id()).context("a pid is a positive int")?);
    let (sender, done) = mpsc::channel();
    let waiter = thread::spawn(move || {
        // The receiver waits for it, so it is there.
        drop(sender.send(child.wait_with_output()));
    });
    let outcome = match done.recv_timeout(limit) {
        Ok(output) => output.context("cannot read its output"),
        Err(_) => {
            // Not reaped yet, so the group is still the child's.
            killpg(group, Signal::SIGKILL).context("it runs too long and cannot be ended")?;
            Err(anyhow::anyhow!("it did not end within {} s", limit.as_secs()))
        }
    };
    drop(waiter.join());
    outcome
}
