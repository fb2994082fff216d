//! Log lines about outsiders, sampled: a hostile sender must not be able to fill our log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind in one period.
const LINES: u32 = 5;
/// The period.
const PERIOD: Duration = Duration::from_secs(10);

/// Lets a few lines of each kind through in a while.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    kinds: Mutex<HashMap<&'static str, Window>>,
}

#[derive(Debug)]
struct Window {
    begun: Instant,
    lines: u32,
    suppressed: u64,
}

impl Sampler {
    /// Whether a line of this kind may be written now, and how many were not since the last.
    pub(crate) fn pass(&self, kind: &'static str) -> Option<u64> {
        self.pass_at(kind, Instant::now())
    }

    fn pass_at(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let window = kinds.entry(kind).or_insert(Window { begun: now, lines: 0, suppressed: 0 });
        if now.saturating_duration_since(window.begun) >= PERIOD {
            (window.begun, window.lines) = (now, 0);
        }
        if window.lines >= LINES {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_thinned_and_the_rest_is_counted() {
        let (sampler, start) = (Sampler::default(), Instant::now());
        let passed = (0..100).filter(|_| sampler.pass_at("garbage", start).is_some()).count();
        assert_eq!(passed, 5);
        assert_eq!(sampler.pass_at("other", start), Some(0));
        assert_eq!(sampler.pass_at("garbage", start + PERIOD), Some(95));
    }
}
