//! The five files, one function each.

use ipnet::IpNet;
use serde_norway::Mapping;

use super::reader::{Faults, Part, document, suggestion};
use super::{ClassRule, FILE_BYTES_MAX, PrivacyFaults, PrivacyRules, PrivacyText, Sensitivity, Switches, Words};
use crate::privacy::Class;
use crate::privacy::fields::FieldTable;
use crate::privacy::pattern::Pattern;

/// Most words of one list.
const WORDS_MAX: usize = 20_000;
/// Most context words of one class.
const CONTEXT_MAX: usize = 500;
/// Most patterns of accounts or mailboxes: each is tried.
const PATTERNS_MAX: usize = 2_000;
/// Most networks: each is tried.
const NETWORKS_MAX: usize = 500;
/// Most sources.
const SOURCES_MAX: usize = 1_000;

/// Reads the five files.
///
/// # Errors
/// [`PrivacyFaults`] with every fault of all files: unknown keys and classes, missing ones, numbers out of bounds,
/// words that are no words, networks that are no networks, a field in two classes.
pub fn parse(text: &PrivacyText) -> Result<PrivacyRules, PrivacyFaults> {
    let mut faults = Faults::default();
    let mut load = |file: &str, text: &str| document(file, text, FILE_BYTES_MAX, &mut faults);
    let classes_map = load("classes.yml", &text.classes);
    let words_map = load("words.yml", &text.words);
    let exempt_map = load("exempt.yml", &text.exempt);
    let sources_map = load("sources.yml", &text.sources);
    let fields_map = load("fields.yml", &text.fields);
    let file = Part::new("classes.yml", &classes_map);
    file.only(&["version", "counter_context", "fillers", "classes"], &mut faults);
    let mut rules = PrivacyRules {
        classes: classes(&file, &mut faults),
        counter_context: file.words("counter_context", CONTEXT_MAX, &mut faults),
        fillers: file.words("fillers", CONTEXT_MAX, &mut faults),
        words: words(&words_map, &mut faults),
        accounts: Vec::new(),
        mailboxes: Vec::new(),
        citizen_networks: Vec::new(),
        other_networks: Vec::new(),
        sources: Vec::new(),
        fields: fields(&fields_map, &mut faults),
    };
    exempt(&exempt_map, &mut rules, &mut faults);
    sources(&sources_map, &mut rules, &mut faults);
    let faults = faults.into_list();
    if faults.is_empty() { Ok(rules) } else { Err(PrivacyFaults { faults }) }
}

fn class_names() -> [&'static str; Class::ALL.len()] {
    Class::ALL.map(Class::as_str)
}

fn classes(file: &Part<'_>, faults: &mut Faults) -> Vec<ClassRule> {
    let Some(part) = file.part("classes", faults) else { return Vec::new() };
    part.only(&class_names(), faults);
    let mut rules = Vec::new();
    for class in Class::ALL {
        let Some(entry) = part.part(class.as_str(), faults) else { continue };
        entry.only(&["sensitivity", "threshold", "scan", "context", "lead", "allow"], faults);
        let sensitivity = match entry.word("sensitivity", faults) {
            Some("sensitive") => Sensitivity::Sensitive,
            Some("basic") | None => Sensitivity::Basic,
            Some(other) => {
                let near = suggestion(other, &["basic", "sensitive"]);
                faults
                    .add(&entry.place, format_args!("`sensitivity: {other}` is neither `basic` nor `sensitive`{near}"));
                Sensitivity::Sensitive
            }
        };
        rules.push(ClassRule {
            class,
            sensitivity,
            threshold: entry.number("threshold", 50, (1, 100), faults),
            scan: entry.truth("scan", true, faults),
            context: entry.words("context", CONTEXT_MAX, faults),
            lead: entry.words("lead", CONTEXT_MAX, faults),
            allow: entry.words("allow", CONTEXT_MAX, faults),
        });
    }
    rules
}

