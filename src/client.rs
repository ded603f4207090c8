//! Calls to a relay or a collector, and what to tell the user when one fails.

use std::error::Error as _;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, Command};
use tidegate_ops::settings::{self, Address, Role};
use tidegate_proto::terms::when;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest encoded event that is accepted; flows are around 1 KiB.
pub(crate) const MESSAGE_MAX: usize = 16 << 20;

/// A connection to the server that the user named.
pub(crate) struct Client {
    /// The open connection.
    pub(crate) channel: Channel,
    /// The address, as it was named.
    pub(crate) address: Address,
    request_timeout: Duration,
}

/// Adds the flags that every client command has.
pub(crate) fn with_args(command: Command) -> Command {
    let timeout = Arg::new("request-timeout")
        .long("request-timeout")
        .value_name("DURATION")
        .default_value("12s")
        .help("How long to wait for an answer; streams are not limited");
    command.args(settings::args(Role::Client)).arg(timeout)
}

/// Runs a client command on this thread.
///
/// # Errors
/// Those of `work`, and when the runtime cannot start.
pub(crate) fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?.block_on(work)
}

impl Client {
    /// Connects to the server that flags, environment and settings file name.
    ///
    /// # Errors
    /// When the settings are not usable, or nothing answers: with the next step to take.
    pub(crate) async fn connect(matches: &ArgMatches) -> anyhow::Result<Self> {
        let address = server(matches)?;
        let timeout = matches.get_one::<String>("request-timeout").map_or("12s", String::as_str);
        let request_timeout = when::duration(timeout)
            .with_context(|| format!("--request-timeout {timeout:?} is no length of time; use 5s or 1m"))?;
        let uri = match &address {
            Address::Tcp(host_port) => format!("http://{host_port}"),
            Address::Unix(path) => format!("unix://{}", path.display()),
        };
        let endpoint = Endpoint::from_shared(uri)
            .with_context(|| format!("{address} is no address; use host:port or unix:///path"))?
            .connect_timeout(CONNECT);
        let channel = endpoint.connect().await.map_err(|_| nothing_answers(&address))?;
        Ok(Self { channel, address, request_timeout })
    }

    /// A request with the deadline of single answers.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.request_timeout);
        request
    }

    /// What to tell the user about a call that failed.
    pub(crate) fn explain(&self, status: &Status) -> anyhow::Error {
        explain(status, &self.address)
    }

    /// As [`Client::explain`], for a call that only `role` ("a relay") answers.
    pub(crate) fn explain_for(&self, status: &Status, role: &str) -> anyhow::Error {
        match status.code() {
            Code::Unimplemented => {
                anyhow::anyhow!("{} does not offer this; name the address of {role} with --server", self.address)
            }
            _ => self.explain(status),
        }
    }
}

fn server(matches: &ArgMatches) -> anyhow::Result<Address> {
    let text = matches.get_one::<String>("server").map_or("", String::as_str);
    anyhow::ensure!(
        !text.starts_with("tls://"),
        "cannot connect to {text}: TLS is not supported yet; use host:port or unix:///path"
    );
    Ok(settings::resolve(matches, Role::Client)?.server)
}

fn nothing_answers(address: &Address) -> anyhow::Error {
    anyhow::anyhow!(
        "nothing answers on {address}: start `tidegate relay` or `tidegate lab up`, \
         or name another address with --server"
    )
}

fn explain(status: &Status, address: &Address) -> anyhow::Error {
    let text = status.message();
    // A status with a source was made on this side, by a connection that broke.
    if status.source().is_some() {
        return anyhow::anyhow!("the connection to {address} ended ({text}); see whether the server still runs");
    }
    match status.code() {
        // The request itself is at fault, or the server knows why: its words say it all.
        Code::InvalidArgument | Code::Unknown | Code::Unavailable if !text.is_empty() => {
            anyhow::anyhow!("{text}")
        }
        Code::Unimplemented => anyhow::anyhow!("{address} does not offer this"),
        Code::DeadlineExceeded | Code::Cancelled => {
            anyhow::anyhow!("{address} did not answer in time; raise --request-timeout or look at its log")
        }
        code => anyhow::anyhow!("{address} answered with an error: {code:?}: {text}"),
    }
}
