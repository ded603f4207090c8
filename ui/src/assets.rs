//! The page: files that were built into the program, each in the encodings that browsers ask for.

use axum::extract::Request;
use axum::http::header::*;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::failure::Failure;
use crate::routes::BASE;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// One file of the page.
struct File {
    /// Below the page, without a leading slash.
    path: &'static str,
    media_type: &'static str,
    /// A hash of the content.
    hash: &'static str,
    plain: &'static [u8],
    /// Empty when it is not worth it; so for `gzip`.
    brotli: &'static [u8],
    gzip: &'static [u8],
}

/// A path of which nothing is known in advance. Views of the page are paths of one segment, so that
/// what the page refers to by `./assets/…` is found below any prefix.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    if path == BASE || path.starts_with("/api/") {
        return Failure::new(StatusCode::NOT_FOUND, "there is no such route")
            .hint(format!("{BASE}/openapi.json lists them"))
            .into_response();
    }
    let path = path.trim_start_matches('/');
    match find(path) {
        Some(file) => answer(file, request.headers()),
        None if is_view(path) => match find("index.html") {
            Some(page) => answer(page, request.headers()),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        None => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
    }
}

fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Whether the page itself knows what to show for a path.
fn is_view(path: &str) -> bool {
    !path.contains(['/', '.'])
}

fn answer(file: &'static File, asked: &HeaderMap) -> Response {
    let header = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let (encoding, content) = encoded(file, header(ACCEPT_ENCODING));
    let tag = format!("\"{}{}\"", file.hash, encoding.map(|encoding| format!("-{encoding}")).unwrap_or_default());
    let known = header(IF_NONE_MATCH).split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => content.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching(file.path)));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("a hash in quotes"));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The smallest form that the browser takes.
fn encoded(file: &File, accepted: &str) -> (Option<&'static str>, &'static [u8]) {
    match () {
        () if !file.brotli.is_empty() && accepts(accepted, "br") => (Some("br"), file.brotli),
        () if !file.gzip.is_empty() && accepts(accepted, "gzip") => (Some("gzip"), file.gzip),
        () => (None, file.plain),
    }
}

/// Whether an `Accept-Encoding` header names `encoding` with a weight above 0.
fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|part| {
        let (name, weight) = part.split_once(';').map_or((part, ""), |(name, weight)| (name, weight.trim()));
        let refused = weight.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

/// What is below `assets/` has a hash of its content in its name, so a name never changes its
/// content.
fn caching(path: &str) -> &'static str {
    match path {
        "index.html" => "no-store",
        path if path.starts_with("assets/") => "public, max-age=31536000, immutable",
        _ => "no-cache",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        File {
            path: "assets/a-1.js",
            media_type: "text/javascript",
            hash: "h",
            plain: b"plain",
            brotli: b"br",
            gzip: b"gz",
        }
    }

    #[test]
    fn the_smallest_accepted_form_is_sent() {
        for (accepted, encoding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, gzip;q=0.5", Some("gzip")),
            ("BR; q=1", Some("br")),
            ("identity", None),
            ("", None),
            ("brotli", None),
        ] {
            assert_eq!(encoded(&file(), accepted).0, encoding, "{accepted}");
        }
        let incompressible = File { brotli: b"", gzip: b"", ..file() };
        assert_eq!(encoded(&incompressible, "br, gzip"), (None, &b"plain"[..]));
    }

    #[test]
    fn views_are_paths_of_one_segment() {
        for path in ["", "flows", "map", "egress"] {
            assert!(is_view(path), "{path}");
        }
        for path in ["favicon.ico", "assets/old.js", "flows/x", "../etc/passwd"] {
            assert!(!is_view(path), "{path}");
        }
    }

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        assert!(caching("assets/index-Bx3.js").contains("immutable"));
        assert_eq!((caching("index.html"), caching("favicon.svg")), ("no-store", "no-cache"));
    }
}
