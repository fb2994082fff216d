//! `holidays.csv`: whatever stands there is read or refused, and working days are counted to an end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::holiday::Holidays;

fuzz_target!(|text: &str| {
    let Ok(holidays) = Holidays::parse(text) else { return };
    for from in [0, 20_000, i64::MIN, i64::MAX - 2] {
        let after = holidays.after_working_days(from, 2);
        assert!(after >= from.saturating_add(2) || after == i64::MAX);
    }
});
