//! Masks never show what they hide.

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
