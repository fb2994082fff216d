//! Masks never show what they hide.

use std::borrow::Cow;
use std::sync::Arc;

use event::{Masks, Role, Visibility};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::guard::PolicyText;

fn set() -> MaskSet {
    parse(&PolicyText::embedded().masks).unwrap()
}

#[test]
fn the_last_four_are_kept_of_eight_or_more() {
    let check = |value: &str, expected: &str| assert_eq!(keep_last_4(value), expected, "{value:?}");
    check("0912345678", "••••5678");
    check("079203001234", "••••1234");
    check("nguyenvana", "••••vana");
    check("12345678", "••••5678");
    check("1234567", "••••");
    check("root", "••••");
    check("", "••••");
    check("   ", "••••");
    check("an        ", "••••");
    check("a\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}root", "••••");
    check("........root", "••••");
    check("nguyễn.văn.ngộ", "••••.ngộ");
    check(&"nguyễn.văn.ngộ".nfd().collect::<String>(), "••••.ngộ");
    check(&"ễ".nfd().collect::<String>().repeat(7), "••••");
    check(&"ễ".nfd().collect::<String>().repeat(8), "••••ễễễễ");
    check("trần hưng đạo  ", "••••gđạo");
    check("x\u{301}\u{302}\u{303}\u{304}\u{305}abcdefgh\u{301}\u{302}\u{303}\u{304}", "••••");
    check(&"ệ".repeat(100_000), "••••ệệệệ");
    check(&format!("{}1234", "\u{301}".repeat(100_000)), "••••");
}

#[test]
fn roles_look_through_their_profiles() {
    let set = set();
    for (role, expected) in [
        (Role::AnalystTier1, "masked"),
        (Role::AnalystTier2, "clear"),
        (Role::SocLead, "clear"),
        (Role::AgencyOfficer, "masked"),
        (Role::DataOwner, "nothing"),
        (Role::Auditor, "nothing"),
        (Role::Dpo, "nothing"),
        (Role::Admin, "masked"),
        (Role::Machine, "nothing"),
    ] {
        let table = set.of(role);
        assert_eq!(table.name(), expected);
        assert_eq!(table.free_text(), expected == "clear");
    }
}

#[test]
fn fields_are_masked_by_name_pattern_and_default() {
    let table = set().of(Role::AnalystTier1);
    let check = |field: &str, expected: Visibility| assert_eq!(table.visibility(field), expected, "{field}");
    for field in ["@timestamp", "source.ip", "event.action", "host.name", "process.name", "winlog.event_id", "lgsp.api"]
    {
        check(field, Visibility::Clear);
    }
    for field in [
        "user.name",
        "related.user",
        "winlog.event_data.TargetUserName",
        "winlog.event_data.SubjectUserName",
        "cef.extensions.suser",
        "cef.extensions.duser",
        "lgsp.token_id",
        "citizen_id",
        "app.customer.citizen_id",
        "caller.phone",
    ] {
        check(field, Visibility::Masked);
    }
    for field in [
        "message",
        "event.original",
        "metrosoc.original_base64",
        "error.message",
        "process.command_line",
        "winlog.event_data.CommandLine",
        "url.query",
        "url.original",
        "url.path",
        "user.email",
        "app.customer.email",
        "winlog.event_data.Unheard",
        "suricata.eve.payload",
        "suricata.eve.anything",
        "app.customer.name",
        "USER.NAME",
        "User.Name",
        "user.name.keyword",
        "user.name ",
        "source.ip.x",
        "event.nguyen",
        "",
        "*",
        "_source",
        "xcitizen_id",
    ] {
        check(field, Visibility::Hidden);
    }
}

#[test]
fn what_the_text_holds_is_shown_nowhere() {
    // One event in which a name stands in many places: nothing that tier 1 is shown holds it.
    let name = "tranthibichngoc";
    let table = set().of(Role::AnalystTier1);
    let mut shown = String::new();
    let fields = [
        "message",
        "event.original",
        "metrosoc.original_base64",
        "user.name",
        "related.user",
        "user.full_name",
        "user.email",
        "process.command_line",
        "process.executable",
        "process.args",
        "file.path",
        "url.path",
        "url.query",
        "url.original",
        "http.request.referrer",
        "winlog.event_data.TargetUserName",
        "winlog.event_data.CommandLine",
        "winlog.event_data.Image",
        "cef.extensions.suser",
        "cef.extensions.msg",
        "lgsp.purpose",
        "error.message",
        "app.anything",
        "tranthibichngoc",
        "suricata.eve.http.url",
        "log.file.path",
    ];
    for field in fields {
        if let Some(value) = table.show(field, name) {
            shown.push_str(&value);
        }
    }
    assert!(!shown.contains(name) && !shown.contains("tranthibich"), "{shown}");
}

