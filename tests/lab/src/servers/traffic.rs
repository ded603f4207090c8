//! A pod's own traffic: it asks for names and fetches what they point to, so that a world which
//! is only looked at has something to show.
//!
//! Names that do not exist and an echo over UDP are part of the round: a lab of successes would
//! show half of what there is to see.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{DNS_PORT, ECHO_PORTS, HTTP_PORT, HTTPS_PORT};
use crate::topology::KUBE_DNS_SERVICE;

/// Between two requests of one pod.
const PACE: Duration = Duration::from_millis(700);
const STEP: Duration = Duration::from_secs(5);

/// One request of the round.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Web(&'static str),
    SecureWeb(&'static str),
    Echo(&'static str),
}

const ROUND: [Wish; 10] = [
    Wish::SecureWeb("ifconfig.me"),
    Wish::Web("www.example.com"),
    Wish::SecureWeb("api.example.com"),
    Wish::SecureWeb("shop.example.com"),
    Wish::Web("static.example.org"),
    Wish::Echo("status.example.org"),
    Wish::SecureWeb("httpbin.org"),
    Wish::Web("missing.example.com"),
    Wish::SecureWeb("registry.example.io"),
    Wish::Web("cased.example.net"),
];

/// Starts the rounds, in the thread's namespace; they trust the authority in `ca`.
pub(super) fn start(ca: &Path) -> Result<()> {
    let connector = connector(ca)?;
    tokio::spawn(async move {
        // Pods start at different places of the round, or they would all ask at once.
        let offset = std::process::id() as usize;
        for wish in ROUND.iter().cycle().skip(offset % ROUND.len()) {
            // A request that fails is traffic as well.
            drop(timeout(STEP, fulfil(*wish, &connector)).await);
            tokio::time::sleep(PACE).await;
        }
    });
    Ok(())
}

async fn fulfil(wish: Wish, connector: &TlsConnector) -> Result<()> {
    match wish {
        Wish::Web(name) => {
            let address = resolve(name).await?;
            fetch(TcpStream::connect((address, HTTP_PORT)).await?, name).await?;
        }
        Wish::SecureWeb(name) => {
            let address = resolve(name).await?;
            let stream = TcpStream::connect((address, HTTPS_PORT)).await?;
            let stream = connector.connect(ServerName::try_from(name)?, stream).await?;
            fetch(stream, name).await?;
        }
        Wish::Echo(name) => {
            let address = resolve(name).await?;
            ask(SocketAddr::from((address, ECHO_PORTS[0])), name.as_bytes()).await?;
        }
    }
    Ok(())
}

async fn resolve(name: &str) -> Result<Ipv4Addr> {
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_ascii(format!("{name}."))?, RecordType::A));
    let server = SocketAddr::from((KUBE_DNS_SERVICE, DNS_PORT));
    let answer = Message::from_vec(&ask(server, &query.to_vec()?).await?)?;
    answer
        .answers
        .iter()
        .find_map(|record| match &record.data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
        .with_context(|| format!("{name} has no address"))
}

/// One datagram to a server and its answer.
async fn ask(server: SocketAddr, payload: &[u8]) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(server).await?;
    socket.send(payload).await?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn fetch(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> io::Result<()> {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // The lab's own server answers; what it says is short.
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).await?;
    Ok(())
}

fn connector(ca: &Path) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(ca).with_context(|| format!("cannot read {}", ca.display()))?;
    roots.add(authority).context("the lab's authority is not usable")?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("the TLS provider knows no protocol version")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
