//! Moving dates by whole days, so that what lies between two dates of one person stays what it is.

use std::time::Duration;

use event::Timestamp;

const DAY_SECS: u64 = 86_400;

/// How a date was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// RFC 3339 with a time.
    Time,
    /// `2026-11-22`.
    Date,
    /// `22/11/2026`.
    Slashes,
}

/// A date or time as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date {
    pub(super) start: Timestamp,
    written: Written,
}

impl Date {
    pub(super) fn read(value: &str) -> Option<Self> {
        let value = value.trim();
        if let Ok(start) = Timestamp::parse_rfc3339(value) {
            return Some(Self { start, written: Written::Time });
        }
        if value.len() > 10 {
            return None;
        }
        let whole = |date: &str| Timestamp::parse_rfc3339(&format!("{date}T00:00:00Z")).ok();
        if let Some(start) = whole(value) {
            return Some(Self { start, written: Written::Date });
        }
        let mut parts = value.split('/');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let numbers = [day, month, year].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        if parts.next().is_some() || !numbers || year.len() != 4 {
            return None;
        }
        let start = whole(&format!("{year}-{month:0>2}-{day:0>2}"))?;
        Some(Self { start, written: Written::Slashes })
    }
}

/// A date or time `days` later, in the form that it came in (times in UTC); `None` for what is no date.
pub fn shifted(value: &str, days: i32) -> Option<String> {
    let date = Date::read(value)?;
    let by = Duration::from_secs(u64::from(days.unsigned_abs()) * DAY_SECS);
    let moved = if days < 0 { date.start.minus(by) } else { date.start.plus(by) };
    // At the ends of what a time can be, nothing is moved: what stays there would be the value itself.
    if moved == Timestamp::MIN || moved == Timestamp::MAX {
        return None;
    }
    let text = moved.to_string();
    match date.written {
        Written::Time => Some(text),
        Written::Date => text.get(..10).map(str::to_owned),
        Written::Slashes => {
            let mut parts = text.get(..10)?.split('-');
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            Some(format!("{day}/{month}/{year}"))
        }
    }
}
