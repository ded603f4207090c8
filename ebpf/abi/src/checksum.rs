//! Internet checksum arithmetic (RFC 1071, RFC 1624) for in-place header edits.

/// Checksum `check` after the 16-bit word `old` became `new`; all in the packet's byte order
/// (ones' complement sums do not care which, if all three agree).
#[inline(always)]
#[must_use]
pub const fn replace16(check: u16, old: u16, new: u16) -> u16 {
    // RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
    let sum = (!check) as u32 + (!old) as u32 + new as u32;
    !fold(sum)
}

/// Checksum `check` after the 32-bit word `old` became `new`.
#[inline(always)]
#[must_use]
pub const fn replace32(check: u16, old: u32, new: u32) -> u16 {
    let check = replace16(check, (old >> 16) as u16, (new >> 16) as u16);
    replace16(check, old as u16, new as u16)
}

#[inline(always)]
const fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(words: &[u16]) -> u16 {
        !fold(words.iter().map(|&w| u32::from(w)).fold(0, |sum, w| {
            let sum = sum + w;
            (sum & 0xffff) + (sum >> 16)
        }))
    }

    /// A small generator, so that the cases are many and the same each time.
    fn words(seed: &mut u64) -> u16 {
        *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (*seed >> 33) as u16
    }

    #[test]
    fn an_edited_header_sums_up_as_a_new_one() {
        let mut seed = 1;
        for _ in 0..20_000 {
            let mut header: [u16; 9] = core::array::from_fn(|_| words(&mut seed));
            let before = checksum(&header);
            let (old, new) = (header[3], words(&mut seed));
            header[3] = new;
            let edited = replace16(before, old, new);
            let fresh = checksum(&header);
            // +0 and -0 are the same sum.
            assert!(edited == fresh || (edited ^ fresh) == 0xffff, "{edited:x} {fresh:x}");
        }
    }

    #[test]
    fn a_32_bit_edit_is_two_16_bit_edits() {
        let check = replace32(0x1234, 0xaabb_ccdd, 0x0102_0304);
        let twice = replace16(replace16(0x1234, 0xaabb, 0x0102), 0xccdd, 0x0304);
        assert_eq!(check, twice);
    }
}
