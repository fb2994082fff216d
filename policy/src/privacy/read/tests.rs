//! The files of `rules/privacy/`: what is read, and what is refused how.

use super::*;

fn faults(change: impl FnOnce(&mut PrivacyText)) -> Vec<String> {
    let mut text = PrivacyText::embedded();
    change(&mut text);
    let faults = parse(&text).err().map(|faults| faults.faults).unwrap_or_default();
    faults.iter().map(Fault::to_string).collect()
}

/// The line of a text on which a word stands first.
fn line(text: &str, word: &str) -> usize {
    1 + text.lines().position(|line| line.contains(word)).unwrap()
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
    let mut changed = PrivacyText::embedded();
    let found = faults(|text| {
        text.classes = text.classes.replacen("threshold: 50", "tresholds: 50", 1);
        text.exempt.push_str("\ncitizen_network: []\n");
        text.sources.push_str("  - dataset: x\n    off: [phones]\n    thresholds: {email: 101}\n");
        text.fields.push_str("  - user.name\n  - user.name\n");
        text.words = text.words.replacen("version: 1", "version: 2", 1);
        changed = text.clone();
    });
    let last = |text: &str| text.lines().count();
    for expected in [
        format!(
            "classes.yml:{}: classes: person_name: unknown key `tresholds` (did you mean `threshold`?)",
            line(&changed.classes, "tresholds")
        ),
        format!(
            "exempt.yml:{}: unknown key `citizen_network` (did you mean `citizen_networks`?)",
            last(&changed.exempt)
        ),
        format!(
            "sources.yml:{}: sources 3: unknown class `phones` (did you mean `phone`?)",
            last(&changed.sources) - 1
        ),
        format!("sources.yml:{}: sources 3: thresholds: `email` is not a number from 1 to 100", last(&changed.sources)),
        format!("fields.yml:{}: `user.name` stands there twice", last(&changed.fields)),
        format!(
            "words.yml:{}: version 2 is not known; this program reads version 1",
            line(&changed.words, "version: 2")
        ),
    ] {
        assert!(found.contains(&expected), "{expected} not in {found:#?}");
    }
}

/// A directory of an operator with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (file, text) in files {
        std::fs::write(directory.path().join(file), text).unwrap();
    }
    directory
}

#[test]
fn an_operators_files_add_to_the_rules_and_bad_entries_are_refused_alone() {
    let operator = directory(&[
        (
            "exempt.yml",
            "version: 1\naccounts:\n  - kiosk-*\n  - \"*\"\ncitizen_networks:\n  - 198.51.100.0/24\n  - 300.1.0.0/8\n",
        ),
        (
            "classes.yml",
            "version: 1\nclasses:\n  phone:\n    threshold: 70\n    allow: [\"0281022\"]\n  fone: {threshold: 1}\n",
        ),
        ("sources.yml", "version: 1\nsources:\n  - dataset: suricata*\n    off: [email, e_mail]\n"),
        (
            "fields.yml",
            "version: 1\nclasses:\n  phone: [user.name, bad name]\ndatasets:\n  - dataset: portal.*\n    classes: {card: [pan2]}\n",
        ),
        ("word.yml", "version: 1\n"),
        ("words.yml", "names: [\n"),
    ]);
    let (rules, refused) = load(operator.path()).unwrap();
    let told: Vec<String> = refused.iter().map(Fault::to_string).collect();
    for expected in [
        "word.yml: is not a file of privacy rules (did you mean `words.yml`?)",
        "classes.yml:6: classes: unknown key `fone` (did you mean `phone`?)",
        "exempt.yml:4: `accounts`: a pattern of stars alone would let everybody through",
        "exempt.yml:7: `citizen_networks`: `300.1.0.0/8` is no network (write `10.0.0.0/8`, `2001:db8::/32`)",
        "sources.yml:4: sources 1: unknown class `e_mail` (did you mean `email`?)",
        "fields.yml:3: classes: `bad name` is no field name (patterns are `prefix.*` or `*.suffix`)",
    ] {
        assert!(told.iter().any(|told| told == expected), "{expected} not in {told:#?}");
    }
    assert!(told.iter().any(|told| told.starts_with("words.yml:")), "{told:#?}");
    assert_eq!(told.len(), 7, "{told:#?}");
    assert!(!rules.is_person_account("kiosk-3") && !rules.is_person_account("root") && rules.is_person_account("lan"));
    assert!(rules.is_citizen_address("198.51.100.7".parse().unwrap()));
    assert!(!rules.is_citizen_address("14.161.5.6".parse().unwrap()));
    assert_eq!(rules.default_switches().threshold(Class::Phone), 70);
    assert!(
        !rules.switches("suricata.alert").is_on(Class::Email)
            && rules.switches("suricata.alert").is_on(Class::PersonName)
    );
    for (dataset, field, expected) in [
        ("x", "user.name", FieldKind::Class(Class::Phone)),
        ("x", "source.user.name", FieldKind::Class(Class::UserName)),
        ("x", "pan2", FieldKind::Text),
        ("portal.app", "pan2", FieldKind::Class(Class::Card)),
        ("portal.app", "source.ip", FieldKind::Class(Class::IpAddress)),
    ] {
        assert_eq!(rules.field(dataset, field), expected, "{dataset} {field}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_no_empty_one() {
    let nowhere = tempfile::tempdir().unwrap().path().join("nowhere");
    let told = load(&nowhere).unwrap_err().to_string();
    assert!(told.starts_with("the privacy rules cannot be used: ") && told.contains("could not be read"), "{told}");
    assert_eq!(load(directory(&[]).path()).unwrap().1, []);
}

#[test]
fn networks_of_which_none_can_be_read_change_nothing() {
    let operator = directory(&[("exempt.yml", "version: 1\ncitizen_networks: [x]\n")]);
    let (rules, refused) = load(operator.path()).unwrap();
    assert_eq!(refused.len(), 1);
    assert!(rules.is_citizen_address("14.161.5.6".parse().unwrap()));
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
