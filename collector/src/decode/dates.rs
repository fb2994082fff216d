//! Times as logs write them: RFC 3339, ISO without a zone, RFC 3164, the common log format, seconds since the epoch.

use event::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::scan::Scan;

/// A time as the sender wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The point in time; `None` when the text looks like a time and is none (`Feb 30`, the year 9999).
    pub time: Option<Timestamp>,
    /// The text it was read from.
    pub text: &'a str,
}

/// What is needed to read times that lack a year or a zone.
#[derive(Debug, Clone)]
pub struct Dates<'s> {
    /// The zone of times that name none.
    pub zone: &'s TimeZone,
    /// The year of times that name none; `None` takes the latest one that is not after [`Dates::received`].
    pub year: Option<i16>,
    /// When the record was received.
    pub received: Timestamp,
}

/// Years that are tried backwards when a time names none: enough for a 29 February.
const YEARS_BACK_MAX: i16 = 8;
/// How far ahead of ours a sender's clock may go before its time counts as last year's.
const AHEAD_SECS_MAX: i64 = 86_400;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Dates<'_> {
    /// Reads RFC 3339 or the same without a zone (`2026-11-03 07:00:00.123`), which then is the setting's.
    pub fn iso(&self, text: &str) -> Option<Timestamp> {
        if !looks_iso(text) {
            return None;
        }
        if zoned(text) {
            return text.parse().ok().and_then(Timestamp::from_jiff);
        }
        self.local(text.parse().ok()?)
    }

    /// Reads a time without a zone as UTC (Sysmon's `UtcTime`).
    pub fn iso_utc(&self, text: &str) -> Option<Timestamp> {
        if !looks_iso(text) {
            return None;
        }
        if zoned(text) {
            return self.iso(text);
        }
        let civil: DateTime = text.parse().ok()?;
        Offset::UTC.to_timestamp(civil).ok().and_then(Timestamp::from_jiff)
    }

    /// Reads `03/Nov/2026:07:00:00 +0700`, the time of the common log format.
    pub fn common_log(&self, text: &str) -> Option<Timestamp> {
        let mut scan = Scan::new(text);
        let day = number(scan.until_byte(b'/')?)?;
        let month = month(scan.until_byte(b'/')?)?;
        let year = number(scan.until_byte(b':')?)?;
        let (hour, minute, second) = (number(scan.until_byte(b':')?)?, number(scan.until_byte(b':')?)?, scan.word());
        let civil = DateTime::new(year, month, day, hour, minute, leap(number(second)?), 0).ok()?;
        offset(scan.rest())?.to_timestamp(civil).ok().and_then(Timestamp::from_jiff)
    }

    /// Reads seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their size.
    pub fn epoch(&self, number: i64) -> Option<Timestamp> {
        let nanos_each = match number.unsigned_abs() {
            0..100_000_000_000 => 1_000_000_000,
            100_000_000_000..100_000_000_000_000 => 1_000_000,
            100_000_000_000_000..100_000_000_000_000_000 => 1_000,
            _ => 1,
        };
        number.checked_mul(nanos_each).map(Timestamp::from_nanos)
    }

    /// Reads seconds since the epoch with a fraction (`1764547200.123456`), to the nanosecond.
    pub fn epoch_text(&self, text: &str) -> Option<Timestamp> {
        let Some((whole, fraction)) = text.split_once('.') else {
            return self.epoch(text.parse().ok()?);
        };
        let secs: i64 = whole.parse().ok().filter(|secs: &i64| *secs >= 0)?;
        let nanos = fraction_nanos(fraction)?;
        secs.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp::from_nanos)
    }

    /// A calendar time in the setting's zone.
    pub fn local(&self, civil: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(civil).ok().and_then(Timestamp::from_jiff)
    }

    /// Steps over an RFC 3164 time: `Nov  3 07:00:00`, also with a fraction, a year behind the day or the time
    /// (`Nov 03 2026 07:00:00`), a zone or a colon behind it, a star or dot before it (Cisco IOS).
    ///
    /// `None`, and no step, when something else stands there.
    pub(crate) fn bsd<'a>(&self, scan: &mut Scan<'a>) -> Option<Claim<'a>> {
        let mut ahead = *scan;
        ahead.run(|byte| byte == b'*' || byte == b'.');
        let start = ahead.rest();
        let month = month(ahead.word())?;
        ahead.spaces();
        let day: i8 = number(ahead.word())?;
        ahead.spaces();
        let mut year = self.year;
        if let Some((digits, rest)) = ahead.rest().split_once(' ')
            && digits.len() == 4
            && let Some(found) = number(digits)
        {
            year = Some(found);
            ahead = Scan::new(rest);
        }
        let clock = ahead.run(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b','));
        let (hour, minute, second, nanos) = clock_time(clock.trim_end_matches(':'))?;
        let time = (year, month, day, hour, minute, leap(second), nanos);
        let time = self.with_year(time);
        let text = start.get(..start.len() - ahead.rest().len()).unwrap_or(start);
        ahead.spaces();
        *scan = ahead;
        Some(Claim { time, text: text.trim_end_matches(':') })
    }

    /// A text that begins as an RFC 3164 time does; a zone behind it counts (`Nov 22 2026 03:00:02.123 GMT+07:00`).
    pub fn bsd_text(&self, text: &str) -> Option<Timestamp> {
        let mut scan = Scan::new(text);
        let claim = self.bsd(&mut scan)?;
        let Some(zone) = named_zone(scan.rest().trim_ascii()).map(TimeZone::fixed) else { return claim.time };
        let there = Dates { zone: &zone, year: self.year, received: self.received };
        there.bsd(&mut Scan::new(text))?.time
    }

    /// The year of a time that names none: the latest that does not lie ahead of the time of receipt, so that December
    /// seen in January is last year's and January seen in the last hours of December next year's.
    fn with_year(&self, time: (Option<i16>, i8, i8, i8, i8, i8, i32)) -> Option<Timestamp> {
        let (year, month, day, hour, minute, second, nanos) = time;
        let at = |year| self.local(DateTime::new(year, month, day, hour, minute, second, nanos).ok()?);
        if let Some(year) = year {
            return at(year);
        }
        let now = self.zone.to_datetime(self.received.to_jiff()).year();
        let latest = self.received.secs().saturating_add(AHEAD_SECS_MAX);
        let years = (now.saturating_sub(YEARS_BACK_MAX)..=now.saturating_add(1)).rev();
        years.filter_map(at).find(|time| time.secs() <= latest)
    }
}

