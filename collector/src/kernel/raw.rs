//! The one place where records become map keys and values.

use aya::Pod;

/// A record of the kernel line as aya wants it.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Raw<T>(pub(super) T);

// SAFETY: used with the records of `tidegate-ebpf-abi` only, which are `repr(C)` integers without
// padding, and with plain integers.
#[expect(unsafe_code, reason = "aya's marker for plain data")]
unsafe impl<T: Copy + 'static> Pod for Raw<T> {}
