//! Prefixes, columns, messages and pgaudit's records.

use event::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::decode::testing;

#[track_caller]
fn check(app: &str, text: &str, expected: &str) {
    assert_eq!(testing::listed(&FORMAT, app, text), expected, "{text}");
}

#[test]
fn prefixes_are_read() {
    let said = "log.level=LOG message=checkpoint starting: time";
    check(
        "",
        "2026-11-03 07:00:00.123 +07 [1234] LOG:  checkpoint starting: time",
        &format!("process.pid=1234 {said}"),
    );
    check(
        "",
        "2026-11-03 07:00:00.123 ICT [1234] lan@dancu LOG:  checkpoint starting: time",
        &format!("process.pid=1234 user.name=lan postgresql.log.database=dancu {said}"),
    );
    check(
        "",
        "2026-11-03 00:00:00 UTC:10.1.1.5(5123):lan@dancu:[1234]:LOG:  checkpoint starting: time",
        &format!(
            "source.ip=10.1.1.5 source.port=5123 user.name=lan postgresql.log.database=dancu process.pid=1234 {said}"
        ),
    );
    check(
        "",
        "2026-11-03 00:00:00 UTC [7]: [5-1] user=lan,db=dancu,app=psql,client=2001:db8::5 LOG:  checkpoint starting: time",
        &format!(
            "process.pid=7 user.name=lan postgresql.log.database=dancu postgresql.log.application_name=psql \
             source.ip=2001:db8::5 {said}"
        ),
    );
    check("postgres", "[5-1] LOG:  checkpoint starting: time", said);
    check("postgres", "something else", "");
    check("", "2026-11-03 07:00:00.123 +07 [1234] said: LOG", "no");
    check("", "LOG:  x", "no");
}

#[test]
fn messages_are_read() {
    check(
        "postgres",
        "[5-1] FATAL:  password authentication failed for user \"lan\"",
        "log.level=FATAL message=password authentication failed for user \"lan\" event.action=login \
         event.outcome=failure user.name=lan",
    );
    check(
        "postgres",
        "client=10.20.4.31 LOG:  connection authorized: user=app_land database=dancu application_name=psql",
        "source.ip=10.20.4.31 log.level=LOG message=connection authorized: user=app_land database=dancu \
         application_name=psql event.action=login event.outcome=success user.name=app_land \
         postgresql.log.database=dancu postgresql.log.application_name=psql",
    );
    check(
        "postgres",
        "LOG:  duration: 12.5 ms  statement: SELECT 1",
        "log.level=LOG message=duration: 12.5 ms  statement: SELECT 1 event.action=statement \
         postgresql.log.duration_ms=12.5 postgresql.log.query=SELECT 1",
    );
    check("postgres", "STATEMENT:  SELECT 1", "log.level=STATEMENT message=SELECT 1 postgresql.log.query=SELECT 1");
}

#[test]
fn audit_records_are_read() {
    let audit = |record: &str| {
        let event = testing::fields(&FORMAT, &format!("2026-11-03 07:00:00 UTC [7] lan@dancu LOG:  AUDIT: {record}"));
        let text = |name: &str| event.get(name).map(|value| value.text().into_owned()).unwrap_or_default();
        ["class", "command", "object", "statement", "parameter", "rows"]
            .map(|name| text(&format!("postgresql.audit.{name}")))
            .join("|")
    };
    assert_eq!(
        audit("SESSION,1,1,READ,SELECT,TABLE,public.citizens,\"SELECT \"\"a\"\", b FROM citizens\",<none>,12"),
        "READ|SELECT|public.citizens|SELECT \"a\", b FROM citizens||12"
    );
    assert_eq!(audit("SESSION,1,1,MISC,SET,,,SET x = 1,<not logged>"), "MISC|SET||SET x = 1||");
    assert_eq!(audit("SESSION,2,1,READ,SELECT,TABLE,t,\"SELECT a,"), "READ|SELECT|t|SELECT a,||");
    assert_eq!(audit("nothing"), "|||||");
}

#[test]
fn columns_are_read() {
    let text = "2026-11-03 07:00:00.123 +07,\"lan\",\"dancu\",1234,\"2001:db8::5:5123\",6728a.4d2,3,\"SELECT\",2026-11-03 06:00:00 +07,3/7,0,LOG,00000,\"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.citizens,\"\"SELECT 1, 2\"\",<none>\",,,,,,,,,\"psql\",\"client backend\",,0";
    let event = testing::fields(&FORMAT, text);
    let text = |name| event.get_str(name).unwrap_or_default();
    assert_eq!(
        (text("user.name"), text("postgresql.log.database"), text("postgresql.log.application_name")),
        ("lan", "dancu", "psql")
    );
    assert_eq!(text("postgresql.audit.statement"), "SELECT 1, 2");
    assert_eq!(event.get("process.pid"), Some(event::Value::Int(1234)));
}

#[test]
fn times_are_read() {
    let zone = jiff::tz::TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
    let dates = Dates { zone: &zone, year: None, received: Timestamp::from_secs(1_800_000_000) };
    let time = |text| prefix::time(text, &dates).map(|time| time.to_string());
    for text in
        ["2026-11-03 07:00:00 +07", "2026-11-03 00:00:00 UTC", "2026-11-03 07:00:00 ICT", "2026-11-03 04:30:00 +0430"]
    {
        assert_eq!(time(text).as_deref(), Some("2026-11-03T00:00:00Z"), "{text}");
    }
    assert_eq!(time("2026-11-03 07:00:00 +"), None);
}

proptest! {
    #[test]
    fn no_text_panics(app in "(postgres)?", text in "(2026-11-03 07:00:00 UTC[ :,])?[a-z@=:,\"()\\[\\] é]{0,60}(LOG:  (AUDIT: )?)?[ -~é]{0,60}") {
        testing::listed(&FORMAT, &app, &text);
    }
}