#[test]
fn clear_roles_see_everything() {
    let table = set().of(Role::AnalystTier2);
    assert_eq!(table.visibility("message"), Visibility::Clear);
    assert_eq!(table.show("user.name", "lan").as_deref(), Some("lan"));
    assert!(table.free_text());
}

#[track_caller]
fn check_file(change: impl FnOnce(&mut String), expected: &str) {
    let mut text = PolicyText::embedded().masks;
    change(&mut text);
    let error = parse(&text).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn mask_files_are_checked() {
    let swap = |from: &'static str, to: &'static str| move |text: &mut String| *text = text.replacen(from, to, 1);
    check_file(swap("version: 1", "version: 7"), "version 7 is not known");
    check_file(swap("version: 1", "version: 1\nextra: 1"), "unknown field `extra`");
    check_file(swap("  admin: masked", "  boss: masked"), "unknown role `boss`");
    check_file(swap("  admin: masked", "  admin: sunglasses"), "`sunglasses`, which is not one of the profiles");
    check_file(swap("  - event.original\n", ""), "`whole_text` must hold `event.original`");
    check_file(swap("    clear:\n", "    clear:\n      - message\n"), "`message` stands in two lists");
    check_file(swap("    clear:\n", "    clear:\n      - user.name\n"), "`user.name` stands in two lists");
    check_file(swap("    clear:\n", "    clear:\n      - \"event.*\"\n"), "`event.*` is a pattern");
    check_file(swap("    hide:\n", "    hide:\n      - \"a*b\"\n"), "patterns are `prefix.*` or `*.suffix`");
    check_file(swap("    hide:\n", "    hide:\n      - \"*\"\n"), "patterns are");
    check_file(swap("    everything: hide", "    everything: clear"), "`everything` must be `hide`");
    check_file(swap("    everything: hide", "    everything: maybe"), "unknown variant");
    check_file(swap("keep_last_4:", "keep_last_5:"), "unknown field `keep_last_5`");
    check_file(String::clear, "masks.yml");
}

proptest! {
    #[test]
    fn a_mask_keeps_at_most_four_characters(value in "\\PC{0,60}") {
        let shown = keep_last_4(&value);
        let kept: String = shown.strip_prefix(COVER).unwrap().to_owned();
        prop_assert!(kept.chars().count() <= 4);
        let letters = value.nfc().filter(|c| c.is_alphanumeric()).count();
        prop_assert!(kept.is_empty() || letters >= 8);
        // What is kept is less than what is not.
        prop_assert!(kept.is_empty() || kept.nfc().filter(|c| c.is_alphanumeric()).count() * 2 <= letters);
    }

    #[test]
    fn nothing_of_the_hidden_part_is_shown(hidden in "[a-z]{4,30}", last in "[0-9]{4}") {
        let shown = keep_last_4(&format!("{hidden}{last}"));
        prop_assert_eq!(shown, format!("{COVER}{last}"));
    }

    #[test]
    fn typing_does_not_matter(value in "[a-zàáảãạăâđèéẻẽẹêìíỉĩịòóỏõọôơùúủũụưỳýỷỹỵ]{0,30}") {
        let decomposed: String = value.nfd().collect();
        prop_assert_eq!(keep_last_4(&value), keep_last_4(&decomposed));
    }

    #[test]
    fn unknown_fields_are_never_clear(field in "[a-zA-Z_]{1,8}(\\.[a-zA-Z_]{1,8}){0,3}", value in "\\PC{1,20}") {
        let table = set().of(Role::AnalystTier1);
        let known = PolicyText::embedded().masks.lines().any(|line| line.trim() == format!("- {field}"));
        if !known {
            prop_assert_ne!(table.visibility(&field), Visibility::Clear);
            let shown = table.show(&field, &value).map(Cow::into_owned);
            prop_assert_ne!(shown, Some(value));
        }
    }

    #[test]
    fn garbage_mask_files_are_refused(text in "\\PC{0,300}") {
        prop_assert!(parse(&text).is_err());
    }
}

fn masking() -> Arc<Masking> {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let keyring = keys::Keyring::open(&keys::KeySource::File(folder.path().join("key")), &data).unwrap();
    let rules = crate::privacy::parse(&crate::privacy::PrivacyText::embedded()).unwrap();
    let scanner = Arc::new(crate::privacy::Scanner::new(rules, 2026));
    Arc::new(Masking::new(keyring.lookup_key("masks").unwrap(), scanner))
}

fn records() -> RoleMasks {
    let chosen = set().chosen(Role::AgencyOfficer, "records:people", "triage");
    let masking = masking();
    let key = masking.of("agency:so-y-te");
    let counts = chosen.counts(Some(&key));
    RoleMasks::new(chosen.table, Some((masking, key)), counts)
}

#[test]
fn values_are_generalised_or_covered() {
    let check = |form: Form, value: &str, expected: &str| {
        assert_eq!(form.of("f", value, None, None).as_deref(), Some(expected), "{form:?} {value:?}");
    };
    let ages = Form::AgeBand { years: 10 };
    for (value, expected) in [
        ("34", "30-39"),
        ("0", "0-9"),
        ("130", "130-139"),
        ("131", COVER),
        ("1987", "1980-1989"),
        ("1987-05-02", "1980-1989"),
        ("02/05/1987", "1980-1989"),
        ("1987-05-02T01:02:03+07:00", "1980-1989"),
        ("lan", COVER),
        ("", COVER),
    ] {
        check(ages, value, expected);
    }
    let network = Form::Network { v4: 24, v6: 48 };
    check(network, "203.0.113.9", "203.0.113.0/24");
    check(network, "::ffff:203.0.113.9", "203.0.113.0/24");
    check(network, "2001:db8:1:2::3", "2001:db8:1::/48");
    check(network, "10.1.0.0/16", "10.1.0.0/16");
    check(network, "10.1.2.3/32", "10.1.2.0/24");
    check(network, "10.1.2", COVER);
    check(Form::City, "12 Lê Lợi, Phường Bến Nghé, Quận 1, Thành phố Hồ Chí Minh", "Thành phố Hồ Chí Minh");
    check(Form::City, "Phường Bến Nghé, TP. Hồ Chí Minh, Việt Nam", "TP. Hồ Chí Minh");
    check(Form::City, "Xã Bình Hưng, Tỉnh Long An", "Tỉnh Long An");
    check(Form::City, "Tỉnh Long An", "Tỉnh Long An");
    for covered in
        ["Phường Bến Nghé", "Hồ Chí Minh 700000", "Quận 1, Phường Bến Nghé", "Bến Nghé, TP Thủ Đức", "", ",,"]
    {
        check(Form::City, covered, COVER);
    }
    check(Form::Hour, "2026-11-22T20:34:18.5Z", "2026-11-22T20:00:00Z");
    check(Form::Hour, "2026-11-22T20:34:18+07:00", "2026-11-22T13:00:00Z");
    check(Form::Hour, "1764000001", &(1_764_000_001_i64 / 3_600 * 3_600).to_string());
    check(Form::Hour, "1764000001123", &(1_764_000_001_123_i64 / 3_600_000 * 3_600_000).to_string());
    check(Form::Hour, "yesterday", COVER);
    check(Form::KeepFirst(2), "51F12345", "51••••");
    check(Form::KeepFirst(2), "51F", COVER);
    check(Form::KeepLast(3), "0912345678", "••••678");
    // What needs a key shows nothing without one.
    for form in [Form::KeyedHash, Form::DateShift { days: 9 }, Form::Noise { spread: 2 }] {
        check(form, "2026-01-01", COVER);
    }
    check(Form::Pseudonym, "079203001234", COVER);
    assert_eq!(Form::Null.of("f", "x", None, None), None);
    assert_eq!(Form::Hide.of("f", "x", None, None), None);
}

#[test]
fn recipients_get_marks_dates_and_noise_of_their_own() {
    let masking = masking();
    let (one, other) = (masking.of("agency:a"), masking.of("agency:b"));
    assert_eq!(one.hashed("079203001234"), masking.of("agency:a").hashed(" 079203001234 "));
    assert_ne!(one.hashed("079203001234"), other.hashed("079203001234"));
    assert_ne!(one.hashed("079203001234"), one.behind("lgsp").hashed("079203001234"));
    assert_eq!(one.hashed("x").len(), 32);
    for person in ["lan", "minh", "an"] {
        let days = one.days(Some(person), 30);
        assert!(days != 0 && days.abs() <= 30);
        assert_eq!(days, one.days(Some(person), 30));
        // What lies between two dates of a person stays.
        let shift = |date: &str| {
            let form = Form::DateShift { days: 30 };
            form.of("f", date, Some(&one), Some(person)).unwrap().into_owned()
        };
        let day = |text: &str| event::Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).unwrap().secs() / 86_400;
        assert_eq!(day(&shift("2026-03-01")) - day(&shift("2026-02-01")), 28);
        assert_ne!(shift("2026-03-01"), "2026-03-01");
        assert_eq!(shift("01/03/2026").len(), 10);
    }
    let offsets: Vec<i64> = (0..2_000).map(|cell| one.noise(&format!("cell {cell}"), 3)).collect();
    let mean = offsets.iter().sum::<i64>() as f64 / offsets.len() as f64;
    assert!(mean.abs() < 1.0 && offsets.iter().any(|n| *n > 0) && offsets.iter().any(|n| *n < 0), "{mean}");
    assert!(offsets.iter().all(|n| n.abs() <= 36));
    assert_eq!(one.noise("cell", 3), one.noise("cell", 3));
}