/// Whether `text` begins as `2026-11-03T` or `2026-11-03 ` does.
pub(crate) fn looks_iso(text: &str) -> bool {
    match text.as_bytes() {
        [a, b, c, d, b'-', e, f, b'-', g, h, b'T' | b't' | b' ', ..] => {
            [a, b, c, d, e, f, g, h].iter().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

fn zoned(text: &str) -> bool {
    text.ends_with(['Z', 'z']) || text.get(11..).is_some_and(|clock| clock.contains(['+', '-']))
}

/// A month's number, 1 to 12, from its first three letters.
fn month(text: &str) -> Option<i8> {
    let at = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    i8::try_from(at + 1).ok()
}

/// A number of plain digits.
fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// A leap second counts as the one before it.
fn leap(second: i8) -> i8 {
    if second == 60 { 59 } else { second }
}

fn clock_time(text: &str) -> Option<(i8, i8, i8, i32)> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let (second, fraction) = second.split_once(['.', ',']).unwrap_or((second, "0"));
    let nanos = i32::try_from(fraction_nanos(fraction)?).ok()?;
    Some((number(hour)?, number(minute)?, number(second)?, nanos))
}

/// Nanoseconds of the digits behind a decimal point; digits behind the ninth are cut.
fn fraction_nanos(digits: &str) -> Option<i64> {
    let digits = digits.get(..digits.len().min(9)).filter(|digits| !digits.is_empty())?;
    let value: i64 = number(digits)?;
    let missing = u32::try_from(9 - digits.len()).ok()?;
    value.checked_mul(10_i64.checked_pow(missing)?)
}

/// `GMT`, `UTC`, `ICT` (Indochina Time), an offset, or an offset behind `GMT` or `UTC`. Other abbreviations mean
/// different zones to different people and are none.
fn named_zone(text: &str) -> Option<Offset> {
    match text {
        "GMT" | "UTC" => Some(Offset::UTC),
        "ICT" => Some(Offset::constant(7)),
        _ => offset(text.strip_prefix("GMT").or_else(|| text.strip_prefix("UTC")).unwrap_or(text)),
    }
}

/// `+0700`, `+07:00` or `Z`.
fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, digits) = text.split_at_checked(1)?;
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let secs = number::<i32>(hours)?.checked_mul(3_600)?.checked_add(number::<i32>(minutes)?.checked_mul(60)?)?;
    match sign {
        "+" => Offset::from_seconds(secs).ok(),
        "-" => Offset::from_seconds(-secs).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
