//! Hunts against the stream itself: over generated rules and events, over the repository's rules and their test events,
//! and along every way on which more than the permit allows could come out.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event::{
    AgencyId, Clock, Event, EventId, Grant, KnownBy, ManualClock, Masks, NoMasks, Object, Operation, Origin, Permit,
    Reach, Role, Scope, SiteId, SourceId, Subject, Timestamp, Transport, UserName, Value, Visibility, json,
};
use proptest::prelude::*;

use super::*;
use crate::correlate::Settings;
use crate::exception::{Exception, Target};
use crate::index::IndexSettings;
use crate::rulebook::{Asked, Dialect, Stream};
use crate::sigma::yaml::{self, Node};
use crate::sigma::{FieldMap, RuleSource, Scratch};

const NOW: i64 = 1_800_000_000;

struct House {
    _dir: tempfile::TempDir,
    index: Arc<Index>,
    clock: Arc<ManualClock>,
}

impl House {
    fn new(events: &[Event]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(NOW)));
        let settings = IndexSettings {
            slice_length: Duration::from_secs(3_600),
            heap_bytes: 15_000_000,
            writers_max: 4,
            ..IndexSettings::default()
        };
        let index = Index::open(dir.path(), settings).unwrap();
        for batch in events.chunks(events.len() / 3 + 1) {
            index.add(batch).unwrap();
            index.flush().unwrap();
        }
        Self { _dir: dir, index: Arc::new(index), clock }
    }

    fn hunter(&self, prune: bool) -> Hunter {
        Hunter::new(Arc::clone(&self.index), Arc::clone(&self.clock) as Arc<dyn Clock>)
            .with_settings(HuntSettings { threads: 2, prune })
    }

    fn run(&self, prune: bool, picked: &Arc<Picked>) -> HuntAnswer {
        self.hunter(prune)
            .run(&permit(Scope::all(), Arc::new(NoMasks)), &|| None, &request(picked), &Watch::new())
            .unwrap()
    }
}

fn permit(scope: Scope, masks: Arc<dyn Masks>) -> Permit {
    Permit::issue(Grant {
        subject: Subject { name: UserName::new("lan").unwrap(), role: Role::AnalystTier2, agency: None },
        purpose: "rule-tuning".to_owned(),
        operation: Operation::Read,
        object: Object::Events,
        scope,
        masks,
        not_after: Timestamp::from_secs(NOW + 60),
        because: vec!["p, analyst-tier2, events, read".to_owned()],
    })
}

fn request(picked: &Arc<Picked>) -> HuntRequest {
    HuntRequest {
        picked: Arc::clone(picked),
        from: Timestamp::from_secs(NOW - 400 * 86_400),
        to: Timestamp::from_secs(NOW),
        samples: SAMPLES_MAX,
        exceptions: None,
        window: Duration::from_secs(3_600),
    }
}

fn pick(yaml: &str, map: FieldMap) -> Arc<Picked> {
    Arc::new(
        Picked::of(&[], &Asked::Yaml(yaml.to_owned()), &Dialect::of(map))
            .unwrap_or_else(|error| panic!("{error}\n{yaml}")),
    )
}

fn origin(number: u64) -> Arc<Origin> {
    Arc::new(Origin {
        site: SiteId::new(format!("site-{}", number % 3)).unwrap(),
        agency: Some(AgencyId::new(format!("agency-{}", number % 2)).unwrap()),
        known_by: KnownBy::Certificate,
        source: SourceId::new("s").unwrap(),
        transport: Transport::SyslogTls,
        peer: None,
    })
}

