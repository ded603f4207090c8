//! The way out: routes, redirects, the overlay.

use crate::{
    maps::config,
    packet::{ifindex, skb, Packet, ETH},
    Outcome,
};
use aya_ebpf::{
    bindings::{
        bpf_fib_lookup as FibParams, bpf_redir_neigh, bpf_tunnel_key, BPF_FIB_LKUP_RET_FRAG_NEEDED,
        BPF_FIB_LKUP_RET_NO_NEIGH, BPF_FIB_LKUP_RET_SUCCESS, BPF_FIB_LOOKUP_SKIP_NEIGH, BPF_F_ZERO_CSUM_TX,
    },
    helpers::{
        bpf_fib_lookup, bpf_redirect, bpf_redirect_neigh, bpf_redirect_peer, bpf_skb_get_tunnel_key,
        bpf_skb_set_tunnel_key, bpf_skb_store_bytes,
    },
    programs::TcContext,
};
use core::{ffi::c_void, mem};
use tidegate_ebpf_abi::reason::{self, cause};

const AF_INET: u8 = 2;

/// Answer of the routing table for a packet that will carry the egress address.
pub enum Way {
    /// Out of this device by this next hop.
    Out { ifindex: u32, next_hop: NextHop },
    /// Larger than the way out.
    TooBig,
    /// Local, unreachable, or no forwarding: nothing to send by ourselves.
    None,
}

/// A neighbour: `family` AF_INET or AF_INET6, address in the words of the kernel's structure.
pub struct NextHop {
    family: u8,
    address: [u32; 4],
}

/// Looks the route up, on the untouched packet.
#[inline(always)]
pub fn lookup(ctx: &TcContext, packet: &Packet, egress: u32) -> Way {
    // SAFETY: an all-zero parameter block is a valid one.
    let mut fib: FibParams = unsafe { mem::zeroed() };
    fib.family = AF_INET;
    fib.l4_protocol = packet.tuple.protocol;
    fib.sport = packet.tuple.source_port;
    fib.dport = packet.tuple.destination_port;
    fib.ifindex = ifindex(ctx);
    fib.__bindgen_anon_1.tot_len = segment_length(ctx, packet);
    fib.__bindgen_anon_3.ipv4_src = egress;
    fib.__bindgen_anon_4.ipv4_dst = packet.tuple.destination;
    // SAFETY: the block is as large as stated and lives on the stack.
    let code = unsafe {
        bpf_fib_lookup(
            skb(ctx).cast::<c_void>(),
            &mut fib,
            mem::size_of::<FibParams>() as i32,
            BPF_FIB_LOOKUP_SKIP_NEIGH,
        )
    };
    if code == BPF_FIB_LKUP_RET_SUCCESS as i64 || code == BPF_FIB_LKUP_RET_NO_NEIGH as i64 {
        // SAFETY: the helper has left the next hop in the words of the destination.
        let address = unsafe { fib.__bindgen_anon_4.ipv6_dst };
        return Way::Out { ifindex: fib.ifindex, next_hop: NextHop { family: fib.family, address } };
    }
    if code == BPF_FIB_LKUP_RET_FRAG_NEEDED as i64 {
        return Way::TooBig;
    }
    Way::None
}

/// Length of what goes on the wire: one segment, not the bundle of segments.
#[inline(always)]
fn segment_length(ctx: &TcContext, packet: &Packet) -> u16 {
    // SAFETY: the context is valid while the program runs.
    let size = unsafe { (*skb(ctx)).gso_size };
    if size == 0 {
        return packet.length;
    }
    (size + packet.l4 - ETH as u32 + packet.transport as u32) as u16
}

/// Sends the packet out; the neighbour is resolved on the way.
#[inline(always)]
pub fn send(ifindex: u32, next_hop: &NextHop) -> Outcome {
    // SAFETY: an all-zero parameter block is a valid one.
    let mut neighbour: bpf_redir_neigh = unsafe { mem::zeroed() };
    neighbour.nh_family = next_hop.family as u32;
    neighbour.__bindgen_anon_1.ipv6_nh = next_hop.address;
    // SAFETY: the block is as large as stated and lives on the stack.
    let code = unsafe { bpf_redirect_neigh(ifindex, &mut neighbour, mem::size_of::<bpf_redir_neigh>() as i32, 0) };
    Outcome::Redirect(code as i32)
}

/// Hands the packet to the endpoint behind `ifindex`, under the frame header it expects.
#[inline(always)]
pub fn deliver(ctx: &TcContext, ifindex: u32, header: &[u8; 12]) -> Outcome {
    // SAFETY: 12 bytes are read from `header`.
    let stored = unsafe { bpf_skb_store_bytes(skb(ctx), 0, header.as_ptr().cast::<c_void>(), 12, 0) };
    if stored != 0 {
        return Outcome::Drop(reason::INVALID_HEADER, cause::NONE);
    }
    // SAFETY: the helper has no preconditions.
    Outcome::Redirect(unsafe { bpf_redirect_peer(ifindex, 0) } as i32)
}

/// Carries the packet to `node` (network byte order) over the overlay.
#[inline(always)]
pub fn tunnel(ctx: &TcContext, node: u32) -> Outcome {
    let config = config();
    if config.overlay_ifindex == 0 {
        return Outcome::Drop(reason::NO_EGRESS_GATEWAY, cause::NO_OVERLAY);
    }
    // SAFETY: an all-zero key is a valid one.
    let mut key: bpf_tunnel_key = unsafe { mem::zeroed() };
    key.tunnel_id = config.vni;
    // The tunnel key is in host byte order, unlike every address in a packet.
    key.__bindgen_anon_1.remote_ipv4 = u32::from_be(node);
    key.tunnel_ttl = 64;
    // SAFETY: the key is as large as stated and lives on the stack.
    let set = unsafe {
        bpf_skb_set_tunnel_key(skb(ctx), &mut key, mem::size_of::<bpf_tunnel_key>() as u32, BPF_F_ZERO_CSUM_TX as u64)
    };
    if set != 0 {
        return Outcome::Drop(reason::NO_EGRESS_GATEWAY, cause::NO_OVERLAY);
    }
    // SAFETY: the helper has no preconditions.
    Outcome::Redirect(unsafe { bpf_redirect(config.overlay_ifindex, 0) } as i32)
}

/// Underlay address (network byte order) of the node that sent this overlay packet.
#[inline(always)]
pub fn tunnel_source(ctx: &TcContext) -> Option<u32> {
    // SAFETY: an all-zero key is a valid one.
    let mut key: bpf_tunnel_key = unsafe { mem::zeroed() };
    // SAFETY: the key is as large as stated and lives on the stack.
    let got = unsafe { bpf_skb_get_tunnel_key(skb(ctx), &mut key, mem::size_of::<bpf_tunnel_key>() as u32, 0) };
    if got != 0 || key.tunnel_id != config().vni {
        return None;
    }
    // SAFETY: without BPF_F_TUNINFO_IPV6 the helper fills the IPv4 member.
    Some(unsafe { key.__bindgen_anon_1.remote_ipv4 }.to_be())
}
