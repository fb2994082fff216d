//! Which days are worked: by the list that comes with MetroSOC, and by others.

use proptest::prelude::*;

use super::*;

const HEAD: &str = "date,counts,status,name_vi,name_en\n";

fn day(text: &str) -> i64 {
    day_of(Timestamp::parse_rfc3339(&format!("{text}T08:00:00+07:00")).unwrap())
}

#[test]
fn the_list_that_comes_with_metrosoc() {
    let holidays = Holidays::embedded().unwrap();
    for (text, worked) in [
        ("2026-01-01", false),
        ("2026-01-02", true),
        // Tết, Monday to Friday, and the day behind it.
        ("2026-02-13", true),
        ("2026-02-16", false),
        ("2026-02-20", false),
        ("2026-02-23", true),
        // Hùng Kings' day is a Sunday: the Monday stands in.
        ("2026-04-26", false),
        ("2026-04-27", false),
        ("2026-04-28", true),
        ("2026-04-30", false),
        ("2026-05-01", false),
        ("2026-09-01", false),
        ("2026-09-02", false),
        ("2026-09-03", true),
        ("2026-11-28", false),
        // Two days of Tết on a weekend: two stand in, one behind the other.
        ("2027-02-05", false),
        ("2027-02-09", false),
        ("2027-02-10", false),
        ("2027-02-11", false),
        ("2027-02-12", true),
        // A Sunday before a Monday that is free itself.
        ("2028-04-30", false),
        ("2028-05-01", false),
        ("2028-05-02", false),
        ("2028-05-03", true),
        ("2028-01-03", false),
        ("2028-09-04", false),
        // Beyond the list the days of every year are known.
        ("2030-01-01", false),
        ("2030-02-04", true),
    ] {
        assert_eq!(holidays.is_worked(day(text)), worked, "{text}");
    }
    let known = holidays.known(Timestamp::parse_rfc3339("2027-06-01T00:00:00Z").unwrap());
    assert_eq!(known, Known { until: Some(2028), unconfirmed: vec![2027, 2028] });
}

#[test]
fn one_year_wins_over_every_year_and_weekends_make_up() {
    let text = format!(
        "{HEAD}# moved\n09-01,holiday,expected,a,b\n09-02,holiday,law,a,b\n2027-09-01,working,confirmed,a,b\n\
         2027-09-03,holiday,confirmed,a,b\n2027-08-28,working,confirmed,a,b\n"
    );
    let holidays = Holidays::parse(&text).unwrap();
    for (text, worked, counts_as) in [
        ("2027-08-27", true, 4),
        ("2027-08-28", true, FRIDAY),
        ("2027-08-29", false, SUNDAY),
        ("2027-09-01", true, 2),
        ("2027-09-02", false, SUNDAY),
        ("2027-09-03", false, SUNDAY),
        ("2027-09-04", false, SATURDAY),
        ("2026-09-01", false, SUNDAY),
    ] {
        assert_eq!((holidays.is_worked(day(text)), holidays.counts_as(day(text))), (worked, counts_as), "{text}");
    }
    assert_eq!(holidays.after_working_days(day("2027-09-01"), 2), day("2027-09-07"));
    assert_eq!(Holidays::default().after_working_days(day("2027-09-01"), 2), day("2027-09-03"));
    assert_eq!(Holidays::default().after_working_days(i64::MAX - 1, 3), i64::MAX);
}

#[test]
fn what_is_no_list_is_refused_with_its_line() {
    for (text, expected) in [
        (String::new(), "the first row is"),
        ("01-01,holiday,law,a,b\n".to_owned(), "line 1: the first row is"),
        (format!("{HEAD}01-01,holiday,law,a\n"), "line 2: `01-01,holiday,law,a` has not the five cells"),
        (format!("{HEAD}02-30,holiday,law,a,b\n"), "`02-30` is no day"),
        (format!("{HEAD}2027-02-29,holiday,law,a,b\n"), "`2027-02-29` is no day"),
        (format!("{HEAD}1-1,holiday,law,a,b\n"), "`1-1` is no day"),
        (format!("{HEAD}+1-01,holiday,law,a,b\n"), "is no day"),
        (format!("{HEAD}01-01,free,law,a,b\n"), "neither `holiday` nor `working`"),
        (format!("{HEAD}01-01,holiday,maybe,a,b\n"), "none of `law`"),
        (format!("{HEAD}\n01-01,holiday,law,a,b\n01-01,working,law,a,b\n"), "line 4: `01-01,working,law,a,b` stands"),
    ] {
        let error = Holidays::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    assert!(Holidays::parse(&format!("{HEAD}02-29,holiday,law,a,b\n")).unwrap().is_worked(day("2027-03-01")));
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().display().to_string();
    assert_eq!(Holidays::of_folder(&named).unwrap(), Holidays::embedded().unwrap());
    std::fs::write(folder.path().join(FILE), HEAD).unwrap();
    assert_eq!(Holidays::of_folder(&named).unwrap(), Holidays::default());
    std::fs::write(folder.path().join(FILE), "x").unwrap();
    assert!(Holidays::of_folder(&named).is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}", rows in "(([0-9]{4}-)?[0-9]{2}-[0-9]{2},(holiday|working),law,a,b\n){0,20}") {
        let _ = Holidays::parse(&text);
        if let Ok(holidays) = Holidays::parse(&format!("{HEAD}{rows}")) {
            let from = day("2026-01-01");
            let after = holidays.after_working_days(from, 2);
            prop_assert!(after >= from + 2 && holidays.is_worked(after));
        }
    }
}
