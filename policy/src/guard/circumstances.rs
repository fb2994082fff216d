//! What surrounds a question beside who, what and what for: legal basis, strength of sign-in, grant, class of fields.

use std::collections::BTreeSet;

use event::{AgencyId, Object, Reach, Timestamp};
use serde::{Deserialize, Serialize};

use super::strength::Strength;
use crate::privacy::Class;

/// What surrounds a question. The default claims nothing, so that lines with conditions do not apply.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// An id of the legal bases of `purposes.yml`; empty for the purpose's own.
    pub basis: String,
    /// How surely it is known who asks.
    pub strength: Strength,
    /// The grant that the subject holds, where one is claimed.
    pub grant: Option<AccessGrant>,
    /// Whether it is asked through the grant and nothing else: what is seen is what was granted, by its fields alone.
    pub through_grant: bool,
    /// The class of fields that it is about; `None` for the object as a whole.
    pub class: Option<Class>,
    /// When, for questions about the past; `None` is now.
    pub at: Option<Timestamp>,
}

impl Circumstances {
    /// Nothing but how surely it is known who asks.
    pub fn of(strength: Strength) -> Self {
        Self { strength, ..Self::default() }
    }
}

/// A right for a time, from an approved request. The guard checks its bounds itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessGrant {
    /// Its id, as explanations name it.
    pub id: String,
    /// What it is about.
    pub object: Object,
    /// Whose data.
    pub agencies: Reach<AgencyId>,
    /// From when on.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// What for; empty for whatever the policy allows.
    #[serde(default)]
    pub purpose: String,
    /// On which legal basis; empty for the purpose's own.
    #[serde(default)]
    pub basis: String,
    /// The fields that are seen, in full names; `None` for those that the role sees.
    #[serde(default)]
    pub fields: Option<BTreeSet<String>>,
    /// The query that finds what is seen; empty for everything.
    #[serde(default)]
    pub filter: String,
}

impl AccessGrant {
    /// A grant over everything of `object` that lies within `agencies`.
    pub fn over(
        id: impl Into<String>,
        object: Object,
        agencies: Reach<AgencyId>,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> Self {
        let id = id.into();
        let (purpose, basis, filter) = (String::new(), String::new(), String::new());
        Self { id, object, agencies, not_before, not_after, purpose, basis, fields: None, filter }
    }
}
