//! Sites as a whole, and what is told of them and of their sources.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use event::{Site, SiteId, SourceId, Timestamp};

use super::SiteHealth;
use super::SourceHealth;
use super::bounds::Bounds;
use super::rhythm::Rhythm;
use super::state::{Change, Kind, State};

/// What is known of a site as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SiteWatch {
    /// For how long it was waited for, in seconds, while somebody watched.
    pub(super) waited_secs: f64,
    /// Whether anything ever came.
    pub(super) has_spoken: bool,
    pub(super) state: State,
    pub(super) since: Timestamp,
    /// Whether its silence was told.
    pub(super) is_told: bool,
}

impl SiteWatch {
    fn new(now: Timestamp) -> Self {
        Self { waited_secs: 0.0, has_spoken: false, state: State::Waiting, since: now, is_told: false }
    }

    pub(super) fn describe(&self) -> SiteHealth {
        SiteHealth {
            state: self.state,
            since: self.since,
            last_seen: None,
            usual_interval_secs: None,
            events_per_hour: 0.0,
            undecoded: 0,
            skew_secs: None,
            sources: 0,
            sources_silent: 0,
        }
    }
}

impl SiteHealth {
    pub(super) fn add(&mut self, source: &SourceHealth) {
        self.last_seen = self.last_seen.max(Some(source.last_seen));
        self.usual_interval_secs = match (self.usual_interval_secs, source.usual_interval_secs) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.events_per_hour += source.events_per_hour;
        self.undecoded += source.undecoded;
        self.skew_secs = match (self.skew_secs, source.skew_secs) {
            (Some(one), Some(other)) => Some(if other.abs() > one.abs() { other } else { one }),
            (one, other) => one.or(other),
        };
        self.sources += 1;
        self.sources_silent += usize::from(source.state == State::Silent);
    }
}

/// Judges every site by its sources; gives what is to be told. `passed` is the time since the last look.
pub(super) fn look(
    sites: &mut BTreeMap<SiteId, SiteWatch>,
    sources: &mut HashMap<SourceId, Rhythm>,
    register: &[Arc<Site>],
    passed: Duration,
    now: Timestamp,
    bounds: &Bounds,
) -> Vec<Change> {
    let mut by_site: BTreeMap<&SiteId, Vec<(&SourceId, &mut Rhythm)>> = BTreeMap::new();
    let local = SiteId::local();
    for site in register.iter().map(|site| &site.id).chain([&local]) {
        by_site.insert(site, Vec::new());
    }
    let whose: Vec<(SiteId, &SourceId, &mut Rhythm)> =
        sources.iter_mut().map(|(id, rhythm)| (rhythm.site.clone(), id, rhythm)).collect();
    for (site, id, rhythm) in whose {
        if let Some(of_site) = by_site.get_mut(&site) {
            of_site.push((id, rhythm));
        }
    }
    if by_site.get(&local).is_some_and(Vec::is_empty) {
        by_site.remove(&local);
    }
    sites.retain(|id, _| by_site.contains_key(id));
    let mut changes = Vec::new();
    for (id, mut of_site) in by_site {
        of_site.sort_unstable_by(|one, other| one.0.cmp(other.0));
        let watch = sites.entry(id.clone()).or_insert_with(|| SiteWatch::new(now));
        watch.waited_secs += passed.as_secs_f64();
        watch.has_spoken |= !of_site.is_empty();
        let state = judge(watch, &of_site, now, bounds);
        if state != watch.state {
            (watch.state, watch.since) = (state, now);
        }
        tell(id, watch, &mut of_site, now, bounds, &mut changes);
    }
    changes
}

