//! The files of the built page, each in the encodings that browsers ask for.

use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// One file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    /// Below the page's folder, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

/// Every file below `folder`, by path.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn collect(folder: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    add(folder, "", &mut files)?;
    files.sort();
    Ok(files)
}

fn add(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true => add(&entry.path(), &format!("{path}/"), files)?,
            false => files.push(File { path, content: std::fs::read(entry.path())? }),
        }
    }
    Ok(())
}

impl File {
    /// Empty when that saves too little; so for gzip.
    pub(crate) fn brotli(&self) -> io::Result<Vec<u8>> {
        let mut compressed = Vec::new();
        brotli::CompressorWriter::new(&mut compressed, 4096, 11, 22).write_all(&self.content)?;
        Ok(self.worthwhile(compressed))
    }

    pub(crate) fn gzip(&self) -> io::Result<Vec<u8>> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&self.content)?;
        encoder.finish().map(|compressed| self.worthwhile(compressed))
    }

    /// Nothing when it saves less than a twentieth, as with fonts and pictures.
    fn worthwhile(&self, compressed: Vec<u8>) -> Vec<u8> {
        let plain = self.content.len();
        if compressed.len() < plain - plain / 20 { compressed } else { Vec::new() }
    }

    /// Tells contents apart.
    pub(crate) fn hash(&self) -> String {
        Sha256::digest(&self.content).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn media_type(&self) -> &'static str {
        match self.path.rsplit('.').next().unwrap_or_default() {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "ico" => "image/x-icon",
            "woff2" => "font/woff2",
            "json" | "map" => "application/json",
            "webmanifest" => "application/manifest+json",
            "txt" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    /// Hashes, as a content security policy names them, of the scripts that stand in a page.
    pub(crate) fn inline_scripts(&self) -> Vec<String> {
        let page = String::from_utf8_lossy(&self.content);
        let scripts = page.split("<script").skip(1).filter_map(|rest| rest.split_once('>'));
        let inline = scripts.filter(|(attributes, _)| !attributes.contains("src="));
        let bodies = inline.filter_map(|(_, rest)| Some(rest.split_once("</script>")?.0));
        bodies.map(|body| format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(body)))).collect()
    }
}
