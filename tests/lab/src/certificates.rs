//! Trust for the outside's HTTPS: an authority of the world's own and one certificate for all
//! of its names.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::zone;

/// Writes the authority's certificate, and the servers' certificate and key (PEM). The
/// authority's key is thrown away.
pub(crate) fn write(ca: &Path, certificate: &Path, key: &Path) -> Result<()> {
    let authority_key = KeyPair::generate().context("cannot make a key for the lab's authority")?;
    let mut authority = CertificateParams::new(Vec::new()).context("no names, so none is bad")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "Tidegate lab authority");
    let authority_certificate =
        authority.self_signed(&authority_key).context("cannot sign the lab authority's certificate")?;
    let issuer = Issuer::new(authority, authority_key);

    let server_key = KeyPair::generate().context("cannot make a key for the lab's servers")?;
    let names: Vec<String> = zone::entries()
        .iter()
        .map(|entry| entry.name.to_owned())
        .chain(zone::addresses().into_iter().map(|address| IpAddr::V4(address).to_string()))
        .collect();
    let mut server = CertificateParams::new(names).context("a name of the zone is not usable")?;
    server.distinguished_name.push(DnType::CommonName, "Tidegate lab servers");
    let server_certificate =
        server.signed_by(&server_key, &issuer).context("cannot sign the lab servers' certificate")?;

    fs::write(ca, authority_certificate.pem()).with_context(|| format!("cannot write {}", ca.display()))?;
    fs::write(certificate, server_certificate.pem())
        .with_context(|| format!("cannot write {}", certificate.display()))?;
    write_secret(key, &server_key.serialize_pem()).with_context(|| format!("cannot write {}", key.display()))
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
