//! The hours of the week in which a line applies: `mon-fri/08:00-17:00`, by the clock of Ho Chi Minh City.
//!
//! That clock is UTC+07:00 without daylight saving, so a minute of the week is arithmetic.

use event::Timestamp;

use crate::holiday::{Holidays, day_of};

/// Minutes of a day and of a week.
const DAY: u16 = 24 * 60;
const WEEK: u16 = 7 * DAY;
/// UTC+07:00.
const OFFSET_MINUTES: i64 = 7 * 60;
/// 1 January 1970 was a Thursday; the week begins on Monday.
const FIRST_DAY: i64 = 3;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A minute of the week, Monday 00:00 is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(u16);

impl Minute {
    /// The minute of the week that a time lies in.
    pub fn of(time: Timestamp) -> Self {
        let minutes = time.nanos().div_euclid(60_000_000_000).saturating_add(OFFSET_MINUTES);
        let minute = (minutes + FIRST_DAY * i64::from(DAY)).rem_euclid(i64::from(WEEK));
        Self(u16::try_from(minute).unwrap_or(0))
    }

    /// The minute of the week that a time counts as: on a holiday that of a Sunday, on a weekend that makes up that of a
    /// Friday.
    pub fn on(time: Timestamp, holidays: &Holidays) -> Self {
        let Self(minute) = Self::of(time);
        let day = u16::try_from(holidays.counts_as(day_of(time))).unwrap_or(minute / DAY);
        Self(day.saturating_mul(DAY).saturating_add(minute % DAY))
    }

    /// The minute with this number; it counts on from the week's end.
    pub fn new(number: u16) -> Self {
        Self(number % WEEK)
    }

    /// Its number, 0 to 10,079.
    pub fn number(self) -> u16 {
        self.0
    }
}

/// Days and hours, both ends of the days included, the end of the hours not. Hours that end before they begin go over
/// midnight and belong to the day on which they began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Window {
    first_day: u16,
    last_day: u16,
    from: u16,
    to: u16,
}

impl Window {
    /// Reads `DAYS/HH:MM-HH:MM`, `DAYS` or `HH:MM-HH:MM`; DAYS is a day or `mon-fri`.
    ///
    /// # Errors
    /// A sentence that says what is wrong; a window that holds no minute is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bad =
            || format!("`{}` is no time such as `mon-fri/08:00-17:00`", text.chars().take(48).collect::<String>());
        let (days, hours) = match text.split_once('/') {
            Some((days, hours)) => (Some(days), Some(hours)),
            None if text.contains(':') => (None, Some(text)),
            None => (Some(text), None),
        };
        let (first_day, last_day) = match days {
            None => (0, 6),
            Some(days) => {
                let (first, last) = days.split_once('-').unwrap_or((days, days));
                (day(first).ok_or_else(bad)?, day(last).ok_or_else(bad)?)
            }
        };
        let (from, to) = match hours {
            None => (0, DAY),
            Some(hours) => {
                let (from, to) = hours.split_once('-').ok_or_else(bad)?;
                (clock(from).filter(|from| *from < DAY).ok_or_else(bad)?, clock(to).ok_or_else(bad)?)
            }
        };
        if from == to {
            return Err(format!("`{text}` holds no minute, so it can never apply"));
        }
        Ok(Self { first_day, last_day, from, to })
    }

    pub(super) fn holds(self, minute: Minute) -> bool {
        let (today, at) = (minute.0 / DAY, minute.0 % DAY);
        if self.from < self.to {
            return self.has_day(today) && at >= self.from && at < self.to;
        }
        (self.has_day(today) && at >= self.from) || (self.has_day((today + 6) % 7) && at < self.to)
    }

    /// A minute inside, to find out whether another time would have helped.
    pub(super) fn inside(self) -> Minute {
        Minute(self.first_day * DAY + self.from)
    }

    fn has_day(self, day: u16) -> bool {
        if self.first_day <= self.last_day {
            (self.first_day..=self.last_day).contains(&day)
        } else {
            day >= self.first_day || day <= self.last_day
        }
    }
}

