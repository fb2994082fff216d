//! Source health: the rhythm of every source is learnt, and who departs from it is told of.
//!
//! Pure: the time and what was heard are passed in, once a second. Silence is counted from the last record or from the
//! moment since when somebody watches without a pause, whichever is later: our own absence is nobody's silence.

mod bounds;
mod gaps;
mod rhythm;
mod saved;
mod sites;
mod state;
mod telling;
mod week;
mod window;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use event::{Site, SiteId, SourceId, Timestamp};

pub use bounds::Bounds;
pub use saved::HealthError;
pub use state::{Change, Kind, State};
pub use telling::{Telling, Told};

use rhythm::{Heard, Rhythm};
use sites::SiteWatch;

/// Between two looks there is no more time than this, or somebody was away.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// What was silent for this long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 86_400);

/// What one source has sent since the start of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulse {
    /// The source.
    pub source: SourceId,
    /// Its site.
    pub site: SiteId,
    /// Records stored.
    pub records: u64,
    /// When the last of them was.
    pub last: Timestamp,
    /// Records that nothing understood.
    pub undecoded: u64,
    /// Received minus claimed time, the median of late, in milliseconds.
    pub skew_ms: Option<i64>,
}

/// What is known of one source's health.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceHealth {
    /// Its site.
    pub site: SiteId,
    /// What it is judged to be.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// When something came last.
    pub last_seen: Timestamp,
    /// For how long nothing has come, in seconds.
    pub silent_secs: f64,
    /// The interval that nineteen of twenty arrivals keep within, in seconds.
    pub usual_interval_secs: Option<f64>,
    /// The silence after which it counts as silent, in seconds.
    pub silent_after_secs: Option<f64>,
    /// Events an hour, of late.
    pub events_per_hour: f64,
    /// Events an hour that are usual now: the least that is expected.
    pub expected_per_hour: Option<f64>,
    /// Records that nothing understood, since it is watched.
    pub undecoded: u64,
    /// How far its clock is behind ours, in seconds; negative when it is ahead.
    pub skew_secs: Option<f64>,
}

/// What is known of a site's health: that of its sources together.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteHealth {
    /// What it is judged to be.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// When something came last, if ever.
    pub last_seen: Option<Timestamp>,
    /// The shortest of its sources' usual intervals, in seconds.
    pub usual_interval_secs: Option<f64>,
    /// Events an hour, of late.
    pub events_per_hour: f64,
    /// Records that nothing understood.
    pub undecoded: u64,
    /// The worst of its sources' clocks, in seconds.
    pub skew_secs: Option<f64>,
    /// Sources that are watched.
    pub sources: usize,
    /// Sources that are silent.
    pub sources_silent: usize,
}

/// The health of every source and site.
#[derive(Debug, Clone)]
pub struct Health {
    bounds: Bounds,
    looked: Timestamp,
    /// Since when somebody watches without a pause.
    resumed: Timestamp,
    sources: HashMap<SourceId, Rhythm>,
    /// What each source had sent at the last look, since the start of the program.
    heard: HashMap<SourceId, (u64, u64)>,
    sites: BTreeMap<SiteId, SiteWatch>,
    /// Sources that found no room.
    beyond: u64,
}

impl Health {
    /// Knows nothing yet and begins to watch at `now`.
    pub fn new(bounds: Bounds, now: Timestamp) -> Self {
        Self {
            bounds,
            looked: now,
            resumed: now,
            sources: HashMap::new(),
            heard: HashMap::new(),
            sites: BTreeMap::new(),
            beyond: 0,
        }
    }

    /// Goes on with what [`Health::save`] wrote; the time between is nobody's silence.
    ///
    /// # Errors
    /// When the bytes are none of ours.
    pub fn load(bytes: &[u8], bounds: Bounds, now: Timestamp) -> Result<Self, HealthError> {
        let (sources, sites) = saved::read(bytes)?;
        let mut health = Self { sources, sites, ..Self::new(bounds, now) };
        health.resume(now);
        Ok(health)
    }

    /// What is to be kept over a restart.
    pub fn save(&self) -> Vec<u8> {
        saved::write(&self.sources, &self.sites)
    }

    /// Takes in what was heard, once a second. `is_taking` is false when we ourselves take nothing, with a full spool:
    /// then nobody else can be called silent. Gives what is to be told.
    pub fn look(&mut self, pulses: &[Pulse], register: &[Arc<Site>], is_taking: bool, now: Timestamp) -> Vec<Change> {
        let passed = now.since(self.looked);
        if !is_taking || now < self.looked || passed > PAUSE_MAX {
            self.resume(now);
        }
        self.looked = now;
        for pulse in pulses {
            self.hear(pulse, now);
        }
        self.listen_to_silence(pulses, now);
        let passed = if self.resumed == now { Duration::ZERO } else { passed };
        sites::look(&mut self.sites, &mut self.sources, register, passed, now, &self.bounds)
    }

