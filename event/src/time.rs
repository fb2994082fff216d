//! Points in time to the nanosecond, in UTC.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp as Jiff;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::TimeError;

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// Nanoseconds since 1970-01-01T00:00:00Z; negative before. Covers the years 1678 to 2261.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The least point in time that can be held.
    pub const MIN: Self = Self(i64::MIN);
    /// The greatest point in time that can be held.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch, clamped to the range.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds since the epoch, clamped to the range.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SEC)
    }

    /// Later by `by`, clamped to the range.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `by`, clamped to the range.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Time from `earlier` to this; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339, with `T` or a space between date and time.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let time: Jiff = text.parse().map_err(|_| TimeError::Unreadable { text: shorten(text) })?;
        Self::from_jiff(time).ok_or_else(|| TimeError::OutOfRange { text: shorten(text) })
    }

    /// Reads RFC 3339, `now`, or `now` with an offset: `now-15m`, `now+1h`; units `s m h d w`.
    pub fn parse(text: &str, now: Self) -> Result<Self, TimeError> {
        let unreadable = || TimeError::Unreadable { text: shorten(text) };
        let Some(offset) = text.strip_prefix("now") else {
            return Self::parse_rfc3339(text);
        };
        if offset.is_empty() {
            return Ok(now);
        }
        let (sign, rest) = offset.split_at_checked(1).ok_or_else(unreadable)?;
        let (digits, unit) = rest.split_at_checked(rest.len().saturating_sub(1)).ok_or_else(unreadable)?;
        let count: u64 = digits.parse().map_err(|_| unreadable())?;
        let unit_secs = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return Err(unreadable()),
        };
        let by = Duration::from_secs(count.saturating_mul(unit_secs));
        match sign {
            "-" => Ok(now.minus(by)),
            "+" => Ok(now.plus(by)),
            _ => Err(unreadable()),
        }
    }

    /// From a jiff timestamp; `None` outside the range.
    pub fn from_jiff(time: Jiff) -> Option<Self> {
        i64::try_from(time.as_nanosecond()).ok().map(Self)
    }

    /// As a jiff timestamp, for calendars and zones.
    pub fn to_jiff(self) -> Jiff {
        Jiff::from_nanosecond(i128::from(self.0)).unwrap_or(Jiff::UNIX_EPOCH)
    }
}

/// RFC 3339 in UTC with as many fraction digits as are needed (none, 3, 6 or 9).
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.rem_euclid(NANOS_PER_SEC);
        let digits = match nanos {
            0 => 0,
            part if part % 1_000_000 == 0 => 3,
            part if part % 1_000 == 0 => 6,
            _ => 9,
        };
        write!(formatter, "{:.*}", digits, self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Timestamp({self})")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let now = Timestamp::parse_rfc3339("2026-11-03T12:00:00Z").unwrap();
        let found = Timestamp::parse(text, now).map_or_else(|error| error.to_string(), |time| time.to_string());
        assert_eq!(found, expected);
    }

    #[test]
    fn times_are_read_and_printed() {
        check("now", "2026-11-03T12:00:00Z");
        check("now-15m", "2026-11-03T11:45:00Z");
        check("now+1d", "2026-11-04T12:00:00Z");
        check("2026-11-03T07:00:00.123456789+07:00", "2026-11-03T00:00:00.123456789Z");
        check("2026-11-03T00:00:00.5Z", "2026-11-03T00:00:00.500Z");
        check("now-15x", "time `now-15x` is neither RFC 3339 (`2026-11-03T00:00:00Z`) nor relative (`now-15m`)");
        check("9999-01-01T00:00:00Z", "time `9999-01-01T00:00:00Z` lies outside the years 1678 to 2261");
        check("now-", "time `now-` is neither RFC 3339 (`2026-11-03T00:00:00Z`) nor relative (`now-15m`)");
        check("now-é", "time `now-é` is neither RFC 3339 (`2026-11-03T00:00:00Z`) nor relative (`now-15m`)");
    }
}
