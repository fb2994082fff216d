//! The fields of `rules/privacy/fields.yml` against those that events have (`rules/taxonomy/`).

#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::BTreeSet;

use policy::privacy::{Class, FieldKind, PrivacyRules, PrivacyText, Sensitivity, parse};
use serde_norway::Value;

const TAXONOMY: [(&str, &str); 3] = [
    ("windows", include_str!("../../rules/taxonomy/windows.yml")),
    ("unix", include_str!("../../rules/taxonomy/unix.yml")),
    ("network", include_str!("../../rules/taxonomy/network.yml")),
];

fn rules() -> PrivacyRules {
    parse(&PrivacyText::embedded()).unwrap()
}

/// Every field of a list, with the name that it has in an event.
fn fields(list: &str) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for (name, text) in TAXONOMY.iter().filter(|(name, _)| *name == list) {
        let document: Value = serde_norway::from_str(text).unwrap();
        let prefix = if *name == "windows" { "winlog.event_data" } else { "source" };
        for entry in document.get("logsources").unwrap().as_sequence().unwrap() {
            let names = entry.get("fields").unwrap().as_sequence().unwrap();
            fields.extend(names.iter().filter_map(Value::as_str).map(|field| format!("{prefix}.{field}")));
        }
    }
    assert!(fields.len() > 30, "{list} has {} fields", fields.len());
    fields
}

/// What a field's own name says that it holds; `None` when it says nothing of a person.
fn by_name(field: &str) -> Option<Class> {
    let name = field.rsplit('.').next().unwrap().to_ascii_lowercase();
    let user = ["user", "username", "acct", "cs-username", "userprincipalname", "useraccount"];
    let address = ["ip", "ipaddress", "client_ip", "clientaddress", "sourceaddress", "destaddress"];
    if user.iter().any(|end| name.ends_with(end)) {
        return Some(Class::UserName);
    }
    let machine = ["s-ip"].contains(&name.as_str());
    (address.iter().any(|end| name.ends_with(end)) && !machine && !name.ends_with("zip")).then_some(Class::IpAddress)
}

#[test]
fn fields_whose_names_speak_of_people_are_in_the_table() {
    let rules = rules();
    let mut missing = Vec::new();
    for (list, _) in TAXONOMY {
        for field in fields(list) {
            let Some(class) = by_name(&field) else { continue };
            if rules.field("", &field) != FieldKind::Class(class) {
                missing.push(format!("{list}: {field} is {:?}, not {class}", rules.field("", &field)));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn fields_of_windows_in_the_table_are_fields_that_there_are() {
    let known = fields("windows");
    let rows = rules().fields().rows();
    let named: Vec<_> = rows.iter().filter(|(field, _)| field.starts_with("winlog.event_data.")).collect();
    let unknown: Vec<_> = named.iter().filter(|(field, _)| !known.contains(field)).collect();
    assert!(named.len() > 20 && unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn every_class_has_fields_and_a_sensitivity() {
    let rules = rules();
    let held: BTreeSet<_> = rules.fields().rows().into_iter().map(|(_, kind)| kind).collect();
    for class in Class::ALL {
        assert!(held.contains(&FieldKind::Class(class)), "no field holds {class}");
    }
    for (class, expected) in [
        (Class::Phone, Sensitivity::Basic),
        (Class::Card, Sensitivity::Sensitive),
        (Class::HealthRecord, Sensitivity::Sensitive),
        (Class::LandRecord, Sensitivity::Sensitive),
        (Class::UserName, Sensitivity::Basic),
    ] {
        assert_eq!(rules.sensitivity(class), expected, "{class}");
    }
}
