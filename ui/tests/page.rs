//! How the page gets into the program.

#[path = "../build/page.rs"]
mod page;

use page::{File, collect};

fn file(path: &str, content: &[u8]) -> File {
    File { path: path.to_owned(), content: content.to_owned() }
}

#[test]
fn files_are_found_in_folders_and_listed_by_path() {
    let folder = std::env::temp_dir().join(format!("tidegate-page-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("assets")).expect("a folder");
    for path in ["index.html", "assets/b-1.js", "assets/a-1.css"] {
        std::fs::write(folder.join(path), path).expect("a file");
    }
    let found = collect(&folder);
    std::fs::remove_dir_all(&folder).expect("ours");
    let expected = ["assets/a-1.css", "assets/b-1.js", "index.html"].map(|path| file(path, path.as_bytes()));
    assert_eq!(found.expect("readable"), expected);
}

#[test]
fn only_scripts_that_stand_in_the_page_are_named() {
    let page =
        b"<script src=\"./assets/a.js\"></script><script>alert(1)</script><script type=\"module\" src='x'></script>";
    // From `printf 'alert(1)' | openssl dgst -sha256 -binary | base64`.
    assert_eq!(file("index.html", page).inline_scripts(), ["sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI="]);
    assert!(file("index.html", b"<p>no script</p>").inline_scripts().is_empty());
}

#[test]
fn what_does_not_shrink_is_not_compressed() {
    let text = file("a.js", &b"let flows = 1;".repeat(50));
    assert!(!text.brotli().expect("compressed").is_empty() && !text.gzip().expect("compressed").is_empty());
    let mut state = 1_u32;
    let mut noise = || {
        // Xorshift: nothing to be found in it.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_ne_bytes()
    };
    let noise: Vec<_> = (0..1000).flat_map(|_| noise()).collect();
    let font = file("a.woff2", &noise);
    let shrunk = [font.brotli(), font.gzip()].map(|form| form.expect("compressed").len());
    assert_eq!(shrunk, [0, 0]);
}

#[test]
fn contents_are_told_apart_and_types_are_known() {
    assert_ne!(file("a", b"1").hash(), file("a", b"2").hash());
    assert_eq!(file("assets/x-1.js", b"").media_type(), "text/javascript; charset=utf-8");
    assert_eq!(file("font.woff2", b"").media_type(), "font/woff2");
    assert_eq!(file("LICENSE", b"").media_type(), "application/octet-stream");
}
