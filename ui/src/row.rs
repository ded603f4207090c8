//! A flow as the dashboard shows it: the row of a table and of its details. [`crate::build`]
//! makes it from the message.

use serde::Serialize;
use utoipa::ToSchema;

use crate::time::Time;

/// One flow.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Flow {
    /// The same everywhere; what makes two deliveries one flow.
    pub(crate) uuid: String,
    /// When it was seen.
    pub(crate) time: Time,
    /// The node that saw it.
    pub(crate) node: String,
    /// As in `flow.Verdict`: FORWARDED, DROPPED, …
    #[schema(example = "FORWARDED")]
    pub(crate) verdict: String,
    /// What became of it, in one word.
    pub(crate) outcome: Outcome,
    /// Seen from the endpoint.
    pub(crate) direction: Direction,
    /// Whether it answers; null: unknown.
    #[schema(required)]
    pub(crate) reply: Option<bool>,
    /// What kind of observation.
    pub(crate) event: Event,
    /// Flags of TCP, or question and answer of DNS, as the command line prints them.
    pub(crate) summary: String,
    /// Sender.
    pub(crate) source: Party,
    /// Receiver.
    pub(crate) destination: Party,
    /// TCP, UDP, ICMPv4, …; empty when the message does not say.
    #[schema(example = "TCP")]
    pub(crate) protocol: String,
    /// Those that are set.
    #[schema(example = json!(["SYN", "ACK"]))]
    pub(crate) tcp_flags: Vec<&'static str>,
    /// How it leaves the cluster; null: as it is.
    #[schema(required)]
    pub(crate) egress: Option<Egress>,
    /// Why it was dropped; null: it was not.
    #[schema(required)]
    pub(crate) drop: Option<Drop>,
    /// The DNS message, if it is one.
    #[schema(required)]
    pub(crate) dns: Option<Dns>,
    /// Totals so far; null: not counted.
    #[schema(required)]
    pub(crate) connection: Option<Connection>,
    /// Device at the point.
    #[schema(required)]
    pub(crate) interface: Option<String>,
}

/// What became of a flow: its verdict, with our translation told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// It went on as it was.
    Forwarded,
    /// It went on by an egress address.
    Translated,
    /// It did not go on.
    Dropped,
    /// It went on, against a policy in audit mode.
    Audit,
    /// It could not be judged.
    Error,
}

/// Direction seen from the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Direction {
    /// Opened by the endpoint.
    Egress,
    /// Opened towards the endpoint.
    Ingress,
    /// Not known.
    Unknown,
}

/// What kind of observation, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Hubble's event type: 1 drop, 4 trace, 129 layer 7, …
    #[serde(rename = "type")]
    pub(crate) kind: i32,
    /// Observation point or drop reason.
    pub(crate) subtype: i32,
    /// In words: to-network, policy-denied, dns-response, …
    #[schema(example = "to-network")]
    pub(crate) name: String,
}

/// One side of a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Party {
    /// Address as the endpoint knows it; empty when the message has none.
    pub(crate) ip: String,
    /// Null: the protocol has none.
    #[schema(required)]
    pub(crate) port: Option<u16>,
    /// Of the pod; empty if it is none.
    pub(crate) namespace: String,
    /// Empty if it is none.
    pub(crate) pod: String,
    /// The pod's first owner.
    #[schema(required)]
    pub(crate) workload: Option<Workload>,
    /// Security identity.
    pub(crate) identity: u32,
    /// Name of a reserved identity: world, host, …
    #[schema(required, example = "world")]
    pub(crate) reserved: Option<String>,
    /// Identity labels.
    pub(crate) labels: Vec<String>,
    /// Names that the endpoint asked for to get this address; best first.
    pub(crate) names: Vec<Name>,
    /// Service that owns the address.
    #[schema(required)]
    pub(crate) service: Option<Service>,
    /// Empty for outside addresses.
    pub(crate) cluster: String,
}

/// An owner of pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Workload {
    /// Deployment, DaemonSet, …
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: String,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Service {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

/// A name of an address, and how far it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Name {
    /// Lower case, without the final dot.
    pub(crate) name: String,
    /// Where it is from.
    pub(crate) source: NameSource,
    /// How sure it is.
    pub(crate) confidence: Confidence,
}

/// Where a name is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NameSource {
    /// The endpoint's own DNS answer.
    Dns,
    /// The server name of a TLS handshake.
    Sni,
    /// The Host header of an HTTP request.
    HttpHost,
    /// A reverse lookup.
    Ptr,
    /// The endpoint's own DNS answer, seen on its node and sent to the gateway.
    Shared,
    /// The program that made the flow does not say.
    Unknown,
}

/// How sure it is that the connection was meant for the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Confidence {
    /// The only name that the endpoint has for the address.
    High,
    /// The newest of several.
    Medium,
    /// One of several.
    Low,
    /// The program that made the flow does not say.
    Unknown,
}

/// Translation of a connection that leaves the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Egress {
    /// Address that the outside sees; null on the pod's node when another node translates.
    #[schema(required)]
    pub(crate) ip: Option<String>,
    /// Port that the outside sees.
    #[schema(required)]
    pub(crate) port: Option<u16>,
    /// Name of the policy; empty when the program that made the flow does not say.
    pub(crate) policy: String,
    /// Name of the gateway node; empty likewise.
    pub(crate) gateway: String,
    /// Address of the gateway node; empty likewise.
    pub(crate) gateway_ip: String,
}

/// Why a flow was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Drop {
    /// As in `flow.DropReason`.
    #[schema(example = "NO_EGRESS_GATEWAY")]
    pub(crate) reason: String,
    /// In words.
    #[schema(example = "No egress gateway found")]
    pub(crate) text: String,
    /// The precise cause, when there is more to say.
    #[schema(required)]
    pub(crate) cause: Option<String>,
}

/// A DNS message.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dns {
    /// Name asked for, without the final dot.
    pub(crate) query: String,
    /// Types asked for.
    #[schema(example = json!(["A"]))]
    pub(crate) types: Vec<String>,
    /// Response code.
    pub(crate) rcode: u32,
    /// NOERROR, NXDOMAIN, …
    #[schema(example = "NOERROR")]
    pub(crate) rcode_name: String,
    /// Addresses answered.
    pub(crate) ips: Vec<String>,
    /// Canonical names on the way.
    pub(crate) cnames: Vec<String>,
    /// Smallest time to live of the answers, seconds.
    pub(crate) ttl: u32,
    /// From question to answer, milliseconds; null: the question was not seen, or this is one.
    #[schema(required)]
    pub(crate) latency_ms: Option<f64>,
    /// Whether it is an answer.
    pub(crate) response: bool,
}

/// Totals of a connection so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection {
    /// First packet.
    #[schema(required)]
    pub(crate) start: Option<Time>,
    /// Null while it lives.
    #[schema(required)]
    pub(crate) end: Option<Time>,
    /// Packets from the opening side.
    pub(crate) packets: u64,
    /// Bytes from the opening side.
    pub(crate) bytes: u64,
    /// Packets from the other side.
    pub(crate) reply_packets: u64,
    /// Bytes from the other side.
    pub(crate) reply_bytes: u64,
}

impl Outcome {
    /// Its name in filters.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Translated => "translated",
            Self::Dropped => "dropped",
            Self::Audit => "audit",
            Self::Error => "error",
        }
    }
}
