//! How fast and how often: the throttle of thin links, and pauses after failures.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

/// Seconds of the rate that one batch may take at once.
const BURST_SECS: u64 = 2;

/// Keeps the mean of what is sent at a rate.
#[derive(Debug)]
pub struct Pace {
    bytes_per_second: u64,
    free_at: Instant,
}

impl Pace {
    /// At so many bytes a second; 0 for no limit.
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, free_at: Instant::now() }
    }

    /// Most bytes that one sending should have, so that it does not hold the link for long.
    pub fn burst_bytes(&self) -> usize {
        match self.bytes_per_second {
            0 => usize::MAX,
            rate => usize::try_from(rate.saturating_mul(BURST_SECS)).unwrap_or(usize::MAX),
        }
    }

    /// Waits until so many bytes may be sent.
    pub async fn wait(&mut self, bytes: usize) {
        if self.bytes_per_second == 0 {
            return;
        }
        let due = self.due(bytes, Instant::now());
        tokio::time::sleep_until(due).await;
    }

    /// When so many bytes may be sent, if asked now; the next ones come behind them.
    fn due(&mut self, bytes: usize, now: Instant) -> Instant {
        let due = self.free_at.max(now);
        self.free_at = due + Duration::from_secs_f64(bytes as f64 / self.bytes_per_second.max(1) as f64);
        due
    }
}

/// Pauses after failures: random below a bound that doubles ("full jitter"), so that 807 edges do not come back at once.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// With its first and its greatest bound.
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, failures: 0 }
    }

    /// It worked: the next failure is a first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next pause; at least what the server asked for, up to the greatest bound.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        asked.unwrap_or_default().min(self.max) + bound.mul_f64(random_part())
    }

    fn bound(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }
}

/// Between 0 and 1; 1/2 on a machine without random bytes.
fn random_part() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_the_greatest() {
        let (first, max) = (Duration::from_millis(500), Duration::from_secs(60));
        let mut backoff = Backoff::new(first, max);
        let bounds: Vec<_> = (0..9)
            .map(|_| {
                let bound = backoff.bound();
                assert!(backoff.next(None) <= bound);
                bound.as_millis()
            })
            .collect();
        assert_eq!(bounds, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        for _ in 0..100 {
            assert!(backoff.next(None) <= max);
        }
        backoff.reset();
        assert!(backoff.next(None) <= first);
        assert!(backoff.next(Some(Duration::from_secs(7))) >= Duration::from_secs(7));
        assert!(backoff.next(Some(Duration::from_secs(7_000))) <= max * 2, "no server makes an edge silent for hours");
    }

    #[test]
    fn the_mean_is_kept() {
        let mut pace = Pace::new(1_000);
        let now = Instant::now();
        // The first goes at once, the others wait for those before them.
        for at in 0..10 {
            assert_eq!(pace.due(500, now), now + Duration::from_millis(500) * at);
        }
        let idle = now + Duration::from_secs(60);
        assert_eq!(pace.due(500, idle), idle, "what was not sent is not saved up");
        assert_eq!(pace.burst_bytes(), 2_000);
        assert_eq!(Pace::new(0).burst_bytes(), usize::MAX);
    }
}
