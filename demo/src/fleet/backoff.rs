//! How long to wait before the next try: doubling with chance, bounded.

use std::time::Duration;

use crate::dice::Dice;

const FIRST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(60);

/// The pauses between tries.
#[derive(Debug)]
pub(super) struct Backoff {
    dice: Dice,
    tries: u32,
}

impl Backoff {
    pub(super) fn new(dice: Dice) -> Self {
        Self { dice, tries: 0 }
    }

    /// The next pause: from half of the bound to all of it.
    pub(super) fn pause(&mut self) -> Duration {
        let bound = FIRST.saturating_mul(1_u32 << self.tries.min(10)).min(MOST);
        self.tries += 1;
        bound.mul_f64(0.5 + self.dice.fraction() / 2.0)
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::new(Dice::new(1));
        let pauses: Vec<Duration> = (0..40).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= FIRST && pauses[0] >= FIRST / 2);
        assert!(pauses[4] > pauses[0]);
        assert!(pauses[39] <= MOST && pauses[39] >= MOST / 2);
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }
}
