//! Many texts found in another by four bytes of each: the time hardly grows with their number.
//!
//! Of every text the four bytes are chosen that the fewest other texts have, which are rare in events, too. A bit for
//! each of these grams says at nearly every place of the searched text that none begins there; no place waits for the
//! one before it, as the states of an automaton do.

use rustc_hash::FxHashMap;

/// Bytes of a gram; shorter texts have none.
const GRAM_BYTES: usize = 4;
/// Bits for each text, so that few places are looked at in vain.
const BITS_EACH: usize = 32;
/// Fewest and most bits, as powers of two: 512 bytes to 128 KiB.
const BITS: std::ops::RangeInclusive<u32> = 12..=20;
/// Most texts behind one gram, which are compared one by one.
const BUCKET_MAX: usize = 64;

/// Texts by one gram of each.
#[derive(Debug)]
pub(super) struct Grams {
    bits: Box<[u64]>,
    /// How far a hash is shifted to become the number of a bit.
    shift: u32,
    buckets: FxHashMap<u32, Vec<Needle>>,
}

#[derive(Debug)]
struct Needle {
    text: Box<[u8]>,
    /// Where its gram stands in it.
    offset: usize,
    number: u32,
}

impl Grams {
    /// Takes the texts that have a gram with room behind it; the others are put into `left`.
    pub(super) fn build(texts: Vec<(String, u32)>, left: &mut Vec<(String, u32)>) -> Option<Self> {
        let mut used: FxHashMap<u32, u32> = FxHashMap::default();
        for (text, _) in &texts {
            grams(text.as_bytes()).for_each(|(_, gram)| *used.entry(gram).or_default() += 1);
        }
        let mut buckets: FxHashMap<u32, Vec<Needle>> = FxHashMap::default();
        let mut count = 0;
        for (text, number) in texts {
            let has_room = |gram: &u32| buckets.get(gram).is_none_or(|bucket| bucket.len() < BUCKET_MAX);
            let free = grams(text.as_bytes()).filter(|(_, gram)| has_room(gram));
            match free.min_by_key(|(_, gram)| used.get(gram).copied()) {
                Some((offset, gram)) => {
                    let bucket = buckets.entry(gram).or_default();
                    bucket.push(Needle { text: text.into_bytes().into(), offset, number });
                    count += 1;
                }
                None => left.push((text, number)),
            }
        }
        if count == 0 {
            return None;
        }
        let wanted = (count * BITS_EACH).next_power_of_two().trailing_zeros();
        let power = wanted.clamp(*BITS.start(), *BITS.end());
        let mut all = Self { bits: vec![0; 1 << (power - 6)].into(), shift: 32 - power, buckets };
        let bits: Vec<usize> = all.buckets.keys().map(|gram| all.bit(*gram)).collect();
        for bit in bits {
            if let Some(word) = all.bits.get_mut(bit >> 6) {
                *word |= 1 << (bit & 63);
            }
        }
        Some(all)
    }

    /// The numbers of the texts that stand in `text`, once for every place.
    pub(super) fn find(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        for (at, gram) in grams(text) {
            let bit = self.bit(gram);
            if self.bits.get(bit >> 6).is_some_and(|word| (word >> (bit & 63)) & 1 == 1) {
                self.compare(text, at, gram, hit);
            }
        }
    }

    /// Compares the texts of a gram that stands at `at`.
    fn compare(&self, text: &[u8], at: usize, gram: u32, hit: &mut impl FnMut(u32)) {
        for needle in self.buckets.get(&gram).into_iter().flatten() {
            let rest = at.checked_sub(needle.offset).and_then(|start| text.get(start..));
            if rest.is_some_and(|rest| rest.starts_with(&needle.text)) {
                hit(needle.number);
            }
        }
    }

    fn bit(&self, gram: u32) -> usize {
        (gram.wrapping_mul(0x9E37_79B1) >> self.shift) as usize
    }
}

/// Every gram of `text` with its place.
fn grams(text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
    text.windows(GRAM_BYTES).enumerate().filter_map(|(at, window)| match window {
        [one, two, three, four] => Some((at, u32::from_le_bytes([*one, *two, *three, *four]))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn agrees(texts: BTreeSet<String>, text: &str) {
        let texts: Vec<(String, u32)> = texts.into_iter().zip(0..).collect();
        let mut left = Vec::new();
        let grams = Grams::build(texts.clone(), &mut left);
        let mut found = BTreeSet::new();
        if let Some(grams) = &grams {
            grams.find(text.as_bytes(), &mut |number| {
                found.insert(number);
            });
        }
        let taken = texts.iter().filter(|one| !left.contains(one));
        let expected: BTreeSet<u32> =
            taken.filter(|(one, _)| text.contains(one.as_str())).map(|(_, number)| *number).collect();
        assert_eq!(found, expected, "{texts:?} in {text}");
        assert!(left.iter().all(|(one, _)| one.len() < GRAM_BYTES) || texts.len() > BUCKET_MAX, "{left:?}");
    }

    #[test]
    fn full_buckets_leave_texts_over() {
        let same: Vec<(String, u32)> = (0..100).map(|number| ("abcd".to_owned(), number)).collect();
        let mut left = Vec::new();
        let grams = Grams::build(same, &mut left).unwrap();
        let mut found = 0;
        grams.find(b"xabcdabc", &mut |_| found += 1);
        assert_eq!((found, left.len()), (BUCKET_MAX, 100 - BUCKET_MAX));
        let mut left = Vec::new();
        assert!(Grams::build(vec![("abc".to_owned(), 1)], &mut left).is_none() && left.len() == 1);
    }

    proptest! {
        #[test]
        fn agrees_with_the_obvious(texts in prop::collection::btree_set("[ab]{1,9}", 0..40), text in "[abc]{0,40}") {
            agrees(texts, &text);
        }

        #[test]
        fn agrees_on_any_text(texts in prop::collection::btree_set("\\PC{1,6}", 0..40), text in "\\PC{0,40}") {
            let text = texts.iter().fold(text, |text, one| text + one);
            agrees(texts, &text);
        }
    }
}
