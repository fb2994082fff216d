//! The files of `rules/privacy/`: what is read, and what is refused how.

use super::*;

fn faults(change: impl FnOnce(&mut PrivacyText)) -> Vec<String> {
    let mut text = PrivacyText::embedded();
    change(&mut text);
    parse(&text).err().map(|faults| faults.faults).unwrap_or_default()
}

#[test]
fn the_rules_that_come_with_it_are_read() {
    let rules = parse(&PrivacyText::embedded()).unwrap();
    assert_eq!(rules.classes().iter().map(|rule| rule.class).collect::<Vec<_>>(), Class::ALL);
    assert!(rules.default_switches().is_on(Class::PersonName));
    assert!(!rules.switches("suricata.alert").is_on(Class::PersonName));
    assert!(rules.switches("suricata.alert").is_on(Class::Email));
}

#[test]
fn all_faults_are_told_at_once_with_the_nearest_word() {
    let found = faults(|text| {
        text.classes = text.classes.replacen("threshold: 50", "tresholds: 50", 1);
        text.exempt.push_str("\ncitizen_network: []\n");
        text.sources.push_str("  - dataset: x\n    off: [phones]\n    thresholds: {email: 101}\n");
        text.fields.push_str("  - user.name\n");
        text.words = text.words.replacen("version: 1", "version: 2", 1);
    });
    for expected in [
        "classes.yml: classes: person_name: unknown key `tresholds` (did you mean `threshold`?)",
        "exempt.yml: unknown key `citizen_network` (did you mean `citizen_networks`?)",
        "sources.yml: sources 3: unknown class `phones` (did you mean `phone`?)",
        "sources.yml: sources 3: thresholds: `email` is not a number from 1 to 100",
        "fields.yml: `user.name` stands there twice",
        "words.yml: version 2 is not known; this program reads version 1",
    ] {
        assert!(found.iter().any(|fault| fault == expected), "{expected} not in {found:#?}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn dangerous_or_broken_entries_are_refused() {
    for (expected, found) in [
        ("a pattern of stars alone", faults(|text| text.exempt = text.exempt.replacen("  - root\n", "  - \"*\"\n", 1))),
        ("is no network", faults(|text| text.exempt = text.exempt.replacen("1.52.0.0/14", "1.52.0.0/40", 1))),
        (
            "`phone` is missing",
            faults(|text| text.classes = text.classes.replacen("  phone:\n    sens", "  phon:\n    sens", 1)),
        ),
        (
            "unknown key `phon` (did you mean `phone`?)",
            faults(|text| text.classes = text.classes.replacen("  phone:\n    sens", "  phon:\n    sens", 1)),
        ),
        ("is not a mapping of keys", faults(|text| text.sources = "- a".to_owned())),
        (
            "neither `true` nor `false`",
            faults(|text| text.classes = text.classes.replacen("threshold: 50", "scan: maybe", 1)),
        ),
        ("bytes; at most", faults(|text| text.words = " ".repeat(FILE_BYTES_MAX + 1))),
    ] {
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected} not in {found:#?}");
    }
}

#[test]
fn accounts_and_mailboxes_that_are_no_person() {
    let rules = parse(&PrivacyText::embedded()).unwrap();
    for (account, person) in [
        ("root", false),
        ("SYSTEM", false),
        ("NT AUTHORITY\\SYSTEM", false),
        ("HCM-PC01$", false),
        ("svc-backup", false),
        ("svc_sql@hcm.local", false),
        ("-", false),
        ("", false),
        ("lan.nguyen", true),
        ("HCM\\lan.nguyen", true),
        ("Administrator", false),
    ] {
        assert_eq!(rules.is_person_account(account), person, "{account}");
    }
    assert!(!rules.is_person_mailbox("NoReply@hcm.gov.vn") && rules.is_person_mailbox("lan@hcm.gov.vn"));
}

#[test]
fn citizens_are_told_by_their_networks() {
    let rules = parse(&PrivacyText::embedded()).unwrap();
    for (address, citizen) in [
        ("14.161.5.6", true),
        ("::ffff:14.161.5.6", true),
        ("113.161.0.9", false),
        ("113.161.1.9", true),
        ("10.0.0.1", false),
        ("2402:800:6f::1", true),
        ("2001:db8::1", false),
    ] {
        assert_eq!(rules.is_citizen_address(address.parse().unwrap()), citizen, "{address}");
    }
}
