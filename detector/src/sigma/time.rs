//! Parts of a date, read from the text as it stands: Sigma converts neither zones nor forms.
//!
//! The event's own `@timestamp` alone is taken in the city's zone: we write it in UTC whatever the sender's zone was, so
//! "as it stands" would mean nothing, and a rule about the night means the city's.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::modifier::TimePart;

/// A date with a time, as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment(DateTime);

impl Moment {
    /// Reads `2026-11-03T07:15:00…` or the same with a blank; whatever follows the time is left alone.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(['Z', '+', 'z']).unwrap_or(text.len()).min(text.len());
        let text = text.get(..end)?;
        // A negative offset: a `-` behind the time of day.
        let end = text.get(11..).and_then(|time| time.find('-')).map_or(text.len(), |at| at + 11);
        text.get(..end)?.trim().parse().ok().map(Self)
    }

    /// Reads an instant in `zone`; a date without an offset as it stands.
    pub(crate) fn read_in(text: &str, zone: &TimeZone) -> Option<Self> {
        match text.trim().parse::<Timestamp>() {
            Ok(instant) => Some(Self(zone.to_datetime(instant))),
            Err(_) => Self::read(text),
        }
    }

    /// The part as a number.
    pub(crate) fn part(self, part: TimePart) -> Option<f64> {
        Some(f64::from(match part {
            TimePart::Minute => i16::from(self.0.minute()),
            TimePart::Hour => i16::from(self.0.hour()),
            TimePart::Day => i16::from(self.0.day()),
            TimePart::Week => i16::from(self.0.date().iso_week_date().week()),
            TimePart::Month => i16::from(self.0.month()),
            TimePart::Year => self.0.year(),
        }))
    }
}

/// Whether two numbers are the same; those compared here are small and whole.
pub(crate) fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < f64::EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, part: TimePart, expected: Option<f64>) {
        assert_eq!(Moment::read(text).and_then(|moment| moment.part(part)), expected, "{text}");
    }

    #[test]
    fn an_instant_is_taken_in_the_zone_that_is_asked_for() {
        let zone = TimeZone::fixed(jiff::tz::offset(7));
        let hour = |text: &str| Moment::read_in(text, &zone).and_then(|moment| moment.part(TimePart::Hour));
        assert_eq!(hour("2026-11-03T22:15:00Z"), Some(5.0));
        assert_eq!(hour("2026-11-03T22:15:00+07:00"), Some(22.0));
        assert_eq!(hour("2026-11-03T22:15:00"), Some(22.0));
        assert_eq!(hour("tonight"), None);
    }

    #[test]
    fn parts_are_taken_as_written() {
        check("2026-11-03T22:15:00.123Z", TimePart::Hour, Some(22.0));
        check("2026-11-03T22:15:00+07:00", TimePart::Hour, Some(22.0));
        check("2026-11-03T22:15:00-07:00", TimePart::Minute, Some(15.0));
        check("2026-11-03 22:15:00", TimePart::Day, Some(3.0));
        check("2026-11-03", TimePart::Month, Some(11.0));
        check("2026-01-01", TimePart::Week, Some(1.0));
        check("2026-01-01", TimePart::Year, Some(2026.0));
        check("yesterday", TimePart::Year, None);
        check("é", TimePart::Year, None);
    }
}
