//! Chance that is the same on every machine and every day.

/// Numbers that look random and follow from their seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of the numbers below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these, of which there is at least one.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }

    /// One of these as the world prefers them: a tenth of them most of the time.
    pub fn favour<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let share = self.below(1 << 16);
        let cube = (share * share * share) >> 32;
        &all[((all.len() as u64 * cube) >> 16) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_yields_the_same_numbers() {
        let numbers = |seed| {
            [(); 3].map({
                let mut random = Random::new(seed);
                move |()| random.number()
            })
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn a_favour_reaches_everything_and_prefers_the_first() {
        let all: Vec<usize> = (0..100).collect();
        let mut random = Random::new(1);
        let mut seen = vec![0; all.len()];
        for _ in 0..100_000 {
            seen[*random.favour(&all)] += 1;
        }
        assert!(seen.iter().all(|count| *count > 0));
        assert!(seen[..10].iter().sum::<u32>() > 40_000, "{seen:?}");
    }
}
