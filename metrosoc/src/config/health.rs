//! `[health]`: when a source or a site is told of.

use std::time::Duration;

use collector::health::Bounds;
use serde::{Deserialize, Serialize};

/// When a source or a site is told of. The rhythm of each source is learnt by the hour of the week.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// A source is silent after so many of its usual intervals...
    pub intervals: u32,
    /// ... and never before so many seconds.
    pub silence_secs_min: u64,
    /// No verdict before so many seconds with something of a source in them...
    pub learn_arrivals_min: u32,
    /// ... nor before it has been known for so many seconds.
    pub learn_secs_min: u64,
    /// Shortest time, in seconds, over which volume is compared; longer for sources with longer intervals.
    pub window_secs_min: u64,
    /// Less than what is usual divided by this is a drop.
    pub drop_factor: u32,
    /// More than what is usual times this is a surge.
    pub surge_factor: u32,
    /// Seconds that a clock may be off.
    pub clock_skew_secs_max: u64,
    /// Seconds after which a registered site that never sent counts as silent.
    pub never_spoke_secs: u64,
    /// Most sources that are watched; about 2.5 KB of memory each.
    pub sources_max: usize,
}

impl Default for Health {
    fn default() -> Self {
        let bounds = Bounds::default();
        Self {
            intervals: bounds.intervals,
            silence_secs_min: bounds.silence_min.as_secs(),
            learn_arrivals_min: bounds.learn_arrivals_min,
            learn_secs_min: bounds.learn_min.as_secs(),
            window_secs_min: bounds.window_min.as_secs(),
            drop_factor: bounds.drop_factor,
            surge_factor: bounds.surge_factor,
            clock_skew_secs_max: bounds.skew_max.as_secs(),
            never_spoke_secs: bounds.never_spoke_after.as_secs(),
            sources_max: bounds.sources_max,
        }
    }
}

impl Health {
    /// What the watch works with.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            intervals: self.intervals,
            silence_min: Duration::from_secs(self.silence_secs_min),
            learn_arrivals_min: self.learn_arrivals_min,
            learn_min: Duration::from_secs(self.learn_secs_min),
            window_min: Duration::from_secs(self.window_secs_min),
            drop_factor: self.drop_factor,
            surge_factor: self.surge_factor,
            skew_max: Duration::from_secs(self.clock_skew_secs_max),
            never_spoke_after: Duration::from_secs(self.never_spoke_secs),
            sources_max: self.sources_max,
            ..Bounds::default()
        }
    }

    /// What types cannot say.
    pub(super) fn check(&self, check: &mut impl FnMut(bool, &'static str, &str)) {
        check((1..=100).contains(&self.intervals), "health.intervals", "between 1 and 100");
        check((1..=86_400).contains(&self.silence_secs_min), "health.silence_secs_min", "between 1 and 86,400");
        check((2..=100_000).contains(&self.learn_arrivals_min), "health.learn_arrivals_min", "between 2 and 100,000");
        check((1..=604_800).contains(&self.learn_secs_min), "health.learn_secs_min", "between 1 and 604,800");
        check((6..=86_400).contains(&self.window_secs_min), "health.window_secs_min", "between 6 and 86,400");
        check((2..=1_000).contains(&self.drop_factor), "health.drop_factor", "between 2 and 1,000");
        check((2..=1_000).contains(&self.surge_factor), "health.surge_factor", "between 2 and 1,000");
        check(
            (1..=31_536_000).contains(&self.clock_skew_secs_max),
            "health.clock_skew_secs_max",
            "between 1 and a year of seconds",
        );
        check(
            (1..=31_536_000).contains(&self.never_spoke_secs),
            "health.never_spoke_secs",
            "between 1 and a year of seconds",
        );
        check((1..=100_000).contains(&self.sources_max), "health.sources_max", "between 1 and 100,000");
    }
}
