//! The masks through which somebody sees what the policy opens to him.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{Object, Operation, Subject, UserName};

use super::policy::Asker;
use super::{Circumstances, Decision, Guard};
use crate::mask::{Chosen, MaskTable, RoleMasks};
use crate::pseudonym::Retokenised;

/// Whose key masks use.
pub(super) enum Recipient<'a> {
    /// Who looks.
    Subject(&'a Subject),
    /// Who looks through another system.
    Behind { asker: &'a UserName, subject: &'a Subject },
}
impl Guard {
    /// The tokens of whom an export is for; `None` where masks have no key.
    pub fn retokenised(&self, recipient: &str) -> Option<Retokenised> {
        self.masking.as_ref().map(|masking| Retokenised::new(masking.of(&format!("export:{recipient}"))))
    }

    /// The masks that the subject sees events and alerts through.
    pub fn masks(&self, subject: &Subject) -> Arc<MaskTable> {
        match (self.policy_in_force(), Asker::of(subject)) {
            (Ok(policy), Ok(asker)) => policy.masks_of(&asker),
            _ => Arc::new(MaskTable::hidden()),
        }
    }

    /// The masks that records of a dataset of another system are seen through by `subject` for `purpose`. Keyed hashes
    /// are those of `asker` for that subject: what one system is told fits to nothing that another, or a search, shows.
    /// `None` when no choice of `masks.yml` names the dataset, or there is no policy in force.
    pub fn record_masks(&self, subject: &Subject, dataset: &str, purpose: &str, asker: &UserName) -> Option<RoleMasks> {
        let policy = self.policy_in_force().ok()?;
        let role = Asker::of(subject).ok()?.role?;
        if !policy.masks.names_records(dataset) {
            return None;
        }
        let chosen = policy.masks.chosen(role, &format!("records:{dataset}"), purpose);
        Some(self.seen_by(chosen, &Recipient::Behind { asker, subject }))
    }

    /// The masks that `subject` sees an object of the policy through for `purpose`; with keys as in
    /// [`Guard::record_masks`] where another system, `asker`, stands before him.
    pub fn object_masks(
        &self,
        subject: &Subject,
        object: Object,
        purpose: &str,
        asker: Option<&UserName>,
    ) -> RoleMasks {
        let decision = self.decide(subject, Operation::Read, object, purpose, &Circumstances::default());
        let (chosen, fields, hidden) = match decision {
            Ok(Decision { allowed, fields, .. }) => (allowed.masks, fields, allowed.hidden),
            Err(_) => (Chosen::nothing(), None, BTreeSet::new()),
        };
        let recipient = match asker {
            Some(asker) => Recipient::Behind { asker, subject },
            None => Recipient::Subject(subject),
        };
        self.seen_by(chosen, &recipient).hiding(fields, hidden)
    }

    pub(super) fn seen_by(&self, chosen: Chosen, recipient: &Recipient<'_>) -> RoleMasks {
        let with = self.masking.as_ref().map(|masking| {
            let key = match recipient {
                Recipient::Subject(subject) => masking.of_subject(subject),
                Recipient::Behind { asker, subject } => masking.of_subject(subject).behind(asker.as_str()),
            };
            (Arc::clone(masking), key)
        });
        let counts = chosen.counts(with.as_ref().map(|(_, key)| key));
        RoleMasks::new(chosen.table, with, counts)
    }
}
