//! Counting numbers of one segment without a hash: whoever sends events chooses their values, and must not be able to
//! choose them so that counting becomes slow.

/// Most empty places, per document, that a table of counts may have.
const SPARE_PER_DOCUMENT: u64 = 4;
/// A table of so many counts is always worth it.
const SMALL_TABLE: u64 = 65_536;

/// How often each number was seen.
#[derive(Debug)]
pub(crate) enum Tally {
    /// The count of every number from the least on.
    Table { least: u64, counts: Vec<u64> },
    /// Every number seen: they lie too far apart for a table.
    List(Vec<u64>),
}

impl Tally {
    /// For numbers from `least` to `greatest`, of so many documents.
    pub(crate) fn new(least: u64, greatest: u64, documents: u32) -> Self {
        let span = greatest.saturating_sub(least);
        if span < SMALL_TABLE.max(u64::from(documents) * SPARE_PER_DOCUMENT) {
            Self::Table { least, counts: vec![0; span as usize + 1] }
        } else {
            Self::List(Vec::new())
        }
    }

    /// Counts a number; one outside the bounds given is not there.
    pub(crate) fn take(&mut self, number: u64) {
        match self {
            Self::Table { least, counts } => {
                if let Some(count) = counts.get_mut(number.wrapping_sub(*least) as usize) {
                    *count += 1;
                }
            }
            Self::List(numbers) => numbers.push(number),
        }
    }

    /// Every number that was seen and how often, in order.
    pub(crate) fn finish(self) -> Vec<(u64, u64)> {
        match self {
            Self::Table { least, counts } => (least..).zip(counts).filter(|(_, count)| *count > 0).collect(),
            Self::List(mut numbers) => {
                numbers.sort_unstable();
                numbers
                    .chunk_by(|one, other| one == other)
                    .map(|same| (same.first().copied().unwrap_or_default(), same.len() as u64))
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn table_and_list_agree(numbers in prop::collection::vec(5_u64..40, 0..60)) {
            let mut tallies = [Tally::new(5, 40, 60), Tally::new(5, u64::MAX, 60)];
            assert!(matches!(tallies, [Tally::Table { .. }, Tally::List(_)]));
            for &number in &numbers {
                tallies.iter_mut().for_each(|tally| tally.take(number));
            }
            let [table, list] = tallies.map(Tally::finish);
            prop_assert_eq!(&table, &list);
            prop_assert_eq!(table.iter().map(|(_, count)| *count).sum::<u64>(), numbers.len() as u64);
        }
    }
}
