//! What a search answers.

use std::collections::BTreeMap;

use event::{Counts, EventId, Timestamp, Visibility};
use serde::Serialize;
use serde_json::{Map, Value};

/// The answer of `POST /api/v1/search`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchAnswer {
    /// Number of events that match, on all pages.
    pub total: u64,
    /// Set when not all were counted: so many match at least.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub total_is_at_least: bool,
    /// This page.
    pub hits: Vec<Hit>,
    /// By the names of the request.
    pub aggregations: BTreeMap<String, Aggregation>,
    /// The cursor of the next page; null on the last.
    pub next: Option<String>,
    /// How long it took.
    pub took_ms: u64,
    /// The policy lines that allowed it.
    pub explanation: Vec<String>,
    /// How counts are seen, where not as they are: the total is 0 and buckets are missing below the threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// The ledger's entry of this question; whoever records it fills it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<u64>,
}

/// How counts of an answer are seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// Counts below this are withheld; what is missing may be none.
    pub at_least: u64,
    /// Whether counts have noise.
    pub noise: bool,
    /// Whether single events are seen.
    pub rows: bool,
    /// Set when the answer is over the events that there were at this time, since only a few have come or gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

impl Withheld {
    /// `None` where counts are seen as they are, and events with them.
    pub(crate) fn of(counts: &Counts, as_of: Option<Timestamp>) -> Option<Self> {
        let is_all = counts.are_exact() && counts.rows;
        let (at_least, noise) = (counts.at_least.max(1), counts.noise.is_some());
        (!is_all).then_some(Self { at_least, noise, rows: counts.rows, as_of })
    }
}

/// One event as the permit lets it be seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// Its id.
    pub id: EventId,
    /// Its time: the sender's where it gave one, else ours.
    pub time: Timestamp,
    /// Its fields, dotted names; a list is an array. Hidden fields are absent, masked ones are text.
    pub fields: Map<String, Value>,
    /// For each field that the query matched: each value as segments.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub highlight: BTreeMap<String, Vec<Vec<Segment>>>,
}

/// A piece of a highlighted value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// The text.
    pub text: String,
    /// Whether the query matched it.
    pub hit: bool,
}

/// One aggregation's result.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Aggregation {
    /// Its buckets: a histogram's by time, terms by count.
    pub buckets: Vec<Bucket>,
    /// Terms: matching events' values that lie in no bucket of this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<u64>,
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bucket {
    /// The value, or the bucket's start in RFC 3339.
    pub key: Value,
    /// Number of events.
    pub count: u64,
}

/// A field that events have and the permit does not hide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldInfo {
    /// Its dotted name.
    pub name: String,
    /// What the permit lets be known of it.
    pub visibility: Visibility,
    /// Whether it may be aggregated by.
    pub aggregatable: bool,
}
