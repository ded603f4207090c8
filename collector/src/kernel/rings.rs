//! Reading what the probes reported. No record wakes us; the reader polls. The lock on the pin
//! directory keeps a second reader out (two readers would each see every record).

use aya::{
    Ebpf,
    maps::{MapData, RingBuf},
};
use tidegate_ebpf_abi::event::{DnsHead, Event};

use super::take;

/// The two rings.
pub struct Rings {
    events: RingBuf<MapData>,
    dns: RingBuf<MapData>,
}

impl Rings {
    pub(super) fn take(ebpf: &mut Ebpf) -> anyhow::Result<Self> {
        Ok(Self { events: take(ebpf, "EVENTS")?.try_into()?, dns: take(ebpf, "DNS")?.try_into()? })
    }

    /// Hands at most `limit` events to `each` and returns how many there were. Records of another
    /// shape are skipped; a ring of this layout holds none.
    pub fn events(&mut self, limit: usize, mut each: impl FnMut(Event)) -> usize {
        let mut read = 0;
        while read < limit {
            let Some(item) = self.events.next() else { break };
            if let Some(event) = Event::from_bytes(&item) {
                each(event);
            }
            read += 1;
        }
        read
    }

    /// Hands at most `limit` DNS messages to `each` and returns how many there were.
    pub fn dns(&mut self, limit: usize, mut each: impl FnMut(DnsHead, &[u8])) -> usize {
        let mut read = 0;
        while read < limit {
            let Some(item) = self.dns.next() else { break };
            if let Some(head) = DnsHead::from_bytes(&item) {
                let message = &item[DnsHead::SIZE..];
                each(head, &message[..usize::from(head.captured).min(message.len())]);
            }
            read += 1;
        }
        read
    }
}
