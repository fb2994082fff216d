//! Why the guard says what it says, and what a subject may do at all.

use std::collections::BTreeMap;

use event::{Object, Operation, Scope, Subject};
use serde::Serialize;

use super::{Circumstances, Decision, Denied, Guard, Purpose, Reason};
use crate::mask::MaskTable;

/// Why the guard says what it says: the answer to "may this subject do that, and why".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Over which part; `None` when it is denied.
    pub scope: Option<Scope>,
    /// The profile of `masks.yml` that the answer is seen through.
    pub masks: String,
    /// Why it is denied.
    pub reason: Option<Reason>,
    /// What is missing, for people; `None` when it is allowed.
    pub missing: Option<&'static str>,
    /// The policy lines that said so, or that would with the condition that is missing.
    pub because: Vec<String>,
    /// Classes of fields that lines hide beside the masks.
    pub hidden_classes: Vec<&'static str>,
    /// The legal basis that was counted; empty without one.
    pub basis: String,
    /// The grant that made it so.
    pub grant: Option<String>,
    /// Which policy that was.
    pub policy_version: String,
}

impl Guard {
    /// Why something is allowed or denied. Issues nothing.
    pub fn explain(&self, subject: &Subject, operation: Operation, object: Object, purpose: &str) -> Explanation {
        self.explain_in(subject, operation, object, purpose, &Circumstances::default())
    }

    /// Why, for who says more about the circumstances. Issues nothing.
    pub fn explain_in(
        &self,
        subject: &Subject,
        operation: Operation,
        object: Object,
        purpose: &str,
        circumstances: &Circumstances,
    ) -> Explanation {
        let policy_version = self.version().unwrap_or_default();
        match self.decide(subject, operation, object, purpose, circumstances) {
            Ok(Decision { allowed, .. }) => Explanation {
                allowed: true,
                scope: Some(allowed.scope),
                masks: allowed.masks.table.name().to_owned(),
                reason: None,
                missing: None,
                because: allowed.because,
                hidden_classes: allowed.hidden.into_iter().map(|class| class.as_str()).collect(),
                basis: allowed.basis,
                grant: circumstances.grant.as_ref().filter(|_| allowed.by_grant).map(|grant| grant.id.clone()),
                policy_version,
            },
            Err(Denied { reason, because }) => Explanation {
                allowed: false,
                scope: None,
                masks: MaskTable::hidden().name().to_owned(),
                reason: Some(reason),
                missing: Some(reason.sentence()),
                because,
                hidden_classes: Vec::new(),
                basis: circumstances.basis.clone(),
                grant: None,
                policy_version,
            },
        }
    }

    /// What the subject may do, stating a purpose where one is needed: what a page shows or leaves out.
    pub fn can(&self, subject: &Subject) -> BTreeMap<Object, Vec<Operation>> {
        let mut can: BTreeMap<Object, Vec<Operation>> = BTreeMap::new();
        let purposes = self.every_purpose();
        for object in Object::ALL {
            for operation in Operation::ALL {
                let may =
                    |purpose: &str| self.decide(subject, operation, object, purpose, &Circumstances::default()).is_ok();
                if may("") || purposes.iter().any(|purpose| may(&purpose.id)) {
                    can.entry(object).or_default().push(operation);
                }
            }
        }
        can
    }

    /// The purposes that the subject may state to do this, in the order of `purposes.yml`.
    pub fn purposes(&self, subject: &Subject, operation: Operation, object: Object) -> Vec<Purpose> {
        let mut purposes = self.every_purpose();
        let plain = Circumstances::default();
        purposes.retain(|purpose| self.decide(subject, operation, object, &purpose.id, &plain).is_ok());
        purposes
    }
}