    /// The health of a source that is watched.
    pub fn source(&self, id: &SourceId) -> Option<SourceHealth> {
        self.sources.get(id).map(|rhythm| self.describe(rhythm))
    }

    /// The health of every source of a site, by id.
    pub fn sources_of(&self, site: &SiteId) -> BTreeMap<SourceId, SourceHealth> {
        let of_site = self.sources.iter().filter(|(_, rhythm)| rhythm.site == *site);
        of_site.map(|(id, rhythm)| (id.clone(), self.describe(rhythm))).collect()
    }

    /// The health of every site that is watched.
    pub fn sites(&self) -> BTreeMap<SiteId, SiteHealth> {
        let mut found: BTreeMap<SiteId, SiteHealth> =
            self.sites.iter().map(|(id, watch)| (id.clone(), watch.describe())).collect();
        for rhythm in self.sources.values() {
            if let Some(health) = found.get_mut(&rhythm.site) {
                health.add(&self.describe(rhythm));
            }
        }
        found
    }

    /// Sites and sources by state, for metrics; every state is named.
    pub fn counts(&self) -> Vec<(State, usize, usize)> {
        let sites = |state| self.sites.values().filter(|watch| watch.state == state).count();
        let sources = |state| self.sources.values().filter(|rhythm| rhythm.state == state).count();
        State::ALL.into_iter().map(|state| (state, sites(state), sources(state))).collect()
    }

    /// Sources that found no room and are not watched.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    fn resume(&mut self, now: Timestamp) {
        self.resumed = now;
        for rhythm in self.sources.values_mut() {
            rhythm.resume(now);
        }
    }

    fn hear(&mut self, pulse: &Pulse, now: Timestamp) {
        let before = self.heard.get(&pulse.source).copied();
        if before == Some((pulse.records, pulse.undecoded)) && self.sources.contains_key(&pulse.source) {
            return;
        }
        if pulse.records == 0 && before.is_none() {
            return;
        }
        if !self.sources.contains_key(&pulse.source) {
            if self.sources.len() >= self.bounds.sources_max {
                if before.is_none() && self.heard.len() < self.bounds.sources_max.saturating_mul(2) {
                    self.beyond += 1;
                    self.heard.insert(pulse.source.clone(), (pulse.records, pulse.undecoded));
                }
                return;
            }
            self.sources.insert(pulse.source.clone(), Rhythm::new(pulse.site.clone(), now));
        }
        let (records, undecoded) = before.unwrap_or((0, 0));
        let Some(rhythm) = self.sources.get_mut(&pulse.source) else { return };
        if rhythm.site != pulse.site {
            rhythm.site = pulse.site.clone();
        }
        let heard = Heard {
            records: pulse.records.saturating_sub(records),
            last: pulse.last.min(now),
            undecoded: pulse.undecoded.saturating_sub(undecoded),
            skew_ms: pulse.skew_ms,
        };
        rhythm.look(&heard, now, self.resumed, &self.bounds);
        rhythm.looked = now;
        self.heard.insert(pulse.source.clone(), (pulse.records, pulse.undecoded));
    }

    /// Those of whom nothing was heard in this look.
    fn listen_to_silence(&mut self, pulses: &[Pulse], now: Timestamp) {
        let skews: HashMap<&SourceId, i64> =
            pulses.iter().filter_map(|pulse| Some((&pulse.source, pulse.skew_ms?))).collect();
        let (bounds, resumed) = (self.bounds, self.resumed);
        self.sources.retain(|id, rhythm| {
            if rhythm.looked != now {
                let skew_ms = skews.get(id).copied();
                let heard = Heard { records: 0, last: rhythm.last, undecoded: 0, skew_ms };
                rhythm.look(&heard, now, resumed, &bounds);
                rhythm.looked = now;
            }
            now.since(rhythm.last) < FORGOTTEN_AFTER
        });
        let sources = &self.sources;
        self.heard.retain(|id, _| sources.contains_key(id) || sources.len() >= bounds.sources_max);
    }

    fn describe(&self, rhythm: &Rhythm) -> SourceHealth {
        let now = self.looked;
        SourceHealth {
            site: rhythm.site.clone(),
            state: rhythm.state,
            since: rhythm.since,
            last_seen: rhythm.last,
            silent_secs: now.since(rhythm.last).as_secs_f64(),
            usual_interval_secs: rhythm.usual_secs(now),
            silent_after_secs: rhythm.deadline(now, &self.bounds).map(|time| time.as_secs_f64()),
            events_per_hour: rhythm.recent * 3_600.0,
            expected_per_hour: rhythm.expected(now, &self.bounds).map(|(least, _)| least * 3_600.0),
            undecoded: rhythm.undecoded,
            skew_secs: rhythm.skew_ms.map(|skew| skew as f64 / 1_000.0),
        }
    }
}
