//! Ordinary traffic: which site logs next, what, and how much of it at which hour.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Weekday;

use crate::dice::Dice;
use crate::entry::{Entry, local};
use crate::people::Person;
use crate::site::{Kind, Site, Town};
use crate::source::{Scene, camera, dns, firewall, gateway, ids, linux, portal, staff, switch, web, windows};

type Source = fn(&mut Scene<'_>) -> Entry;

/// Share of a day's mean rate for each hour of a working day in the city; the mean of all is 1.
const HOURS: [f64; 24] = [
    0.30, 0.25, 0.25, 0.25, 0.30, 0.40, 0.80, 1.45, 1.95, 2.05, 1.95, 1.50, 0.95, 1.60, 2.00, 1.95, 1.65, 1.15, 0.80,
    0.70, 0.60, 0.50, 0.40, 0.25,
];
/// What is left of it on Saturday and Sunday.
const WEEKEND: f64 = 0.5;

/// Whether the hour of the day changes the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rhythm {
    /// More in working hours, less at night and at the weekend.
    #[default]
    Day,
    /// The same at every hour.
    Steady,
}

impl Rhythm {
    /// The factor that the mean rate is multiplied by.
    pub fn factor(self, at: Timestamp) -> f64 {
        if self == Self::Steady {
            return 1.0;
        }
        let now = local(at);
        let hour = usize::try_from(now.hour()).unwrap_or(0);
        let next = HOURS.get((hour + 1) % HOURS.len()).copied().unwrap_or(1.0);
        let this = HOURS.get(hour).copied().unwrap_or(1.0);
        let passed = f64::from(now.minute()) / 60.0;
        let weekend = matches!(now.weekday(), Weekday::Saturday | Weekday::Sunday);
        (this + (next - this) * passed) * if weekend { WEEKEND } else { 1.0 }
    }
}

/// What runs at a site of a kind, by how much it logs.
fn sources(kind: Kind) -> &'static [(u32, Source)] {
    match kind {
        Kind::Gateway => &[(90, gateway::ordinary), (6, linux::ordinary), (4, firewall::ordinary)],
        Kind::Portal => &[
            (45, web::ordinary),
            (25, portal::ordinary),
            (12, linux::ordinary),
            (12, firewall::ordinary),
            (6, ids::ordinary),
        ],
        Kind::DataCenter => &[
            (35, linux::ordinary),
            (25, firewall::ordinary),
            (20, ids::ordinary),
            (10, windows::ordinary),
            (10, dns::ordinary),
        ],
        Kind::Sensors => {
            &[(80, camera::ordinary), (10, linux::ordinary), (9, firewall::ordinary), (1, switch::ordinary)]
        }
        Kind::Ward | Kind::Health | Kind::Police | Kind::Office => &[
            (40, windows::ordinary),
            (25, firewall::ordinary),
            (15, dns::ordinary),
            (8, linux::ordinary),
            (8, ids::ordinary),
            (4, switch::ordinary),
        ],
    }
}

/// How much a site of a kind logs compared with a ward.
fn weight(kind: Kind) -> u32 {
    match kind {
        Kind::Gateway => 60,
        Kind::DataCenter => 20,
        Kind::Sensors => 5,
        Kind::Portal => 3,
        Kind::Ward | Kind::Police | Kind::Health | Kind::Office => 1,
    }
}

/// Makes records without end; the same town and seed give the same ones.
#[derive(Debug, Clone)]
pub struct Traffic {
    dice: Dice,
    sites: Vec<(u32, Arc<Site>)>,
    staff: Arc<BTreeMap<String, Vec<Person>>>,
}

impl Traffic {
    /// Of a town.
    pub fn new(town: &Town, seed: u64) -> Self {
        let dice = Dice::new(seed);
        let sites = town.sites().iter().map(|site| (weight(site.kind), Arc::clone(site))).collect();
        let people = dice.of("staff");
        let staff = town.sites().iter().map(|site| (site.id.clone(), staff(&people, site))).collect();
        Self { dice: dice.of("traffic"), sites, staff: Arc::new(staff) }
    }

    /// With dice of its own by a name: the same town and people, other events.
    #[must_use]
    pub fn apart(&self, name: &str) -> Self {
        Self { dice: self.dice.of(name), ..self.clone() }
    }

    /// The next record; `None` when the town is empty.
    pub fn next(&mut self, at: Timestamp) -> Option<Entry> {
        let site = Arc::clone(self.dice.weighted(&self.sites)?);
        self.of_site(&site, at)
    }

    /// An ordinary record of one site.
    pub(crate) fn of_site(&mut self, site: &Arc<Site>, at: Timestamp) -> Option<Entry> {
        let source = self.dice.weighted(sources(site.kind)).copied()?;
        Some(self.scene(site, at, source))
    }

    /// What `tell` says of a site at that time.
    pub(crate) fn scene<T>(&mut self, site: &Arc<Site>, at: Timestamp, tell: impl FnOnce(&mut Scene<'_>) -> T) -> T {
        let staff = self.staff.get(&site.id).map(Vec::as_slice).unwrap_or_default();
        tell(&mut Scene { dice: &mut self.dice, site, at, staff })
    }

    /// Chance, for choices around the records.
    pub(crate) fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = include_str!("../../collector/demo/sites.csv");

    #[test]
    fn traffic_is_the_seed_s() {
        let town = Town::read(REGISTER.as_bytes()).unwrap();
        let at: Timestamp = "2026-11-03T02:00:00Z".parse().unwrap();
        let day = |seed| {
            let mut traffic = Traffic::new(&town, seed);
            (0..300).filter_map(|_| traffic.next(at)).map(|entry| entry.rfc5424()).collect::<Vec<_>>()
        };
        assert_eq!(day(1).len(), 300);
        assert_eq!(day(1), day(1));
        assert_ne!(day(1), day(2));
        assert!(Traffic::new(&Town::default(), 1).next(at).is_none());
    }

    #[test]
    fn a_day_has_its_rhythm_and_its_mean() {
        let factor = |time: &str| Rhythm::Day.factor(time.parse().unwrap());
        // Tuesday, nine in the morning and three at night; Sunday.
        assert!(factor("2026-11-03T02:00:00Z") > 1.9);
        assert!(factor("2026-11-02T20:00:00Z") < 0.3);
        assert!(factor("2026-11-08T02:00:00Z") < 1.1);
        assert!((Rhythm::Steady.factor(Timestamp::UNIX_EPOCH) - 1.0).abs() < f64::EPSILON);
        let mean = HOURS.iter().sum::<f64>() / 24.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }
}
