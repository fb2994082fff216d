//! Days that are not worked: weekends, public holidays, and the days that stand in for holidays on weekends.
//!
//! `holidays.csv` has a row a day: `date,counts,status,name_vi,name_en`. Days are those of the city's clock (UTC+07:00, the
//! whole year), numbered from 1970-01-01.

mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use event::Timestamp;
use serde::Serialize;

use crate::HolidayError;
use lines::{Date, Row, Status};

/// Its name in a folder of privacy rules.
pub const FILE: &str = "holidays.csv";
/// The list that MetroSOC comes with.
const EMBEDDED: &str = include_str!("../../../rules/privacy/holidays.csv");
/// The years for which days of every year are reckoned.
const YEARS: std::ops::RangeInclusive<i64> = 2020..=2100;
const DAY: i64 = 86_400;
/// The city's clock is ahead of UTC by this.
const OFFSET: i64 = 7 * 3_600;
/// Monday is 0: the first day of 1970 was a Thursday.
const FIRST_WEEKDAY: i64 = 3;
const FRIDAY: i64 = 4;
const SATURDAY: i64 = 5;
const SUNDAY: i64 = 6;

/// Which days are free though the week would have them worked, and the other way round. The default knows none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays {
    /// In ascending order.
    free: Vec<i64>,
    /// In ascending order.
    worked: Vec<i64>,
    /// Years of which rows are to be confirmed.
    expected: BTreeSet<i64>,
    /// The last year of which there are rows of its own.
    until: Option<i64>,
}

/// What is known of the list itself, for who keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The last year whose lunar holidays are in the list.
    pub until: Option<i64>,
    /// Years from that of `now` on with rows that the Government's decision is still to confirm.
    pub unconfirmed: Vec<i64>,
}

impl Holidays {
    /// The list that MetroSOC comes with.
    ///
    /// # Errors
    /// Never in practice: a test reads it.
    pub fn embedded() -> Result<Self, HolidayError> {
        Self::parse(EMBEDDED)
    }

    /// `holidays.csv` of a folder of privacy rules where there is one, else the list that MetroSOC comes with.
    ///
    /// # Errors
    /// [`HolidayError`] when the file cannot be read, or is wrong.
    pub fn of_folder(folder: &str) -> Result<Self, HolidayError> {
        let file = Path::new(folder).join(FILE);
        if folder.is_empty() || !file.exists() {
            return Self::embedded();
        }
        lines::read_bounded(&file).and_then(|text| Self::parse(&text))
    }

    /// Reads `holidays.csv`.
    ///
    /// # Errors
    /// [`HolidayError::Line`] with the line: malformed, no day of the calendar, a day twice, or too many.
    pub fn parse(text: &str) -> Result<Self, HolidayError> {
        let rows = lines::read(text)?;
        let mut days: BTreeMap<i64, bool> = BTreeMap::new();
        let (mut expected, mut until) = (BTreeSet::new(), None);
        for row in rows.iter().filter(|row| matches!(row.date, Date::Yearly { .. })) {
            for (year, day) in YEARS.filter_map(|year| Some((year, row.date.day_in(year)?))) {
                days.insert(day, row.free);
                if row.status == Status::Expected {
                    expected.insert(year);
                }
            }
        }
        // What is said of one year wins over what is said of every year.
        for Row { date, free, status, .. } in &rows {
            let Date::Once { year, day } = date else { continue };
            days.insert(*day, *free);
            until = until.max(Some(*year));
            if *status == Status::Expected {
                expected.insert(*year);
            }
        }
        let of = |wanted: bool| days.iter().filter(move |(_, free)| **free == wanted).map(|(day, _)| *day);
        let worked: Vec<i64> = of(false).collect();
        let free = with_substitutes(of(true).collect(), &worked);
        Ok(Self { free: free.into_iter().collect(), worked, expected, until })
    }

    /// Whether a day is worked.
    pub fn is_worked(&self, day: i64) -> bool {
        !self.is_free(day) && (weekday(day) < SATURDAY || self.worked.binary_search(&day).is_ok())
    }

    /// The day of the week that a day counts as, Monday is 0: a holiday as a Sunday, a weekend that makes up as a Friday.
    pub fn counts_as(&self, day: i64) -> i64 {
        let weekday = weekday(day);
        if self.is_free(day) {
            SUNDAY
        } else if weekday >= SATURDAY && self.worked.binary_search(&day).is_ok() {
            FRIDAY
        } else {
            weekday
        }
    }

    /// The day on which that many working days are over, the first of them after `from`.
    pub fn after_working_days(&self, from: i64, count: u32) -> i64 {
        let (mut day, mut left) = (from, count);
        while left > 0 {
            day = day.saturating_add(1);
            // At the end of time every day counts, so that this ends.
            if self.is_worked(day) || day == i64::MAX {
                left -= 1;
            }
        }
        day
    }

    /// What there is to say of the list at a time.
    pub fn known(&self, now: Timestamp) -> Known {
        let this = self.expected.iter().filter(|year| day_of_new_year(**year + 1).is_none_or(|day| day > day_of(now)));
        let unconfirmed = this.copied().filter(|year| self.until.is_none_or(|until| *year <= until)).collect();
        Known { until: self.until, unconfirmed }
    }

    fn is_free(&self, day: i64) -> bool {
        self.free.binary_search(&day).is_ok()
    }
}

/// A list that can be replaced while it is used. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Calendar(Arc<ArcSwap<Holidays>>);

impl Calendar {
    /// With this list.
    pub fn new(holidays: Holidays) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(holidays)))
    }

    /// The list in force.
    pub fn load(&self) -> Arc<Holidays> {
        self.0.load_full()
    }

    /// Puts another list in force.
    pub fn replace(&self, holidays: Holidays) {
        self.0.store(Arc::new(holidays));
    }
}

/// The holidays with the next working day for each that falls on a weekend.
fn with_substitutes(free: BTreeSet<i64>, worked: &[i64]) -> BTreeSet<i64> {
    let mut all = free.clone();
    for day in free.into_iter().filter(|day| weekday(*day) >= SATURDAY) {
        let works = |day: i64| weekday(day) < SATURDAY || worked.binary_search(&day).is_ok();
        let mut next = day.saturating_add(1);
        while all.contains(&next) || !works(next) {
            next = next.saturating_add(1);
        }
        all.insert(next);
    }
    all
}

/// The day of a time by the city's clock.
pub fn day_of(time: Timestamp) -> i64 {
    time.secs().saturating_add(OFFSET).div_euclid(DAY)
}

/// The last second of a day by the city's clock.
pub fn end_of(day: i64) -> Timestamp {
    Timestamp::from_secs(day.saturating_add(1).saturating_mul(DAY).saturating_sub(OFFSET + 1))
}

/// The first day of a year.
fn day_of_new_year(year: i64) -> Option<i64> {
    Date::Yearly { month: 1, day: 1 }.day_in(year)
}

fn weekday(day: i64) -> i64 {
    day.saturating_add(FIRST_WEEKDAY).rem_euclid(7)
}

#[cfg(test)]
mod tests;