/// What the stream says of events as they come: event and rule of each finding.
fn streamed(picked: &Picked, events: &[Event]) -> Vec<(EventId, String)> {
    let mut stream = Stream::new(Arc::clone(&picked.book), Settings::default());
    let mut findings = Vec::new();
    for event in events {
        if stream.clock().is_none_or(|clock| clock.plus(Duration::from_secs(1)) <= event.received) {
            stream.advance(event.received, &mut findings);
        }
        stream.take(event, |_, _| false, &mut findings);
    }
    stream.advance(Timestamp::from_secs(NOW), &mut findings);
    let own = findings.iter().filter(|finding| picked.rules.contains(&finding.rule.id));
    let mut found: Vec<_> =
        own.map(|finding| (finding.events().last().unwrap(), finding.rule.id.as_str().to_owned())).collect();
    found.sort();
    found
}

fn found(answer: &HuntAnswer) -> Vec<(EventId, String)> {
    let of = |sample: &Sample| (*sample.events.last().unwrap(), sample.rule.as_str().to_owned());
    let mut found: Vec<_> = answer.seen.samples.iter().map(of).collect();
    found.sort();
    assert_eq!(answer.seen.total, found.len() as u64);
    found
}

mod generated {
    use super::*;

    const MAP: &str =
        "transformations:\n  - type: field_name_mapping\n    mapping:\n      F: [user.name, process.name]\n";

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => "[abB]{1,3}",
            4 => "[abB]{1,2}[ /-][abB]{1,2}( [ab]{1,2})?",
            1 => Just(String::new()),
            1 => Just("Ấb ấ".to_owned()),
            1 => Just("\u{212a}a k".to_owned()),
            1 => Just("a\u{301} b".to_owned()),
            1 => Just("İa".to_owned()),
            2 => prop::sample::select(vec!["12", "012", "+12", "12.0", "10.1.2.3", "::ffff:10.1.2.3", "2001:DB8::1", "2001:db8:0::1", "true"]).prop_map(str::to_owned),
        ]
    }

    fn name() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "A",
            "LogonID",
            "F",
            "message",
            "user.name",
            "source.ip",
            "source.port",
            "event.original",
        ])
    }

    fn item() -> impl Strategy<Value = String> {
        let place =
            prop_oneof![2 => Just(""), 2 => Just("|contains"), 1 => Just("|startswith"), 1 => Just("|endswith")];
        let end = prop_oneof![6 => Just(""), 1 => Just("|all"), 1 => Just("|cased"), 1 => Just("|neq")];
        let values = prop::collection::vec(prop_oneof![4 => word(), 1 => "[ab]{0,2}[*?][ab]{1,2}"], 1..3)
            .prop_map(|values| format!("['{}']", values.join("', '")));
        let test = prop_oneof![
            10 => (place, end, values).prop_map(|(place, end, values)| format!("{place}{end}': {values}")),
            1 => prop::sample::select(vec!["': null", "|exists': true", "|exists': false", "|cidr': 10.0.0.0/8", "|cidr': '2001:db8::/32'", "|gt': 11", "|re': 'a b'", "|re|i': 'AB'", "|re': '[ab]*'", "|fieldref': A"]).prop_map(str::to_owned),
        ];
        (name(), test).prop_map(|(name, test)| format!("{{'{name}{test}}}"))
    }

    pub(super) fn rule() -> impl Strategy<Value = String> {
        let condition = prop::sample::select(vec![
            "s1",
            "s1 and s2",
            "s1 or s2",
            "s1 and not s2",
            "not s1",
            "1 of s*",
            "s1 and (s2 or not s1)",
        ]);
        (item(), item(), condition).prop_map(|(one, two, condition)| {
            format!("title: t\nid: r\nlogsource: {{service: x}}\ndetection:\n  s1: {one}\n  s2: {two}\n  condition: {condition}\n")
        })
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        prop_oneof![
            8 => word().prop_map(Into::into),
            1 => Just(serde_json::Value::Null),
            1 => Just(12.into()),
            1 => Just(12.0.into()),
            1 => Just(true.into()),
            1 => Just(format!("a b {}", "x".repeat(40_000)).into()),
            2 => prop::collection::vec(word(), 1..3).prop_map(Into::into),
        ]
    }

    pub(super) fn fields() -> impl Strategy<Value = Vec<(&'static str, serde_json::Value)>> {
        let name = prop_oneof![
            4 => name(),
            1 => prop::sample::select(vec!["Logon ID", "process.name", "L ogon ID", "winlog.event_data.A"]),
        ];
        prop::collection::vec((name, value()), 0..5)
    }

    fn cases() -> u32 {
        std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, ..ProptestConfig::default() })]

        #[test]
        fn a_backtest_finds_what_the_stream_finds(
            rules in prop::collection::vec(rule(), 12),
            events in prop::collection::vec(fields(), 1..40),
        ) {
            let events: Vec<Event> = (0..).zip(events).map(|(id, fields)| {
                let mut event = Event::new();
                event.id = EventId(id);
                event.received = Timestamp::from_secs(NOW - 10_000 + id.cast_signed() * 200);
                event.push("event.dataset", "p.x").unwrap();
                for (name, value) in fields {
                    json::flatten(name, &value, &mut event).unwrap();
                }
                event
            }).collect();
            let house = House::new(&events);
            for rule in &rules {
                let picked = pick(rule, FieldMap::parse("m", MAP).unwrap());
                let expected = streamed(&picked, &events);
                prop_assert_eq!(&found(&house.run(false, &picked)), &expected, "unpruned: {}\n{:?}", rule, events);
                prop_assert_eq!(&found(&house.run(true, &picked)), &expected, "pruned: {}\n{:?}", rule, events);
            }
        }
    }
}

