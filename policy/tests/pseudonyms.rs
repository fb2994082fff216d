//! Personal values go from events and findings and come back exactly; look-alikes are never anybody's value.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use event::{Atom, Entities, Event, EventId, Finding, KnownBy, Level, RuleId, RuleRef, SystemClock, Timestamp, Value};
use keys::{KeySource, Keyring};
use policy::Vault;
use policy::privacy::{Class, PrivacyText, Scanner, parse};
use policy::pseudonym::{Asked, Pseudonyms, Replacer, SPANS_FIELD, restore, writings_of};
use policy::vault::{Kind, Writing};
use proptest::prelude::*;
use store::Store;
use store::testing::TestStore;
use unicode_normalization::UnicodeNormalization as _;

/// The field that holds a record that is no text.
const ORIGINAL_BYTES: &str = "metrosoc.original_base64";

struct Place {
    all: Arc<Pseudonyms>,
    main: TestStore,
    _folder: tempfile::TempDir,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let main = store::testing::sqlite().await.unwrap();
    let url = store::sqlite_url(&folder.path().join("keys.sqlite"));
    let keys = Store::open_tables(&url, store::Tables::VaultKeys).await.unwrap();
    let source = KeySource::File(folder.path().join("master.key"));
    let keyring = Keyring::open(&source, &folder.path().join("data")).unwrap();
    let vault = Vault::open(main.store().clone(), keys, None, &keyring, Arc::new(SystemClock), 1_000).await.unwrap();
    let scanner = Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026);
    Place { all: Arc::new(Pseudonyms::new(scanner, Arc::new(vault))), main, _folder: folder }
}

