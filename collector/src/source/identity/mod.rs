//! What senders said that their records are: `_bulk`'s `_id`, `Idempotency-Key`, a file and the place in it. Only by these is
//! something sent twice recognised; equal records without them are evidence and stay.
//!
//! The fact that something was stored lies in the spool record itself ([`Record::dedupe`](crate::Record)), so that it is
//! durable with the record or not at all. [`Identities`] holds those facts in memory, writes them down in batches, and only
//! then passes the spool records that carry them; at start it reads what it wrote, and the spool from there on.
//!
//! Bounds: an identity is remembered for a day at least, unless more than a million come in that time.

mod claim;
mod files;
mod journal;
mod known;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Clock, EventId, Timestamp};
use keys::Sealer;
use tokio_util::sync::CancellationToken;

pub use claim::{Claim, Verdict};
pub use files::{FileId, Place, write as file_note};
pub use known::{Entry, Identity, check, write as note};

use crate::spool::{Consumer, Spool};
use crate::{Record, SpoolError};
use files::Files;
use journal::Journal;
use known::Known;

/// The consumer of the spool by which segments are kept until their identities are written down.
pub const CONSUMER: &str = "identities";
/// How often what is new is written down.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Records read at once at start.
const BATCH_RECORDS: usize = 4_096;
/// Longest wait for a batch that is there.
const BATCH_WAIT: Duration = Duration::from_secs(5);

/// What is remembered of what senders said.
#[derive(Debug)]
pub struct Identities {
    state: Mutex<State>,
    spool: Arc<Spool>,
    clock: Arc<dyn Clock>,
    sealed_under: AtomicU32,
}

#[derive(Debug, Default)]
struct State {
    known: Known,
    files: Files,
    /// What is being stored now, with the lowest number that its records can get.
    claims: BTreeMap<u64, EventId>,
    claims_made: u64,
    /// Known, and not written down yet.
    unwritten: Vec<Entry>,
    files_changed: bool,
}

/// Writes down what is new; made by [`Identities::open`].
#[derive(Debug)]
pub struct Writer {
    identities: Arc<Identities>,
    consumer: Consumer,
    journal: Journal,
}

impl Identities {
    /// Reads what was written in `dir`, and the spool behind that. Nothing may be submitted to the spool meanwhile.
    ///
    /// # Errors
    /// When the directory or the spool cannot be read.
    pub async fn open(
        dir: PathBuf,
        sealer: Sealer,
        spool: Arc<Spool>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<Self>, Writer), SpoolError> {
        let mut state = State::default();
        let (journal, read) = Journal::open(dir, sealer, clock.now())?;
        for entry in read.entries {
            state.known.insert(entry);
        }
        state.files = read.files;
        let mut consumer = spool.reader(CONSUMER, None)?;
        while consumer.behind() > 0 {
            for (_, record) in consumer.next_batch(BATCH_RECORDS, BATCH_WAIT).await? {
                state.recall(&record);
            }
        }
        let sealed_under = AtomicU32::new(0);
        let identities = Arc::new(Self { state: Mutex::new(state), spool, clock, sealed_under });
        let writer = Writer { identities: Arc::clone(&identities), consumer, journal };
        Ok((identities, writer))
    }

    /// Says that entries are about to be stored; the verdict for each says whether it must be. What is given back must be
    /// told when they are, and forgets them when it is dropped before.
    pub fn claim(self: &Arc<Self>, entries: Vec<Entry>) -> (Vec<Verdict>, Claim) {
        let mut state = self.state();
        state.claims_made += 1;
        let number = state.claims_made;
        let next = self.spool.next_id();
        state.claims.insert(number, next);
        let (verdicts, mine) = state.known.claim(entries);
        drop(state);
        (verdicts, Claim::new(Arc::clone(self), number, mine))
    }

    /// The generation of the sealing key under which everything written down is sealed.
    pub fn sealed_under(&self) -> u32 {
        self.sealed_under.load(Ordering::Acquire)
    }

    /// Up to where a file is stored.
    pub fn file_place(&self, file: FileId) -> Option<Place> {
        self.state().files.place(file)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The number below which every identity is in memory: nothing that is still being stored can get a lower one.
    fn settled(&self, state: &State) -> EventId {
        let end = self.spool.next_id();
        state.claims.values().copied().min().map_or(end, |lowest| lowest.min(end))
    }
}

impl State {
    /// What a record in the spool says about itself.
    fn recall(&mut self, record: &Record) {
        let Some(text) = record.dedupe.as_deref() else { return };
        if let Some((file, place)) = files::read(text) {
            self.files.set(file, place);
            self.files_changed = true;
        }
        for entry in known::read(text) {
            if self.known.insert(entry) {
                self.unwritten.push(entry);
            }
        }
    }
}

impl Writer {
    /// Writes down what is new until `cancel`, and once more then.
    /// What cannot be written is told and tried again, and the spool keeps it meanwhile.
    pub async fn run(mut self, cancel: CancellationToken) {
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(WRITE_EVERY) => {}
            }
            self.write().await;
        }
        self.write().await;
    }

    /// Writes down what is new, then passes the spool records that said it.
    pub(super) async fn write(&mut self) {
        let now = self.identities.now();
        let (unwritten, files, settled) = {
            let mut state = self.identities.state();
            let settled = self.identities.settled(&state);
            let files = std::mem::take(&mut state.files_changed).then(|| state.files.clone());
            if self.journal.is_full(now) {
                self.journal.turn(now);
                state.known.turn();
            }
            (std::mem::take(&mut state.unwritten), files, settled)
        };
        let written = tokio::task::block_in_place(|| self.journal.write(&unwritten, files.as_ref()));
        if let Err(error) = written {
            tracing::error!(error = %crate::spool::chain(&error), "identities not written down; the spool keeps them");
            let mut state = self.identities.state();
            state.unwritten.splice(0..0, unwritten);
            state.files_changed |= files.is_some();
            return;
        }
        match tokio::task::block_in_place(|| self.journal.reseal()) {
            Ok(generation) => self.identities.sealed_under.store(generation, Ordering::Release),
            Err(error) => {
                tracing::error!(error = %crate::spool::chain(&error), "identities not sealed anew; trying again");
            }
        }
        if let Err(error) = self.consumer.commit(settled).await {
            tracing::warn!(error = %crate::spool::chain(&error), "position of identities not stored");
        }
    }
}
