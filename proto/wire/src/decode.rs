//! From encoded flows back to [`Flow`], as fast as they come in. What many flows share, endpoints,
//! nodes and names, is read once.
//!
//! A [`Flow`] cannot say everything that another program says. Whether something was lost is found
//! out by encoding it again: whatever the reading overlooks, the bytes then differ.

mod intern;
mod parts;

use std::borrow::Cow;
use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use prost::{DecodeError, Message};
use tidegate_flow::{
    Fqdn,
    flow::{
        Counters, Direction, Endpoint, Event, Flow, FlowId, Interface, L4, Node, Party, ServiceName, Translation,
        Verdict, uuid_number,
    },
    name::{Confidence, Name, Source},
};

use self::intern::Interner;
use self::parts::{fields, message, narrow, number, signed, text};
use crate::{
    encode, flow as wire,
    numbers::{
        flow::{flow as n, ip, network_interface},
        tidegate_v1::{flow_info, name},
    },
};

/// Event type of an access log record, which is what a layer 7 message is.
const MESSAGE: i32 = 129;

/// Reads flows, and remembers what many of them share. Of bounded size.
#[derive(Debug, Default)]
pub struct Decoder {
    nodes: Interner<Arc<Node>>,
    endpoints: Interner<Arc<Endpoint>>,
    services: Interner<Arc<ServiceName>>,
    names: Interner<Fqdn>,
    /// Names of policies, gateways and devices.
    texts: Interner<Arc<str>>,
    /// Those fields of the flow at hand that name its node.
    node: Vec<u8>,
    /// The flow at hand, encoded again.
    again: Vec<u8>,
}

/// A flow that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The flow. What it cannot say is left out.
    pub flow: Flow,
    /// Its UUID; a hash of its bytes if it has none.
    pub uuid: u128,
    /// Whether the message says more than the flow, or other things: [`encode::whole`] does not
    /// yield its bytes. Who wants to show or forward the message must keep these.
    pub original: bool,
}

