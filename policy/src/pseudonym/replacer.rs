//! A batch of events and findings on its way to tokens.

use std::sync::Arc;

use event::{Event, Finding};

use super::batch::{Batch, Piece};
use super::find::Find;
use super::finding::{self, Plan};
use super::{OWN_SOURCES, Pseudonyms, write};
use crate::VaultError;

/// Replaces personal values, batch after batch; one a thread, since it uses its memory again.
#[derive(Debug)]
pub struct Replacer {
    all: Arc<Pseudonyms>,
    find: Find,
    batch: Batch,
    events: Vec<Vec<Piece>>,
    findings: Vec<Plan>,
}

impl Replacer {
    /// With nothing taken yet.
    pub fn new(all: Arc<Pseudonyms>) -> Self {
        Self { all, find: Find::default(), batch: Batch::default(), events: Vec::new(), findings: Vec::new() }
    }

    /// Finds the personal values of a batch; `findings` may be about its events or about earlier ones. Events of our own
    /// record are left as they are.
    pub fn read(&mut self, events: &[Event], findings: &[Finding]) {
        self.batch.clear();
        self.events.clear();
        self.findings.clear();
        for event in events {
            let own = event.origin.as_ref().is_some_and(|origin| origin.source.as_str().starts_with(OWN_SOURCES));
            let pieces = if own { Vec::new() } else { self.find.event(&self.all, event, &mut self.batch) };
            self.events.push(pieces);
        }
        for finding in findings {
            let at = events.iter().position(|event| event.id == finding.event);
            let about = at.and_then(|at| events.get(at).zip(self.events.get(at)));
            self.findings.push(finding::plan(&self.all, &mut self.find, &mut self.batch, finding, about));
        }
    }

    /// Gets the tokens of what was read.
    ///
    /// # Errors
    /// [`VaultError`]; nothing is replaced then, and the batch can be read again.
    pub async fn enter(&mut self) -> Result<(), VaultError> {
        self.batch.enter(&self.all.vault).await
    }

    /// Writes the events with tokens into `out`, in their order, and puts tokens into the findings. To be called with what
    /// was read, after [`Replacer::enter`]: a value without a token is left out.
    pub fn write(&self, events: &[Event], findings: &mut [Finding], out: &mut Vec<Event>) {
        out.resize_with(events.len(), Event::new);
        for ((event, pieces), stored) in events.iter().zip(&self.events).zip(out.iter_mut()) {
            write::event(&self.batch, event, pieces, stored);
        }
        for (finding, plan) in findings.iter_mut().zip(&self.findings) {
            finding::write(&self.batch, plan, finding);
        }
    }
}
