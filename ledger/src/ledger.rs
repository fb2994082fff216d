//! The handle: open, append, read.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use event::{Clock, Signer};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::beside::QUESTION_KEY;
use crate::disk::Gate;
use crate::evidence::{BATCH_ACTION, BatchDetail};
use crate::mirror::{self, Mirror};
use crate::question::Question;
use crate::segment::{self, Lines, Next};
use crate::walk::Key;
use crate::writer::{Asked, Request, Writer};
use crate::{
    Batch, EMPTY_ROOT, Entry, Fault, Hash, LedgerError, Line, SignedCheckpoint, StoredEntry, destroy, open, parse_line,
};

/// Entries that one [`Ledger::read`] gives at most.
pub const READ_MAX: u64 = 10_000;

/// Appends that wait; further ones wait for a place.
const WAITING_MAX: usize = 4096;
/// A segment that is longer is followed by a new one.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// That an entry is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its place.
    pub index: u64,
}

/// What was put right when the ledger was opened; each is also an entry (`ledger_repair`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// A crash left bytes behind the last checkpoint; they were never acknowledged and are gone.
    TornEnd {
        /// How many.
        bytes: u64,
        /// Entries before them.
        after: u64,
    },
    /// The stored tree did not agree and was made anew from the entries.
    Tree,
    /// The newest checkpoint was unreadable and was written anew: a cut end would not have been noticed.
    Checkpoint {
        /// What was wrong with it.
        reason: &'static str,
    },
}

/// What readers see: the durable state.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) signed: Option<SignedCheckpoint>,
    pub(crate) segments: Vec<u64>,
}

/// Handle to an open ledger; clones share it. The last one to go ends the writer.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    directory: PathBuf,
    head: Arc<RwLock<Head>>,
    repairs: Vec<Repair>,
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    /// One destruction at a time.
    pub(crate) destroying: Mutex<()>,
}

impl Ledger {
    /// Opens the ledger in a directory, made when it is missing, and repairs what a crash left behind.
    ///
    /// # Errors
    /// When it is open elsewhere, was signed by another key, is damaged, or the disk refuses.
    pub fn open(directory: &Path, signer: Arc<dyn Signer>, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        Self::open_with(directory, signer, clock, (Gate::open(), SEGMENT_BYTES_MAX), None)
    }

    /// [`Ledger::open`], with each newest checkpoint dropped into another directory as `checkpoint`, which is best on
    /// another machine. A disk there that fails or hangs delays nothing.
    ///
    /// # Errors
    /// As [`Ledger::open`], and when the checkpoint that lies there already speaks of more entries than there are
    /// ([`Fault::Cut`]), of others ([`Fault::Rewritten`]), or of another ledger.
    pub fn open_mirrored(
        directory: &Path,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        mirror: &Path,
    ) -> Result<Self, LedgerError> {
        Self::open_with(directory, signer, clock, (Gate::open(), SEGMENT_BYTES_MAX), Some(mirror))
    }

