//! Why a search gives no answer.

use event::{Object, Operation};
use thiserror::Error;

use crate::query::QueryError;

/// A search that was refused or could not be done.
#[derive(Debug, Error)]
pub enum SearchError {
    /// The permit is for something else or has ended.
    #[error("permit does not allow to {} {} now", .operation.as_str(), .object.as_str())]
    Denied {
        /// What was wanted.
        operation: Operation,
        /// On what.
        object: Object,
    },
    /// The query cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A field that is masked or hidden for the asker cannot be searched, sorted or aggregated by.
    #[error("field `{field}` is masked for you: it cannot be searched, sorted or aggregated by")]
    FieldMasked {
        /// The field.
        field: String,
    },
    /// A value that does not fit the field or the operator.
    #[error("query, character {position}: {reason}")]
    Value {
        /// Character of the query, counted from 1.
        position: usize,
        /// What does not fit, and the way out.
        reason: String,
    },
    /// A part of the request other than the query that cannot be.
    #[error("`{part}`: {reason}")]
    Request {
        /// The part, as the request calls it.
        part: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The cursor is not one of ours, or belongs to another query.
    #[error("cursor does not belong to this query; start again without one")]
    Cursor,
    /// The masks let counts be seen, and no single events.
    #[error("single events are withheld from you here: ask for totals and aggregations")]
    RowsWithheld,
    /// It differs from an earlier question by too few events.
    #[error(
        "the question differs by fewer than {at_least} events from one that you asked at {asked}: ask that one again, \
         or a question that differs more"
    )]
    TooClose {
        /// The threshold.
        at_least: u64,
        /// When the other question was asked.
        asked: event::Timestamp,
    },
    /// So many different questions were answered under a threshold that no more can be compared.
    #[error(
        "more than {limit} different questions within a day where counts are withheld; ask earlier ones again, or later"
    )]
    TooManyQuestions {
        /// The bound.
        limit: usize,
    },
    /// It took too long.
    #[error("search took longer than {limit_ms} ms; narrow the time range or the query")]
    TimedOut {
        /// The bound in milliseconds.
        limit_ms: u64,
    },
    /// A wildcard or a range reaches too many different values.
    #[error("query reaches more than {limit} different values; narrow its wildcards and ranges")]
    TooBroad {
        /// The bound.
        limit: usize,
    },
    /// The index could not be read.
    #[error("search failed in the index")]
    Index(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl SearchError {
    /// Whether the asker can mend it (as opposed to us).
    pub fn is_request(&self) -> bool {
        !matches!(self, Self::Index(_) | Self::TimedOut { .. })
    }

    pub(crate) fn index(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Index(Box::new(source))
    }
}