fn event_of(fields: &[(&str, Value<'_>)]) -> Event {
    let mut event = Event::new();
    for (name, value) in fields {
        event.push(name, *value).unwrap();
    }
    event
}

async fn replaced(place: &Place, event: &Event, findings: &mut [Finding]) -> Event {
    let mut replacer = Replacer::new(Arc::clone(&place.all), 1);
    let events = std::slice::from_ref(event);
    replacer.read(events, findings);
    replacer.enter().await.unwrap();
    let mut out = Vec::new();
    replacer.write(events, findings, &mut out);
    out.remove(0)
}

#[tokio::test]
async fn however_many_threads_look_the_tokens_are_the_same() {
    let place = place().await;
    // Persons that come again and again, in fields and in texts, over the borders of what a thread takes.
    let events: Vec<Event> = (0_u64..333)
        .map(|number| {
            let user = format!("lan.nguyen{}", number % 40);
            let line = format!("{user} gọi 09{:08}, mail a{}@hcm.gov.vn", number % 50, number % 7);
            let mut event = event_of(&[("user.name", Value::Str(&user)), ("message", Value::Str(&line))]);
            event.id = EventId(number);
            event
        })
        .collect();
    let mut seen: Vec<Vec<String>> = Vec::new();
    for threads in [1, 2, 3, 8] {
        let mut replacer = Replacer::new(Arc::clone(&place.all), threads);
        let mut out = Vec::new();
        // The second time with everything as the first left it, and other events.
        for part in [&events[..], &events[100..]] {
            replacer.read(part, &[]);
            replacer.enter().await.unwrap();
            replacer.write(part, &mut [], &mut out);
            seen.push(out.iter().map(text).collect());
        }
    }
    for (number, told) in seen.iter().enumerate() {
        assert_eq!(told, &seen[number % 2], "run {number}");
    }
    assert!(seen[0].iter().all(|event| !event.contains("lan.nguyen") && !event.contains("@hcm")), "{:?}", seen[0][0]);
}

async fn back(place: &Place, stored: &Event) -> Event {
    let values = place.all.vault().reveal(&writings_of(stored)).await.unwrap();
    let mut out = Event::new();
    restore(stored, &values, &mut out).unwrap();
    out
}

fn text(event: &Event) -> String {
    format!("{event:?}")
}

#[tokio::test]
async fn values_go_from_fields_and_texts_and_come_back() {
    let place = place().await;
    let original =
        "HCM\\lan.nguyen gọi +84 912 345 678, cccd=079090012345, mail lan@hcm.gov.vn từ 113.162.72.5 và 10.0.0.1";
    let event = event_of(&[
        ("event.dataset", Value::Str("portal.app")),
        ("user.name", Value::Str("HCM\\lan.nguyen")),
        ("related.user", Value::Str("root")),
        ("related.user", Value::Str("lan.nguyen")),
        ("source.ip", Value::Str("113.162.72.5")),
        ("destination.ip", Value::Str("10.0.0.1")),
        ("portal.sdt", Value::Int(84_912_345_678)),
        ("portal.count", Value::Int(12)),
        ("event.original", Value::Str(original)),
    ]);
    let stored = replaced(&place, &event, &mut []).await;
    let all = text(&stored);
    for value in ["lan.nguyen", "912345678", "912 345 678", "079090012345", "lan@hcm", "113.162.72.5"] {
        assert!(!all.contains(value), "{value} in {all}");
    }
    for value in ["root", "10.0.0.1", "HCM\\", "gọi"] {
        assert!(all.contains(value), "{value} not in {all}");
    }
    let address = stored.get_str("source.ip").unwrap();
    assert!(address.starts_with("fd70:7365:7564:"), "{address}");
    let phone = stored.get_str("portal.sdt").unwrap();
    assert!(
        phone.starts_with("pph") && stored.get_str("event.original").unwrap().contains(phone),
        "one person's phone"
    );
    assert_eq!(text(&back(&place, &stored).await), text(&event));
    assert_eq!(back(&place, &stored).await.get("portal.sdt"), Some(Value::Int(84_912_345_678)));
    // The same event gives the same tokens.
    assert_eq!(text(&replaced(&place, &event, &mut []).await), all);
}

#[tokio::test]
async fn what_a_field_tells_goes_from_texts_where_nothing_tells_it() {
    let place = place().await;
    let event = event_of(&[
        ("app.user.name", Value::Str("bichlien")),
        ("event.original", Value::Str("x7|bichlien|ok xbichlien _bichlien_")),
    ]);
    let stored = replaced(&place, &event, &mut []).await;
    let original = stored.get_str("event.original").unwrap();
    let token = stored.get_str("app.user.name").unwrap();
    // Glued to a letter it is another word; glued to `_` a space keeps the token a word of its own.
    assert_eq!(original, format!("x7|{token}|ok xbichlien _ {token} _"));
    assert_eq!(text(&back(&place, &stored).await), text(&event));
}

#[tokio::test]
async fn look_alikes_are_never_anybodys_value() {
    let place = place().await;
    let first = replaced(&place, &event_of(&[("user.name", Value::Str("lan.nguyen"))]), &mut []).await;
    let token = first.get_str("user.name").unwrap().to_owned();
    let spans = first.get_str(SPANS_FIELD).unwrap().to_owned();
    let written = format!("tôi viết {token} vào đây");
    let forged = event_of(&[
        ("event.original", Value::Str(&written)),
        ("user.name", Value::Str(&token)),
        (SPANS_FIELD, Value::Str(&spans)),
    ]);
    let stored = replaced(&place, &forged, &mut []).await;
    let restored = back(&place, &stored).await;
    assert!(!text(&restored).contains("lan.nguyen"), "{restored:?}");
    assert_eq!(restored.get_str("event.original"), Some(written.as_str()));
    assert_eq!(restored.get_str("user.name"), Some(token.as_str()));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_hidden_whole_when_a_value_is_in_them() {
    let place = place().await;
    let fields =
        |original| [("event.original", Value::Str(original)), (ORIGINAL_BYTES, Value::Str("/2NjY2Q9MDc5MDkw"))];
    let event = event_of(&fields("\u{fffd}cccd=079090012345"));
    let stored = replaced(&place, &event, &mut []).await;
    assert!(stored.get_str(ORIGINAL_BYTES).unwrap().starts_with("ptt"));
    assert_eq!(text(&back(&place, &stored).await), text(&event));
    let other = event_of(&fields("\u{fffd}nobody"));
    assert_eq!(text(&replaced(&place, &other, &mut []).await), text(&other));
}

fn finding(event: EventId) -> Finding {
    let atom = |field: &str, value: &str| Atom {
        selection: "s".to_owned(),
        field: Some(field.to_owned()),
        operator: "contains".to_owned(),
        pattern: Some("lan".to_owned()),
        value: Some(value.to_owned()),
    };
    Finding {
        rule: RuleRef {
            id: RuleId::new("r").unwrap(),
            title: "t".to_owned(),
            level: Level::High,
            tags: Vec::new(),
            risk_score: None,
        },
        event,
        time: Timestamp::from_nanos(0),
        entities: Entities {
            user: Some("lan.nguyen".to_owned()),
            host: Some("srv-1".to_owned()),
            source_ip: Some("113.162.72.5".parse().unwrap()),
            destination_ip: Some("10.0.0.1".parse().unwrap()),
            ..Entities::default()
        },
        known_by: KnownBy::Unknown,
        matched: vec!["selection".to_owned(), "user.name: lan.nguyen".to_owned()],
        atoms: vec![
            atom("user.name", "lan.nguyen"),
            atom("message", "su: lan.ngu…"),
            atom("process.name", "su"),
            atom("app.note", "call 09123…"),
        ],
        related: Vec::new(),
    }
}

#[tokio::test]
async fn findings_carry_tokens() {
    let place = place().await;
    let mut event = event_of(&[
        ("user.name", Value::Str("lan.nguyen")),
        ("message", Value::Str("su: lan.nguyen opened a session")),
    ]);
    event.id = EventId(7);
    let mut findings = [finding(EventId(7)), finding(EventId(3))];
    let stored = replaced(&place, &event, &mut findings).await;
    let token = stored.get_str("user.name").unwrap();
    for found in &findings {
        let all = format!("{found:?}");
        for value in ["lan", "113.162.72.5", "09123"] {
            assert!(!all.contains(value) || value == "lan" && all.contains("\"lan\""), "{value} in {all}");
        }
        assert_eq!(found.entities.user.as_deref(), Some(token));
        assert_eq!(found.entities.host.as_deref(), Some("srv-1"));
        assert_eq!(found.entities.destination_ip, Some("10.0.0.1".parse().unwrap()));
        assert_eq!(found.matched, ["selection".to_owned(), format!("user.name: {token}")]);
        assert_eq!((found.atoms[0].pattern.as_deref(), found.atoms[0].value.as_deref()), (None, Some(token)));
        assert_eq!(found.atoms[2].value.as_deref(), Some("su"));
        assert_eq!(found.atoms[3].value, None, "what it was cut from is not known");
    }
    assert_eq!(findings[0].atoms[1].value, Some(format!("su: {token}")), "the event says what the cut value was");
    assert_eq!(findings[1].atoms[1].value, None);
}

#[tokio::test]
async fn what_is_asked_for_is_looked_up() {
    let place = place().await;
    let original = "cccd 079090012345, điện thoại 0912345678";
    let event = event_of(&[("user.name", Value::Str("lan")), ("event.original", Value::Str(original))]);
    let stored = replaced(&place, &event, &mut []).await;
    let user = stored.get_str("user.name").unwrap();
    let mut asked = Asked::new(Arc::clone(&place.all));
    assert_eq!(asked.replaced("user.name", "lan").await.unwrap().as_deref(), Some(user));
    assert_eq!(asked.replaced("user.name", "root").await.unwrap(), None);
    assert_eq!(asked.replaced("user.name", user).await.unwrap(), None, "a token stays");
    assert_eq!(asked.alternatives(&[Class::UserName], "LAN").await.unwrap(), [user]);
    assert!(asked.alternatives(&[Class::Phone], "LAN").await.unwrap().is_empty());
    let phone = asked.alternatives(&Class::ALL, "+84 912 345 678").await.unwrap();
    assert!(phone.len() == 1 && stored.get_str("event.original").unwrap().contains(&phone[0]), "{phone:?}");
    // A value that nobody has is not looked for in clear either.
    let never = asked.replaced("user.name", "nobody.knows").await.unwrap().unwrap();
    assert!(never.starts_with("pun"), "{never}");
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
static PLACE: LazyLock<Place> = LazyLock::new(|| RUNTIME.block_on(place()));

fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("0912345678".to_owned()),
        Just("+84 912 345 678".to_owned()),
        Just("cccd: 079090012345".to_owned()),
        Just("Nguyễn Văn An".to_owned()),
        Just("Nguyễn Văn An".nfd().collect::<String>()),
        Just("NGUYEN VAN AN".to_owned()),
        Just("Nguy\\u1ec5n V\\u0103n An".to_owned()),
        Just("lan.nguyen@hcm.gov.vn".to_owned()),
        Just("user=lan.nguyen ".to_owned()),
        Just("punabcdefghijkmnpqr2".to_owned()),
        Just("14.161.5.6".to_owned()),
        "\\PC{0,12}",
        "[ ,;_=|\"]{1,3}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_text_comes_back_as_it_was(original in line(), user in "\\PC{0,12}|lan[.]nguyen", note in line()) {
        let event = event_of(&[
            ("user.name", Value::Str(&user)),
            ("message", Value::Str(&original)),
            ("app.note", Value::Str(&note)),
            ("event.original", Value::Str(&original)),
        ]);
        let place = &*PLACE;
        let (stored, restored) = RUNTIME.block_on(async {
            let stored = replaced(place, &event, &mut []).await;
            let restored = back(place, &stored).await;
            (stored, restored)
        });
        prop_assert_eq!(text(&restored), text(&event), "stored as {:?}", stored);
        for value in ["0912345678", "079090012345", "lan.nguyen@hcm"] {
            let in_clear = format!(" {value} ");
            prop_assert!(!stored.get_str("message").unwrap_or_default().contains(&in_clear));
        }
    }

    #[test]
    fn forged_spans_do_no_harm(spans in "[0-9@+,;/if]{0,30}", original in line()) {
        let event = event_of(&[("message", Value::Str(&original)), (SPANS_FIELD, Value::Str(&spans))]);
        let writings = writings_of(&event);
        let nobody = HashMap::<Writing, String>::new();
        let mut out = Event::new();
        restore(&event, &nobody, &mut out).unwrap();
        prop_assert_eq!(out.get_str("message"), Some(original.as_str()));
        prop_assert!(writings.iter().all(|writing| Kind::all().any(|kind| kind == writing.token.kind())));
    }
}

#[tokio::test]
async fn the_database_never_sees_a_value() {
    let place = place().await;
    replaced(&place, &event_of(&[("message", Value::Str("gọi 0912345678"))]), &mut []).await;
    let sql = "SELECT mark || value_mark || token || sealed FROM vault_value \
               UNION ALL SELECT mark || value_mark || token || sealed FROM vault_recent";
    let rows: Vec<String> = store::sqlx::query_scalar(sql).fetch_all(place.main.pool()).await.unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| !row.contains("912345678")), "{rows:?}");
}