    pub(crate) fn open_with(
        directory: &Path,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        (gate, segment_bytes_max): (Gate, u64),
        mirror: Option<&Path>,
    ) -> Result<Self, LedgerError> {
        let key = Key { name: signer.name().to_owned(), public_key: signer.public_key().to_vec() };
        let mut loaded = open::load(directory, &key)?;
        let repairs = std::mem::take(&mut loaded.repairs);
        let signed = loaded.sealed.checkpoint.clone();
        let size = loaded.sealed.position.frontier.size();
        let mirror = match mirror {
            Some(outside) => {
                mirror::check(outside, directory, &key, size)?;
                Some(Mirror::start(outside)?)
            }
            None => None,
        };
        let head = Arc::new(RwLock::new(Head { signed, segments: loaded.segments.clone() }));
        let settings = (gate, segment_bytes_max, mirror);
        let mut writer = Writer::new(directory, signer, clock, Arc::clone(&head), loaded, settings)?;
        if !repairs.is_empty() {
            tracing::warn!(?repairs, "ledger repaired");
            let entries: Vec<_> = repairs.iter().map(|repair| Asked::from(repair.entry())).collect();
            writer.append(&entries)?;
        }
        let (requests, receiver) = mpsc::channel(WAITING_MAX);
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || writer.run(receiver));
        let writer = Some(thread.map_err(LedgerError::disk(directory))?);
        let (directory, destroying) = (directory.to_owned(), Mutex::new(()));
        let shared = Shared { directory, head, repairs, requests: Some(requests), writer, destroying };
        let ledger = Self { shared: Arc::new(shared) };
        if let Some(destruction) = destroy::interrupted(ledger.directory()) {
            tracing::warn!("destruction that a crash interrupted is done again");
            // On a thread of its own, since this one may belong to a runtime.
            let done = std::thread::scope(|scope| scope.spawn(|| ledger.destroy(&destruction)).join());
            if let Ok(Err(error)) = done {
                tracing::error!(error = &error as &dyn std::error::Error, "interrupted destruction not done");
            }
        }
        Ok(ledger)
    }

    /// Appends an entry; answers when it is durable, together with all that were waiting with it.
    ///
    /// A caller who gives up waiting may find the entry in the ledger nevertheless.
    ///
    /// # Errors
    /// When the entry breaks a bound or the disk refuses. Then nothing was recorded, and what the entry would have
    /// said must not be done.
    pub async fn append(&self, entry: Entry) -> Result<Receipt, LedgerError> {
        self.ask(entry.into()).await
    }

    /// Appends entries in their order, as [`Ledger::append`] each; they wait for the disk together.
    ///
    /// # Errors
    /// The first refusal, once all are answered: those that were not refused are in the ledger.
    pub async fn append_all(&self, entries: Vec<Entry>) -> Result<Vec<Receipt>, LedgerError> {
        let requests = self.shared.requests.as_ref().ok_or(LedgerError::Closed)?;
        let mut answers = Vec::with_capacity(entries.len());
        for entry in entries {
            let (answer, answered) = oneshot::channel();
            requests.send(Request::Append(entry.into(), answer)).await.map_err(|_| LedgerError::Closed)?;
            answers.push(answered);
        }
        let mut receipts = Vec::with_capacity(answers.len());
        for answered in answers {
            receipts.push(answered.await.unwrap_or(Err(LedgerError::Closed)));
        }
        receipts.into_iter().collect()
    }

    async fn ask(&self, asked: Asked) -> Result<Receipt, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let requests = self.shared.requests.as_ref().ok_or(LedgerError::Closed)?;
        requests.send(Request::Append(asked, answer)).await.map_err(|_| LedgerError::Closed)?;
        answered.await.unwrap_or(Err(LedgerError::Closed))
    }

    /// [`Ledger::append`] for threads outside the runtime.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append_blocking(&self, entry: Entry) -> Result<Receipt, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let requests = self.shared.requests.as_ref().ok_or(LedgerError::Closed)?;
        requests.blocking_send(Request::Append(entry.into(), answer)).map_err(|_| LedgerError::Closed)?;
        answered.blocking_recv().unwrap_or(Err(LedgerError::Closed))
    }

    /// Records a batch: an entry `batch_indexed` with the root over its leaves, salts and leaves beside the log,
    /// durable together. An empty batch is refused.
    ///
    /// # Errors
    /// As [`Ledger::append`]; the batch can be given again.
    pub async fn append_batch(&self, batch: &Batch) -> Result<Receipt, LedgerError> {
        let refused = |reason: &str| LedgerError::Refused { reason: reason.to_owned() };
        if let Some(reason) = batch.fault() {
            return Err(refused(reason));
        }
        let (first, last) = batch.events().ok_or_else(|| refused("its batch is empty"))?;
        let detail = BatchDetail { count: batch.len() as u64, root: hex::encode(batch.root()) };
        let entry = Entry::new("metrosoc", BATCH_ACTION, format!("events:{first}-{last}"), json!(detail));
        self.ask(Asked { entry, beside: Some(batch.attachment()) }).await
    }

    /// Records an entry that asks a question: its detail, which is an object, gets a commitment to the text as
    /// `question`; the text itself lies beside the log, where it can be destroyed.
    ///
    /// # Errors
    /// As [`Ledger::append`], and when the text is longer than [`crate::QUESTION_BYTES_MAX`] or the detail no object.
    pub async fn append_question(&self, mut entry: Entry, text: &str) -> Result<Receipt, LedgerError> {
        let question = Question::new(text)?;
        let Some(detail) = entry.detail.as_object_mut() else {
            return Err(LedgerError::Refused { reason: "the detail of its question is no object".to_owned() });
        };
        detail.insert(QUESTION_KEY.to_owned(), hex::encode(question.hash()).into());
        self.ask(Asked { entry, beside: Some(question.attachment()) }).await
    }

    /// Whether the disk takes writes, found out by writing; for readiness.
    ///
    /// # Errors
    /// When it does not.
    pub async fn writable(&self) -> Result<(), LedgerError> {
        let (answer, answered) = oneshot::channel();
        let requests = self.shared.requests.as_ref().ok_or(LedgerError::Closed)?;
        requests.send(Request::Probe(answer)).await.map_err(|_| LedgerError::Closed)?;
        answered.await.unwrap_or(Err(LedgerError::Closed))
    }

    /// How many entries are durable.
    pub fn len(&self) -> u64 {
        self.checkpoint().map_or(0, |signed| signed.checkpoint.size)
    }

    /// Whether there is no entry yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The root of the tree over all of them.
    pub fn root(&self) -> Hash {
        self.checkpoint().map_or(EMPTY_ROOT, |signed| signed.checkpoint.root)
    }

    /// The newest checkpoint; `None` before the first entry. Its note is what others keep.
    pub fn checkpoint(&self) -> Option<SignedCheckpoint> {
        self.shared.head.read().unwrap_or_else(PoisonError::into_inner).signed.clone()
    }

    /// The newest checkpoint with the first entries of the segments that lead to it.
    pub(crate) fn head(&self) -> (Option<SignedCheckpoint>, Vec<u64>) {
        let head = self.shared.head.read().unwrap_or_else(PoisonError::into_inner);
        (head.signed.clone(), head.segments.clone())
    }

    /// What was put right when the ledger was opened.
    pub fn repairs(&self) -> &[Repair] {
        &self.shared.repairs
    }

    /// Where the ledger lies, for [`crate::verify`].
    pub fn directory(&self) -> &Path {
        &self.shared.directory
    }

    /// Reads entries, at most [`READ_MAX`] of them; what lies behind the end is left out. Reads files: call it where
    /// blocking is allowed.
    ///
    /// # Errors
    /// When a file cannot be read or an entry in the range was changed.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, LedgerError> {
        let mut entries = Vec::new();
        self.each(range, |index, first, line| {
            let file = || segment::name(first);
            match parse_line(line).map_err(|reason| Fault::Changed { index, file: file(), reason })? {
                Line::Entry(entry) if entry.index == index => entries.push(entry),
                Line::Entry(entry) => {
                    return Err(Fault::OutOfOrder { expected: index, found: entry.index, file: file() }.into());
                }
                Line::Checkpoint { .. } => {}
            }
            Ok(())
        })?;
        Ok(entries)
    }

    /// Goes through the lines of entries, at most [`READ_MAX`]: their index, their segment, their line.
    pub(crate) fn each(
        &self,
        range: Range<u64>,
        mut found: impl FnMut(u64, u64, &[u8]) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let (size, segments) = {
            let head = self.shared.head.read().unwrap_or_else(PoisonError::into_inner);
            (head.signed.as_ref().map_or(0, |signed| signed.checkpoint.size), head.segments.clone())
        };
        let wanted = range.start..range.end.min(size).min(range.start.saturating_add(READ_MAX));
        let start = segments.partition_point(|first| *first <= range.start).saturating_sub(1);
        for first in segments.iter().skip(start).take_while(|first| **first < wanted.end) {
            let path = segment::path(&self.shared.directory, *first);
            let mut lines = Lines::open(&path).map_err(LedgerError::disk(&path))?;
            let mut index = *first;
            while index < wanted.end {
                let Next::Line(bytes) = lines.next().map_err(LedgerError::disk(&path))? else { break };
                if bytes.starts_with(b"# ") {
                    continue;
                }
                if wanted.contains(&index) {
                    found(index, *first, bytes)?;
                }
                index += 1;
            }
        }
        Ok(())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            // It ends after what waits is written.
            let _ = writer.join();
        }
    }
}

impl Repair {
    fn entry(&self) -> Entry {
        let (object, detail) = match self {
            Self::TornEnd { bytes, after } => ("torn_end", json!({ "bytes": bytes, "after": after })),
            Self::Tree => ("tree", json!({})),
            Self::Checkpoint { reason } => ("checkpoint", json!({ "reason": reason })),
        };
        Entry::new("metrosoc", "ledger_repair", object, detail)
    }
}
