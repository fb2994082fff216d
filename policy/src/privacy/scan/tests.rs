//! Findings in small texts, and what no text can make the scanner do.

use proptest::prelude::*;

use super::*;
use crate::privacy::{PrivacyText, parse};

fn scanner() -> Scanner {
    Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026)
}

fn found(scanner: &Scanner, text: &str) -> Vec<(Class, String)> {
    let (mut memory, mut spans) = (Memory::default(), Vec::new());
    let switches = scanner.rules().default_switches();
    assert_eq!(scanner.scan(text, &switches, &mut memory, &mut spans), Complete::Yes);
    spans.iter().map(|span| (span.class, text[span.start..span.end].to_owned())).collect()
}

#[test]
fn values_are_found_where_they_stand() {
    use Class::*;
    let scanner = scanner();
    for (text, expected) in [
        ("Ông Nguyễn Văn An nộp hồ sơ", vec![(PersonName, "Nguyễn Văn An")]),
        ("ho_ten=nguyen van an;", vec![(PersonName, "nguyen van an")]),
        ("số CCCD/CMND: 079090012345", vec![(CitizenId, "079090012345")]),
        ("cccd=０79090012345", vec![(CitizenId, "０79090012345")]),
        ("gọi +84 912 345 678 ngay", vec![(Phone, "+84 912 345 678")]),
        ("sdt: (028) 3822 1234", vec![(Phone, "(028) 3822 1234")]),
        ("MST 0301442989", vec![(TaxCode, "0301442989")]),
        ("mail lan.nguyen@hcm.gov.vn.", vec![(Email, "lan.nguyen@hcm.gov.vn")]),
        ("?email=lan%40hcm.gov.vn&x=1", vec![(Email, "lan%40hcm.gov.vn")]),
        (r"user=HCM\\lan.nguyen", vec![(UserName, "lan.nguyen")]),
        ("Failed password for invalid user lan from 10.0.0.1", vec![(UserName, "lan")]),
        ("from 14.161.5.6 port 22", vec![(IpAddress, "14.161.5.6")]),
        ("thẻ BHYT GD4797912345678", vec![(HealthInsurance, "GD4797912345678")]),
        ("xe 51F-123.45 vào bãi", vec![(Plate, "51F-123.45")]),
        (
            "địa chỉ: 12/4B Lê Lợi, P. Bến Thành, Q.1, TP.HCM",
            vec![(Address, "12/4B Lê Lợi, P. Bến Thành, Q.1, TP.HCM")],
        ),
        ("GCN QSDĐ số BX 123456", vec![(LandRecord, "BX 123456")]),
        ("mã bệnh án: BA2026-000123.", vec![(HealthRecord, "BA2026-000123")]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(class, value)| (class, value.to_owned())).collect();
        assert_eq!(found(&scanner, text), expected, "{text}");
    }
}

#[test]
fn what_only_looks_personal_stays() {
    let scanner = scanner();
    for text in [
        "order_id=079090012345 ts=1715489231000",
        "trace 550e8400-e29b-41d4-a716-446655440000 at 2026-05-12T10:30:57.123Z",
        "sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "version 10.0.19045.4291 build 20260512103045",
        "toạ độ 10.762622, 106.660172",
        "user=root user=SYSTEM user=HCM-PC01$ user=svc_backup",
        "session opened for user root by (uid=0)",
        "from 10.0.0.1 to 203.0.113.9 and 2001:db8::1",
        "noreply@hcm.gov.vn, root@localhost",
        "trường THPT Nguyễn Du, đường Lê Lợi, phường Bến Nghé",
        "user_agent.original: \"Mozilla/5.0\"",
        "thẻ test 4111 1111 1111 1111",
        "mst=0301442988",
        "",
        "@@@ ... === \\u \\ud800 %zz",
    ] {
        assert_eq!(found(&scanner, text), [], "{text}");
    }
}

