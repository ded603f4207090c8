//! Rewrites the committed output of [`tidegate_gen::generate`]; run by `make gen`.

fn main() -> anyhow::Result<()> {
    tidegate_gen::generate(&tidegate_gen::committed_dir())
}
