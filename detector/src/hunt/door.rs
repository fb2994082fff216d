//! The permit of a hunt: looked at before every piece of work, and asked for again when it has run out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use event::{Clock, Object, Operation, Permit, Timestamp};

use super::{HuntError, Renew};
use crate::search::{SearchError, check_field};

/// The way to a hunt's data.
pub(super) struct Door<'d> {
    permit: Mutex<Permit>,
    renew: Renew<'d>,
    reads: &'d BTreeSet<String>,
    clock: Arc<dyn Clock>,
}

/// Refuses what search would refuse: another permit, or a field that is not clear to it.
pub(super) fn check(permit: &Permit, reads: &BTreeSet<String>, now: Timestamp) -> Result<(), HuntError> {
    if !permit.allows(Operation::Read, Object::Events, now) {
        return Err(SearchError::Denied { operation: Operation::Read, object: Object::Events }.into());
    }
    let counts = permit.masks().counts();
    if !counts.rows || !counts.are_exact() {
        return Err(SearchError::RowsWithheld.into());
    }
    check_field(permit, "@timestamp")?; // findings are counted by it
    reads.iter().try_for_each(|name| check_field(permit, name))?;
    Ok(())
}

impl<'d> Door<'d> {
    /// Behind `permit`, which was checked.
    pub(super) fn new(permit: &Permit, renew: Renew<'d>, reads: &'d BTreeSet<String>, clock: Arc<dyn Clock>) -> Self {
        Self { permit: Mutex::new(permit.clone()), renew, reads, clock }
    }

    /// The permit, which is in force now. It never reaches further than the first one: the counts so far are of that.
    pub(super) fn permit(&self) -> Result<Permit, HuntError> {
        let mut permit = self.permit.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if !permit.allows(Operation::Read, Object::Events, now) {
            let denied = SearchError::Denied { operation: Operation::Read, object: Object::Events };
            let next = (self.renew)().ok_or(denied)?;
            check(&next, self.reads, self.clock.now())?;
            if next.scope() != permit.scope() {
                return Err(HuntError::Changed);
            }
            *permit = next;
        }
        Ok(permit.clone())
    }
}