#[test]
fn a_source_switches_classes_off() {
    let scanner = scanner();
    let (mut memory, mut spans) = (Memory::default(), Vec::new());
    let text = "Ông Nguyễn Văn An, điện thoại 0912345678";
    for (switches, expected) in [
        (scanner.rules().default_switches(), vec![Class::PersonName, Class::Phone]),
        (scanner.rules().switches("suricata.alert"), vec![Class::Phone]),
        (scanner.rules().default_switches().only(&[Class::PersonName]), vec![Class::PersonName]),
        (scanner.rules().default_switches().only(&[]), vec![]),
    ] {
        let complete = scanner.scan(text, &switches, &mut memory, &mut spans);
        assert_eq!(complete, Complete::Yes);
        assert_eq!(spans.iter().map(|span| span.class).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn long_texts_are_read_in_parts_and_too_many_findings_are_told() {
    let scanner = scanner();
    let line = "điện thoại 0912345678 của ông Nguyễn Văn An; ";
    let text = line.repeat(4_000);
    let values = found(&scanner, &text);
    assert_eq!(values.len(), 8_000);
    assert!(values.iter().all(|(_, value)| value == "0912345678" || value == "Nguyễn Văn An"));
    let (mut memory, mut spans) = (Memory::default(), Vec::new());
    let switches = scanner.rules().default_switches();
    assert_eq!(scanner.scan(&line.repeat(20_000), &switches, &mut memory, &mut spans), Complete::No);
}

proptest! {
    /// Whatever the text: findings are in order, apart, on character bounds, scored, and the same the second time.
    #[test]
    fn findings_are_sound(text in r#"(\PC|[0-9a-fA-F:@.\\%u/= -]|Nguyễn |cccd=|user |số |[\n"]){0,200}"#) {
        let scanner = scanner();
        let switches = scanner.rules().default_switches();
        let (mut memory, mut spans, mut again) = (Memory::default(), Vec::new(), Vec::new());
        let _ = scanner.scan(&text, &switches, &mut memory, &mut spans);
        let _ = scanner.scan(&text, &switches, &mut memory, &mut again);
        prop_assert_eq!(&spans, &again);
        let mut end = 0;
        for span in &spans {
            prop_assert!(span.start >= end && span.start < span.end && (1..=100).contains(&span.score));
            prop_assert!(text.get(span.start..span.end).is_some());
            end = span.end;
        }
    }
}

/// What a walk over the whole text finds.
fn found_in_whole(scanner: &Scanner, text: &str, switches: &Switches) -> Vec<Span> {
    let (mut tokens, mut spans) = (Tokens::default(), Vec::new());
    tokens.split(&scanner.folds, text, 0);
    Pass::new(scanner, text.as_bytes(), &tokens, switches, &mut spans).run();
    resolve::resolve(&mut spans);
    spans
}

/// Numbers, what is written before and between their digits, and other text.
fn with_numbers() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[0-9]{1,13}",
        4 => "[ .()+:=-]{1,2}",
        2 => "09[0-9]{8}|0790[0-9]{8}|4111 1111 1111 1111|GD4 79 79 123 45678|GD4797912345678|0301442989(-001)?",
        2 => "(số điện thoại|cccd|CMND|sdt|stk|so the|mst|bhyt|order|email|bệnh)[ :=]{1,2}",
        1 => "[a-z]{1,3}@[a-z]{1,4}\\.vn",
        1 => "\\\\u0020|%20|%31|\u{200B}|\u{301}|０|９|\u{A0}|…",
        2 => "[a-zA-Zêộ]{1,6} ",
    ];
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_lies_beyond_the_last_number_changes_nothing(text in with_numbers()) {
        static SCANNER: std::sync::LazyLock<Scanner> = std::sync::LazyLock::new(scanner);
        let switches = SCANNER.rules().default_switches().only(&reach::CLASSES);
        let (mut memory, mut spans) = (Memory::default(), Vec::new());
        prop_assert_eq!(SCANNER.scan(&text, &switches, &mut memory, &mut spans), Complete::Yes);
        prop_assert_eq!(spans, found_in_whole(&SCANNER, &text, &switches));
    }
}
