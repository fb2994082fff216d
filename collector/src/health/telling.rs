//! What is told, and how: changes of one kind that come together are one, so that a dead uplink is one alert and not 807.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;

use super::state::{Change, Kind};

/// How long changes of one kind are gathered.
const GATHER: Duration = Duration::from_secs(5);
/// So many of them are told as one.
const MANY_MIN: usize = 10;
/// After many, what follows is gathered for longer...
const GATHER_AFTER_MANY: Duration = Duration::from_secs(60);
/// ... for this time, and told together from two on.
const MANY_LASTS: Duration = Duration::from_secs(900);

/// What is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// One change.
    One(Box<Change>),
    /// Many of one kind; never empty.
    Many(Kind, Vec<Change>),
}

#[derive(Debug, Default)]
struct Gathering {
    since: Timestamp,
    changes: Vec<Change>,
    many_at: Option<Timestamp>,
}

/// Gathers changes and tells them.
#[derive(Debug, Default)]
pub struct Telling {
    kinds: BTreeMap<Kind, Gathering>,
}

impl Telling {
    /// Takes changes in.
    pub fn take(&mut self, changes: Vec<Change>, now: Timestamp) {
        for change in changes {
            let gathering = self.kinds.entry(change.kind).or_default();
            if gathering.changes.is_empty() {
                gathering.since = now;
            }
            gathering.changes.push(change);
        }
    }

    /// Whether something waits to be told.
    pub fn is_waiting(&self) -> bool {
        self.kinds.values().any(|gathering| !gathering.changes.is_empty())
    }

    /// What is to be told now; everything when `at_once`.
    pub fn due(&mut self, now: Timestamp, at_once: bool) -> Vec<Told> {
        let mut told = Vec::new();
        for (kind, gathering) in &mut self.kinds {
            let after_many = gathering.many_at.is_some_and(|at| now.since(at) < MANY_LASTS && now >= at);
            let patience = if after_many { GATHER_AFTER_MANY } else { GATHER };
            let is_due = at_once || now.since(gathering.since) >= patience || now < gathering.since;
            if gathering.changes.is_empty() || !is_due {
                continue;
            }
            let changes = std::mem::take(&mut gathering.changes);
            if changes.len() >= if after_many { 2 } else { MANY_MIN } {
                gathering.many_at = Some(now);
                told.push(Told::Many(*kind, changes));
            } else {
                told.extend(changes.into_iter().map(|change| Told::One(Box::new(change))));
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use event::SiteId;

    use super::super::State;
    use super::*;

    fn change(number: usize) -> Change {
        Change {
            kind: Kind::SiteSilent,
            site: SiteId::new(format!("hcm-{number}")).unwrap(),
            source: None,
            state: State::Silent,
            last_seen: None,
            silent_secs: 60.0,
            usual_interval_secs: Some(1.0),
            expected_per_hour: None,
            events_per_hour: 0.0,
            skew_secs: None,
            others_active: 0,
        }
    }

    #[test]
    fn eight_hundred_at_once_are_one() {
        let at = |secs: i64| Timestamp::from_secs(1_793_664_000 + secs);
        let mut telling = Telling::default();
        telling.take((0..400).map(change).collect(), at(0));
        assert_eq!(telling.due(at(4), false), []);
        telling.take((400..807).map(change).collect(), at(4));
        let told = telling.due(at(5), false);
        assert!(matches!(&told[..], [Told::Many(Kind::SiteSilent, changes)] if changes.len() == 807));
        // Stragglers follow together, a minute later.
        telling.take(vec![change(900)], at(6));
        telling.take(vec![change(901)], at(30));
        assert_eq!(telling.due(at(65), false), []);
        assert!(matches!(&telling.due(at(66), false)[..], [Told::Many(_, changes)] if changes.len() == 2));
        // Much later one is one again.
        telling.take(vec![change(902)], at(2_000));
        assert!(telling.is_waiting());
        assert!(matches!(&telling.due(at(2_005), false)[..], [Told::One(_)]));
        // At the end nothing is kept back.
        telling.take((0..3).map(change).collect(), at(3_000));
        assert_eq!(telling.due(at(3_000), true).len(), 3);
        assert!(!telling.is_waiting());
    }
}