/// The events of every test beside the repository's rules, a minute between two cases.
fn events_of_the_repository(files: &[std::path::PathBuf]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut start = Timestamp::from_secs(NOW - 300 * 86_400);
    for text in files.iter().filter_map(|file| std::fs::read_to_string(file.with_extension("test.yml")).ok()) {
        for document in yaml::documents(&text) {
            let node = document.node.unwrap();
            for cases in ["match", "no_match"].iter().filter_map(|key| node.get(key)) {
                let Node::List(cases) = cases else { continue };
                for case in cases {
                    let mut last = start;
                    for (offset, mut event) in crate::rulebook::check::events_of(case).unwrap() {
                        last = start.plus(offset);
                        event.id = EventId(events.len() as u64);
                        event.received = last;
                        event.origin = Some(origin(event.id.0));
                        events.push(event);
                    }
                    start = last.plus(Duration::from_secs(60));
                }
            }
        }
    }
    events
}

fn rule_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rule_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "yml") && !path.to_string_lossy().ends_with(".test.yml") {
            found.push(path);
        }
    }
}

#[test]
fn every_rule_of_the_repository_finds_its_test_events() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/sigma");
    let mut files = Vec::new();
    rule_files(&folder, &mut files);
    let events = events_of_the_repository(&files);
    assert!(files.len() > 100 && events.len() > 300, "{} {}", files.len(), events.len());
    let house = House::new(&events);
    let sources: Vec<RuleSource> = files.iter().cloned().map(RuleSource::Path).collect();
    let dialect = Dialect::embedded().unwrap();
    let book = crate::rulebook::Rulebook::load(&sources, &dialect);
    let singles = book.rules().rules().iter().map(|rule| (rule.id(), &rule.path));
    let correlations = book.correlations().iter().map(|one| (&one.reference.id, &one.path));
    let (mut read, mut left_out) = (0, 0);
    for (id, path) in singles.chain(correlations) {
        let near = [RuleSource::Path(path.into())];
        let asked = Asked::Saved(vec![id.as_str().to_owned()]);
        let picked = Picked::of(&near, &asked, &dialect).or_else(|_| Picked::of(&sources, &asked, &dialect)).unwrap();
        let picked = Arc::new(picked);
        let answer = HuntAnswer { ..house.run(true, &picked) };
        let expected = streamed(&picked, &events);
        assert_eq!(answer.seen.total, expected.len() as u64, "{id}");
        if answer.seen.total <= SAMPLES_MAX as u64 {
            assert_eq!(found(&answer), expected, "{id}");
        }
        read += answer.work.candidates;
        left_out += answer.work.events_total - answer.work.candidates;
    }
    assert!(left_out > 10 * read, "read {read}, left out {left_out}");
}

