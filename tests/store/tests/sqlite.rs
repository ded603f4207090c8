//! The engine of one machine keeps the contract.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate_store::FlowStore;
use tidegate_store::sqlite::{Options, Sqlite};
use tidegate_store_suite::contract::{Engine, Parts};

#[derive(Debug)]
struct InFolders;

#[async_trait::async_trait]
impl Engine for InFolders {
    async fn open(&self, folder: &Path, parts: Parts) -> Arc<dyn FlowStore> {
        let Parts { span, flows } = parts;
        let options = Options { span, flows, grace: Duration::ZERO, open: 2 };
        Arc::new(Sqlite::open_with(folder, options).await.expect("the store opens"))
    }
}

tidegate_store_suite::contract!(InFolders);
