//! Every map of the probes. Sizes here are defaults; the collector sets its own at load.
//! Flow and translation tables are plain hash maps: an entry leaves them only by its end.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LpmTrie, PerCpuArray, RingBuf},
};
use tidegate_ebpf_abi::{
    conn::{Flow, Reverse},
    counter,
    policy::{Config, Endpoint, InsideKey, Location, Rule, RuleKey},
    tuple::Tuple,
};

const NO_PREALLOC: u32 = 1;

/// Run-time settings; entry 0. Written by the collector.
#[map]
pub static CONFIG: Array<Config> = Array::with_max_entries(1, 0);

/// Endpoint address -> ruleset and node. Written by the collector.
#[map]
pub static ENDPOINTS: HashMap<u32, Endpoint> = HashMap::with_max_entries(65_536, NO_PREALLOC);

/// Prefixes inside the cluster. Written by the collector.
#[map]
pub static INSIDE: LpmTrie<InsideKey, u32> = LpmTrie::with_max_entries(65_536, NO_PREALLOC);

/// (ruleset, destination prefix) -> what to do. Written by the collector.
#[map]
pub static RULES: LpmTrie<RuleKey, Rule> = LpmTrie::with_max_entries(65_536, NO_PREALLOC);

/// Underlay addresses of the nodes whose overlay packets are taken. Written by the collector.
#[map]
pub static NODES: HashMap<u32, u32> = HashMap::with_max_entries(16_384, NO_PREALLOC);

/// Local endpoint address -> how to hand it a frame. Learned from the endpoint's own packets.
#[map]
pub static LOCATIONS: HashMap<u32, Location> = HashMap::with_max_entries(16_384, NO_PREALLOC);

/// Device -> the endpoint behind it. Learned with [`LOCATIONS`].
#[map]
pub static OWNERS: HashMap<u32, u32> = HashMap::with_max_entries(16_384, NO_PREALLOC);

/// Live connections that are translated here or carried to a gateway.
#[map]
pub static CONNECTIONS: HashMap<Tuple, Flow> = HashMap::with_max_entries(262_144, NO_PREALLOC);

/// Live connections that are only observed.
#[map]
pub static FLOWS: HashMap<Tuple, Flow> = HashMap::with_max_entries(262_144, NO_PREALLOC);

/// Reply tuples of translated connections.
#[map]
pub static REVERSE: HashMap<Tuple, Reverse> = HashMap::with_max_entries(262_144, NO_PREALLOC);

/// Events for the collector.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(16 << 20, 0);

/// DNS messages for the collector, apart so that a flood of flows cannot starve names.
#[map]
pub static DNS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// Counters, see [`counter`].
#[map]
pub static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(counter::COUNT, 0);

/// Counts one on this CPU.
#[inline(always)]
pub fn count(index: u32) {
    if let Some(value) = COUNTERS.get_ptr_mut(index) {
        // SAFETY: a per-CPU value; programs of one CPU do not interrupt each other here.
        unsafe { *value += 1 };
    }
}

/// The settings; all zero before the collector has written them.
#[inline(always)]
pub fn config() -> Config {
    match CONFIG.get(0) {
        Some(config) => *config,
        None => Config { active_interval: 0, overlay_ifindex: 0, vni: 0, flags: 0, port_min: 0, port_max: 0 },
    }
}
