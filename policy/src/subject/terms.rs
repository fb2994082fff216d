//! What can be asked for, what is owed for it, and by when.
//!
//! Days begin the day after receipt and end with their last day by the city's clock (UTC+07:00). Working days are those of
//! [`Holidays`]: Monday to Friday without public holidays, as far as the list has them. A year that is not in the list has
//! its lunar holidays counted as working days: a clock ends early then, never late.

use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::holiday::{Holidays, day_of, end_of};

const HOUR: u64 = 3_600;

/// Working days within which receipt is confirmed.
const ACKNOWLEDGE_WORKING_DAYS: u32 = 2;
/// Hours within which a breach is reported.
const BREACH_HOURS: u64 = 72;

/// What is asked for, or what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// To see what is held, or get a copy: 10 days.
    Access,
    /// To have it put right: 10 days.
    Rectify,
    /// To stop or limit processing, to object, to withdraw consent: 15 days.
    Restrict,
    /// To have it deleted: 20 days.
    Erase,
    /// A breach that must be reported: 72 hours.
    Breach,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Access, Self::Rectify, Self::Restrict, Self::Erase, Self::Breach];

    /// Its name in commands and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Rectify => "rectify",
            Self::Restrict => "restrict",
            Self::Erase => "erase",
            Self::Breach => "breach",
        }
    }

    /// Reads what [`Kind::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Calendar days within which it is done; `None` where hours count.
    pub fn days(self) -> Option<u32> {
        match self {
            Self::Access | Self::Rectify => Some(10),
            Self::Restrict => Some(15),
            Self::Erase => Some(20),
            Self::Breach => None,
        }
    }

    /// Whether it may be put off, once, by as long again.
    pub fn can_be_extended(self) -> bool {
        self.days().is_some()
    }

    /// By when receipt is confirmed; `None` where nothing is confirmed.
    pub fn acknowledge_by(self, received: Timestamp, holidays: &Holidays) -> Option<Timestamp> {
        self.days().map(|_| end_of(holidays.after_working_days(day_of(received), ACKNOWLEDGE_WORKING_DAYS)))
    }

    /// By when it is done.
    pub fn done_by(self, received: Timestamp, extended: bool) -> Timestamp {
        match self.days() {
            Some(days) => end_of(day_of(received).saturating_add(i64::from(days) * if extended { 2 } else { 1 })),
            None => received.plus(Duration::from_secs(BREACH_HOURS * HOUR)),
        }
    }
}

/// What is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// To confirm receipt.
    Acknowledge,
    /// To do it, or refuse with reason and legal basis.
    Answer,
}

impl Duty {
    /// Its name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Answer => "answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(serde_json::json!(text)).unwrap()
    }

    #[test]
    fn days_end_by_the_citys_clock() {
        let holidays = Holidays::embedded().unwrap();
        // 2026-11-23 is a Monday. 18:00 UTC is 01:00 of the next day in the city.
        for (kind, received, acknowledged, done, extended) in [
            (Kind::Access, "2026-11-23T02:00:00Z", "2026-11-25", "2026-12-03", "2026-12-13"),
            (Kind::Access, "2026-11-23T18:00:00Z", "2026-11-26", "2026-12-04", "2026-12-14"),
            (Kind::Rectify, "2026-11-26T02:00:00Z", "2026-11-30", "2026-12-06", "2026-12-16"),
            (Kind::Restrict, "2026-11-27T02:00:00Z", "2026-12-01", "2026-12-12", "2026-12-27"),
            // Over the two days of the end of April and the beginning of May, and over Tết.
            (Kind::Access, "2026-04-29T02:00:00Z", "2026-05-05", "2026-05-09", "2026-05-19"),
            (Kind::Access, "2027-02-04T02:00:00Z", "2027-02-15", "2027-02-14", "2027-02-24"),
            (Kind::Erase, "2026-11-28T02:00:00Z", "2026-12-01", "2026-12-18", "2027-01-07"),
        ] {
            let last = |day: &str| at(&format!("{day}T16:59:59Z"));
            assert_eq!(kind.acknowledge_by(at(received), &holidays), Some(last(acknowledged)), "{received}");
            assert_eq!(kind.done_by(at(received), false), last(done), "{received}");
            assert_eq!(kind.done_by(at(received), true), last(extended), "{received}");
        }
    }

    #[test]
    fn a_breach_has_72_hours_and_no_more() {
        let found = at("2026-11-27T22:30:00Z");
        for extended in [false, true] {
            assert_eq!(Kind::Breach.done_by(found, extended), at("2026-11-30T22:30:00Z"));
        }
        assert_eq!(Kind::Breach.acknowledge_by(found, &Holidays::default()), None);
        assert!(!Kind::Breach.can_be_extended());
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
    }
}
