//! A batch of events and findings on its way to tokens.

use std::sync::{Arc, Mutex, PoisonError};

use event::{Event, EventId, Finding};
use rustc_hash::FxHashMap;

use super::batch::{Batch, Piece};
use super::find::Find;
use super::finding::{self, Plan};
use super::{OWN_SOURCES, Pseudonyms, write};
use crate::VaultError;

/// Events for which a further thread is worth its while.
const RUN_EVENTS_MIN: usize = 64;

/// Replaces personal values, batch after batch; it uses its memory again.
#[derive(Debug)]
pub struct Replacer {
    all: Arc<Pseudonyms>,
    /// One a thread, at least one.
    finders: Vec<Finder>,
    batch: Batch,
    events: Vec<Vec<Piece>>,
    findings: Vec<Plan>,
}

/// What one thread works in: the values of its part of a batch have numbers of their own.
#[derive(Debug, Default)]
struct Finder {
    find: Find,
    batch: Batch,
    events: Vec<Vec<Piece>>,
}

impl Replacer {
    /// With nothing taken yet; values are looked for on so many threads, at least one.
    pub fn new(all: Arc<Pseudonyms>, threads: usize) -> Self {
        let finders = (0..threads.max(1)).map(|_| Finder::default()).collect();
        Self { all, finders, batch: Batch::default(), events: Vec::new(), findings: Vec::new() }
    }

    /// Finds the personal values of a batch; `findings` may be about its events or about earlier ones. Events of our own
    /// record are left as they are.
    pub fn read(&mut self, events: &[Event], findings: &[Finding]) {
        self.batch.clear();
        self.events.clear();
        self.findings.clear();
        let length = events.len().div_ceil(self.finders.len()).max(RUN_EVENTS_MIN);
        let runs = events.chunks(length).len();
        let waiting = Mutex::new(self.finders.iter_mut().zip(events.chunks(length)));
        let work = || {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((finder, events)) = next else { return };
                finder.read(&self.all, events);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..runs {
                let thread = std::thread::Builder::new().name("finder".to_owned());
                if let Err(error) = thread.spawn_scoped(scope, work) {
                    tracing::warn!(%error, "no further thread to look for personal values on; the batch takes longer");
                    break;
                }
            }
            work();
        });
        for finder in self.finders.iter_mut().take(runs) {
            let numbers = self.batch.take_all(&finder.batch);
            self.events.extend(finder.events.drain(..).map(|pieces| renumbered(pieces, &numbers)));
        }
        self.plan(events, findings);
    }

    fn plan(&mut self, events: &[Event], findings: &[Finding]) {
        let Some(finder) = self.finders.first_mut() else { return };
        let places: FxHashMap<EventId, usize> = match findings {
            [] => FxHashMap::default(),
            _ => events.iter().enumerate().map(|(at, event)| (event.id, at)).collect(),
        };
        for finding in findings {
            let at = places.get(&finding.event).copied();
            let about = at.and_then(|at| events.get(at).zip(self.events.get(at)));
            self.findings.push(finding::plan(&self.all, &mut finder.find, &mut self.batch, finding, about));
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

impl Finder {
    fn read(&mut self, all: &Pseudonyms, events: &[Event]) {
        self.batch.clear();
        self.events.clear();
        for event in events {
            let own = event.origin.as_ref().is_some_and(|origin| origin.source.as_str().starts_with(OWN_SOURCES));
            let pieces = if own { Vec::new() } else { self.find.event(all, event, &mut self.batch) };
            self.events.push(pieces);
        }
    }
}

fn renumbered(mut pieces: Vec<Piece>, numbers: &[u32]) -> Vec<Piece> {
    for piece in &mut pieces {
        // Every number was given by the same batch; a piece of none would be left out of what is written.
        piece.value = numbers.get(piece.value as usize).copied().unwrap_or(u32::MAX);
    }
    pieces
}
