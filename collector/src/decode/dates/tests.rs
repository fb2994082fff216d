//! Tables of times.

use super::*;

fn zone() -> TimeZone {
    TimeZone::get("Asia/Ho_Chi_Minh").unwrap()
}

fn dates<'s>(zone: &'s TimeZone, received: &str) -> Dates<'s> {
    Dates { zone, year: None, received: Timestamp::parse_rfc3339(received).unwrap() }
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| time.to_string())
}

#[track_caller]
fn check_bsd(received: &str, text: &str, expected: &str, rest: &str) {
    let zone = zone();
    let mut scan = Scan::new(text);
    let found = dates(&zone, received).bsd(&mut scan).map(|claim| shown(claim.time));
    assert_eq!((found.as_deref(), scan.rest()), (Some(expected), rest), "{text}");
}

#[test]
fn rfc3164_times_get_year_and_zone() {
    let received = "2026-11-03T00:00:10Z";
    check_bsd(received, "Nov  3 07:00:00 host", "2026-11-03T00:00:00Z", "host");
    check_bsd(received, "Nov 03 07:00:00.25 host", "2026-11-03T00:00:00.250Z", "host");
    check_bsd(received, "Nov 03 2019 07:00:00 host", "2019-11-03T00:00:00Z", "host");
    check_bsd(received, "*Nov  3 07:00:00.123: %SYS", "2026-11-03T00:00:00.123Z", "%SYS");
    check_bsd(received, "Feb 29 12:00:00 x", "2024-02-29T05:00:00Z", "x");
    check_bsd(received, "Feb 30 12:00:00 x", "none", "x");
    check_bsd(received, "Nov 03 25:00:00 x", "none", "x");
}

#[test]
fn the_year_turns_over() {
    // 31 December 23:59:59 in Ho Chi Minh City is 16:59:59 in UTC.
    check_bsd("2027-01-01T00:00:00Z", "Dec 31 23:59:59 h", "2026-12-31T16:59:59Z", "h");
    check_bsd("2026-12-31T16:59:30Z", "Jan  1 00:00:05 h", "2026-12-31T17:00:05Z", "h");
    check_bsd("2026-12-31T17:00:30Z", "Dec 31 23:59:59 h", "2026-12-31T16:59:59Z", "h");
    check_bsd("2026-06-01T00:00:00Z", "Jun  1 07:10:00 h", "2026-06-01T00:10:00Z", "h");
    check_bsd("2026-06-01T00:00:00Z", "Jun  3 07:10:00 h", "2025-06-03T00:10:00Z", "h");
}

#[test]
fn what_is_no_time_is_left() {
    let zone = zone();
    for text in ["", "Nov", "Nov 3", "Foo 3 07:00:00", "Nov x 07:00:00", "Nov 3 07", "é 3 07:00:00"] {
        let mut scan = Scan::new(text);
        assert!(dates(&zone, "2026-11-03T00:00:10Z").bsd(&mut scan).is_none(), "{text}");
        assert_eq!(scan.rest(), text);
    }
}

#[test]
fn other_times_are_read() {
    let zone = zone();
    let dates = dates(&zone, "2026-11-03T00:00:10Z");
    let check = |found: Option<Timestamp>, expected: &str| assert_eq!(shown(found), expected);
    check(dates.iso("2026-11-03T07:00:00.123456+0700"), "2026-11-03T00:00:00.123456Z");
    check(dates.iso("2026-11-03T00:00:00.123456789Z"), "2026-11-03T00:00:00.123456789Z");
    check(dates.iso("2026-11-03 07:00:00"), "2026-11-03T00:00:00Z");
    check(dates.iso_utc("2026-11-03 07:00:00.5"), "2026-11-03T07:00:00.500Z");
    check(dates.iso("9999-12-31T23:59:59Z"), "none");
    check(dates.bsd_text("Nov 03 2026 07:00:00"), "2026-11-03T00:00:00Z");
    check(dates.bsd_text("Nov 03 2026 07:00:00 GMT"), "2026-11-03T07:00:00Z");
    check(dates.bsd_text("Nov 03 2026 07:00:00.250 UTC"), "2026-11-03T07:00:00.250Z");
    check(dates.bsd_text("Nov 03 2026 07:00:00.250 ICT"), "2026-11-03T00:00:00.250Z");
    check(dates.bsd_text("Nov 03 2026 07:00:00 GMT-05:00"), "2026-11-03T12:00:00Z");
    check(dates.bsd_text("Nov 03 07:00:00 +0900"), "2026-11-02T22:00:00Z");
    check(dates.bsd_text("Nov 03 2026 07:00:00 PST"), "2026-11-03T00:00:00Z");
    check(dates.iso("2026-13-03T07:00:00Z"), "none");
    check(dates.iso("nonsense"), "none");
    check(dates.common_log("03/Nov/2026:07:00:00 +0700"), "2026-11-03T00:00:00Z");
    check(dates.common_log("03/Nov/2026:07:00:60 +0000"), "2026-11-03T07:00:59Z");
    check(dates.common_log("03/Nov/2026:07:00"), "none");
    check(dates.epoch(1_793_664_000), "2026-11-03T00:00:00Z");
    check(dates.epoch(1_793_664_000_123), "2026-11-03T00:00:00.123Z");
    check(dates.epoch(1_793_664_000_123_456), "2026-11-03T00:00:00.123456Z");
    check(dates.epoch(1_793_664_000_123_456_789), "2026-11-03T00:00:00.123456789Z");
    check(dates.epoch_text("1793664000.000000001"), "2026-11-03T00:00:00.000000001Z");
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}", number: i64) {
        let zone = zone();
        let dates = dates(&zone, "2026-11-03T00:00:10Z");
        dates.iso(&text);
        dates.iso_utc(&text);
        dates.common_log(&text);
        dates.epoch(number);
        dates.epoch_text(&text);
        dates.bsd(&mut Scan::new(&text));
    }
}
