//! Playbooks are read or refused with file and field; garbage never panics.

use event::{AlertId, RuleRef, Timestamp};
use proptest::prelude::*;

use super::*;

const GOOD: &str = "
id: block-ssh-guessing
title: { vi: Chặn địa chỉ dò mật khẩu SSH, en: Block an address that guesses SSH passwords }
when: { level: high, tags: [attack.t1110] }
do: { block_address: { address: source, duration: 1h } }
limits: { blocked_max: 50, per_hour_max: 20 }
";

fn check(change: (&str, &str), expected: &str) {
    let yaml = GOOD.replace(change.0, change.1);
    assert_ne!(yaml, GOOD, "nothing changed: {change:?}");
    let found = Playbook::parse("p.yml", &yaml).map_or_else(|error| error.to_string(), |_| "fine".to_owned());
    assert!(found.starts_with(expected), "{change:?} gave: {found}");
}

#[test]
fn a_good_playbook_is_read() {
    let book = Playbook::parse("p.yml", GOOD).unwrap();
    assert_eq!((book.id.as_str(), book.duration_secs), ("block-ssh-guessing", 3_600));
    assert_eq!((book.blocked_max, book.per_hour_max), (Some(50), Some(20)));
    assert_eq!(book.when.level, Some(Level::High));
}

#[test]
fn errors_name_file_and_field() {
    check(("level: high", "level: hihg"), "playbook `p.yml`: when.level: `hihg` is no level");
    check(("level: high, tags: [attack.t1110]", "count: 3"), "playbook `p.yml`: when: names no rule");
    check(("duration: 1h", "duration: 9d"), "playbook `p.yml`: do.block_address.duration: `9d` is out of bounds");
    check(("duration: 1h", "duration: 1"), "playbook `p.yml`: do.block_address.duration: `1` is no time");
    check(("duration: 1h", "duration: é"), "playbook `p.yml`: do.block_address.duration: `é` is no time");
    check(
        ("duration: 1h", "duration: 1h, forever: true"),
        "playbook `p.yml`: do.block_address: unknown field `forever`",
    );
    check(
        ("address: source", "address: everyone"),
        "playbook `p.yml`: do.block_address.address: unknown variant `everyone`",
    );
    check(("blocked_max: 50", "blocked_max: 0"), "playbook `p.yml`: limits.blocked_max: must be at least 1");
    check(("blocked_max: 50", "blocked_max: many"), "playbook `p.yml`: limits.blocked_max: invalid type");
    check(("id: block", "identity: block"), "playbook `p.yml`: playbook: ");
    check(("id: block-ssh-guessing", "id: a b"), "playbook `p.yml`: id: must be");
    check(("attack.t1110]", "attack.]"), "playbook `p.yml`: when.tags: `attack.` is no tag");
    check((", en: Block an address that guesses SSH passwords", ""), "playbook `p.yml`: title: missing field `en`");
    check(("block_address", "revoke_world"), "playbook `p.yml`: do: unknown field `revoke_world`");
}

#[test]
fn conditions_hold_together() {
    let trigger = |level, tag: &str, count| Trigger {
        alert: AlertId::new("a1").unwrap(),
        rule: RuleRef {
            id: RuleId::new("r1").unwrap(),
            title: String::new(),
            level,
            tags: vec![tag.to_owned()],
            risk_score: None,
        },
        entities: Entities::default(),
        count,
        authenticated: true,
        time: Timestamp::default(),
    };
    let when =
        Condition { level: Some(Level::High), tags: vec!["attack.t1110".into()], count: 3, ..Condition::default() };
    assert!(when.holds(&trigger(Level::Critical, "attack.T1110.001", 3)));
    assert!(when.holds(&trigger(Level::High, "attack.t1110", 9)));
    assert!(!when.holds(&trigger(Level::Medium, "attack.t1110", 9)));
    assert!(!when.holds(&trigger(Level::High, "attack.t11100", 9)));
    assert!(!when.holds(&trigger(Level::High, "attack.t1", 9)));
    assert!(!when.holds(&trigger(Level::High, "attack.t1110", 2)));
    let when = Condition { rules: vec![RuleId::new("r2").unwrap()], ..Condition::default() };
    assert!(!when.holds(&trigger(Level::High, "é", 1)));
}

#[test]
fn playbooks_of_a_rule_and_of_any_come_in_the_order_of_their_ids() {
    let book = |id: &str, when: &str| {
        GOOD.replace("id: block-ssh-guessing", &format!("id: {id}"))
            .replace("{ level: high, tags: [attack.t1110] }", when)
    };
    let texts = [
        book("d", "{ level: low }"),
        book("c", "{ rules: [r1, r1, r2] }"),
        book("b", "{ rules: [r2] }"),
        book("a", "{ rules: [r1], level: critical }"),
    ];
    let (books, wrong) = Playbooks::read(texts.iter().map(|text| ("p.yml", text.as_str())));
    assert_eq!(wrong, []);
    let check = |rule: &str, level: Level, expected: &[&str]| {
        let trigger = Trigger {
            alert: AlertId::new("a1").unwrap(),
            rule: RuleRef {
                id: RuleId::new(rule).unwrap(),
                title: String::new(),
                level,
                tags: Vec::new(),
                risk_score: None,
            },
            entities: Entities { source_ip: Some([203, 0, 113, 1].into()), ..Entities::default() },
            count: 1,
            authenticated: true,
            time: Timestamp::default(),
        };
        let found: Vec<&str> = books.matching(&trigger).map(|(book, _)| book.id.as_str()).collect();
        assert_eq!(found, expected, "{rule} {level:?}");
    };
    check("r1", Level::High, &["c", "d"]);
    check("r1", Level::Critical, &["a", "c", "d"]);
    check("r2", Level::Informational, &["b", "c"]);
    check("r3", Level::High, &["d"]);
    check("r3", Level::Informational, &[]);
}

#[test]
fn a_set_leaves_out_what_is_wrong() {
    let other = GOOD.replace("id: block-ssh-guessing", "id: another");
    let (books, wrong) = Playbooks::read([("a.yml", GOOD), ("b.yml", GOOD), ("c.yml", "id: ["), ("d.yml", &other)]);
    assert_eq!(books.iter().map(|book| book.id.as_str()).collect::<Vec<_>>(), ["another", "block-ssh-guessing"]);
    assert_eq!(wrong.iter().map(|error| error.file.as_str()).collect::<Vec<_>>(), ["b.yml", "c.yml"]);
}

#[test]
fn our_own_playbooks_are_good() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/playbooks");
    let (books, wrong) = Playbooks::read_dir(&dir);
    assert_eq!(wrong, []);
    assert!(books.iter().count() >= 3);
}

proptest! {
    #[test]
    fn garbage_never_panics(text in "\\PC{0,300}") {
        let _ = Playbook::parse("p.yml", &text);
    }

    #[test]
    fn mangled_playbooks_never_panic(at in any::<prop::sample::Index>(), with in "\\PC{0,8}") {
        let at = GOOD.char_indices().map(|(at, _)| at).nth(at.index(GOOD.chars().count())).unwrap();
        let (head, tail) = GOOD.split_at(at);
        let _ = Playbook::parse("p.yml", &format!("{head}{with}{tail}"));
    }
}
