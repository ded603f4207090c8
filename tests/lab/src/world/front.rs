//! What a world shows the host: its relay, the store behind it, and its dashboard.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::World;
use super::roles::words;
use crate::process::ProcessId;
use crate::rundir::Role;

/// Most bytes of a world's store: its folder is in the machine's memory.
pub(super) const STORE_SIZE: &str = "256MiB";

impl World {
    /// Starts the relay on the host and waits until its port accepts.
    pub fn start_relay(&self) -> Result<()> {
        // A relay started again is where its clients look for it.
        let listen = self.relay_address().unwrap_or(self.relay_listen);
        let mut args = words(&["relay", "--peers", &self.peers(), "--store", &self.store_url()]);
        args.extend(words(&["--retention-size", STORE_SIZE]));
        args.extend(self.extra_relay_args.iter().cloned());
        let bound = self.start_on_host(Role::Relay, "--relay-listen", listen, args)?;
        let mut state = self.state();
        state.relay = bound;
        self.dir.write_state(&state)
    }

    /// Asks the relay to end (SIGTERM) and waits until it has.
    pub fn stop_relay(&self) -> Result<()> {
        self.stop_role(&Role::Relay)
    }

    /// Ends the relay at once (SIGKILL).
    pub fn kill_relay(&self) -> Result<()> {
        self.end_role(&Role::Relay, Signal::SIGKILL)
    }

    /// Where the relay listens, once it was started.
    pub fn relay_address(&self) -> Option<SocketAddr> {
        self.state().relay
    }

    /// The relay's process, if it runs.
    pub fn relay(&self) -> Option<ProcessId> {
        self.running(&Role::Relay)
    }

    /// The relay's peers, as its setting wants them.
    pub fn peers(&self) -> String {
        let peer = |name: &str| format!("{name}=unix://{}", self.dir.collector_socket(name).display());
        let nodes = self.nodes();
        nodes.iter().map(|node| peer(&node.name)).collect::<Vec<_>>().join(",")
    }

    /// The relay's store, as the setting names it.
    pub fn store_url(&self) -> String {
        match self.state().stores {
            true => format!("sqlite://{}", self.dir.store().display()),
            false => "none".to_owned(),
        }
    }

    /// Starts the dashboard on the host, in front of the relay, and waits until its port accepts.
    pub fn start_ui(&self) -> Result<()> {
        let listen = self.ui_address().unwrap_or(self.ui_listen);
        let relay = self.relay_address().unwrap_or(self.relay_listen);
        let args = words(&["ui", "--server", &relay.to_string()]);
        let bound = self.start_on_host(Role::Ui, "--ui-listen", listen, args)?;
        let mut state = self.state();
        state.ui = bound;
        self.dir.write_state(&state)
    }

    /// Asks the dashboard to end (SIGTERM) and waits until it has.
    pub fn stop_ui(&self) -> Result<()> {
        self.stop_role(&Role::Ui)
    }

    /// Ends the dashboard at once (SIGKILL).
    pub fn kill_ui(&self) -> Result<()> {
        self.end_role(&Role::Ui, Signal::SIGKILL)
    }

    /// Where the dashboard listens, once it was started.
    pub fn ui_address(&self) -> Option<SocketAddr> {
        self.state().ui
    }

    /// Starts a role that listens on the host, and waits until its port accepts: the one asked for
    /// or, for port 0, the one that it says.
    fn start_on_host(
        &self,
        role: Role,
        listen_flag: &str,
        listen: SocketAddr,
        mut args: Vec<String>,
    ) -> Result<Option<SocketAddr>> {
        let (log, _) = self.dir.process_files(&role);
        let old_log = fs::metadata(&log).map_or(0, |meta| meta.len());
        args.extend([listen_flag.to_owned(), listen.to_string()]);
        if !listen.ip().is_loopback() {
            args.push("--insecure".to_owned());
        }
        self.launch(role.clone(), None, args)?;
        let mut bound = None;
        self.await_role(&role, || {
            bound = match listen.port() {
                0 => bound_address(&log, old_log),
                _ => Some(listen),
            };
            bound.is_some_and(|address| TcpStream::connect(address).is_ok())
        })?;
        Ok(bound)
    }
}

/// The first address and port that a line with "listen" or a URL names behind `skip` bytes.
fn bound_address(log: &Path, skip: u64) -> Option<SocketAddr> {
    let bytes = fs::read(log).ok()?;
    let fresh = bytes.get(usize::try_from(skip).ok()?..)?;
    listening_address(&String::from_utf8_lossy(fresh))
}

fn listening_address(text: &str) -> Option<SocketAddr> {
    let lines = text.lines().filter(|line| line.to_ascii_lowercase().contains("listen") || line.contains("http://"));
    let part_of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']');
    lines
        .flat_map(|line| line.split(move |c| !part_of_address(c)))
        .filter_map(|word| word.trim_matches(|c| c == ':' || c == '.').parse().ok())
        .find(|address: &SocketAddr| address.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_a_role_is_read_from_what_it_prints() {
        let wanted = Some("127.0.0.1:40123".parse().unwrap());
        assert_eq!(listening_address("relay listening on 127.0.0.1:40123\n"), wanted);
        assert_eq!(listening_address("INFO starting\nINFO listening address=127.0.0.1:40123 peers=3\n"), wanted);
        assert_eq!(listening_address("{\"msg\":\"listening\",\"at\":\"127.0.0.1:40123\"}"), wanted);
        assert_eq!(listening_address("dashboard on http://127.0.0.1:40123 relay=127.0.0.1:4245\n"), wanted);
        assert_eq!(listening_address("will listen on 127.0.0.1:0\n"), None);
    }
}
