//! The bounds of what is called silent, less, more or wrong.

use std::time::Duration;

/// When a verdict is given, and on what. Everything that decides is here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// A source is silent after so many of its usual intervals. Default 3.
    pub intervals: u32,
    /// And never before this time. Default 60 s.
    pub silence_min: Duration,
    /// No verdict before so many arrivals, looked at once a second. Default 20.
    pub learn_arrivals_min: u32,
    /// No verdict before a source has been known for this time. Default 2 minutes.
    pub learn_min: Duration,
    /// Shortest window in which volume is compared; it is as long as [`Bounds::intervals`] usual intervals when those are
    /// longer. Default 60 s.
    pub window_min: Duration,
    /// Less than the expected volume divided by this is a drop. Default 4.
    pub drop_factor: u32,
    /// More than the expected volume times this is a surge. Default 8.
    pub surge_factor: u32,
    /// A window in which fewer events are expected says nothing of a drop. Default 20.
    pub drop_events_min: u32,
    /// A window with fewer events is no surge. Default 200.
    pub surge_events_min: u32,
    /// A clock that is off by this much is told of. Default 5 minutes.
    pub skew_max: Duration,
    /// A registered site that never sent counts as silent after this time. Default 1 hour.
    pub never_spoke_after: Duration,
    /// Most sources that are watched; what comes beyond is counted and not watched. Default 10,000.
    pub sources_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            intervals: 3,
            silence_min: Duration::from_secs(60),
            learn_arrivals_min: 20,
            learn_min: Duration::from_secs(120),
            window_min: Duration::from_secs(60),
            drop_factor: 4,
            surge_factor: 8,
            drop_events_min: 20,
            surge_events_min: 200,
            skew_max: Duration::from_secs(300),
            never_spoke_after: Duration::from_secs(3_600),
            sources_max: 10_000,
        }
    }
}
