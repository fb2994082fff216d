//! Our own rules with the tests beside them, and the public rules over recorded attacks where they are at hand.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use event::{Event, json};

use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The shared test data beside the repository, `METROSOC_SHARED_DATA` elsewhere; says so when it is absent.
fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("METROSOC_SHARED_DATA").map(PathBuf::from);
    let path = named.unwrap_or_else(|| root().join("../shared/data"));
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no shared test data at {}; set METROSOC_SHARED_DATA to run this test", path.display());
    None
}

#[test]
fn public_rules_find_what_they_must_in_recorded_attacks() {
    let Some(shared) = shared() else { return };
    let set = public_rules(&shared);
    let expected = expected(&shared);
    let lines = attacks(&shared);
    // Every event that something must match, and each eighth of the others.
    let wanted = expected.iter().map(|(line, _)| *line).chain((0..lines.len()).step_by(8)).collect();
    assert_finds(&set, &expected, &wanted, |line| event_without_hints(&lines[line]));
    // The same events as the collector names them: nothing more and nothing less.
    let wanted = expected.iter().map(|(line, _)| *line).step_by(2).collect();
    let expected = expected.into_iter().filter(|(line, _)| BTreeSet::contains(&wanted, line)).collect();
    assert_finds(&set, &expected, &wanted, |line| in_winlogbeats_names(&event_without_hints(&lines[line])));
}

fn assert_finds(
    set: &RuleSet,
    expected: &BTreeSet<(usize, String)>,
    wanted: &BTreeSet<usize>,
    event: impl Fn(usize) -> Event,
) {
    let mut found = BTreeSet::new();
    for line in wanted {
        found.extend(
            set.evaluate(&event(*line), &mut Scratch::default())
                .into_iter()
                .map(|matched| (*line, matched.rule.id().to_string())),
        );
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    let unexpected: Vec<_> = found.difference(expected).collect();
    assert!(missing.is_empty() && unexpected.is_empty(), "missing {missing:?}, unexpected {unexpected:?}");
}

fn expected(shared: &Path) -> BTreeSet<(usize, String)> {
    let text = std::fs::read_to_string(shared.join("events/windows-attacks.expected.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
    lines.map(|(line, id)| (line.parse().unwrap(), id.to_owned())).collect()
}

fn in_winlogbeats_names(flat: &Event) -> Event {
    let mut event = Event::new();
    for (name, value) in flat.iter() {
        let name = match name {
            "Channel" => "winlog.channel".to_owned(),
            "EventID" => "winlog.event_id".to_owned(),
            "Computer" => "winlog.computer_name".to_owned(),
            "Provider_Name" => "winlog.provider_name".to_owned(),
            "EventRecordID" => "winlog.record_id".to_owned(),
            "Level" | "Task" | "Opcode" | "Keywords" => format!("winlog.{}", name.to_lowercase()),
            "UserID" => "winlog.user.identifier".to_owned(),
            "Message" => "message".to_owned(),
            name => format!("winlog.event_data.{name}"),
        };
        event.push(&name, value).unwrap();
    }
    event.push("metrosoc.site.id", "mimikatz").unwrap();
    event
}

#[test]
fn sigma_rust_agrees_on_rules_without_its_known_faults() {
    let Some(shared) = shared() else { return };
    // Log-source routing, null, numbers and lists are where it is known to differ; these rules use none of them.
    let folder = shared.join("sigma-rules/rules/windows/process_creation");
    let set = RuleSet::load(&[RuleSource::Path(folder)], &FieldMap::embedded().unwrap());
    let peers: Vec<(&Rule, sigma_rust::Rule)> = set
        .rules()
        .iter()
        .step_by(12)
        .filter_map(|rule| Some((rule, std::fs::read_to_string(&rule.path).ok()?)))
        .filter(|(_, yaml)| {
            ["null", "windash", "|expand", "|re", "base64", "fieldref"].iter().all(|word| !yaml.contains(word))
        })
        .filter_map(|(rule, yaml)| Some((rule, sigma_rust::rule_from_yaml(&yaml).ok()?)))
        .collect();
    assert!(peers.len() > 40, "{} rules are left to compare", peers.len());
    let mut compared = 0;
    for line in
        attacks(&shared).iter().filter(|line| line.contains("\"sigma_category\":\"process_creation\"")).step_by(6)
    {
        let event = event_without_hints(line);
        let peer = sigma_rust::event_from_json(&aliased(line)).unwrap();
        let found: BTreeSet<&str> =
            set.evaluate(&event, &mut Scratch::default()).iter().map(|found| found.rule.id().as_str()).collect();
        for (rule, theirs) in &peers {
            assert_eq!(found.contains(rule.id().as_str()), theirs.is_match(&peer), "{} on {line}", rule.path);
            compared += 1;
        }
    }
    assert!(compared > 3_000, "{compared} pairs compared");
}

/// What a 4688 event lacks of Sysmon's names, as the field map gives it to our rules.
fn aliased(line: &str) -> String {
    let mut json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
    for (from, to) in [("NewProcessName", "Image"), ("ParentProcessName", "ParentImage"), ("SubjectUserName", "User")] {
        if let Some(value) = json.get(from).filter(|_| !json.contains_key(to)).cloned() {
            json.insert(to.to_owned(), value);
        }
    }
    serde_json::Value::from(json).to_string()
}

fn public_rules(shared: &Path) -> RuleSet {
    let set = RuleSet::load(&[RuleSource::Path(shared.join("sigma-rules/rules"))], &FieldMap::embedded().unwrap());
    let rejected: Vec<String> = set.rejected().iter().map(ToString::to_string).collect();
    assert!(rejected.is_empty(), "{rejected:#?}");
    assert_eq!(set.rules().len(), 3_141);
    set
}

fn attacks(shared: &Path) -> Vec<String> {
    let file = std::fs::File::open(shared.join("events/windows-attacks.ndjson.zst")).unwrap();
    let mut text = String::new();
    zstd::stream::read::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn event_without_hints(line: &str) -> Event {
    let mut json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
    json.retain(|name, _| !name.starts_with("sigma_"));
    let mut event = Event::new();
    json::flatten("", &json.into(), &mut event).unwrap();
    event
}
