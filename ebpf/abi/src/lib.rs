//! The written law of the kernel line: every byte that crosses between the
//! probes and the collector, and the arithmetic that both must agree on.
//!
//! Read in this order: [`tuple`] (what names a connection), [`policy`] (what the
//! collector tells the probes), [`conn`] (what the probes remember), [`event`]
//! (what the probes report), [`reason`] (why a packet was dropped), [`counter`]
//! and [`checksum`].
//!
//! Rules of the layouts: `repr(C)`, integers only, no implicit padding, sizes
//! pinned at compile time. Addresses and ports are kept **as they stand in the
//! packet** (network byte order in memory), so that they are copied and compared
//! without swapping. Times are `CLOCK_MONOTONIC` nanoseconds.
//!
//! Any change of a layout or of a field's meaning raises [`LAYOUT`]: pinned maps
//! live under a directory named after it, because the kernel cannot tell two
//! meanings of the same bytes apart.
#![no_std]

pub mod checksum;
pub mod conn;
pub mod counter;
pub mod event;
pub mod policy;
pub mod reason;
pub mod tuple;

/// Number of the layouts in this crate; part of the pin directory's name.
pub const LAYOUT: u32 = 2;

/// Gives a record a safe reading from bytes and pins its size.
macro_rules! record {
    ($name:ident, $size:literal) => {
        const _: () = assert!(core::mem::size_of::<$name>() == $size);

        impl $name {
            /// Bytes of one record.
            pub const SIZE: usize = $size;

            /// Reads a record from the start of `bytes`; `None` if they are too few.
            #[must_use]
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                if bytes.len() < Self::SIZE {
                    return None;
                }
                // SAFETY: the length was checked, the type is `repr(C)` of integers without
                // padding (its size is asserted), so any bytes are a value of it.
                #[allow(unsafe_code, reason = "the one cast from ring bytes to a record")]
                Some(unsafe { core::ptr::read_unaligned(bytes.as_ptr().cast::<Self>()) })
            }
        }
    };
}
pub(crate) use record;
