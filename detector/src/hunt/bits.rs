//! A set of the documents of one segment.

use tantivy::DocId;

const WORD_BITS: u32 = 64;

/// Document numbers below a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set of numbers below `bound`.
    pub(super) fn empty(bound: DocId) -> Self {
        Self { words: vec![0; bound.div_ceil(WORD_BITS) as usize] }
    }

    /// Adds a number; one that is not below the bound is left out.
    pub(super) fn insert(&mut self, doc: DocId) {
        if let Some(word) = self.words.get_mut((doc / WORD_BITS) as usize) {
            *word |= 1 << (doc % WORD_BITS);
        }
    }

    /// Keeps what is in `other` too.
    pub(super) fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own &= other);
    }

    /// Takes out what is in `other`.
    pub(super) fn leave_out(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own &= !other);
    }

    /// Every number below `bound`.
    pub(super) fn full(bound: DocId) -> Self {
        let mut bits = Self::empty(bound);
        let rest = bound % WORD_BITS;
        bits.words.iter_mut().for_each(|word| *word = u64::MAX);
        if let Some(last) = bits.words.last_mut().filter(|_| rest > 0) {
            *last = (1 << rest) - 1;
        }
        bits
    }

    /// Adds what is in `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own |= other);
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = DocId> + '_ {
        (0_u32..).zip(&self.words).flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let next = (left != 0).then(|| at * WORD_BITS + left.trailing_zeros());
                left &= left.wrapping_sub(1);
                next
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sets() {
        let of = |docs: &[u32]| {
            let mut bits = Bits::empty(130);
            docs.iter().for_each(|doc| bits.insert(*doc));
            bits
        };
        let mut one = of(&[0, 63, 64, 129, 9_999]);
        assert_eq!(one.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
        one.keep(&of(&[63, 64, 65]));
        one.add(&of(&[1]));
        assert_eq!((one.iter().collect::<Vec<_>>(), one.len()), (vec![1, 63, 64], 3));
        one.leave_out(&of(&[63]));
        assert_eq!(one.iter().collect::<Vec<_>>(), [1, 64]);
        assert_eq!((Bits::full(130).len(), Bits::full(128).len(), Bits::full(0).len()), (130, 128, 0));
        assert_eq!(Bits::empty(0).iter().next(), None);
    }
}
