//! What is asked of a search.

use event::CaseId;
use serde::{Deserialize, Serialize};
use serde_json::Map;

/// Most hits of one answer.
pub const LIMIT_MAX: usize = 1_000;
/// Most aggregations of one request.
pub const AGGREGATIONS_MAX: usize = 10;
/// Most buckets of one aggregation.
pub const BUCKETS_MAX: usize = 10_000;

/// One question, in the form of `POST /api/v1/search`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchRequest {
    /// The query; empty or `*` is everything in the permit's scope.
    pub query: String,
    /// Least event time, RFC 3339 or relative (`now-15m`); included.
    pub from: Option<String>,
    /// Greatest event time, RFC 3339 or relative; included.
    pub to: Option<String>,
    /// Number of hits wanted, at most [`LIMIT_MAX`]; 50 when absent, 0 for totals and aggregations alone.
    pub limit: Option<usize>,
    /// `next` of the answer before.
    pub cursor: Option<String>,
    /// By event time, newest first unless it says `asc`.
    pub sort: Option<Sort>,
    /// How clauses without an operator between them are joined; `or`, as in Kibana, unless it says `and`.
    pub default_operator: Option<DefaultOperator>,
    /// Aggregations by name; each `{"date_histogram": {"field", "interval"}}` or `{"terms": {"field", "size"}}`.
    pub aggregations: Map<String, serde_json::Value>,
    /// Whether all events that match are counted, as Elasticsearch names it; yes unless it says `false`. A search that does
    /// not count ends as soon as its page is full. Where counts are masked or something is aggregated, all are counted.
    pub track_total_hits: Option<bool>,
    /// What it is for; the guard reads it, search does not.
    pub purpose: Option<String>,
    /// The case that it is for, as the asker says; it goes to the record, search does not read it.
    pub case: Option<CaseId>,
}

/// The order of hits, by event time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sort {
    /// Newest first.
    #[default]
    #[serde(rename = "desc", alias = "@timestamp:desc", alias = "-@timestamp")]
    Descending,
    /// Oldest first.
    #[serde(rename = "asc", alias = "@timestamp:asc", alias = "@timestamp")]
    Ascending,
}

/// What stands between two clauses when nothing is written there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultOperator {
    /// Either.
    #[default]
    Or,
    /// Both.
    And,
}
