//! Whether a test that needs root may run.

/// True for root. Otherwise the test fails, unless the operator skipped the lab by name.
pub(crate) fn needs_root() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let skipped = std::env::var("TIDEGATE_SKIP").unwrap_or_default();
    assert!(
        skipped.split(',').any(|name| name == "lab"),
        "the lab needs root: run as root, or set TIDEGATE_SKIP=lab to leave its tests out"
    );
    false
}