/// `during(r.time, p.time)` of the model. Words that are no minute or no window hold nothing.
pub(super) fn during(minute: &str, window: &str) -> bool {
    match (minute.parse::<u16>(), Window::parse(window)) {
        (Ok(minute), Ok(window)) if minute < WEEK => window.holds(Minute(minute)),
        _ => false,
    }
}

fn day(text: &str) -> Option<u16> {
    DAYS.iter().position(|day| *day == text).and_then(|day| u16::try_from(day).ok())
}

/// `HH:MM` as a minute of the day; `24:00` is its end.
fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes) = (hours.parse::<u16>().ok()?, minutes.parse::<u16>().ok()?);
    let at = hours * 60 + minutes;
    (minutes < 60 && at <= DAY).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Minute {
        Minute::of(Timestamp::parse_rfc3339(time).unwrap())
    }

    #[test]
    fn the_week_begins_on_monday_in_the_city() {
        // 22 November 2026 is a Sunday.
        assert_eq!(at("2026-11-22T17:00:00Z"), Minute(0));
        assert_eq!(at("2026-11-22T16:59:59Z"), Minute(WEEK - 1));
        assert_eq!(at("2026-11-23T08:15:00+07:00").number(), 8 * 60 + 15);
        assert_eq!(at("1969-12-31T17:00:00Z").number(), 3 * DAY);
    }

    #[test]
    fn holidays_count_as_sundays() {
        let holidays = Holidays::embedded().unwrap();
        for (time, expected) in [
            ("2026-09-02T09:00:00+07:00", Some("sun")),
            ("2026-09-01T23:59:59+07:00", Some("sun")),
            ("2026-09-03T00:00:00+07:00", Some("thu")),
            ("2026-08-29T09:00:00+07:00", Some("sat")),
        ] {
            let minute = Minute::on(Timestamp::parse_rfc3339(time).unwrap(), &holidays);
            assert_eq!(DAYS.get(usize::from(minute.0 / DAY)).copied(), expected, "{time}");
            assert_eq!(minute.0 % DAY, at(time).0 % DAY);
            let plain = Minute::on(Timestamp::parse_rfc3339(time).unwrap(), &Holidays::default());
            assert_eq!(plain, at(time));
        }
    }

    #[track_caller]
    fn check(window: &str, time: &str, expected: bool) {
        let minute = at(time);
        assert_eq!(Window::parse(window).unwrap().holds(minute), expected, "{window} {time}");
        assert_eq!(during(&minute.number().to_string(), window), expected);
    }

    #[test]
    fn windows_hold_their_hours() {
        check("mon-fri/08:00-17:00", "2026-11-23T08:00:00+07:00", true);
        check("mon-fri/08:00-17:00", "2026-11-23T17:00:00+07:00", false);
        check("mon-fri/08:00-17:00", "2026-11-22T12:00:00+07:00", false);
        check("sat-sun", "2026-11-22T00:00:00+07:00", true);
        check("sun-mon/08:00-24:00", "2026-11-23T23:59:00+07:00", true);
        check("fri/22:00-06:00", "2026-11-28T05:59:00+07:00", true);
        check("fri/22:00-06:00", "2026-11-27T05:59:00+07:00", false);
        check("22:00-06:00", "2026-11-23T00:00:00+07:00", true);
        for minute in ["mon-fri/08:00-17:00", "fri/22:00-06:00", "sun", "23:59-24:00"] {
            let window = Window::parse(minute).unwrap();
            assert!(window.holds(window.inside()), "{minute}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for bad in
            ["", "/", "mon/", "moon", "08:00", "8:00-17:00", "24:00-06:00", "08:60-09:00", "25:00-26:00", "08:00-08:00"]
        {
            assert!(Window::parse(bad).is_err(), "{bad}");
        }
        assert!(!during("99999", "mon") && !during("x", "mon") && !during("0", "any"));
    }
}
