//! The one writer: takes what waits as a group, writes it with a checkpoint, one fsync, and answers everybody.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use event::{Clock, Signer};
use tokio::sync::{mpsc, oneshot};

use crate::disk::{Gate, LogFile, Step};
use crate::ledger::Head;
use crate::line::{write_checkpoint, write_entry};
use crate::merkle::Frontier;
use crate::open::{Loaded, NewestFile};
use crate::tree::TreeFiles;
use crate::walk::Key;
use crate::{Checkpoint, Entry, Hash, LedgerError, Receipt, SignedCheckpoint, entry, leaf_hash, open, segment};

/// Entries of a group at most.
const GROUP_MAX: usize = 1024;
/// A group takes no further entry beyond this.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is asked of the writer.
#[derive(Debug)]
pub(crate) enum Request {
    /// To append.
    Append(Entry, oneshot::Sender<Result<Receipt, LedgerError>>),
    /// To say whether it could.
    Probe(oneshot::Sender<Result<(), LedgerError>>),
}

/// The state of the writer; everything in it is durable.
#[derive(Debug)]
pub(crate) struct Writer {
    ledger: PathBuf,
    signer: Arc<dyn Signer>,
    clock: Arc<dyn Clock>,
    head: Arc<RwLock<Head>>,
    gate: Gate,
    segment_bytes_max: u64,
    first: u64,
    log: LogFile,
    tree: TreeFiles,
    newest: NewestFile,
    frontier: Frontier,
    previous: Hash,
    /// The log must be opened again before the next group.
    log_broken: bool,
    /// So must the tree and the newest checkpoint.
    derived_broken: bool,
    /// Held as long as the writer lives.
    _lock: std::fs::File,
}

/// A group on its way to the disk.
struct Staged {
    bytes: Vec<u8>,
    frontier: Frontier,
    previous: Hash,
    hashes: Vec<(u32, Hash)>,
}

impl Writer {
    pub(crate) fn new(
        ledger: &Path,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        head: Arc<RwLock<Head>>,
        loaded: Loaded,
        (gate, segment_bytes_max): (Gate, u64),
    ) -> Result<Self, LedgerError> {
        let first = loaded.segments.last().copied().unwrap_or(0);
        let path = segment::path(ledger, first);
        let log = LogFile::open(&path, loaded.sealed.bytes, gate.clone()).map_err(LedgerError::disk(&path))?;
        if let Some(signed) = &loaded.sealed.checkpoint {
            loaded.newest.write(signed).map_err(LedgerError::disk(ledger))?;
        }
        Ok(Self {
            ledger: ledger.to_owned(),
            signer,
            clock,
            head,
            gate,
            segment_bytes_max,
            first,
            log,
            tree: loaded.tree,
            newest: loaded.newest,
            previous: loaded.sealed.position.previous,
            frontier: loaded.sealed.position.frontier,
            log_broken: false,
            derived_broken: false,
            _lock: loaded.lock,
        })
    }

