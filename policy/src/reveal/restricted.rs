//! Pseudonyms of persons whose data is not processed further: not turned back for who is not named for that purpose.

use std::collections::BTreeSet;

use event::Permit;

use crate::CareError;

/// Refuses pseudonyms that the permit withholds. What is withheld is that of the permit's subject and purpose.
///
/// # Errors
/// [`CareError::Restricted`] with how many they are, and the first.
pub fn unrestricted(permit: &Permit, tokens: &BTreeSet<String>) -> Result<(), CareError> {
    let Some(withheld) = permit.withheld() else { return Ok(()) };
    let mut restricted = tokens.intersection(withheld);
    let Some(first) = restricted.next() else { return Ok(()) };
    Err(CareError::Restricted {
        token: first.clone(),
        others: restricted.count(),
        purpose: permit.purpose().to_owned(),
    })
}
