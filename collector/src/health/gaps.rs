//! The last gaps between arrivals, and the one that nearly all of them keep within.

/// Gaps that are remembered.
const KEPT: usize = 64;

/// A ring of gaps in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gaps {
    ring: [f32; KEPT],
    len: u8,
    at: u8,
}

impl Default for Gaps {
    fn default() -> Self {
        Self { ring: [0.0; KEPT], len: 0, at: 0 }
    }
}

impl Gaps {
    pub(super) fn push(&mut self, secs: f32) {
        if let Some(place) = self.ring.get_mut(usize::from(self.at)) {
            *place = secs;
        }
        self.at = (self.at + 1) % KEPT as u8;
        self.len = (self.len + 1).min(KEPT as u8);
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The gaps, in no order.
    pub(super) fn all(&self) -> &[f32] {
        self.ring.get(..self.len()).unwrap_or_default()
    }

    /// The gap that nineteen of twenty keep within; of eight or more one outlier is always left aside.
    pub(super) fn usual(&self) -> Option<f32> {
        let mut sorted = self.all().to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let aside = if sorted.len() < 8 { 0 } else { (sorted.len() / 20).max(1) };
        sorted.get(last - aside).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gaps: impl IntoIterator<Item = f32>, expected: Option<f32>) {
        let mut ring = Gaps::default();
        gaps.into_iter().for_each(|gap| ring.push(gap));
        assert_eq!(ring.usual(), expected);
    }

    #[test]
    fn an_outlier_does_not_make_the_usual() {
        check([], None);
        check([3.0], Some(3.0));
        check([1.0, 9.0, 1.0], Some(9.0));
        check([1.0, 1.0, 1.0, 3600.0, 1.0, 2.0, 1.0, 1.0], Some(2.0));
        check((0..200).map(|number| if number % 50 == 0 { 900.0 } else { 10.0 }), Some(10.0));
        check((0..200).map(|number| if number % 4 == 0 { 900.0 } else { 10.0 }), Some(900.0));
    }
}
