//! `tidegate up`: collector, relay, store and dashboard of this one machine, in one process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use clap::{ArgMatches, Command};
use tidegate_collector::Collector;
use tidegate_ops::settings::{self, Address, Peer, Role, Settings, Store};
use tidegate_ops::{logs, stop};
use tidegate_relay::{Relay, RelaySettings};
use tidegate_ui::{Ui, UiSettings};
use tokio::task::{JoinError, JoinSet};

use crate::exit::{Exit, complain};
use crate::store::kept;

/// The command with its settings as flags.
pub(crate) fn command() -> Command {
    Command::new("up")
        .about("Observe this machine: collector, relay, store and dashboard in one process")
        .long_about(
            "Observe this machine: collector, relay, store and dashboard in one process. Needs root. Nothing is \
             translated or blocked unless --manifests names a folder with a policy. At the end everything is taken \
             out of the kernel; after a kill, `tidegate cleanup` does that.",
        )
        .args(settings::args(Role::Up))
}

/// Runs until a stop signal, or until a part fails.
///
/// # Errors
/// Without root, when the settings are not usable, a port is taken or the kernel refuses the
/// probes; and with the cause when a part ends by itself.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<Exit> {
    let settings = settings::resolve(matches, Role::Up)?;
    anyhow::ensure!(
        nix::unistd::geteuid().is_root(),
        "tidegate up needs root, since it puts programs into the kernel: run it with sudo; \
         `tidegate relay` and `tidegate ui` do without"
    );
    logs::init(settings.log_format, settings.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        let stop = stop::Signal::from_os().context("listen for stop signals")?;
        let parts = Parts::start(&settings).await?;
        parts.introduce(&settings);
        let outcome = parts.serve(stop).await;
        let cleaned = tidegate_collector::cleanup(&settings).await.context("clean up");
        outcome.and(cleaned)
    })?;
    Ok(Exit::Done)
}

/// Everything that runs, with its ports taken.
struct Parts {
    relay: Relay,
    ui: Ui,
    collector: Collector,
}

impl Parts {
    /// The collector comes last: when a port is taken, nothing is in the kernel yet.
    async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let own = Peer { name: settings.node_name.clone(), address: Address::Unix(settings.collector_socket.clone()) };
        let others = settings.peers.iter().filter(|peer| peer.name != own.name).cloned();
        let peers = std::iter::once(own.clone()).chain(others).collect();
        let relay = tidegate_relay::bind(RelaySettings { peers, ..settings.into() }).await?;
        let asked = Address::Tcp(reachable(relay.address()).to_string());
        let ui = tidegate_ui::bind(UiSettings { relay: asked, ..settings.into() }).await?;
        let collector = tidegate_collector::start(settings.clone()).await?;
        Ok(Self { relay, ui, collector })
    }

    /// Says where to look.
    fn introduce(&self, settings: &Settings) {
        let relay = reachable(self.relay.address());
        let server = match relay.port() {
            4245 => String::new(),
            _ => format!(" --server {relay}"),
        };
        let does = match &settings.manifests {
            Some(folder) if settings.enable_egress_gateway => {
                format!("observes {}, and enforces the policies in {}", settings.node_name, folder.display())
            }
            _ => format!("observes {}; it translates and blocks nothing", settings.node_name),
        };
        let stored = match &settings.store {
            Store::None => "nowhere: flows are only in memory".to_owned(),
            store => format!("{store} ({})", kept(settings)),
        };
        for line in [
            format!("\nTidegate {does}.\n"),
            format!("  dashboard   http://{}", reachable(self.ui.address())),
            format!("  relay       {relay}"),
            format!("  flows       {stored}"),
            "\nTry, in another terminal:\n".to_owned(),
            "  curl -s http://example.com".to_owned(),
            format!("  tidegate observe --to-fqdn example.com{server}"),
            format!("  tidegate observe --follow -o table{server}"),
            "\nCtrl-C ends it and takes everything out of the kernel.\n".to_owned(),
        ] {
            complain(&line);
        }
    }

    async fn serve(self, stop: stop::Signal) -> anyhow::Result<()> {
        let Self { relay, ui, collector } = self;
        let (trigger, ending) = stop::Signal::manual();
        let mut parts = JoinSet::new();
        let until = ending.clone();
        parts.spawn(async { ("collector", collector.serve(until).await) });
        let until = ending.clone();
        parts.spawn(async { ("relay", relay.serve(until).await) });
        parts.spawn(async { ("dashboard", ui.serve(ending).await) });
        together(parts, trigger, stop).await
    }
}

/// A part's name, and how it ended.
type Ended = (&'static str, anyhow::Result<()>);

/// Waits until `stop` is set or a part ends; then ends them all by `trigger`.
///
/// # Errors
/// With the cause when a part ended by itself, or did not end well.
async fn together(mut parts: JoinSet<Ended>, trigger: stop::Trigger, stop: stop::Signal) -> anyhow::Result<()> {
    let mut outcome = tokio::select! {
        () = stop.wait() => Ok(()),
        Some(ended) = parts.join_next() => match told(ended) {
            (part, Ok(())) => Err(anyhow::anyhow!("the {part} ended by itself: see the log above")),
            (part, Err(error)) => Err(error.context(format!("the {part} ended"))),
        },
    };
    trigger.stop();
    while let Some(ended) = parts.join_next().await {
        let (part, ended) = told(ended);
        outcome = outcome.and(ended.with_context(|| format!("the {part} did not end well")));
    }
    outcome
}

/// What a task told; one that panicked tells nothing, and the panic itself is in the log.
fn told(ended: Result<Ended, JoinError>) -> Ended {
    ended.unwrap_or_else(|panic| ("part that panicked", Err(anyhow::Error::new(panic))))
}

/// The address under which this machine itself reaches what listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_fails_ends_the_others_and_is_named_with_its_cause() {
        let (trigger, ending) = stop::Signal::manual();
        let (_held, stop) = stop::Signal::manual();
        let mut parts = JoinSet::new();
        parts.spawn(async move {
            ending.wait().await;
            ("relay", Ok(()))
        });
        parts.spawn(async { ("collector", Err(anyhow::anyhow!("the sweep thread ended"))) });
        let error = together(parts, trigger, stop).await.unwrap_err();
        assert_eq!(format!("{error:#}"), "the collector ended: the sweep thread ended");
    }

    #[tokio::test]
    async fn parts_that_are_told_to_end_have_ended_well() {
        let (trigger, ending) = stop::Signal::manual();
        let (os, stop) = stop::Signal::manual();
        let mut parts = JoinSet::new();
        parts.spawn(async move {
            ending.wait().await;
            ("relay", Ok(()))
        });
        os.stop();
        together(parts, trigger, stop).await.unwrap();
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        let of = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(of("0.0.0.0:4245"), "127.0.0.1:4245");
        assert_eq!(of("[::]:4245"), "[::1]:4245");
        assert_eq!(of("192.0.2.7:1"), "192.0.2.7:1");
    }
}
