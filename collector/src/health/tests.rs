//! Health as a whole: sites, what is told, what is kept.

use event::AgencyId;
use proptest::prelude::*;

use super::*;

const START: i64 = 1_793_664_000;

struct Town {
    health: Health,
    register: Vec<Arc<Site>>,
    sent: BTreeMap<(String, String), u64>,
    pulses: BTreeMap<SourceId, Pulse>,
    now: Timestamp,
    told: Vec<Change>,
}

impl Town {
    fn new(sites: &[&str]) -> Self {
        let now = Timestamp::from_secs(START);
        let site = |id: &&str| {
            Arc::new(Site {
                id: SiteId::new(id).unwrap(),
                name: (*id).to_owned(),
                agency: AgencyId::new("agency-a").unwrap(),
                data_center: "dc1".to_owned(),
                addresses: Vec::new(),
                latitude_deg: None,
                longitude_deg: None,
                ward_code: None,
            })
        };
        Self {
            health: Health::new(Bounds::default(), now),
            register: sites.iter().map(site).collect(),
            sent: BTreeMap::new(),
            pulses: BTreeMap::new(),
            now,
            told: Vec::new(),
        }
    }

    /// So many seconds in which each of `active` (site, source) sends one record a second.
    fn live(&mut self, secs: u64, active: &[(&str, &str)]) -> Vec<(Kind, String)> {
        let before = self.told.len();
        for _ in 0..secs {
            self.now = self.now.plus(Duration::from_secs(1));
            for (site, source) in active {
                let count = self.sent.entry(((*site).to_owned(), (*source).to_owned())).or_default();
                *count += 1;
                let id = SourceId::new(format!("syslog-tls:{site}-{source}")).unwrap();
                let pulse = Pulse {
                    source: id.clone(),
                    site: SiteId::new(site).unwrap(),
                    records: *count,
                    last: self.now,
                    undecoded: 0,
                    skew_ms: None,
                };
                self.pulses.insert(id, pulse);
            }
            let pulses: Vec<Pulse> = self.pulses.values().cloned().collect();
            let told = self.health.look(&pulses, &self.register, true, self.now);
            self.told.extend(told);
        }
        self.told[before..].iter().map(|change| (change.kind, change.site.to_string())).collect()
    }

    fn restart(&mut self, away_secs: u64) {
        let saved = self.health.save();
        self.now = self.now.plus(Duration::from_secs(away_secs));
        self.health = Health::load(&saved, Bounds::default(), self.now).unwrap();
        (self.pulses, self.sent) = (BTreeMap::new(), BTreeMap::new());
    }

    fn state(&self, site: &str) -> State {
        self.health.sites()[&SiteId::new(site).unwrap()].state
    }
}

fn told(list: &[(Kind, &str)]) -> Vec<(Kind, String)> {
    list.iter().map(|(kind, site)| (*kind, (*site).to_owned())).collect()
}

#[test]
fn a_site_falls_silent_and_comes_back() {
    let mut town = Town::new(&["a", "b"]);
    let all = [("a", "fw"), ("a", "dc"), ("b", "fw")];
    assert_eq!(town.live(300, &all), []);
    assert_eq!((town.state("a"), town.state("b")), (State::Ok, State::Ok));
    // One source of two: it is told, with the other that goes on.
    assert_eq!(town.live(90, &[("a", "fw"), ("b", "fw")]), told(&[(Kind::SourceSilent, "a")]));
    assert_eq!((town.told[0].others_active, town.state("a")), (1, State::SourceSilent));
    // Both: then it is the site.
    assert_eq!(town.live(90, &[("b", "fw")]), told(&[(Kind::SiteSilent, "a")]));
    assert_eq!(town.state("a"), State::Silent);
    assert_eq!(town.live(5, &all), told(&[(Kind::SiteBack, "a"), (Kind::SourceBack, "a")]));
    // All sources at once: told of the site alone, and not of each.
    assert_eq!(town.live(90, &[("b", "fw")]), told(&[(Kind::SiteSilent, "a")]));
    assert_eq!(town.live(3, &all), told(&[(Kind::SiteBack, "a")]));
    let site = &town.health.sites()[&SiteId::new("a").unwrap()];
    assert_eq!((site.sources, site.sources_silent, site.usual_interval_secs), (2, 0, Some(1.0)));
}