fn sign_in(id: u64, user: &str, at: i64) -> Event {
    let mut event = Event::new();
    event.id = EventId(id);
    event.received = Timestamp::from_secs(NOW - 20_000 + at);
    event.origin = Some(origin(id));
    event.push("event.dataset", "p.x").unwrap();
    event.push("user.name", user).unwrap();
    event.push("metrosoc.site.known_by", "certificate").unwrap();
    event
}

const RULE: &str =
    "title: t\nid: r\nname: r\nlogsource: {service: x}\ndetection: {s: {user.name: Root}, condition: s}\n";

#[test]
fn findings_are_counted_by_day_site_and_alert() {
    let events: Vec<Event> =
        (0..90).map(|id| sign_in(id, ["root", "lan"][(id % 2) as usize], id as i64 * 200)).collect();
    let house = House::new(&events);
    let picked = pick(RULE, FieldMap::default());
    let answer = house.run(true, &picked);
    assert_eq!((answer.seen.total, answer.work.candidates, answer.work.events_total), (45, 45, 90));
    assert_eq!(answer.seen.by_site.iter().map(|one| one.count).collect::<Vec<_>>(), [15, 15, 15]);
    assert_eq!(answer.seen.by_day.iter().map(|one| one.count).sum::<u64>(), 45);
    assert_eq!(answer.work.slices_done, answer.work.slices_total);
    assert_eq!(answer.work.scanned, 90);
    // One user at three sites, findings ten minutes apart: three alerts.
    let alerts = answer.alerts.unwrap();
    assert_eq!(alerts.total, 3);
    assert_eq!(alerts.by_day.iter().map(|one| one.count).sum::<u64>(), 3);
    let newest = answer.seen.samples.first().unwrap();
    assert_eq!(
        (newest.events.as_slice(), newest.hit.as_ref().unwrap().fields["user.name"].as_str()),
        ([EventId(88)].as_slice(), Some("root"))
    );
    let narrow = HuntRequest { from: events[10].received, to: events[20].received, samples: 1, ..request(&picked) };
    let answer =
        house.hunter(true).run(&permit(Scope::all(), Arc::new(NoMasks)), &|| None, &narrow, &Watch::new()).unwrap();
    assert_eq!((answer.seen.total, answer.seen.samples.len()), (6, 1));
}

#[test]
fn correlations_see_events_in_the_order_of_receipt() {
    let correlation = format!(
        "{RULE}---\ntitle: c\nid: c\ncorrelation: {{type: event_count, rules: [r], group-by: [user.name], timespan: 30m, condition: {{gte: 3}}}}\n\
         ---\ntitle: few\nid: few\ncorrelation: {{type: event_count, rules: [r], timespan: 30m, condition: {{lte: 2}}}}\n"
    );
    let picked = pick(&correlation, FieldMap::default());
    let events: Vec<Event> = (0..120)
        .map(|id| sign_in(id, ["root", "lan"][usize::from(id % 5 == 0)], (id as i64 * 150) + (id as i64 % 3) * 40))
        .collect();
    let house = House::new(&events);
    let expected = streamed(&picked, &events);
    assert!(expected.iter().any(|(_, rule)| rule == "c"), "{expected:?}");
    assert_eq!(found(&house.run(true, &picked)), expected);
    assert_eq!(found(&house.run(false, &picked)), expected);
    // A range in the middle counts from windows that began before it.
    let from = events[60].received;
    let later = HuntRequest { from, ..request(&picked) };
    let answer =
        house.hunter(true).run(&permit(Scope::all(), Arc::new(NoMasks)), &|| None, &later, &Watch::new()).unwrap();
    let times: Vec<Timestamp> = answer.seen.samples.iter().map(|sample| sample.time).collect();
    assert!(!times.is_empty() && times.iter().all(|time| *time >= from), "{times:?}");
}

