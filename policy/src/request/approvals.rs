//! Approvals: so many, by different persons of different units, none of them by who asked or gets something.

use event::{AgencyId, Timestamp, UserName};
use serde::{Deserialize, Serialize};

use crate::CareError;

/// Who acts, and for which unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The account.
    pub name: UserName,
    /// The agency that it speaks for; oversight speaks for none, which is a unit of its own.
    pub unit: Option<AgencyId>,
}

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who approved.
    pub by: UserName,
    /// For which unit.
    pub unit: Option<AgencyId>,
    /// When.
    pub time: Timestamp,
}

/// The approvals of one thing, and how many it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// How many it takes.
    pub needed: usize,
    /// Those that were given.
    pub given: Vec<Approval>,
}

impl Approvals {
    /// None yet, of so many.
    pub fn of(needed: usize) -> Self {
        Self { needed, given: Vec::new() }
    }

    /// Whether it is approved.
    pub fn complete(&self) -> bool {
        self.given.len() >= self.needed
    }

    /// Whether `by` may decide; `concerned` are those who asked, or who get something.
    ///
    /// # Errors
    /// [`CareError::SamePerson`].
    pub fn may_decide<'n>(
        &self,
        by: &Party,
        concerned: impl IntoIterator<Item = &'n UserName>,
    ) -> Result<(), CareError> {
        let same = |reason: &str| Err(CareError::SamePerson { reason: reason.to_owned() });
        if concerned.into_iter().any(|name| *name == by.name) {
            return same("nobody decides on what he asked for himself, or gets himself");
        }
        if by.name.as_str().contains(':') {
            return same("whoever decides is somebody with a name: use an account's token");
        }
        if self.given.iter().any(|given| given.by == by.name) {
            return same("you approved this already; it takes somebody else");
        }
        Ok(())
    }

    /// Adds an approval of who may decide.
    ///
    /// # Errors
    /// [`CareError::SamePerson`] when the unit approved already.
    pub fn add(&mut self, by: &Party, time: Timestamp) -> Result<(), CareError> {
        if self.given.iter().any(|given| given.unit == by.unit) {
            let reason = "this takes approvers of different units, and yours approved already".to_owned();
            return Err(CareError::SamePerson { reason });
        }
        self.given.push(Approval { by: by.name.clone(), unit: by.unit.clone(), time });
        Ok(())
    }
}
