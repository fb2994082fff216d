//! Which fields of events a rule looks at: who may not see one of them may not ask by it either.

use std::collections::BTreeSet;

use super::detection::Detection;
use super::logsource::LogSource;
use super::names::{NameId, Names};
use super::rule::Rule;
use super::value::{Item, Test};

/// What keywords are searched in: all of an event's text.
const TEXT: &str = "message";
/// Products that an event has by its form, whatever it says.
const FIXED: [&str; 16] = [
    "windows",
    "linux",
    "macos",
    "nginx",
    "apache",
    "iis",
    "lighttpd",
    "caddy",
    "squid",
    "suricata",
    "zeek",
    "lgsp",
    "aws",
    "kubernetes",
    "azure",
    "gcp",
];

/// Every name under which one of `rules` looks for a field, those that decide on the log source among them.
pub(crate) fn of_rules<'r>(rules: impl Iterator<Item = &'r Rule>, names: &Names) -> BTreeSet<String> {
    let by_id = names.by_id();
    let mut found = BTreeSet::new();
    for rule in rules {
        let mut ids = BTreeSet::new();
        for (_, detection) in rule.selections() {
            of_detection(detection, &mut ids, &mut found);
        }
        found.extend(ids.iter().filter_map(|id| by_id.get(id).map(|name| (*name).to_owned())));
        found.extend(of_source(&rule.logsource).map(str::to_owned));
    }
    found
}

fn of_detection(part: &Detection, ids: &mut BTreeSet<NameId>, found: &mut BTreeSet<String>) {
    match part {
        Detection::All(parts) | Detection::Any(parts) => {
            parts.iter().for_each(|part| of_detection(part, ids, found));
        }
        Detection::Item(item) => of_item(item, ids, found),
    }
}

fn of_item(item: &Item, ids: &mut BTreeSet<NameId>, found: &mut BTreeSet<String>) {
    match item.names() {
        Some(names) => ids.extend(names),
        None => drop(found.insert(TEXT.to_owned())),
    }
    for test in item.tests() {
        if let Test::FieldRef(names, _) = test {
            ids.extend(names);
        }
    }
}

fn of_source(source: &LogSource) -> impl Iterator<Item = &'static str> {
    let product = source.product.as_deref();
    let is_fixed = product.is_some_and(|product| FIXED.contains(&product));
    let by_name: &[&str] = if is_fixed || product.is_none() { &[] } else { &["observer.product", "observer.vendor"] };
    let by_service: &[&str] = match (&source.service, product) {
        (None, _) => &[],
        (Some(_), Some("linux")) => &["process.name"],
        (Some(_), Some("suricata")) => &["suricata.eve.event_type"],
        (Some(_), None) => &["process.name", "suricata.eve.event_type", "cef.name"],
        (Some(_), Some(_)) if is_fixed => &[],
        (Some(_), Some(_)) => &["cef.name"],
    };
    ["event.dataset"].into_iter().chain(by_name.iter().copied()).chain(by_service.iter().copied())
}
