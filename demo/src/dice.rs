//! Seeded chance: the same seed gives the same town, the same people and the same lines, on every machine.

/// A generator of numbers (SplitMix64: Steele, Lea, Flood, 2014). Not for secrets.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// By a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Dice of their own for a named thing; they do not move these.
    pub fn of(&self, name: &str) -> Self {
        // FNV-1a, 64 bits.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut dice = Self { state: self.state ^ hash };
        dice.roll();
        dice
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `least` to `most`, both possible.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least.saturating_add(self.below(most.saturating_sub(least).saturating_add(1)))
    }

    /// A number in `0.0..1.0`.
    pub fn fraction(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of that probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// One of a list; `None` when it is empty.
    pub fn pick<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        let at = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        list.get(at)
    }

    /// One of a list of plain values; the default when it is empty.
    pub fn one<T: Copy + Default>(&mut self, list: &[T]) -> T {
        self.pick(list).copied().unwrap_or_default()
    }

    /// One of a list whose members have weights; `None` when all weigh nothing.
    pub fn weighted<'l, T>(&mut self, list: &'l [(u32, T)]) -> Option<&'l T> {
        let total = list.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (weight, thing) in list {
            let weight = u64::from(*weight);
            if left < weight {
                return Some(thing);
            }
            left -= weight;
        }
        None
    }

    /// So many digits.
    pub fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap_or(0))).collect()
    }

    /// So many lower-case hexadecimal digits.
    pub fn hex(&mut self, count: usize) -> String {
        (0..count).filter_map(|_| char::from_digit(u32::try_from(self.below(16)).unwrap_or(0), 16)).collect()
    }

    /// A port that a client would use.
    pub fn port(&mut self) -> u16 {
        u16::try_from(self.between(32_768, 60_999)).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_sequence() {
        let mut dice = Dice::new(0);
        // First outputs of SplitMix64 for seed 0.
        assert_eq!(dice.roll(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(dice.roll(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(dice.roll(), 0x06c4_5d18_8009_454f);
    }

    #[test]
    fn names_part_the_dice_and_do_not_move_them() {
        let dice = Dice::new(7);
        assert_ne!(dice.of("a").roll(), dice.of("b").roll());
        assert_eq!(dice.of("a").roll(), dice.of("a").roll());
    }

    #[test]
    fn bounds_hold() {
        let mut dice = Dice::new(1);
        for _ in 0..1_000 {
            assert!((3..=5).contains(&dice.between(3, 5)));
            assert!((0.0..1.0).contains(&dice.fraction()));
            assert_eq!(dice.weighted(&[(0, 'a'), (3, 'b')]), Some(&'b'));
        }
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.pick::<u8>(&[]), None);
        assert_eq!(dice.weighted::<u8>(&[(0, 1)]), None);
        assert_eq!(dice.between(9, 2), 9);
    }
}