fn judge(watch: &SiteWatch, sources: &[(&SourceId, &mut Rhythm)], now: Timestamp, bounds: &Bounds) -> State {
    if sources.is_empty() {
        return match watch.has_spoken {
            true => State::Silent,
            false if watch.waited_secs >= bounds.never_spoke_after.as_secs_f64() => State::NeverSpoke,
            false => State::Waiting,
        };
    }
    let count = |state| sources.iter().filter(|(_, rhythm)| rhythm.state == state).count();
    let (silent, learning) = (count(State::Silent), count(State::Learning));
    // A source that is new and sends shows that the site is there.
    let is_new_active = sources
        .iter()
        .any(|(_, rhythm)| rhythm.state == State::Learning && now.since(rhythm.last) <= bounds.silence_min);
    if silent > 0 && silent + learning == sources.len() && !is_new_active {
        return State::Silent;
    }
    if silent > 0 {
        return State::SourceSilent;
    }
    let worst = [State::Drop, State::Surge, State::Skewed, State::Ok].into_iter().find(|state| count(*state) > 0);
    worst.unwrap_or(State::Learning)
}

fn tell(
    site: &SiteId,
    watch: &mut SiteWatch,
    sources: &mut [(&SourceId, &mut Rhythm)],
    now: Timestamp,
    bounds: &Bounds,
    changes: &mut Vec<Change>,
) {
    let is_silent = matches!(watch.state, State::Silent | State::NeverSpoke);
    if is_silent != watch.is_told {
        watch.is_told = is_silent;
        let kind = if is_silent { Kind::SiteSilent } else { Kind::SiteBack };
        // The source that spoke last tells what was usual.
        let latest = sources.iter().max_by_key(|(_, rhythm)| rhythm.last);
        changes.push(change(kind, site, None, latest.map(|(_, rhythm)| &**rhythm), now, bounds, 0, watch));
    }
    let lasts: Vec<Timestamp> = sources.iter().map(|(_, rhythm)| rhythm.last).collect();
    for (id, rhythm) in sources {
        let state = rhythm.state;
        if state == rhythm.told || state == State::Learning {
            continue;
        }
        // Others go on when they spoke at a time at which this one should have.
        let due = rhythm.last.plus(Duration::from_secs_f64(rhythm.usual_secs(now).unwrap_or(0.0).min(1e9)));
        let others = lasts.iter().filter(|last| **last > due).count();
        let kind = match (state, rhythm.told) {
            (State::Silent, _) if is_silent => None,
            (State::Silent, _) if others == 0 => continue,
            (State::Silent, _) => Some(Kind::SourceSilent),
            (State::Drop, _) => Some(Kind::VolumeDropped),
            (State::Surge, _) => Some(Kind::VolumeSurged),
            (State::Skewed, _) => Some(Kind::ClockSkew),
            (_, State::Silent) => Some(Kind::SourceBack),
            (_, State::Drop | State::Surge) => Some(Kind::VolumeBack),
            (_, State::Skewed) => Some(Kind::ClockSet),
            _ => None,
        };
        // What went silent and came back with its site is told with its site.
        let with_site = kind.is_none() && state == State::Silent;
        rhythm.told = if with_site { State::NeverSpoke } else { state };
        if let Some(kind) = kind {
            changes.push(change(kind, site, Some((*id).clone()), Some(rhythm), now, bounds, others, watch));
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one call each of two places; a struct would only repeat the change")]
fn change(
    kind: Kind,
    site: &SiteId,
    source: Option<SourceId>,
    rhythm: Option<&Rhythm>,
    now: Timestamp,
    bounds: &Bounds,
    others_active: usize,
    watch: &SiteWatch,
) -> Change {
    let expected = |rhythm: &Rhythm| {
        let (least, most) = rhythm.expected(now, bounds)?;
        Some(3_600.0 * if kind == Kind::VolumeSurged { most } else { least })
    };
    Change {
        kind,
        site: site.clone(),
        state: if source.is_some() { rhythm.map_or(watch.state, |rhythm| rhythm.state) } else { watch.state },
        source,
        last_seen: rhythm.map(|rhythm| rhythm.last),
        silent_secs: rhythm.map_or(watch.waited_secs, |rhythm| now.since(rhythm.last).as_secs_f64()),
        usual_interval_secs: rhythm.and_then(|rhythm| rhythm.usual_secs(now)),
        expected_per_hour: rhythm.and_then(expected),
        events_per_hour: rhythm.map_or(0.0, |rhythm| rhythm.recent * 3_600.0),
        skew_secs: rhythm.and_then(|rhythm| rhythm.skew_ms).map(|skew| skew as f64 / 1_000.0),
        others_active,
    }
}
