//! What the pipeline sees of log sources and fields: shared with who asks which rules are silent, kept over a restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use detector::seen::{Seen, Shapes};
use event::{Event, Timestamp};

use super::sealed::SealedFile;

/// The label of the sealing key.
pub const LABEL: &str = "seen";
/// Bound to the seal.
pub const AAD: &[u8] = b"metrosoc/seen/1";
/// How often it is kept on disk, when something changed.
const KEEP_EVERY: Duration = Duration::from_secs(30);

/// What was seen; the pipeline writes it, the API reads it.
pub type Shared = Arc<Mutex<Seen>>;

/// What was seen, as it is now.
pub fn of(shared: &Shared) -> MutexGuard<'_, Seen> {
    // Every change leaves it whole, so what a panic left can be used.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pipeline's side.
pub struct Watch {
    shared: Shared,
    shapes: Shapes,
    file: SealedFile,
    /// The count of changes when it was kept last.
    kept: u64,
    kept_at: Instant,
}

impl Watch {
    /// Goes on with what the file has; a file that cannot be used is told, and looking begins at `now`.
    pub fn open(file: SealedFile, now: Timestamp) -> Self {
        let read = file.read().and_then(|bytes| Ok(bytes.map(|bytes| Seen::load(&bytes)).transpose()?));
        let seen = read.unwrap_or_else(|error| {
            let path = file.path().display();
            tracing::error!(%path, error = format!("{error:#}"), "what was seen of events is lost; looking begins anew");
            None
        });
        let shared = Arc::new(Mutex::new(seen.unwrap_or_else(|| Seen::new(now))));
        Self { shared, shapes: Shapes::default(), file, kept: 0, kept_at: Instant::now() }
    }

    /// For who asks.
    pub fn shared(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    /// Takes in an event whose log sources have this mark; cheap for a shape that was met today.
    pub fn note(&mut self, sources: u64, event: &Event, now: Timestamp) {
        if self.shapes.is_new(sources, event, now) {
            of(&self.shared).note(event, now);
        }
    }

    /// Keeps it on disk when something changed and it is time, or `at_once`. A failure is told and tried again.
    pub fn keep(&mut self, now: Timestamp, at_once: bool) {
        if !at_once && self.kept_at.elapsed() < KEEP_EVERY {
            return;
        }
        self.kept_at = Instant::now();
        let (changes, saved) = {
            let mut seen = of(&self.shared);
            if seen.changes() == self.kept {
                return;
            }
            (seen.changes(), seen.save(now))
        };
        let written = saved.map_err(anyhow::Error::from).and_then(|bytes| self.file.write(&bytes));
        match written {
            Ok(()) => self.kept = changes,
            Err(error) => tracing::error!(error = format!("{error:#}"), "what was seen of events not kept"),
        }
    }
}
