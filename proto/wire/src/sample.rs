//! Flows for tests: of every shape that a collector makes, and many that none would.

use std::net::IpAddr;
use std::sync::Arc;

use tidegate_flow::{
    Fqdn,
    flow::{
        Counters, Direction, Dns, Emitter, Endpoint, Event, Flow, FlowId, Interface, L4, L7Kind, Node, Party, Point,
        ServiceName, Translation, Verdict, Workload,
    },
    name::{Confidence, Name, Source},
};

/// Numbers that look random and are the same in every run (xorshift).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.any() % end as u64) as usize
    }

    /// A number, often one at the edge of something.
    fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => 0,
            1 => [1, 127, 128, 999_999_999, 1_000_000_000, u64::from(u32::MAX), u64::MAX][self.below(7)],
            2 => self.any() >> self.below(64),
            _ => 1_763_000_000_000_000_000 + (self.any() >> 20),
        }
    }

    fn yes(&mut self) -> bool {
        self.any() & 4 == 0
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    fn text(&mut self) -> String {
        self.pick(&[
            "",
            "a",
            "worker",
            "west/worker-2",
            "cart-7d9f4-x2x1z",
            "k8s:app=cart",
            "Ümlaut \"quoted\"\n",
            LONG,
        ])
        .to_owned()
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = self.pick(&[0, 0, 1, 1, 2, 3, 20]);
        (0..length).map(|_| one(self)).collect()
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.yes().then(|| one(self))
    }

    fn address(&mut self) -> IpAddr {
        match self.below(3) {
            0 => self
                .pick(&["0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1", "::ffff:10.0.0.1", "2001:db8::7"])
                .parse()
                .unwrap(),
            1 => IpAddr::from((self.any() as u32).to_be_bytes()),
            _ => IpAddr::from((u128::from(self.any()) << 64 | u128::from(self.any())).to_be_bytes()),
        }
    }

    fn fqdn(&mut self) -> Fqdn {
        Fqdn::new(self.pick(&["", "ifconfig.me", "Www.Example.COM.", "a.b.c.d", "xn--mnchen-3ya.de", "a..", LONG]))
    }

    fn name(&mut self) -> Name {
        let sources = [Source::Dns, Source::Shared, Source::Sni, Source::HttpHost, Source::Ptr, Source::Unknown];
        let sure = [Confidence::Unknown, Confidence::Low, Confidence::Medium, Confidence::High];
        Name { fqdn: self.fqdn(), source: self.pick(&sources), confidence: self.pick(&sure) }
    }

    fn party(&mut self) -> Party {
        let endpoint = Endpoint {
            id: self.number() as u32,
            identity: self.number() as u32,
            namespace: self.text(),
            pod: self.text(),
            labels: self.list(Self::text),
            workloads: self.list(|dice| Workload { kind: dice.text(), name: dice.text() }),
            cluster: self.text(),
        };
        Party {
            address: self.address(),
            endpoint: Arc::new(endpoint),
            names: self.list(Self::name),
            service: self.maybe(|dice| Arc::new(ServiceName { namespace: dice.text(), name: dice.text() })),
        }
    }

    fn event(&mut self) -> Event {
        match self.below(6) {
            0 => Event::Drop(self.any() as u8),
            1 => Event::L7(L7Kind::Request),
            2 => Event::L7(L7Kind::Response { latency: self.number() }),
            3 => Event::Other { kind: self.pick(&[0, 2, 3, 5, 7, -1, 256]), sub: self.number() as i32 },
            _ => Event::Trace(self.pick(&Point::ALL)),
        }
    }

    fn l4(&mut self) -> L4 {
        let (source, destination) = (self.number() as u16, self.number() as u16);
        let (kind, code) = (self.number() as u8, self.number() as u8);
        match self.below(6) {
            0 => L4::Udp { source, destination },
            1 => L4::Sctp { source, destination },
            2 => L4::IcmpV4 { kind, code },
            3 => L4::IcmpV6 { kind, code },
            4 => L4::Other(kind),
            _ => L4::Tcp { source, destination, flags: kind },
        }
    }

    fn dns(&mut self) -> Box<Dns> {
        Box::new(Dns {
            query: self.fqdn(),
            types: self.list(Self::text),
            rcode: self.number() as u16,
            addresses: self.list(Self::address),
            ttl: self.number() as u32,
            cnames: self.list(Self::fqdn),
            answer_types: self.list(Self::text),
        })
    }

    fn translation(&mut self) -> Translation {
        let mut translation = Translation {
            egress: self.maybe(|dice| (dice.address(), dice.number() as u16)),
            policy: self.text().into(),
            gateway: self.text().into(),
            gateway_address: self.maybe(Self::address),
        };
        // One that says nothing is none.
        if translation.egress.is_none() && translation.gateway_address.is_none() && translation.gateway.is_empty() {
            translation.policy = "policy".into();
        }
        translation
    }

    /// A flow.
    pub(crate) fn flow(&mut self) -> Flow {
        let event = self.event();
        let node = Node {
            name: self.text(),
            labels: self.list(Self::text),
            emitter: Emitter { name: self.text(), version: self.text() },
        };
        Flow {
            time: self.number(),
            id: FlowId { boot: self.number(), sequence: self.number() },
            node: Arc::new(node),
            event,
            verdict: self.pick(&Verdict::ALL),
            direction: self.pick(&[Direction::Unknown, Direction::Ingress, Direction::Egress]),
            reply: self.pick(&[None, Some(false), Some(true)]),
            source: self.party(),
            destination: self.party(),
            l4: self.l4(),
            translation: self.maybe(Self::translation),
            interface: self.maybe(|dice| Interface { index: dice.number() as u32, name: dice.text().into() }),
            dns: if let Event::L7(_) = event { self.maybe(Self::dns) } else { None },
            counters: Counters {
                start: self.number(),
                end: self.number(),
                packets: self.number(),
                bytes: self.number(),
                reply_packets: self.number(),
                reply_bytes: self.number(),
            },
            cause: self.text().into(),
        }
    }
}

/// Longer than one byte of length can say.
const LONG: &str = "\
    a-label-of-sixty-three-characters-which-is-the-longest-that-is-.\
    a-label-of-sixty-three-characters-which-is-the-longest-that-is-.\
    a-label-of-sixty-three-characters-which-is-the-longest-that-is-";
