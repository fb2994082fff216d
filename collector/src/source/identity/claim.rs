//! Something that is being stored: others who send the same must wait for its end.

use std::sync::Arc;

use super::Identities;
use super::files::{FileId, Place};
use super::known::Entry;

/// What is known of an identity that somebody is about to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: store it.
    Fresh,
    /// The same was stored before.
    Same,
    /// Another content was stored under it before; its check is here.
    Other(u64),
    /// It is being stored now: the outcome is not known yet.
    Busy,
}

/// The end of storing. Dropping it says that nothing was stored.
#[derive(Debug)]
#[must_use = "dropping it says that nothing was stored"]
pub struct Claim {
    identities: Arc<Identities>,
    number: u64,
    entries: Vec<Entry>,
}

impl Claim {
    pub(super) fn new(identities: Arc<Identities>, number: u64, entries: Vec<Entry>) -> Self {
        Self { identities, number, entries }
    }

    /// Everything that was fresh is durable.
    pub fn stored(mut self) {
        let entries = std::mem::take(&mut self.entries);
        let mut state = self.identities.state();
        for entry in entries {
            state.known.release(entry.identity);
            if entry.lasting && state.known.insert(entry) {
                state.unwritten.push(entry);
            }
        }
    }

    /// A file is durable up to `place`.
    pub fn stored_file(self, file: FileId, place: Place) {
        let mut state = self.identities.state();
        state.files.set(file, place);
        state.files_changed = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.identities.state();
        for entry in &self.entries {
            state.known.release(entry.identity);
        }
        state.claims.remove(&self.number);
    }
}
