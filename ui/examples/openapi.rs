//! Prints the interface's description: `cargo run -p tidegate-ui --example openapi > ui/openapi.json`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(tidegate_ui::openapi::text().as_bytes())
}
