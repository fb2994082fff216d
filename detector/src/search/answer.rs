//! What a search answers.

use std::collections::BTreeMap;

use event::{EventId, Timestamp, Visibility};
use serde::Serialize;
use serde_json::{Map, Value};

/// The answer of `POST /api/v1/search`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchAnswer {
    /// Number of events that match, on all pages.
    pub total: u64,
    /// This page.
    pub hits: Vec<Hit>,
    /// By the names of the request.
    pub aggregations: BTreeMap<String, Aggregation>,
    /// The cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How long it took.
    pub took_ms: u64,
    /// The policy lines that allowed it.
    pub explanation: Vec<String>,
    /// The ledger's entry of this question; whoever records it fills it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<u64>,
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
