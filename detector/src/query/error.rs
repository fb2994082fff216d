//! What can be wrong with a query, and where.

use thiserror::Error;

/// A query that cannot be read: where, what stood there and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("query, character {position}: expected {expected}, found {found}")]
pub struct QueryError {
    /// Character of the query, counted from 1.
    pub position: usize,
    /// What could have stood there.
    pub expected: &'static str,
    /// What stood there, in backticks, or `the end`.
    pub found: String,
}
