//! Fills a folder with made-up flows that end now, to look at a large store in the dashboard:
//!
//! ```sh
//! cargo run --release -p tidegate-store-suite --example fill -- /tmp/flows 1000000 300
//! tidegate relay --store sqlite:///tmp/flows --peers none=127.0.0.1:1 & tidegate ui
//! ```
//!
//! The numbers are flows and flows per second.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tidegate_store::sqlite::Sqlite;
use tidegate_store::{Batch, FlowStore as _, Retention};
use tidegate_store_suite::{Shape, Traffic};

const BATCH: usize = 20_000;

#[tokio::main]
async fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, flows, rate] = args.as_slice() else {
        return Err(io::Error::other("usage: fill FOLDER FLOWS FLOWS-PER-SECOND"));
    };
    let flows: u64 = flows.parse().expect("a number of flows");
    let rate: u64 = rate.parse().expect("flows per second");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock that is set");
    let now = now.as_nanos() as u64;
    let start = now - flows / rate.max(1) * 1_000_000_000;
    let store = Sqlite::open(Path::new(folder)).await.expect("a folder for the store");
    let mut traffic = Traffic::new(&Shape::LARGE, start, rate).take(flows as usize);
    let mut stored = 0;
    loop {
        let records: Vec<_> = traffic.by_ref().take(BATCH).collect();
        if records.is_empty() {
            break;
        }
        stored += store.append(&Batch { records, ..Batch::default() }).await.expect("stored").stored;
        writeln!(io::stdout(), "{stored} of {flows} flows")?;
    }
    let keep = Retention { age: Duration::from_secs(u64::from(u32::MAX)), bytes: u64::MAX, now };
    store.maintain(&keep).await.expect("finished segments");
    store.close().await;
    Ok(())
}
