//! The terms of a request: which data, seen by whom, from when until when. They can be narrowed and never widened.

use std::collections::BTreeSet;
use std::time::Duration;

use event::{Timestamp, UserName};
use serde::{Deserialize, Serialize};

use crate::CareError;

/// Longest time that a grant lasts; then it is renewed.
pub const GRANT_LIFE_MAX: Duration = Duration::from_secs(366 * 86_400);
/// Most fields, data sets and people of one request.
const LISTED_MAX: usize = 200;
/// Most characters of a filter.
const FILTER_CHARS_MAX: usize = 2_000;

/// What is asked for, or granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// `event.dataset` of what is seen; empty for every data set.
    #[serde(default)]
    pub datasets: BTreeSet<String>,
    /// The fields, in full names.
    pub fields: BTreeSet<String>,
    /// A query in the words of search; empty for everything.
    #[serde(default)]
    pub filter: String,
    /// Events from then on.
    #[serde(default)]
    pub data_from: Option<Timestamp>,
    /// Events before that.
    #[serde(default)]
    pub data_until: Option<Timestamp>,
    /// When the grant begins.
    pub from: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// The accounts that it is for.
    pub people: BTreeSet<UserName>,
}

/// What a data owner leaves of a request; what is not named stays as it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Narrowing {
    /// Fewer data sets.
    pub datasets: Option<BTreeSet<String>>,
    /// Fewer fields.
    pub fields: Option<BTreeSet<String>>,
    /// A query that must hold beside the one that was asked.
    pub filter: Option<String>,
    /// A later beginning of the data.
    pub data_from: Option<Timestamp>,
    /// An earlier end of the data.
    pub data_until: Option<Timestamp>,
    /// A later beginning.
    pub from: Option<Timestamp>,
    /// An earlier end.
    pub until: Option<Timestamp>,
    /// Fewer people.
    pub people: Option<BTreeSet<UserName>>,
}

impl Terms {
    /// Whether they can be asked for at `now`.
    ///
    /// # Errors
    /// [`CareError::Invalid`] says what is wrong.
    pub fn check(&self, now: Timestamp) -> Result<(), CareError> {
        if self.until <= self.from || self.until <= now {
            return invalid(format!("`until` ({}) must lie behind `from` and behind now", self.until));
        }
        if self.until.since(self.from.max(now)) > GRANT_LIFE_MAX {
            return invalid("a grant lasts 366 days at most; ask again when it ends (`renew`)");
        }
        if let (Some(from), Some(until)) = (self.data_from, self.data_until)
            && until <= from
        {
            return invalid("`data_until` must lie behind `data_from`");
        }
        if self.fields.is_empty() || self.people.is_empty() {
            return invalid("a request names the fields that are to be seen and the people who are to see them");
        }
        if [self.fields.len(), self.people.len(), self.datasets.len()].into_iter().any(|count| count > LISTED_MAX) {
            return invalid(format!("at most {LISTED_MAX} fields, data sets and people"));
        }
        let word = |text: &String| {
            let known = |found: char| found.is_ascii_alphanumeric() || "._-@".contains(found);
            !text.is_empty() && text.len() <= 128 && text.chars().all(known)
        };
        if let Some(odd) = self.fields.iter().chain(&self.datasets).find(|text| !word(text)) {
            let odd: String = odd.chars().take(48).collect();
            return invalid(format!("`{odd}`: fields and data sets are named in full, without wildcards"));
        }
        if self.filter.chars().count() > FILTER_CHARS_MAX {
            return invalid(format!("a filter has {FILTER_CHARS_MAX} characters at most"));
        }
        Ok(())
    }

    /// What is left of them.
    ///
    /// # Errors
    /// [`CareError::Invalid`] when something would be wider, or nothing would be left.
    pub fn narrowed(&self, by: &Narrowing, now: Timestamp) -> Result<Self, CareError> {
        let mut left = self.clone();
        if let Some(datasets) = &by.datasets {
            left.datasets = part(&self.datasets, datasets, self.datasets.is_empty(), "data sets")?;
        }
        if let Some(fields) = &by.fields {
            left.fields = part(&self.fields, fields, false, "fields")?;
        }
        if let Some(people) = &by.people {
            left.people = part(&self.people, people, false, "people")?;
        }
        if let Some(filter) = by.filter.as_deref().map(str::trim).filter(|filter| !filter.is_empty()) {
            left.filter = both(&self.filter, filter);
        }
        left.data_from = later(self.data_from, by.data_from)?;
        left.data_until = earlier(self.data_until, by.data_until)?;
        left.from = later(Some(self.from), by.from)?.unwrap_or(self.from);
        left.until = earlier(Some(self.until), by.until)?.unwrap_or(self.until);
        if left == *self {
            return invalid("this narrows nothing; approve it instead");
        }
        left.check(now)?;
        Ok(left)
    }

    /// Whether nothing in them goes beyond `other`; filters only ever get longer.
    pub fn lie_within(&self, other: &Self) -> bool {
        self.fields.is_subset(&other.fields)
            && self.people.is_subset(&other.people)
            && (other.datasets.is_empty() || (!self.datasets.is_empty() && self.datasets.is_subset(&other.datasets)))
            && (self.filter == other.filter || other.filter.is_empty() || self.filter.contains(&other.filter))
            && self.from >= other.from
            && self.until <= other.until
            && other.data_from.is_none_or(|from| self.data_from.is_some_and(|own| own >= from))
            && other.data_until.is_none_or(|until| self.data_until.is_some_and(|own| own <= until))
    }

    /// The query that finds the events: filter, data sets and time together; empty for every event.
    pub fn query(&self) -> String {
        let mut parts = Vec::new();
        if !self.filter.trim().is_empty() {
            parts.push(format!("({})", self.filter.trim()));
        }
        if !self.datasets.is_empty() {
            let quoted: Vec<String> = self.datasets.iter().map(|name| format!("\"{name}\"")).collect();
            parts.push(format!("event.dataset:({})", quoted.join(" OR ")));
        }
        parts.extend(self.data_from.map(|from| format!("@timestamp:>=\"{from}\"")));
        parts.extend(self.data_until.map(|until| format!("@timestamp:<\"{until}\"")));
        parts.join(" AND ")
    }
}

/// Two queries of which both must hold.
fn both(one: &str, other: &str) -> String {
    if one.trim().is_empty() { other.to_owned() } else { format!("({}) AND ({other})", one.trim()) }
}

fn part<T: Ord + Clone>(
    whole: &BTreeSet<T>,
    left: &BTreeSet<T>,
    any: bool,
    what: &str,
) -> Result<BTreeSet<T>, CareError> {
    if left.is_empty() || !(any || left.is_subset(whole)) {
        return invalid(format!("a narrower request has some of the {what} that were asked for, and no others"));
    }
    Ok(left.clone())
}

fn later(whole: Option<Timestamp>, left: Option<Timestamp>) -> Result<Option<Timestamp>, CareError> {
    match (whole, left) {
        (Some(whole), Some(left)) if left < whole => invalid(format!("{left} lies before what was asked ({whole})")),
        (whole, left) => Ok(left.or(whole)),
    }
}

fn earlier(whole: Option<Timestamp>, left: Option<Timestamp>) -> Result<Option<Timestamp>, CareError> {
    match (whole, left) {
        (Some(whole), Some(left)) if left > whole => invalid(format!("{left} lies behind what was asked ({whole})")),
        (whole, left) => Ok(left.or(whole)),
    }
}

pub(super) fn invalid<T>(reason: impl Into<String>) -> Result<T, CareError> {
    Err(CareError::Invalid { reason: reason.into() })
}
