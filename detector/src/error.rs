//! What can go wrong while detecting, other than a single rule, whose fault is kept beside the rules that loaded.

use thiserror::Error;

/// Failures of the detector's own parts.
#[derive(Debug, Error)]
pub enum DetectorError {
    /// A field map that cannot be used.
    #[error("field map `{path}`: {reason}")]
    FieldMap {
        /// Where it came from.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store refused.
    #[error("alerts cannot be read or written")]
    Store(#[from] store::StoreError),
    /// The store's SQL refused.
    #[error("alerts cannot be read or written")]
    Sql(#[from] sqlx::Error),
    /// What is stored cannot be read back.
    #[error("stored alert `{id}` cannot be read: {reason}")]
    Stored {
        /// The alert.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The permit does not cover this.
    #[error("the permit does not allow to {operation} {object}")]
    NotPermitted {
        /// What was asked for.
        operation: &'static str,
        /// Of what.
        object: &'static str,
    },
    /// No such alert, or not within the permit's scope.
    #[error("alert `{id}` does not exist")]
    NoSuchAlert {
        /// The id that was asked for.
        id: String,
    },
    /// An exception that hides too much or says too little.
    #[error("exception cannot be used: {reason}")]
    UnusableException {
        /// What is wrong with it.
        reason: String,
    },
    /// No such exception.
    #[error("exception `{id}` does not exist")]
    NoSuchException {
        /// The id that was asked for.
        id: String,
    },
    /// A stored exception cannot be read back.
    #[error("stored exception `{id}` cannot be read: {reason}")]
    StoredException {
        /// The exception.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A question or a change that makes no sense.
    #[error("{what} `{text}`: {reason}")]
    Unusable {
        /// Which part of the question.
        what: &'static str,
        /// What was given.
        text: String,
        /// Why it cannot be used.
        reason: &'static str,
    },
    /// Findings from before the position that is already stored.
    #[error("findings up to event {next} were already taken; the position is {position}")]
    Replayed {
        /// The position that came with the findings.
        next: u64,
        /// The stored one.
        position: u64,
    },
}