#[derive(Debug)]
struct Hides(&'static str);

impl Masks for Hides {
    fn visibility(&self, field: &str) -> Visibility {
        if field == self.0 { Visibility::Masked } else { Visibility::Clear }
    }

    fn show<'v>(&self, _field: &str, _value: &'v str) -> Option<std::borrow::Cow<'v, str>> {
        Some("***".into())
    }

    fn counts(&self) -> event::Counts {
        event::Counts::exact()
    }

    fn free_text(&self) -> bool {
        false
    }
}

fn run_as(house: &House, permit: &Permit, renew: Renew<'_>, picked: &Arc<Picked>) -> Result<HuntAnswer, HuntError> {
    house.hunter(true).run(permit, renew, &request(picked), &Watch::new())
}

#[test]
fn nothing_comes_out_beside_the_permit() {
    let events: Vec<Event> = (0..30).map(|id| sign_in(id, "root", id as i64)).collect();
    let house = House::new(&events);
    let picked = pick(RULE, FieldMap::default());
    let refused =
        |permit: &Permit, picked: &Arc<Picked>| run_as(&house, permit, &|| None, picked).unwrap_err().to_string();
    let masked = permit(Scope::all(), Arc::new(Hides("user.name")));
    assert!(refused(&masked, &picked).contains("`user.name` is masked for you"));
    let words =
        pick("title: t\nid: k\nlogsource: {service: x}\ndetection: {s: [root], condition: s}\n", FieldMap::default());
    assert!(refused(&permit(Scope::all(), Arc::new(Hides("x"))), &words).contains("`message` is masked"));
    let grouped = format!(
        "{}---\ntitle: c\nid: c\ncorrelation: {{type: event_count, rules: [r], group-by: [secret], timespan: 1m, condition: {{gte: 1}}}}\n",
        RULE
    );
    assert!(
        refused(&permit(Scope::all(), Arc::new(Hides("secret"))), &pick(&grouped, FieldMap::default()))
            .contains("`secret`")
    );
    // What alerts are grouped by is masked: counts, no alerts, and samples through the masks.
    let answer = run_as(&house, &permit(Scope::all(), Arc::new(Hides("source.ip"))), &|| None, &picked).unwrap();
    assert!(answer.alerts.is_none() && answer.seen.total == 30);
    let site = Reach::Only(BTreeSet::from([SiteId::new("site-1").unwrap()]));
    let scope = Scope { agencies: Reach::All, sites: site };
    let answer = run_as(&house, &permit(scope, Arc::new(NoMasks)), &|| None, &picked).unwrap();
    assert_eq!((answer.seen.total, answer.seen.by_site.len()), (10, 1));
    let nobody = Scope { agencies: Reach::Only(BTreeSet::new()), sites: Reach::All };
    assert_eq!(run_as(&house, &permit(nobody, Arc::new(NoMasks)), &|| None, &picked).unwrap().seen.total, 0);
}

#[test]
fn a_permit_that_ran_out_is_asked_for_again() {
    let events: Vec<Event> = (0..30).map(|id| sign_in(id, "root", id as i64)).collect();
    let house = House::new(&events);
    let picked = pick(RULE, FieldMap::default());
    let first = permit(Scope::all(), Arc::new(NoMasks));
    let door = |renew: Renew<'_>| {
        let picked = &picked;
        let door = super::door::Door::new(&first, renew, &picked.reads, Arc::clone(&house.clock) as Arc<dyn Clock>);
        door.permit().map(drop).map_err(|error| error.to_string())
    };
    door(&|| None).unwrap();
    house.clock.advance(Duration::from_secs(120));
    assert!(door(&|| None).unwrap_err().contains("does not allow"));
    let late = |scope: Scope, masks: Arc<dyn Masks>| {
        let old = permit(scope.clone(), Arc::clone(&masks));
        Permit::issue(Grant {
            subject: old.subject().clone(),
            purpose: String::new(),
            operation: Operation::Read,
            object: Object::Events,
            scope,
            masks,
            not_after: Timestamp::from_secs(NOW + 600),
            because: Vec::new(),
        })
    };
    door(&|| Some(late(Scope::all(), Arc::new(NoMasks)))).unwrap();
    let narrower = || late(Scope { agencies: Reach::Only(BTreeSet::new()), sites: Reach::All }, Arc::new(NoMasks));
    assert!(door(&|| Some(narrower())).unwrap_err().contains("has changed"));
    assert!(door(&|| Some(late(Scope::all(), Arc::new(Hides("user.name"))))).unwrap_err().contains("masked"));
}

