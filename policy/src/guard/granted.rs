//! Grants of approved requests, as the guard holds them: who may name which.

use std::collections::{BTreeMap, BTreeSet};

use event::{AgencyId, Object, UserName};

use super::circumstances::{AccessGrant, Circumstances};

/// Every grant that is held, by its id.
pub type Holdings = BTreeMap<String, Held>;

/// A grant, and who may name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The agency that asked: an account that speaks for another by now has no part in it.
    pub agency: Option<AgencyId>,
    /// The accounts that it is for.
    pub people: BTreeSet<UserName>,
    /// What it grants.
    pub grant: AccessGrant,
}

/// The legal basis that counts: what was stated, else what the grant was given on.
pub(super) fn basis<'c>(circumstances: &'c Circumstances, grant: Option<&'c AccessGrant>) -> &'c str {
    match grant {
        Some(grant) if circumstances.basis.is_empty() => &grant.basis,
        _ => &circumstances.basis,
    }
}

/// Why a grant that was named does not count.
pub(super) fn why_not(circumstances: &Circumstances, object: Object, purpose: &str) -> String {
    match &circumstances.grant {
        None => "no grant was named".to_owned(),
        Some(grant) if grant.object != object => format!("grant `{}` is about `{}`", grant.id, grant.object.as_str()),
        Some(grant) if !grant.purpose.is_empty() && grant.purpose != purpose => {
            format!("grant `{}` is for the purpose `{}`", grant.id, grant.purpose)
        }
        Some(grant) => format!("grant `{}` is in force from {} to {}", grant.id, grant.not_before, grant.not_after),
    }
}