#[test]
fn who_never_spoke_counts_as_silent() {
    let mut town = Town::new(&["a", "b"]);
    assert_eq!(town.live(3_599, &[("a", "fw")]), []);
    assert_eq!(town.state("b"), State::Waiting);
    assert_eq!(town.live(5, &[("a", "fw")]), told(&[(Kind::SiteSilent, "b")]));
    assert_eq!((town.state("b"), town.told[0].last_seen), (State::NeverSpoke, None));
    assert_eq!(town.live(2, &[("a", "fw"), ("b", "fw")]), told(&[(Kind::SiteBack, "b")]));
    assert_eq!(town.state("b"), State::Learning);
    // A new site waits anew; one that is taken out of the register is not spoken of any more.
    town.register.remove(0);
    town.live(1, &[("b", "fw")]);
    assert!(!town.health.sites().contains_key(&SiteId::new("a").unwrap()));
}

#[test]
fn a_restart_keeps_what_was_learnt_and_counts_no_silence() {
    let mut town = Town::new(&["a", "b"]);
    town.live(300, &[("a", "fw"), ("b", "fw")]);
    assert_eq!(town.live(90, &[("b", "fw")]), told(&[(Kind::SiteSilent, "a")]));
    town.restart(100_000);
    // What was silent is not told again; what sends again is no news but for the one that came back.
    assert_eq!(town.live(50, &[("b", "fw")]), []);
    assert_eq!((town.state("a"), town.state("b")), (State::Silent, State::Ok));
    assert_eq!(town.live(5, &[("a", "fw"), ("b", "fw")]), told(&[(Kind::SiteBack, "a")]));
    town.restart(10);
    // Who does not come back after our absence is silent once it has lasted long enough since.
    assert_eq!(town.live(59, &[("b", "fw")]), []);
    assert_eq!(town.live(3, &[("b", "fw")]), told(&[(Kind::SiteSilent, "a")]));
}

#[test]
fn when_we_take_nothing_nobody_is_silent() {
    let mut town = Town::new(&["a"]);
    town.live(300, &[("a", "fw")]);
    for _ in 0..500 {
        town.now = town.now.plus(Duration::from_secs(1));
        let pulses: Vec<Pulse> = town.pulses.values().cloned().collect();
        assert_eq!(town.health.look(&pulses, &town.register, false, town.now), []);
    }
    assert_eq!(town.live(59, &[]), []);
    assert_eq!(town.live(3, &[]).len(), 1);
    // A clock that jumps back is no silence either.
    town.live(100, &[("a", "fw")]);
    town.now = Timestamp::from_secs(START - 5_000);
    assert_eq!(town.live(50, &[]), []);
}

#[test]
fn sources_are_bounded() {
    let now = Timestamp::from_secs(START);
    let mut health = Health::new(Bounds { sources_max: 3, ..Bounds::default() }, now);
    let pulse = |number: u32| Pulse {
        source: SourceId::new(format!("syslog-udp:{number}")).unwrap(),
        site: SiteId::new("a").unwrap(),
        records: 1,
        last: now,
        undecoded: 1,
        skew_ms: None,
    };
    let pulses: Vec<Pulse> = (0..5).map(pulse).collect();
    for second in 1..5 {
        health.look(&pulses, &[], true, now.plus(Duration::from_secs(second)));
    }
    assert_eq!((health.beyond(), health.counts().iter().map(|(.., sources)| sources).sum::<usize>()), (2, 3));
    assert_eq!(health.sources_of(&SiteId::new("a").unwrap()).len(), 3);
}

#[test]
fn every_state_is_read_back() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
        assert_eq!(State::from_code(state.code()), Some(state));
    }
    assert_eq!((State::parse("dead"), State::from_code(99)), (None, None));
}

proptest! {
    #[test]
    fn garbage_is_refused_and_what_was_written_is_read(bytes in prop::collection::vec(any::<u8>(), 0..300), secs in 0_u64..400) {
        let mut written = vec![1];
        written.extend(&bytes);
        let _ = Health::load(&written, Bounds::default(), Timestamp::from_secs(START));
        let mut town = Town::new(&["a", "b"]);
        town.live(secs, &[("a", "fw")]);
        let saved = town.health.save();
        let again = Health::load(&saved, Bounds::default(), town.now).unwrap();
        prop_assert_eq!(again.save().len(), saved.len());
        prop_assert_eq!(again.sites().len(), town.health.sites().len());
        if let Some(cut) = saved.len().checked_sub(1) {
            prop_assert!(Health::load(&saved[..cut], Bounds::default(), town.now).is_err());
        }
    }
}
