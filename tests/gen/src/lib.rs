//! Turns the text under `proto/` into the Rust code and the descriptor set that
//! `tidegate-proto` carries. It lives beside the tests so that no protobuf compiler is in the
//! dependency tree of the program; `make gen` runs it and a test proves its output committed.

use std::path::{Path, PathBuf};

use anyhow::Context;
use prost::Message;
use prost_build::{Service, ServiceGenerator};

mod numbers;

/// Every file that is compiled, relative to one of [`includes`].
const FILES: [&str; 12] = [
    "flow/event.proto",
    "flow/filter.proto",
    "flow/flow.proto",
    "observer/observer.proto",
    "peer/peer.proto",
    "relay/relay.proto",
    "tidegate/v1/config.proto",
    "tidegate/v1/egress.proto",
    "tidegate/v1/filter.proto",
    "tidegate/v1/flow_info.proto",
    "tidegate/v1/history.proto",
    "tidegate/v1/names.proto",
];

/// Where the descriptor set goes, inside the folder given to [`generate`].
pub const DESCRIPTORS: &str = "descriptors.bin";

/// The workspace folder `proto/`.
pub fn proto_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto")
}

/// The folder of the committed output.
pub fn committed_dir() -> PathBuf {
    proto_dir().join("wire/src/gen")
}

/// Where the field numbers go.
const NUMBERS: &str = "numbers.rs";

/// Writes one Rust file per package, [`NUMBERS`] and [`DESCRIPTORS`] into the existing folder `out`.
///
/// # Errors
/// When a proto file does not compile or `out` cannot be written.
pub fn generate(out: &Path) -> anyhow::Result<()> {
    let mut compiler = protox::Compiler::new(includes()).context("open the proto folders")?;
    compiler.include_imports(true).open_files(FILES).context("compile the proto files")?;
    let descriptors = compiler.file_descriptor_set();

    // Source positions are of use to the code generator (comments), not to reflection.
    let mut bare = descriptors.clone();
    for file in &mut bare.file {
        file.source_code_info = None;
    }
    let path = out.join(DESCRIPTORS);
    std::fs::write(&path, bare.encode_to_vec()).with_context(|| format!("write {}", path.display()))?;
    let path = out.join(NUMBERS);
    std::fs::write(&path, numbers::code(&bare)).with_context(|| format!("write {}", path.display()))?;

    prost_build::Config::new()
        .out_dir(out)
        .enable_type_names()
        .service_generator(Box::new(FramedFlows(tonic_prost_build::configure().service_generator())))
        .compile_fds(descriptors)
        .with_context(|| format!("write Rust code into {}", out.display()))
}

fn includes() -> [PathBuf; 2] {
    [proto_dir().join("hubble"), proto_dir()]
}

/// Flows are encoded once and forwarded as bytes: `GetFlows` answers with `Frame`, which is one
/// encoded `GetFlowsResponse`, in the client and in the server code.
struct FramedFlows(Box<dyn ServiceGenerator>);

impl ServiceGenerator for FramedFlows {
    fn generate(&mut self, mut service: Service, code: &mut String) {
        for method in &mut service.methods {
            if method.output_proto_type == ".observer.GetFlowsResponse" {
                method.output_type = "crate::Frame".to_owned();
            }
        }
        self.0.generate(service, code);
    }

    fn finalize(&mut self, code: &mut String) {
        self.0.finalize(code);
    }

    fn finalize_package(&mut self, package: &str, code: &mut String) {
        self.0.finalize_package(package, code);
    }
}
