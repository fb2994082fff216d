//! The five files, one function each: each adds to rules that there are already.

use ipnet::IpNet;
use serde_norway::Mapping;

use super::reader::{Fault, Faults, Part, document, suggestion};
use super::{ClassRule, FILE_BYTES_MAX, PrivacyFaults, PrivacyRules, PrivacyText, Sensitivity, SourceRule};
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
/// Most sources, and most datasets with fields of their own.
const SOURCES_MAX: usize = 1_000;

/// Reads the five files whole.
///
/// # Errors
/// [`PrivacyFaults`] with every fault of all files: unknown keys and classes, missing ones, numbers out of bounds,
/// words that are no words, networks that are no networks, a field in two classes.
pub fn parse(text: &PrivacyText) -> Result<PrivacyRules, PrivacyFaults> {
    let (mut rules, mut faults) = (PrivacyRules::empty(), Faults::default());
    for (file, text) in text.files() {
        let Some(map) = document(file, text, FILE_BYTES_MAX, &mut faults) else { continue };
        complete(&Part::new(file, text, &map), file, &mut faults);
        apply(&mut rules, file, text, &map, &mut faults);
    }
    let faults = faults.into_list();
    if faults.is_empty() { Ok(rules) } else { Err(PrivacyFaults { faults }) }
}

/// Adds one file of an operator to rules; what is refused is told, the rest is taken.
pub(super) fn overlay(rules: &mut PrivacyRules, file: &str, text: &str) -> Vec<Fault> {
    let mut faults = Faults::default();
    if let Some(map) = document(file, text, FILE_BYTES_MAX, &mut faults) {
        apply(rules, file, text, &map, &mut faults);
    }
    faults.into_list()
}

/// What the files that come with it must have, and those of an operator need not.
fn complete(file: &Part<'_>, name: &str, faults: &mut Faults) {
    let needed: &[&str] = match name {
        "classes.yml" | "fields.yml" => &["classes"],
        "words.yml" => &["names", "addresses"],
        _ => &[],
    };
    for key in needed.iter().filter(|key| !file.has(key)) {
        file.fault(format_args!("`{key}` is missing"), faults);
    }
    if name == "classes.yml"
        && let Some(classes) = file.part("classes", &mut Faults::default())
    {
        for class in class_names().iter().filter(|class| !classes.has(class)) {
            classes.fault(format_args!("`{class}` is missing"), faults);
        }
    }
}

fn apply(rules: &mut PrivacyRules, file: &str, text: &str, map: &Mapping, faults: &mut Faults) {
    let part = Part::new(file, text, map);
    match file {
        "classes.yml" => classes(&part, rules, faults),
        "words.yml" => words(&part, rules, faults),
        "exempt.yml" => exempt(&part, rules, faults),
        "sources.yml" => sources(&part, rules, faults),
        "fields.yml" => fields(&part, rules, faults),
        _ => part.fault("is not a file of privacy rules", faults),
    }
}

fn class_names() -> [&'static str; Class::ALL.len()] {
    Class::ALL.map(Class::as_str)
}

fn classes(file: &Part<'_>, rules: &mut PrivacyRules, faults: &mut Faults) {
    file.only(&["version", "counter_context", "fillers", "classes"], faults);
    rules.counter_context.extend(file.words("counter_context", CONTEXT_MAX, faults));
    rules.fillers.extend(file.words("fillers", CONTEXT_MAX, faults));
    let Some(part) = file.part("classes", faults) else { return };
    part.only(&class_names(), faults);
    for rule in &mut rules.classes {
        if let Some(entry) = part.part(rule.class.as_str(), faults) {
            class(&entry, rule, faults);
        }
    }
}

fn class(entry: &Part<'_>, rule: &mut ClassRule, faults: &mut Faults) {
    entry.only(&["sensitivity", "threshold", "scan", "context", "lead", "allow"], faults);
    if entry.has("sensitivity") {
        match entry.word("sensitivity", faults) {
            Some("sensitive") => rule.sensitivity = Sensitivity::Sensitive,
            Some("basic") => rule.sensitivity = Sensitivity::Basic,
            Some(other) => {
                let near = suggestion(other, &["basic", "sensitive"]);
                let reason = format_args!("`sensitivity: {other}` is neither `basic` nor `sensitive`{near}");
                entry.fault_at(other, reason, faults);
            }
            None => {}
        }
    }
    rule.threshold = entry.number("threshold", (1, 100), faults).unwrap_or(rule.threshold);
    rule.scan = entry.truth("scan", faults).unwrap_or(rule.scan);
    rule.context.extend(entry.words("context", CONTEXT_MAX, faults));
    rule.lead.extend(entry.words("lead", CONTEXT_MAX, faults));
    rule.allow.extend(entry.words("allow", CONTEXT_MAX, faults));
}

fn words(file: &Part<'_>, rules: &mut PrivacyRules, faults: &mut Faults) {
    file.only(&["version", "names", "addresses"], faults);
    let words = &mut rules.words;
    let names = [
        ("family_common", &mut words.family_common),
        ("family", &mut words.family),
        ("family_marked", &mut words.family_marked),
        ("middle_proof", &mut words.middle_proof),
        ("middle_sure", &mut words.middle_sure),
        ("middle", &mut words.middle),
        ("given", &mut words.given),
        ("stop", &mut words.stop),
        ("not_names", &mut words.not_names),
        ("place_before", &mut words.place_before),
    ];
    lists(file, "names", names, faults);
    let addresses = [
        ("house", &mut words.house),
        ("street", &mut words.street),
        ("hamlet", &mut words.hamlet),
        ("unit", &mut words.unit),
        ("city", &mut words.city),
    ];
    lists(file, "addresses", addresses, faults);
}

