//! What many flows share, read once.

use std::collections::HashMap;

/// Bytes that one kind of values may be known by.
const BOUND: usize = 8 << 20;
/// Longest bytes that a value is remembered by; what is longer is not told again and again.
const LONGEST: usize = 64 << 10;
/// What an entry takes besides its bytes, about.
const ENTRY: usize = 64;

/// Values by the bytes that they were read from. When it is full it begins anew: what is in use
/// comes back with the next flows.
#[derive(Debug)]
pub(super) struct Interner<T> {
    known: HashMap<Box<[u8]>, T>,
    held: usize,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), held: 0 }
    }
}

impl<T: Clone> Interner<T> {
    /// The value that `read` makes of these bytes.
    pub(super) fn get(&mut self, bytes: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
        if let Some(value) = self.known.get(bytes) {
            return value.clone();
        }
        let value = read(bytes);
        if bytes.len() <= LONGEST {
            let size = bytes.len() + ENTRY;
            if self.held + size > BOUND {
                self.known.clear();
                self.held = 0;
            }
            self.held += size;
            self.known.insert(bytes.into(), value.clone());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_once() {
        let mut interner = Interner::default();
        assert_eq!(interner.get(b"a", |_| 1), 1);
        assert_eq!(interner.get(b"a", |_| 2), 1);
        assert_eq!(interner.get(b"b", |_| 2), 2);
    }

    #[test]
    fn neither_many_nor_long_ones_fill_the_memory() {
        let mut interner = Interner::default();
        for n in 0..2 * (BOUND / ENTRY) as u64 {
            assert_eq!(interner.get(&n.to_be_bytes(), |_| n), n);
            assert!(interner.known.len() * (ENTRY + 8) <= BOUND);
        }
        let before = interner.known.len();
        interner.get(&vec![0; LONGEST + 1], |_| 0);
        assert_eq!(interner.known.len(), before);
    }
}