    /// Serves until every handle is gone.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let mut waiting = Some(first);
            while let Some(request) = waiting.take() {
                match request {
                    Request::Probe(answer) => {
                        let _ = answer.send(self.probe());
                    }
                    Request::Append(entry, answer) => {
                        let (group, other) = gather(entry, answer, &mut requests);
                        self.answer(group);
                        waiting = other;
                    }
                }
            }
        }
        if let Err(error) = self.newest.sync() {
            tracing::warn!(%error, "newest checkpoint not synced at the end");
        }
    }

    /// Appends a group and tells everybody in it. An entry that breaks a bound is refused alone.
    fn answer(&mut self, group: Vec<(Entry, oneshot::Sender<Result<Receipt, LedgerError>>)>) {
        let mut entries = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        for (entry, answer) in group {
            entries.push(entry);
            answers.push(answer);
        }
        match self.append(&entries) {
            Ok(receipts) => {
                for (answer, receipt) in answers.into_iter().zip(receipts) {
                    // Whoever has gone does not want to know.
                    let _ = answer.send(receipt);
                }
            }
            Err(error) => {
                metrics::counter!("metrosoc_ledger_append_failures_total").increment(answers.len() as u64);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    entries = answers.len(),
                    "ledger append failed"
                );
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    /// Step by step: heal, stage, write and sync, take over. One receipt or refusal for each entry.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<Vec<Result<Receipt, LedgerError>>, LedgerError> {
        self.heal()?;
        let mut staged = self.stage();
        let receipts: Vec<_> = entries.iter().map(|entry| self.stage_entry(&mut staged, entry)).collect();
        let added = staged.frontier.size() - self.frontier.size();
        if added == 0 {
            return Ok(receipts);
        }
        let signed = self.checkpoint(&staged.frontier);
        write_checkpoint(&mut staged.bytes, &signed);
        if let Err(error) = self.log.append(&staged.bytes) {
            self.log_broken = true;
            return Err(LedgerError::disk(self.log.path())(error));
        }
        // From here on the group is durable, whatever happens to the files that are derived from it.
        metrics::counter!("metrosoc_ledger_entries_total").increment(added);
        metrics::counter!("metrosoc_ledger_groups_total").increment(1);
        self.take_over(staged, &signed);
        Ok(receipts)
    }

    fn stage(&self) -> Staged {
        let (frontier, previous) = (self.frontier.clone(), self.previous);
        Staged { bytes: Vec::new(), frontier, previous, hashes: Vec::new() }
    }

    fn stage_entry(&self, staged: &mut Staged, entry: &Entry) -> Result<Receipt, LedgerError> {
        let index = staged.frontier.size();
        let json = entry::render(entry, index, self.clock.now(), &staged.previous)?;
        let hash = leaf_hash(&json);
        write_entry(&mut staged.bytes, &hash, &json);
        let Staged { frontier, hashes, .. } = staged;
        frontier.push(hash, |level, hash| {
            hashes.push((level, *hash));
            Ok::<_, LedgerError>(())
        })?;
        staged.previous = hash;
        Ok(Receipt { index })
    }

    fn checkpoint(&self, frontier: &Frontier) -> SignedCheckpoint {
        let origin = self.signer.name().to_owned();
        Checkpoint { origin, size: frontier.size(), root: frontier.root() }.sign(self.signer.as_ref())
    }

    fn take_over(&mut self, staged: Staged, signed: &SignedCheckpoint) {
        self.frontier = staged.frontier;
        self.previous = staged.previous;
        for (level, hash) in &staged.hashes {
            self.tree.push(*level, hash);
        }
        if let Err(error) =
            self.gate.pass(Step::Derive).and_then(|()| self.tree.write()).and_then(|()| self.newest.write(signed))
        {
            tracing::error!(%error, "ledger tree or newest checkpoint not written; made anew before the next append");
            self.derived_broken = true;
        }
        let rotated = self.log.durable() >= self.segment_bytes_max && self.rotate();
        let mut head = self.head.write().unwrap_or_else(PoisonError::into_inner);
        head.signed = Some(signed.clone());
        if rotated {
            head.segments.push(self.first);
        }
    }

    /// Begins a new segment. When that fails the old one grows on.
    fn rotate(&mut self) -> bool {
        let first = self.frontier.size();
        let path = segment::path(&self.ledger, first);
        let opened = open::new_file(&path, b"").and_then(|()| LogFile::open(&path, 0, self.gate.clone()));
        match opened {
            Ok(log) => {
                (self.log, self.first) = (log, first);
                true
            }
            Err(error) => {
                // The next group would go to the old segment, so an empty new one must not stay.
                let _ = std::fs::remove_file(&path);
                tracing::warn!(%error, "ledger segment not begun");
                false
            }
        }
    }

    /// Opens again what failed, cut to what is durable.
    fn heal(&mut self) -> Result<(), LedgerError> {
        if self.log_broken {
            let path = self.log.path().to_owned();
            let log = LogFile::open(&path, self.log.durable(), self.gate.clone());
            self.log = log.map_err(LedgerError::disk(&path))?;
            self.log_broken = false;
        }
        if self.derived_broken {
            let key = Key { name: self.signer.name().to_owned(), public_key: self.signer.public_key().to_vec() };
            self.tree = open::rebuild_tree(&self.ledger, &key, self.frontier.size())?;
            let signed = self.checkpoint(&self.frontier);
            let written = NewestFile::open(&self.ledger).and_then(|newest| newest.write(&signed).map(|()| newest));
            self.newest = written.map_err(LedgerError::disk(&self.ledger))?;
            self.derived_broken = false;
        }
        Ok(())
    }

    /// Whether the disk takes writes, found out by writing a file beside the log.
    fn probe(&mut self) -> Result<(), LedgerError> {
        self.heal()?;
        let path = self.ledger.join("probe");
        let written = self.gate.pass(Step::Write).and_then(|()| {
            std::fs::write(&path, [0; 4096])?;
            self.gate.pass(Step::Sync)?;
            std::fs::File::open(&path)?.sync_data()
        });
        let _ = std::fs::remove_file(&path);
        written.map_err(LedgerError::disk(&path))
    }
}

type Waiting = (Entry, oneshot::Sender<Result<Receipt, LedgerError>>);

/// Takes what waits already, up to the bounds of a group; gives back a request of another kind.
fn gather(
    entry: Entry,
    answer: oneshot::Sender<Result<Receipt, LedgerError>>,
    requests: &mut mpsc::Receiver<Request>,
) -> (Vec<Waiting>, Option<Request>) {
    let mut bytes = entry.bytes();
    let mut group = vec![(entry, answer)];
    while group.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX {
        match requests.try_recv() {
            Ok(Request::Append(entry, answer)) => {
                bytes += entry.bytes();
                group.push((entry, answer));
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}