#[test]
fn a_cancelled_hunt_ends() {
    let house = House::new(&[sign_in(0, "root", 0)]);
    let watch = Watch::new();
    watch.cancel();
    let permit = permit(Scope::all(), Arc::new(NoMasks));
    let outcome = house.hunter(true).run(&permit, &|| None, &request(&pick(RULE, FieldMap::default())), &watch);
    assert!(matches!(outcome, Err(HuntError::Cancelled)));
}

#[test]
fn exceptions_hide_and_are_counted() {
    let events: Vec<Event> = (0..30).map(|id| sign_in(id, "root", id as i64)).collect();
    let house = House::new(&events);
    let picked = pick(RULE, FieldMap::default());
    let exception = Exception {
        id: event::ExceptionId::new("ex-1").unwrap(),
        target: Target::Rules(vec![event::RuleId::new("r").unwrap()]),
        fields: serde_json::from_str(r#"{"user.name":"ROOT"}"#).unwrap(),
        reason: "a test".to_owned(),
        owner: UserName::new("lan").unwrap(),
        created: Timestamp::from_secs(NOW - 1),
        created_by: UserName::new("lan").unwrap(),
        expires: Timestamp::from_secs(NOW + 1),
        withdrawn: None,
        hidden: 0,
    };
    let set = Exceptions::compile(&[exception], picked.book.rules(), &FieldMap::default(), Timestamp::from_secs(NOW));
    let request = HuntRequest { exceptions: Some(Arc::new(set)), ..request(&picked) };
    let permit = permit(Scope::all(), Arc::new(NoMasks));
    let answer = house.hunter(true).run(&permit, &|| None, &request, &Watch::new()).unwrap();
    assert_eq!((answer.seen.total, answer.hidden.total, answer.hidden.by_site.len()), (0, 30, 3));
    assert_eq!(answer.alerts.unwrap().total, 0);
}

/// User names are stored turned round.
#[derive(Debug)]
struct Turned;

impl Restore for Turned {
    fn touches(&self, field: &str) -> bool {
        field == "user.name"
    }

    fn restore(&self, event: &mut Event) {
        let name: String = event.get_str("user.name").unwrap_or_default().chars().rev().collect();
        event.set("user.name", Value::Str(&name)).unwrap();
    }
}

#[test]
fn values_that_are_stored_otherwise_are_given_back_first() {
    let house = House::new(&(0..10).map(|id| sign_in(id, "toor", id as i64)).collect::<Vec<_>>());
    let hunter = house.hunter(true).with_restore(Arc::new(Turned));
    let permit = permit(Scope::all(), Arc::new(NoMasks));
    let picked = pick(RULE, FieldMap::default());
    let answer = hunter.run(&permit, &|| None, &request(&picked), &Watch::new()).unwrap();
    assert_eq!(answer.seen.total, 10);
    assert_eq!(answer.seen.samples[0].hit.as_ref().unwrap().fields["user.name"], "toor");
    assert_eq!(house.run(true, &picked).seen.total, 0);
    assert!(picked.book.rules().evaluate(&sign_in(0, "root", 0), &mut Scratch::default()).len() == 1);
}