impl Decoder {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an encoded `flow.Flow`, with or without `FlowInfo` in its extensions.
    ///
    /// # Errors
    /// When the bytes are none. What this admits, [`wire::Flow`] can be decoded from.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let (flow, uuid) = self.read(bytes);
        self.again = encode::whole_into(&flow, mem::take(&mut self.again));
        let original = self.again != bytes;
        if original {
            wire::Flow::decode(bytes)?;
        }
        Ok(Decoded { flow, uuid: uuid.unwrap_or_else(|| content(bytes)), original })
    }

    fn read(&mut self, bytes: &[u8]) -> (Flow, Option<u128>) {
        let mut flow = self.blank();
        let mut uuid = None;
        let (mut kind, mut sub, mut l7) = (0, 0, None);
        let mut extensions: &[u8] = &[];
        self.node.clear();
        for field in fields(bytes) {
            let value = field.value;
            match field.number {
                n::TIME => flow.time = parts::time(message(value)),
                n::UUID => uuid = uuid_number(text(value)),
                n::VERDICT => flow.verdict = Verdict::of(signed(value)).unwrap_or(Verdict::Unknown),
                n::IP => addresses(message(value), &mut flow),
                n::L4 => flow.l4 = parts::l4(message(value)),
                n::SOURCE => flow.source.endpoint = self.endpoint(message(value)),
                n::DESTINATION => flow.destination.endpoint = self.endpoint(message(value)),
                n::NODE_NAME | n::NODE_LABELS | n::EMITTER => self.node.extend_from_slice(field.raw),
                n::SOURCE_NAMES => flow.source.names.push(self.name(text(value))),
                n::DESTINATION_NAMES => flow.destination.names.push(self.name(text(value))),
                n::L7 => (l7, flow.dns) = parts::layer7(message(value)),
                n::EVENT_TYPE => (kind, sub) = parts::event_type(message(value)),
                n::SOURCE_SERVICE => flow.source.service = Some(self.service(message(value))),
                n::DESTINATION_SERVICE => flow.destination.service = Some(self.service(message(value))),
                n::TRAFFIC_DIRECTION => flow.direction = Direction::of(signed(value)).unwrap_or(Direction::Unknown),
                n::IS_REPLY => flow.reply = Some(parts::truth(message(value))),
                n::INTERFACE => flow.interface = Some(self.interface(message(value))),
                n::EXTENSIONS => extensions = message(value),
                _ => {}
            }
        }
        flow.node = self.nodes.get(&self.node, |bytes| Arc::new(parts::node(bytes)));
        flow.event = match l7 {
            Some(l7) if kind == MESSAGE => Event::L7(l7),
            _ => Event::of(kind, sub),
        };
        flow.dns = flow.dns.filter(|_| matches!(flow.event, Event::L7(_)));
        if let Some(facts) = parts::flow_info(extensions) {
            self.facts(facts, &mut flow);
        }
        (flow, uuid)
    }

    /// What a message says that says nothing.
    fn blank(&mut self) -> Flow {
        let nobody = self.endpoint(&[]);
        let party =
            |endpoint| Party { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), endpoint, names: Vec::new(), service: None };
        Flow {
            time: 0,
            id: FlowId::default(),
            node: self.nodes.get(&[], |_| Arc::default()),
            event: Event::Other { kind: 0, sub: 0 },
            verdict: Verdict::Unknown,
            direction: Direction::Unknown,
            reply: None,
            source: party(Arc::clone(&nobody)),
            destination: party(nobody),
            l4: L4::Other(0),
            translation: None,
            interface: None,
            dns: None,
            counters: Counters::default(),
            cause: Cow::Borrowed(""),
        }
    }

    /// Reads our facts, which stand above what the stock message says of the translation.
    fn facts(&mut self, bytes: &[u8], flow: &mut Flow) {
        use flow_info as n;
        let (mut sources, mut destinations) = (flow.source.names.iter_mut(), flow.destination.names.iter_mut());
        let (mut address, mut port) = (None, 0);
        let (mut policy, mut gateway, mut gateway_address) = ("", "", None);
        for field in fields(bytes) {
            let value = field.value;
            match field.number {
                n::BOOT => flow.id.boot = number(value),
                n::SEQUENCE => flow.id.sequence = number(value),
                n::START => flow.counters.start = parts::time(message(value)),
                n::END => flow.counters.end = parts::time(message(value)),
                n::PACKETS => flow.counters.packets = number(value),
                n::BYTES => flow.counters.bytes = number(value),
                n::REPLY_PACKETS => flow.counters.reply_packets = number(value),
                n::REPLY_BYTES => flow.counters.reply_bytes = number(value),
                n::EGRESS_IP => address = text(value).parse().ok(),
                n::EGRESS_PORT => port = narrow(value),
                n::POLICY => policy = text(value),
                n::GATEWAY => gateway = text(value),
                n::GATEWAY_IP => gateway_address = text(value).parse().ok(),
                n::SOURCE_NAMES => sources.next().into_iter().for_each(|name| annotate(name, message(value))),
                n::DESTINATION_NAMES => destinations.next().into_iter().for_each(|name| annotate(name, message(value))),
                n::CAUSE => flow.cause = Cow::Owned(text(value).to_owned()),
                n::IP_PROTOCOL if flow.l4 == L4::Other(0) => flow.l4 = L4::Other(narrow(value)),
                _ => {}
            }
        }
        let egress = address.map(|address| (address, port));
        let says = egress.is_some() || gateway_address.is_some() || !policy.is_empty() || !gateway.is_empty();
        flow.translation = says.then(|| Translation {
            egress,
            policy: self.text(policy),
            gateway: self.text(gateway),
            gateway_address,
        });
    }

    fn endpoint(&mut self, bytes: &[u8]) -> Arc<Endpoint> {
        self.endpoints.get(bytes, |bytes| Arc::new(parts::endpoint(bytes)))
    }

    fn service(&mut self, bytes: &[u8]) -> Arc<ServiceName> {
        self.services.get(bytes, |bytes| Arc::new(parts::service(bytes)))
    }

    fn name(&mut self, text: &str) -> Name {
        let fqdn = self.names.get(text.as_bytes(), |_| Fqdn::new(text));
        Name { fqdn, source: Source::Unknown, confidence: Confidence::Unknown }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        self.texts.get(text.as_bytes(), |_| Arc::from(text))
    }

    fn interface(&mut self, bytes: &[u8]) -> Interface {
        let (mut index, mut name) = (0, "");
        for field in fields(bytes) {
            match field.number {
                network_interface::INDEX => index = narrow(field.value),
                network_interface::NAME => name = text(field.value),
                _ => {}
            }
        }
        Interface { index, name: self.text(name) }
    }
}

/// Reads a `flow.IP`.
fn addresses(bytes: &[u8], flow: &mut Flow) {
    for field in fields(bytes) {
        let Ok(address) = text(field.value).parse() else { continue };
        match field.number {
            ip::SOURCE => flow.source.address = address,
            ip::DESTINATION => flow.destination.address = address,
            // All that another program says of a translation.
            ip::SOURCE_XLATED => {
                let egress = Some((address, 0));
                flow.translation = Some(Translation { egress, ..Translation::default() });
            }
            _ => {}
        }
    }
}

/// Adds what a `tidegate.v1.Name` says of this name.
fn annotate(known: &mut Name, bytes: &[u8]) {
    let (mut fqdn, mut source, mut confidence) = ("", 0, 0);
    for field in fields(bytes) {
        match field.number {
            name::NAME => fqdn = text(field.value),
            name::SOURCE => source = signed(field.value),
            name::CONFIDENCE => confidence = signed(field.value),
            _ => {}
        }
    }
    if fqdn == known.fqdn.as_str() {
        (known.source, known.confidence) = (parts::source(source), parts::confidence(confidence));
    }
}

/// FNV-1a of 128 bits: the same in every run and version, since it is stored.
fn content(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests;