fn words(map: &Mapping, faults: &mut Faults) -> Words {
    let file = Part::new("words.yml", map);
    file.only(&["version", "names", "addresses"], faults);
    let mut words = Words::default();
    if let Some(names) = file.part("names", faults) {
        let mut known = vec![];
        for (key, list) in [
            ("family_common", &mut words.family_common),
            ("family", &mut words.family),
            ("middle_proof", &mut words.middle_proof),
            ("middle_sure", &mut words.middle_sure),
            ("middle", &mut words.middle),
            ("given", &mut words.given),
            ("stop", &mut words.stop),
            ("not_names", &mut words.not_names),
            ("place_before", &mut words.place_before),
        ] {
            *list = names.words(key, WORDS_MAX, faults);
            known.push(key);
        }
        names.only(&known, faults);
    }
    if let Some(addresses) = file.part("addresses", faults) {
        let mut known = vec![];
        for (key, list) in [
            ("house", &mut words.house),
            ("street", &mut words.street),
            ("hamlet", &mut words.hamlet),
            ("unit", &mut words.unit),
            ("city", &mut words.city),
        ] {
            *list = addresses.words(key, WORDS_MAX, faults);
            known.push(key);
        }
        addresses.only(&known, faults);
    }
    words
}

fn exempt(map: &Mapping, rules: &mut PrivacyRules, faults: &mut Faults) {
    let file = Part::new("exempt.yml", map);
    file.only(&["version", "accounts", "mailboxes", "citizen_networks", "other_networks"], faults);
    rules.accounts = file.words("accounts", PATTERNS_MAX, faults).iter().map(|text| Pattern::new(text)).collect();
    rules.mailboxes = file.words("mailboxes", PATTERNS_MAX, faults).iter().map(|text| Pattern::new(text)).collect();
    for (what, patterns) in [("accounts", &rules.accounts), ("mailboxes", &rules.mailboxes)] {
        if patterns.iter().any(Pattern::matches_all) {
            faults.add(&file.place, format_args!("`{what}`: a pattern of stars alone would let everybody through"));
        }
    }
    rules.citizen_networks = networks(&file, "citizen_networks", faults);
    rules.other_networks = networks(&file, "other_networks", faults);
}

fn networks(file: &Part<'_>, key: &str, faults: &mut Faults) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in file.words(key, NETWORKS_MAX, faults) {
        match text.parse::<IpNet>() {
            Ok(network) => networks.push(network.trunc()),
            Err(_) => {
                faults.add(
                    &file.place,
                    format_args!("`{key}`: `{text}` is no network (write `10.0.0.0/8`, `2001:db8::/32`)"),
                );
            }
        }
    }
    networks
}

fn sources(map: &Mapping, rules: &mut PrivacyRules, faults: &mut Faults) {
    let file = Part::new("sources.yml", map);
    file.only(&["version", "sources"], faults);
    for entry in file.parts("sources", SOURCES_MAX, faults) {
        entry.only(&["dataset", "off", "thresholds"], faults);
        let Some(dataset) = entry.word("dataset", faults) else { continue };
        let mut switches = rules.default_switches();
        for name in entry.words("off", Class::ALL.len(), faults) {
            match Class::parse(&name) {
                Some(class) => switches.on &= !class.bit(),
                None => unknown_class(&entry, &name, faults),
            }
        }
        if entry.has("thresholds") {
            thresholds(&entry, &mut switches, faults);
        }
        rules.sources.push((Pattern::new(dataset), switches));
    }
}

fn thresholds(entry: &Part<'_>, switches: &mut Switches, faults: &mut Faults) {
    let Some(part) = entry.part("thresholds", faults) else { return };
    for name in part.keys() {
        let Some(class) = Class::parse(name) else {
            unknown_class(&part, name, faults);
            continue;
        };
        let number = part.number(name, 50, (1, 100), faults);
        if let Some(threshold) = switches.thresholds.get_mut(class.index()) {
            *threshold = number;
        }
    }
}

fn unknown_class(part: &Part<'_>, name: &str, faults: &mut Faults) {
    faults.add(&part.place, format_args!("unknown class `{name}`{}", suggestion(name, &class_names())));
}

fn fields(map: &Mapping, faults: &mut Faults) -> FieldTable {
    let file = Part::new("fields.yml", map);
    file.only(&["version", "classes", "clear"], faults);
    let mut table = FieldTable::default();
    if let Some(part) = file.part("classes", faults) {
        part.only(&class_names(), faults);
        for class in Class::ALL {
            for field in part.words(class.as_str(), WORDS_MAX, faults) {
                if let Err(reason) = table.add(&field, Some(class)) {
                    faults.add(&part.place, reason);
                }
            }
        }
    }
    for field in file.words("clear", WORDS_MAX, faults) {
        if let Err(reason) = table.add(&field, None) {
            faults.add(&file.place, reason);
        }
    }
    table
}
