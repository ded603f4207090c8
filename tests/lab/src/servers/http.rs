//! The outside's web servers: they say who called.
//!
//! `GET /` the caller's address, `/port` address and port, `/bytes/N` N bytes; the body of a
//! POST is answered by its length. Every host name is answered alike.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::accept_each;

const HANDSHAKE: Duration = Duration::from_secs(20);
const BLOCK: usize = 64 * 1024;
/// The most that one request may ask for.
const LONGEST: u64 = 64 << 30;

pub(super) fn serve(listener: TcpListener) {
    accept_each(listener, talk);
}

pub(super) fn serve_tls(listener: TcpListener, acceptor: TlsAcceptor) {
    accept_each(listener, move |stream, peer| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust the lab's authority hangs up here.
            if let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
                talk(stream, peer).await;
            }
        }
    });
}

/// TLS with the certificate and key of these PEM files.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| format!("cannot read {}", key.display()))?;
    // Named, since another crate of the program may bring a second provider.
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("the TLS provider knows no protocol version")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the lab's certificate is not usable")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) {
    let service = service_fn(move |request| answer(request, peer));
    // A client that hangs up in the middle ends this connection only.
    drop(http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await);
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(mut request: Request<Incoming>, peer: SocketAddr) -> Result<Response<Body>, hyper::Error> {
    if request.method() == Method::POST {
        let mut length = 0u64;
        while let Some(frame) = request.body_mut().frame().await {
            length += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        return Ok(Response::new(text(format!("{length}\n"))));
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Ok(status(StatusCode::METHOD_NOT_ALLOWED));
    }
    Ok(match request.uri().path() {
        "/" | "/ip" => Response::new(text(format!("{}\n", peer.ip()))),
        "/port" => Response::new(text(format!("{peer}\n"))),
        path => match path.strip_prefix("/bytes/").map(str::parse::<u64>) {
            Some(Ok(length)) if length <= LONGEST => {
                let mut response = Response::new(filler(length));
                response.headers_mut().insert(hyper::header::CONTENT_LENGTH, length.into());
                response
            }
            Some(_) => status(StatusCode::BAD_REQUEST),
            None => status(StatusCode::NOT_FOUND),
        },
    })
}

fn text(text: String) -> Body {
    Full::new(Bytes::from(text)).boxed()
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(text(format!("{status}\n")));
    *response.status_mut() = status;
    response
}

/// `length` bytes; the byte at offset `n` is `n % 251`, so that a lost or doubled piece shows.
fn filler(length: u64) -> Body {
    // A whole number of periods, so that every block starts like the first.
    let block: Bytes = (0..BLOCK / 251 * 251).map(|n| (n % 251) as u8).collect();
    let blocks = stream::unfold(length, move |left| {
        let block = block.clone();
        async move {
            if left == 0 {
                return None;
            }
            let piece = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            Some((block.slice(..piece), left - piece as u64))
        }
    });
    BodyExt::boxed(StreamBody::new(blocks.map(|block| Ok(Frame::data(block)))))
}
