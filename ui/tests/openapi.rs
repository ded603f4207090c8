//! The committed openapi.json is what the server serves.

#[test]
fn the_committed_description_is_fresh() {
    let committed = include_str!("../openapi.json");
    assert!(
        committed == tidegate_ui::openapi::text(),
        "ui/openapi.json is stale; run `cargo run -p tidegate-ui --example openapi > ui/openapi.json`, \
         then `npm run gen` in ui/web"
    );
}