fn lists<const N: usize>(
    file: &Part<'_>,
    key: &str,
    lists: [(&'static str, &mut Vec<String>); N],
    faults: &mut Faults,
) {
    let Some(part) = file.part(key, faults) else { return };
    part.only(&lists.each_ref().map(|(key, _)| *key), faults);
    for (key, list) in lists {
        list.extend(part.words(key, WORDS_MAX, faults));
    }
}

fn exempt(file: &Part<'_>, rules: &mut PrivacyRules, faults: &mut Faults) {
    file.only(&["version", "accounts", "mailboxes", "citizen_networks", "other_networks"], faults);
    for (key, patterns) in [("accounts", &mut rules.accounts), ("mailboxes", &mut rules.mailboxes)] {
        for text in file.words(key, PATTERNS_MAX, faults) {
            let pattern = Pattern::new(&text);
            if pattern.matches_all() {
                let reason = format_args!("`{key}`: a pattern of stars alone would let everybody through");
                file.fault_at(&text, reason, faults);
            } else if patterns.len() < PATTERNS_MAX {
                patterns.add(pattern);
            } else {
                file.fault_at(&text, format_args!("`{key}`: more than {PATTERNS_MAX} patterns"), faults);
            }
        }
    }
    for (key, networks) in
        [("citizen_networks", &mut rules.citizen_networks), ("other_networks", &mut rules.other_networks)]
    {
        if file.has(key)
            && let Some(list) = read_networks(file, key, faults)
        {
            *networks = list;
        }
    }
}

/// The networks of a list, which take the place of those before; `None` when there are some and none can be read.
fn read_networks(file: &Part<'_>, key: &str, faults: &mut Faults) -> Option<Vec<IpNet>> {
    let mut networks = Vec::new();
    let texts = file.words(key, NETWORKS_MAX, faults);
    for text in &texts {
        match text.parse::<IpNet>() {
            Ok(network) => networks.push(network.trunc()),
            Err(_) => {
                let reason = format_args!("`{key}`: `{text}` is no network (write `10.0.0.0/8`, `2001:db8::/32`)");
                file.fault_at(text, reason, faults);
            }
        }
    }
    (!networks.is_empty() || texts.is_empty()).then_some(networks)
}

fn sources(file: &Part<'_>, rules: &mut PrivacyRules, faults: &mut Faults) {
    file.only(&["version", "sources"], faults);
    let mut added = Vec::new();
    for entry in file.parts("sources", SOURCES_MAX, faults) {
        entry.only(&["dataset", "off", "thresholds"], faults);
        let Some(dataset) = entry.word("dataset", faults) else { continue };
        let mut rule = SourceRule { dataset: Pattern::new(dataset), off: 0, thresholds: [None; Class::ALL.len()] };
        for name in entry.words("off", Class::ALL.len(), faults) {
            match Class::parse(&name) {
                Some(class) => rule.off |= class.bit(),
                None => unknown_class(&entry, &name, faults),
            }
        }
        if entry.has("thresholds")
            && let Some(part) = entry.part("thresholds", faults)
        {
            thresholds(&part, &mut rule, faults);
        }
        added.push(rule);
    }
    // The first that fits counts: an operator's come before those that were there.
    added.append(&mut rules.sources);
    rules.sources = added;
}

fn thresholds(part: &Part<'_>, rule: &mut SourceRule, faults: &mut Faults) {
    for name in part.keys() {
        match Class::parse(name) {
            Some(class) => {
                if let Some(threshold) = rule.thresholds.get_mut(class.index()) {
                    *threshold = part.number(name, (1, 100), faults);
                }
            }
            None => unknown_class(part, name, faults),
        }
    }
}

fn unknown_class(part: &Part<'_>, name: &str, faults: &mut Faults) {
    part.fault_at(name, format_args!("unknown class `{name}`{}", suggestion(name, &class_names())), faults);
}

fn fields(file: &Part<'_>, rules: &mut PrivacyRules, faults: &mut Faults) {
    file.only(&["version", "classes", "clear", "datasets"], faults);
    rules.fields.put(table(file, faults));
    let mut datasets = Vec::new();
    for entry in file.parts("datasets", SOURCES_MAX, faults) {
        entry.only(&["dataset", "classes", "clear"], faults);
        if let Some(dataset) = entry.word("dataset", faults) {
            datasets.push((Pattern::new(dataset), table(&entry, faults)));
        }
    }
    datasets.append(&mut rules.dataset_fields);
    rules.dataset_fields = datasets;
}

/// The fields of `classes` and `clear`; a field that stands there twice keeps what was said of it first.
fn table(entry: &Part<'_>, faults: &mut Faults) -> FieldTable {
    let mut table = FieldTable::default();
    if let Some(part) = entry.part("classes", faults) {
        part.only(&class_names(), faults);
        for class in Class::ALL {
            for field in part.words(class.as_str(), WORDS_MAX, faults) {
                if let Err(reason) = table.add(&field, Some(class)) {
                    part.fault_at_last(&field, reason, faults);
                }
            }
        }
    }
    for field in entry.words("clear", WORDS_MAX, faults) {
        if let Err(reason) = table.add(&field, None) {
            entry.fault_at_last(&field, reason, faults);
        }
    }
    table
}
