//! Puts the built page (ui/web/dist) into the program, compressed once, here. Without one, a page
//! that says how to build it stands in.

mod page;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use page::File;

/// What stands in for a page that is not built.
const MISSING: &str = include_str!("missing.html");

#[expect(clippy::print_stdout, reason = "this is how a build script speaks to Cargo")]
fn main() -> io::Result<()> {
    let dist = Path::new("web/dist");
    // Cargo builds again and again when a path that it watches does not exist.
    let _ = fs::create_dir_all(dist);
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=build");
    let mut files = page::collect(dist)?;
    if files.iter().all(|file| file.path != "index.html") {
        files = vec![File { path: "index.html".to_owned(), content: MISSING.as_bytes().to_vec() }];
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let rows: Vec<_> = files.iter().enumerate().map(|(at, file)| row(at, file, &out)).collect::<Result<_, _>>()?;
    let scripts: Vec<_> =
        files.iter().filter(|file| file.path == "index.html").flat_map(File::inline_scripts).collect();
    let table = format!(
        "static FILES: &[File] = &[\n{}];\n\
         /// Hashes of the scripts that stand in the page itself.\n\
         pub(crate) static INLINE_SCRIPTS: &[&str] = &{scripts:?};\n",
        rows.concat()
    );
    fs::write(out.join("page.rs"), table)
}

/// The text of one row of the table; what it includes is written beside it.
fn row(at: usize, file: &File, out: &Path) -> io::Result<String> {
    let mut row =
        format!("File {{ path: {:?}, media_type: {:?}, hash: {:?}", file.path, file.media_type(), file.hash());
    for (form, content) in [("plain", &file.content), ("brotli", &file.brotli()?), ("gzip", &file.gzip()?)] {
        let name = format!("{at}.{form}");
        fs::write(out.join(&name), content)?;
        row += &format!(", {form}: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))");
    }
    Ok(row + " },\n")
}
