//! Why a hunt gives no answer.

use thiserror::Error;

use super::walk::Stop;
use crate::search::SearchError;

/// A hunt that was refused or could not be done.
#[derive(Debug, Error)]
pub enum HuntError {
    /// What search refuses too: a permit for something else, a masked field, an index that cannot be read.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// What the asker may see changed while it ran.
    #[error("what you may see has changed since the start; start again")]
    Changed,
    /// Somebody cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// The range that is asked is none.
    #[error("`{part}`: {reason}")]
    Request {
        /// The part, as the request calls it.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A stored event cannot be read back.
    #[error("event `{id}` cannot be read back from the index")]
    Stored {
        /// Its position.
        id: u64,
        /// What is damaged; the packed form is so as a whole.
        source: Option<event::json::ReadError>,
    },
}

impl HuntError {
    /// The index cannot be read.
    pub(super) fn index(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Search(SearchError::index(source))
    }
}

impl From<Stop> for HuntError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Cancelled => Self::Cancelled,
            Stop::Index(error) => Self::index(error),
        }
    }
}
