//! Mistakes in what people write: each is answered with the file, the object and the field, and
//! disturbs nothing else.

mod folder;
mod objects;
mod settings;
#[path = "../terminal/mod.rs"]
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};

/// The name under which `TIDEGATE_SKIP` leaves this suite out.
const SUITE: &str = "bad_input";

/// A policy that is right: the clients on `worker` leave through `worker2`.
const RIGHT: &str = "\
apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata:
  name: right
spec:
  selectors:
    - podSelector:
        matchLabels:
          app: client
          node: worker
  destinationCIDRs: [\"0.0.0.0/0\"]
  egressGateway:
    nodeSelector:
      matchLabels:
        kubernetes.io/hostname: worker2
";

/// One mistake in a file, and what the answer has to name besides the file.
struct Mistake {
    /// The file's name without its ending.
    what: &'static str,
    text: String,
    object: &'static str,
    field: &'static str,
    words: &'static str,
}

/// Every mistake, in policies whose names nobody else has.
fn mistakes() -> Vec<Mistake> {
    let policy = |name: &str, from: &str, to: &str| {
        let text = RIGHT.replace("name: right", &format!("name: {name}")).replace(from, to);
        assert_eq!(text.matches(to).count(), 1, "{to} stands in the policy once");
        text
    };
    let mistake = |what, text, object, field, words| Mistake { what, text, object, field, words };
    let twice = policy("twin", "0.0.0.0/0", "0.0.0.0/0");
    vec![
        mistake("broken", format!("{RIGHT}  : [\n"), "", "line 16", "is no YAML"),
        mistake(
            "unknown-field",
            policy("unknown-field", "destinationCIDRs", "destinationCIDR"),
            "ciliumegressgatewaypolicy/unknown-field",
            "spec.destinationCIDR:",
            "unknown field",
        ),
        mistake(
            "unknown-gateway-field",
            policy("unknown-gateway-field", "  egressGateway:\n", "  egressGateway:\n    egressIp: 172.19.0.100\n"),
            "ciliumegressgatewaypolicy/unknown-gateway-field",
            "spec.egressGateway.egressIp:",
            "unknown field",
        ),
        mistake(
            "twins",
            format!("{twice}---\n{twice}"),
            "ciliumegressgatewaypolicy/twin",
            "metadata.name:",
            "is also in",
        ),
        mistake(
            "interface-and-address",
            policy(
                "interface-and-address",
                "  egressGateway:\n",
                "  egressGateway:\n    interface: eth0\n    egressIP: 172.19.0.12\n",
            ),
            "ciliumegressgatewaypolicy/interface-and-address",
            "spec.egressGateway:",
            "not both",
        ),
        mistake(
            "long-cidr",
            policy("long-cidr", "0.0.0.0/0", "198.51.100.0/33"),
            "ciliumegressgatewaypolicy/long-cidr",
            "spec.destinationCIDRs[0]:",
            "\"198.51.100.0/33\" is no CIDR",
        ),
        mistake(
            "no-cidr",
            policy("no-cidr", "  egressGateway:\n", "  excludedCIDRs: [10.0.0.0/8, ifconfig.me]\n  egressGateway:\n"),
            "ciliumegressgatewaypolicy/no-cidr",
            "spec.excludedCIDRs[1]:",
            "\"ifconfig.me\" is no CIDR",
        ),
        mistake(
            "no-address",
            policy("no-address", "  egressGateway:\n", "  egressGateway:\n    egressIP: eth0\n"),
            "ciliumegressgatewaypolicy/no-address",
            "spec.egressGateway.egressIP:",
            "eth0",
        ),
    ]
}

/// A folder of the test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a new file in it.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
