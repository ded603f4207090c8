//! Whose a packet would be: the sockets of this node.

use crate::packet::skb;
use aya_ebpf::{
    bindings::bpf_sock_tuple,
    helpers::{bpf_sk_lookup_udp, bpf_sk_release, bpf_skc_lookup_tcp},
    programs::TcContext,
};
use core::{ffi::c_void, mem};
use tidegate_ebpf_abi::tuple::{Tuple, TCP, UDP};

/// BPF_F_CURRENT_NETNS, `include/uapi/linux/bpf.h`.
const CURRENT_NETNS: u64 = u64::MAX;

/// Whether a socket of this node would receive a packet with this tuple; one that listens counts.
#[inline(always)]
pub fn receives(ctx: &TcContext, packet: &Tuple) -> bool {
    if packet.protocol != TCP && packet.protocol != UDP {
        return false;
    }
    // SAFETY: an all-zero tuple is a valid one.
    let mut tuple: bpf_sock_tuple = unsafe { mem::zeroed() };
    tuple.__bindgen_anon_1.ipv4.saddr = packet.source;
    tuple.__bindgen_anon_1.ipv4.daddr = packet.destination;
    tuple.__bindgen_anon_1.ipv4.sport = packet.source_port;
    tuple.__bindgen_anon_1.ipv4.dport = packet.destination_port;
    // SAFETY: 12 bytes are the size of the IPv4 member; a socket that is found is released.
    unsafe {
        let socket = if packet.protocol == TCP {
            bpf_skc_lookup_tcp(skb(ctx).cast::<c_void>(), &mut tuple, 12, CURRENT_NETNS, 0)
        } else {
            bpf_sk_lookup_udp(skb(ctx).cast::<c_void>(), &mut tuple, 12, CURRENT_NETNS, 0)
        };
        if socket.is_null() {
            return false;
        }
        bpf_sk_release(socket.cast::<c_void>());
    }
    true
}
