//! Masks of a grant: the fields that it names are seen as they are stored, and beside them what says when and whose.

use std::borrow::Cow;
use std::collections::BTreeSet;

use event::{Counts, Masks, Visibility};

use super::RoleMasks;

/// What is seen with every grant, as the role sees it: when, where from, of which data set.
const ALWAYS: [&str; 5] = ["@timestamp", "event.dataset", "event.ingested", "metrosoc.agency.id", "metrosoc.site.id"];
/// The fields that carry a whole text.
const WHOLE: [&str; 2] = ["message", "event.original"];

/// The fields of a grant and nothing else.
#[derive(Debug)]
pub struct GrantMasks {
    role: RoleMasks,
    fields: BTreeSet<String>,
}

impl GrantMasks {
    /// `fields` in clear, those of every grant as `role` sees them, the others hidden; what lines of the policy hide stays
    /// hidden.
    pub fn new(role: RoleMasks, fields: BTreeSet<String>) -> Self {
        Self { role, fields }
    }
}

impl Masks for GrantMasks {
    fn visibility(&self, field: &str) -> Visibility {
        if self.role.hides(field) {
            Visibility::Hidden
        } else if self.fields.contains(field) {
            Visibility::Clear
        } else if ALWAYS.contains(&field) {
            self.role.visibility(field)
        } else {
            Visibility::Hidden
        }
    }

    fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        self.show_about(None, field, value)
    }

    fn show_about<'v>(&self, person: Option<&str>, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
        match self.visibility(field) {
            Visibility::Clear => Some(Cow::Borrowed(value)),
            Visibility::Masked => self.role.show_about(person, field, value),
            Visibility::Hidden => None,
        }
    }

    fn person_fields(&self) -> &[String] {
        self.role.person_fields()
    }

    fn counts(&self) -> Counts {
        self.role.counts()
    }

    fn free_text(&self) -> bool {
        WHOLE.iter().all(|field| self.fields.contains(*field) && !self.role.hides(field))
    }
}
