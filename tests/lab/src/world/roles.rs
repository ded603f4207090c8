//! The processes of a world: collectors and the lab's own servers; how every role is started, awaited
//! and ended.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;

use super::World;
use crate::process::{Launch, ProcessId, log_tail, wait_until};
use crate::rundir::Role;
use crate::servers::{ServerThread, Servers};
use crate::topology::{KUBE_DNS, OUTSIDE};

/// How long a role may take to answer, and to end when asked to.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where each collector listens on its node.
const COLLECTOR_PORT: u16 = 4244;
/// The VXLAN port of the lab's tunnels.
const TUNNEL_PORT: u16 = 6269;
/// The name under which `lab serve` knows the traffic of a pod.
pub(crate) const TRAFFIC: &str = "traffic";

impl World {
    /// Starts a node's collector and waits until its socket accepts.
    pub fn start_collector(&self, node: &str) -> Result<()> {
        self.launch_collector(node)?;
        self.await_collector(node)
    }

    /// Asks a node's collector to end (SIGTERM) and waits until it has.
    pub fn stop_collector(&self, node: &str) -> Result<()> {
        self.stop_role(&Role::Collector(node.to_owned()))
    }

    /// Ends a node's collector at once (SIGKILL): nothing of it is cleaned up.
    pub fn kill_collector(&self, node: &str) -> Result<()> {
        self.end_role(&Role::Collector(node.to_owned()), Signal::SIGKILL)
    }

    /// The collector's process, if it runs.
    pub fn collector(&self, node: &str) -> Option<ProcessId> {
        self.running(&Role::Collector(node.to_owned()))
    }

    /// Where a collector writes its output.
    pub fn collector_log(&self, node: &str) -> PathBuf {
        self.dir.process_files(&Role::Collector(node.to_owned())).0
    }

    /// A role's process, if it runs.
    pub fn running(&self, role: &Role) -> Option<ProcessId> {
        ProcessId::recorded(&self.dir.process_files(role).1)
    }

    /// Starts every node's collector; they get ready side by side.
    pub(super) fn start_collectors(&self) -> Result<()> {
        let nodes = self.nodes();
        for node in &nodes {
            self.launch_collector(&node.name)?;
        }
        nodes.iter().try_for_each(|node| self.await_collector(&node.name))
    }

