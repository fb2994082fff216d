//! What sources and sites are judged to be, and what changed.

use event::{SiteId, SourceId, Timestamp};

/// What a source, or a site as a whole, is judged to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Registered, never heard of, and not due yet.
    Waiting,
    /// Heard of, and not long enough for a verdict.
    Learning,
    /// As usual.
    Ok,
    /// Its clock is off.
    Skewed,
    /// Much more than usual comes.
    Surge,
    /// Much less than usual comes.
    Drop,
    /// A site of which one source is silent and another is not.
    SourceSilent,
    /// Nothing comes, for longer than is usual.
    Silent,
    /// A registered site that never sent, and should have.
    NeverSpoke,
}

impl State {
    /// Every state, from the least to the worst.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Learning,
        Self::Ok,
        Self::Skewed,
        Self::Surge,
        Self::Drop,
        Self::SourceSilent,
        Self::Silent,
        Self::NeverSpoke,
    ];

    /// As it is written in answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Learning => "learning",
            Self::Ok => "ok",
            Self::Skewed => "skewed",
            Self::Surge => "surge",
            Self::Drop => "drop",
            Self::SourceSilent => "source_silent",
            Self::Silent => "silent",
            Self::NeverSpoke => "never_spoke",
        }
    }

    /// Reads what [`State::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub(super) fn code(self) -> u8 {
        Self::ALL.iter().position(|state| *state == self).and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// What happened to a source or a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nothing comes from any source of a site, or a site that should have sent never did.
    SiteSilent,
    /// The site is heard of again.
    SiteBack,
    /// One source is silent while another of its site goes on.
    SourceSilent,
    /// It is heard of again.
    SourceBack,
    /// Much less than usual comes.
    VolumeDropped,
    /// Much more than usual comes.
    VolumeSurged,
    /// As much as usual comes again.
    VolumeBack,
    /// A clock is off.
    ClockSkew,
    /// The clock is right again.
    ClockSet,
}

impl Kind {
    /// The ledger's word for one.
    pub fn one(self) -> &'static str {
        match self {
            Self::SiteSilent => "site_silent",
            Self::SiteBack => "site_back",
            Self::SourceSilent => "source_silent",
            Self::SourceBack => "source_back",
            Self::VolumeDropped => "source_volume_dropped",
            Self::VolumeSurged => "source_volume_surged",
            Self::VolumeBack => "source_volume_back",
            Self::ClockSkew => "clock_skew",
            Self::ClockSet => "clock_set",
        }
    }

    /// The ledger's word for many at once.
    pub fn many(self) -> &'static str {
        match self {
            Self::SiteSilent => "many_sites_silent",
            Self::SiteBack => "many_sites_back",
            Self::SourceSilent => "many_sources_silent",
            Self::SourceBack => "many_sources_back",
            Self::VolumeDropped => "many_volumes_dropped",
            Self::VolumeSurged => "many_volumes_surged",
            Self::VolumeBack => "many_volumes_back",
            Self::ClockSkew => "many_clocks_skewed",
            Self::ClockSet => "many_clocks_set",
        }
    }
}

/// A change that is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What happened.
    pub kind: Kind,
    /// To which site.
    pub site: SiteId,
    /// To which of its sources; none when it is the site as a whole.
    pub source: Option<SourceId>,
    /// How it stands now.
    pub state: State,
    /// When something came last, if ever.
    pub last_seen: Option<Timestamp>,
    /// For how long nothing has come, in seconds.
    pub silent_secs: f64,
    /// The interval that nineteen of twenty arrivals keep within, in seconds, where it is known.
    pub usual_interval_secs: Option<f64>,
    /// Events an hour that were expected, where that is known.
    pub expected_per_hour: Option<f64>,
    /// Events an hour that came lately.
    pub events_per_hour: f64,
    /// How far the clock is behind ours, in seconds; negative when it is ahead.
    pub skew_secs: Option<f64>,
    /// Sources of the same site that go on.
    pub others_active: usize,
}
