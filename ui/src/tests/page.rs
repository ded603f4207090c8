//! The page's files.

use std::io::Read as _;

use axum::http::{Request, StatusCode};

use super::fake::Script;
use super::world::{Dashboard, ask};

#[tokio::test]
async fn every_view_is_the_page_and_is_not_kept() {
    let dashboard = Dashboard::with(Script::default()).await;
    let page = dashboard.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.text().contains("Tidegate"));
    for view in ["/flows?verdict=DROPPED&since=1h", "/map", "/index.html"] {
        assert_eq!(dashboard.get(view).await.body, page.body, "{view}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_no_page() {
    let dashboard = Dashboard::with(Script::default()).await;
    for path in ["/assets/index-old.js", "/favicon.nothing", "/flows/deep", "/..%2f..%2fetc%2fpasswd"] {
        let answer = dashboard.get(path).await;
        assert_ne!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_page_comes_compressed_and_is_the_same() {
    let dashboard = Dashboard::with(Script::default()).await;
    let asked = |accepted: &str| Request::get("/").header("host", "localhost").header("accept-encoding", accepted);
    let plain = ask(&dashboard.router, asked("identity")).await;
    let brotli = ask(&dashboard.router, asked("gzip, br")).await;
    let gzip = ask(&dashboard.router, asked("gzip")).await;
    assert_eq!((brotli.header("content-encoding"), gzip.header("content-encoding")), ("br", "gzip"));
    assert_eq!((brotli.header("vary"), plain.header("content-encoding")), ("accept-encoding", ""));
    let mut content = Vec::new();
    brotli::Decompressor::new(brotli.body.as_ref(), 4096).read_to_end(&mut content).expect("brotli");
    assert_eq!(content, plain.body);
    content.clear();
    flate2::read::GzDecoder::new(gzip.body.as_ref()).read_to_end(&mut content).expect("gzip");
    assert_eq!(content, plain.body);
    assert_ne!(brotli.header("etag"), gzip.header("etag"));
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let dashboard = Dashboard::with(Script::default()).await;
    let tag = dashboard.get("/").await.header("etag").to_owned();
    let with = |tag: &str| Request::get("/").header("host", "localhost").header("if-none-match", tag);
    let known = ask(&dashboard.router, with(&format!("\"other\", W/{tag}"))).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(ask(&dashboard.router, with("\"other\"")).await.status, StatusCode::OK);
}