    /// Starts the servers outside and the resolver pod.
    pub(super) fn start_servers(&self, as_processes: bool) -> Result<()> {
        for role in [Role::Outside, Role::KubeDns] {
            if as_processes {
                self.launch_servers(role)?;
                continue;
            }
            let thread = ServerThread::start(&self.netns(serving_place(&role)?)?, self.servers(&role)?)?;
            self.servers.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(())
    }

    /// Makes a pod ask for names and fetch what they point to, until it or the world goes.
    pub fn start_traffic(&self, pod: &str) -> Result<()> {
        self.launch_servers(Role::Traffic(self.pod(pod)?.spec.name))
    }

    /// Ends what [`World::start_traffic`] started.
    pub fn stop_traffic(&self, pod: &str) -> Result<()> {
        self.end_role(&Role::Traffic(pod.to_owned()), Signal::SIGKILL)
    }

    /// What a serving role serves.
    pub(crate) fn servers(&self, role: &Role) -> Result<Servers> {
        match role {
            Role::Outside => {
                Ok(Servers::Outside { certificate: self.dir.file("server.pem"), key: self.dir.file("server.key") })
            }
            Role::KubeDns => Ok(Servers::KubeDns),
            Role::Traffic(_) => Ok(Servers::Traffic { ca: self.dir.ca() }),
            other => bail!("the {other} is not one of the lab's servers"),
        }
    }

    /// Starts one of the lab's servers as a child and waits until it answers.
    fn launch_servers(&self, role: Role) -> Result<()> {
        let place = serving_place(&role)?.to_owned();
        let name = match &role {
            Role::Traffic(_) => TRAFFIC,
            _ => place.as_str(),
        };
        let args = words(&["lab", "serve", "--world", &self.name, "--role", name]);
        let port = self.servers(&role)?.last_port();
        self.launch(role.clone(), Some(&place), args)?;
        let netns = self.netns(&place)?;
        self.await_role(&role, || match port {
            Some(port) => netns.run(|| TcpStream::connect(("127.0.0.1", port)).is_ok()).unwrap_or(false),
            None => self.running(&role).is_some(),
        })
    }

    fn launch_collector(&self, node: &str) -> Result<()> {
        let spec = self.node(node)?;
        let text = |path: PathBuf| path.display().to_string();
        let mut args = words(&["collector", "--node-name", node, "--state-dir"]);
        args.push(text(self.dir.node(node).join("state")));
        args.push("--bpffs-dir".to_owned());
        args.push(text(self.dir.bpffs_of(node)));
        args.push("--collector-socket".to_owned());
        args.push(text(self.dir.collector_socket(node)));
        args.push("--collector-listen".to_owned());
        args.push(SocketAddr::from((spec.address, COLLECTOR_PORT)).to_string());
        args.push("--insecure".to_owned());
        args.push("--manifests".to_owned());
        args.push(text(self.dir.manifests()));
        args.push("--tunnel-port".to_owned());
        args.push(TUNNEL_PORT.to_string());
        args.extend(self.extra_collector_args.iter().cloned());
        self.launch(Role::Collector(node.to_owned()), Some(node), args)
    }

    fn await_collector(&self, node: &str) -> Result<()> {
        let socket = self.dir.collector_socket(node);
        self.await_role(&Role::Collector(node.to_owned()), || UnixStream::connect(&socket).is_ok())
    }

    pub(super) fn launch(&self, role: Role, target: Option<&str>, args: Vec<String>) -> Result<()> {
        if let Some(id) = self.running(&role) {
            bail!("the {role} runs already (process {}); stop it first", id.pid);
        }
        let binary =
            self.state().binary.clone().with_context(|| {
                format!("the {role} needs the path of the tidegate program; give the world its binary")
            })?;
        let netns = target.map(|target| self.netns(target)).transpose()?;
        let (log, pid_file) = self.dir.process_files(&role);
        let child = Launch {
            what: &role.to_string(),
            netns: netns.as_ref(),
            binary: &binary,
            args,
            log: &log,
            pid_file: &pid_file,
        }
        .start()?;
        if let Some(mut old) = self.children().insert(role, child) {
            // It has ended, or the record would have shown it.
            drop(old.try_wait());
        }
        Ok(())
    }

    /// Waits until the role answers, or says with its log why it does not.
    pub(super) fn await_role(&self, role: &Role, mut ready: impl FnMut() -> bool) -> Result<()> {
        let (log, _) = self.dir.process_files(role);
        let mut alive = true;
        let waited = wait_until(&format!("readiness of the {role}"), PATIENCE, || {
            if ready() {
                return true;
            }
            alive = self.running(role).is_some();
            !alive
        });
        if !alive {
            bail!("the {role} ended at its start; {}", log_tail(&log));
        }
        waited.with_context(|| log_tail(&log))
    }

    pub(super) fn stop_role(&self, role: &Role) -> Result<()> {
        self.end_role(role, Signal::SIGTERM)
    }

    pub(super) fn end_role(&self, role: &Role, signal: Signal) -> Result<()> {
        let (log, pid_file) = self.dir.process_files(role);
        let id = self.running(role).with_context(|| format!("the {role} does not run"))?;
        id.signal(signal)?;
        wait_until(&format!("the end of the {role} after {signal}"), PATIENCE, || !id.is_alive())
            .with_context(|| log_tail(&log))?;
        let status = self.children().remove(role).map(|mut child| child.wait()).transpose()?;
        fs::remove_file(&pid_file).with_context(|| format!("cannot remove {}", pid_file.display()))?;
        if signal == Signal::SIGTERM {
            // A child that was asked to end and ends otherwise has something to say.
            let clean = status.is_none_or(|status| status.success());
            ensure!(clean, "the {role} did not end cleanly; {}", log_tail(&log));
        }
        Ok(())
    }

    fn children(&self) -> MutexGuard<'_, std::collections::BTreeMap<Role, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The namespace that a serving role serves in.
fn serving_place(role: &Role) -> Result<&str> {
    match role {
        Role::Outside => Ok(OUTSIDE),
        Role::KubeDns => Ok(KUBE_DNS),
        Role::Traffic(pod) => Ok(pod),
        other => bail!("the {other} is not one of the lab's servers"),
    }
}

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