#[test]
fn records_are_masked_by_class_and_text_is_scanned() {
    let masks = records();
    let record = serde_json::json!({
        "citizen_id": "079203001234", "person": {"phone": "0912345678", "age": 34},
        "note": "Gọi số điện thoại 0912345678 cho CCCD 079203001234 nhé",
        "source": {"ip": "203.0.113.9"}, "date_of_birth": "1987-05-02", "password": "geheim",
        "admitted": "2026-01-01", "discharged": "2026-01-08", "amount": 100,
    });
    let seen = event::shown_nested(&masks, record.as_object().unwrap().clone());
    let text = serde_json::to_string(&seen).unwrap();
    for hidden in ["079203001234", "0912345678", "203.0.113.9", "1987-05-02", "geheim", "2026-01-08"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    assert_eq!(seen["person"]["phone"], "••••678");
    assert_eq!(seen["person"]["age"], "30-39");
    assert_eq!(seen["source"]["ip"], "203.0.113.0/24");
    assert_eq!(seen["password"], serde_json::Value::Null);
    assert!(text.contains("Gọi số điện thoại") && text.contains("nhé"), "{text}");
    let hash = seen["citizen_id"].as_str().unwrap();
    assert!(hash.len() == 32 && seen["note"].as_str().unwrap().contains(hash), "{text}");
    let day = |name: &str| {
        let text = format!("{}T00:00:00Z", seen[name].as_str().unwrap());
        event::Timestamp::parse_rfc3339(&text).unwrap().secs() / 86_400
    };
    assert_eq!(day("discharged") - day("admitted"), 7);
    assert_eq!(masks.visibility("note"), Visibility::Masked);
    // Without key and scanner nothing of that is shown.
    let bare = RoleMasks::new(set().chosen(Role::Admin, "records:people", "").table, None, event::Counts::exact());
    for field in ["note", "citizen_id", "person.phone", "source.ip"] {
        assert_eq!(bare.visibility(field), Visibility::Hidden, "{field}");
    }
}

#[test]
fn choices_go_by_role_dataset_and_purpose() {
    let text = PolicyText::embedded().masks.replacen(
        "choices:\n",
        "choices:\n  - { roles: [agency-officer], purposes: [triage], datasets: [events], at_least: 3, noise: 2 }\n\
         \x20 - { roles: [analyst-tier2], purposes: [operations], profile: masked }\n",
        1,
    );
    let set = parse(&text).unwrap();
    let check = |role, dataset: &str, purpose: &str, name: &str, at_least: u64, rows: bool| {
        let chosen = set.chosen(role, dataset, purpose);
        assert_eq!((chosen.table.name(), chosen.at_least, chosen.rows), (name, at_least, rows), "{dataset} {purpose}");
    };
    check(Role::AgencyOfficer, "events", "triage", "masked", 3, false);
    check(Role::AgencyOfficer, "alerts", "triage", "masked", 0, true);
    check(Role::AnalystTier2, "events", "triage", "clear", 0, true);
    check(Role::AnalystTier2, "events", "operations", "masked", 0, true);
    check(Role::AnalystTier2, "events", "statistics", "clear", 10, false);
    check(Role::Auditor, "records:people", "", "records", 0, true);
    assert!(set.names_records("people") && !set.names_records("land"));
    let chosen = set.chosen(Role::AgencyOfficer, "events", "triage");
    // Noise that has no key withholds everything.
    assert_eq!(chosen.counts(None).at_least, u64::MAX);
    let key = masking().of("agency:a");
    let counts = chosen.counts(Some(&key));
    assert_eq!(counts.noise.unwrap().of("cell"), chosen.counts(Some(&key)).noise.unwrap().of("cell"));
}

#[test]
fn faults_of_forms_and_choices_name_their_line() {
    let base = "version: 1\nroles:\n  admin: few\nchoices:\n  - { roles: [admin], profile: few }\nwhole_text:\n  - message\n  \
                - event.original\n  - metrosoc.original_base64\n  - error.message\nprofiles:\n  few:\n    everything: hide\n    \
                masks:\n      - { form: keep_first, characters: 2, fields: [a, b] }\n    clear:\n      - c\n";
    assert!(parse(base).is_ok(), "{:?}", parse(base).err());
    for (from, to, expected) in [
        ("keep_first", "keep_frist", "line 15: profile `few`: unknown form `keep_frist`"),
        ("characters: 2", "characters: 99", "line 15: profile `few`: `characters` of `keep_first` is 1 to 16"),
        ("characters: 2", "years: 2", "line 15: profile `few`: `years` is no bound of `keep_first`"),
        (", fields: [a, b]", "", "stands there for no field and no class"),
        ("fields: [a, b]", "classes: [soul]", "line 15: profile `few`: `soul` is no class of personal data"),
        ("      - c\n", "      - c\n      - a\n", "line 18: profile `few`: `a` stands in two lists"),
        ("roles: [admin]", "roles: [boss]", "line 5: a choice: unknown role `boss`"),
        ("profile: few }", "profile: many }", "line 5: a choice: `many` is not one of the profiles"),
        ("roles: [admin]", "datasets: [moon]", "line 5: a choice: dataset `moon`"),
        ("  admin: few", "  admin: many", "line 3: role `admin` looks through `many`"),
        ("form: keep_first, characters: 2", "form: null", ""),
        ("form: keep_first, characters: 2", "form: \"null\"", ""),
    ] {
        match parse(&base.replacen(from, to, 1)) {
            Ok(set) => assert_eq!((expected, set.of(Role::Admin).form("a", None)), ("", Form::Null)),
            Err(error) => assert!(!expected.is_empty() && error.to_string().contains(expected), "{error}"),
        }
    }
}

proptest! {
    #[test]
    fn what_is_kept_is_never_more_than_half(value in "\\PC{0,60}", kept in 1_u8..8) {
        let letters = value.nfc().filter(|c| c.is_alphanumeric()).count();
        for shown in [keep_first(&value, usize::from(kept)), keep_last(&value, usize::from(kept))] {
            let rest = shown.replacen(COVER, "", 1);
            prop_assert!(rest.nfc().filter(|c| c.is_alphanumeric()).count() * 2 <= letters);
        }
    }

    #[test]
    fn no_form_panics_or_shows_the_value(value in "\\PC{1,40}") {
        let masking = masking_once();
        let key = masking.of("x");
        let forms = [
            Form::Hour, Form::AgeBand { years: 10 }, Form::Network { v4: 24, v6: 48 }, Form::City, Form::KeyedHash,
            Form::DateShift { days: 30 }, Form::Pseudonym, Form::KeepFirst(4), Form::KeepLast(4),
        ];
        for form in forms {
            let shown = form.of("f", &value, Some(&key), Some("p"));
            let generalised = matches!(form, Form::City | Form::Network { .. } | Form::Pseudonym | Form::Hour);
            prop_assert!(generalised || shown.as_deref() != Some(value.as_str()), "{form:?} {value}");
        }
    }

    #[test]
    fn every_date_moves_and_back_again(days in -3_000_i32..3_000, year in 1_900_u16..2_100, month in 1_u8..=12, day in 1_u8..=28) {
        let date = format!("{year}-{month:02}-{day:02}");
        let moved = shifted(&date, days).unwrap();
        prop_assert_eq!(shifted(&moved, -days), Some(date));
    }

    #[test]
    fn addresses_stay_in_their_network(address: u32) {
        let address = std::net::Ipv4Addr::from(address);
        let shown: ipnet::IpNet = network(&address.to_string(), 24, 48).unwrap().parse().unwrap();
        prop_assert!(shown.contains(&std::net::IpAddr::V4(address)) && shown.prefix_len() == 24);
    }

    #[test]
    fn noise_is_fixed_by_its_cell(cell in "\\PC{0,30}", spread in 1_u16..100) {
        let key = masking_once().of("x");
        let noise = key.noise(&cell, spread);
        prop_assert_eq!(noise, key.noise(&cell, spread));
        prop_assert!(noise.unsigned_abs() <= u64::from(spread) * 12);
    }
}

fn masking_once() -> &'static Masking {
    static ONCE: std::sync::OnceLock<Arc<Masking>> = std::sync::OnceLock::new();
    ONCE.get_or_init(masking)
}
