//! The one writer: takes what waits as a group, writes it with a checkpoint, one fsync, and answers everybody.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use event::{Clock, Signer, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::destroy::DESTROY_ACTION;
use crate::disk::{Gate, LogFile, Step};
use crate::ledger::Head;
use crate::line::{write_checkpoint, write_entry};
use crate::merkle::Frontier;
use crate::mirror::Mirror;
use crate::open::{Loaded, NewestFile};
use crate::side::{Attachment, Sides};
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
    Append(Asked, oneshot::Sender<Result<Receipt, LedgerError>>),
    /// To say whether it could.
    Probe(oneshot::Sender<Result<(), LedgerError>>),
}

/// An entry, and what is kept beside the log for it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) entry: Entry,
    pub(crate) beside: Option<Attachment>,
}

impl From<Entry> for Asked {
    fn from(entry: Entry) -> Self {
        Self { entry, beside: None }
    }
}

impl Asked {
    /// About how long it will be.
    fn bytes(&self) -> usize {
        self.entry.bytes() + self.beside.as_ref().map_or(0, |beside| beside.body.len())
    }
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
    sides: Sides,
    mirror: Option<Mirror>,
    frontier: Frontier,
    previous: Hash,
    /// Time of the last entry: a clock that is set back does not make entries older than those before them.
    time: Option<Timestamp>,
    /// The log must be opened again before the next group.
    log_broken: bool,
    /// What was written beside the log for entries that are not durable must be taken back before the next group.
    sides_broken: bool,
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
    time: Option<Timestamp>,
    hashes: Vec<(u32, Hash)>,
    /// Whether what lies beside the log goes to new segments from here on.
    closes: bool,
}

impl Writer {
    pub(crate) fn new(
        ledger: &Path,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        head: Arc<RwLock<Head>>,
        loaded: Loaded,
        (gate, segment_bytes_max, mirror): (Gate, u64, Option<Mirror>),
    ) -> Result<Self, LedgerError> {
        let first = loaded.segments.last().copied().unwrap_or(0);
        let path = segment::path(ledger, first);
        let log = LogFile::open(&path, loaded.sealed.bytes, gate.clone()).map_err(LedgerError::disk(&path))?;
        if let Some(signed) = &loaded.sealed.checkpoint {
            loaded.newest.write(signed).map_err(LedgerError::disk(ledger))?;
            mirror.iter().for_each(|mirror| mirror.give(signed));
        }
        let size = loaded.sealed.position.frontier.size();
        let sides = Sides::open(ledger, size, &gate).map_err(LedgerError::disk(ledger))?;
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
            sides,
            mirror,
            previous: loaded.sealed.position.previous,
            time: loaded.sealed.position.time,
            frontier: loaded.sealed.position.frontier,
            log_broken: false,
            sides_broken: false,
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
                    Request::Append(asked, answer) => {
                        let (group, other) = gather(asked, answer, &mut requests);
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
    fn answer(&mut self, group: Vec<Waiting>) {
        let (asked, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.append(&asked) {
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
                    entries = asked.len(),
                    "ledger append failed"
                );
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    /// Step by step: heal, stage, write and sync beside the log, then the log, take over. One receipt or refusal for
    /// each entry.
    pub(crate) fn append(&mut self, asked: &[Asked]) -> Result<Vec<Result<Receipt, LedgerError>>, LedgerError> {
        self.heal()?;
        let mut staged = self.stage();
        let receipts: Vec<_> = asked.iter().map(|asked| self.stage_entry(&mut staged, &asked.entry)).collect();
        let added = staged.frontier.size() - self.frontier.size();
        if added == 0 {
            return Ok(receipts);
        }
        let signed = self.checkpoint(&staged.frontier);
        write_checkpoint(&mut staged.bytes, &signed);
        let beside: Vec<_> = asked
            .iter()
            .zip(&receipts)
            .filter_map(|(asked, receipt)| Some((receipt.as_ref().ok()?.index, asked.beside.as_ref()?)))
            .collect();
        if let Err(error) = self.sides.append(&beside) {
            self.sides_broken = true;
            return Err(LedgerError::disk(&self.ledger)(error));
        }
        if let Err(error) = self.log.append(&staged.bytes) {
            (self.log_broken, self.sides_broken) = (true, true);
            return Err(LedgerError::disk(self.log.path())(error));
        }
        // From here on the group is durable, whatever happens to the files that are derived from it.
        metrics::counter!("metrosoc_ledger_entries_total").increment(added);
        metrics::counter!("metrosoc_ledger_groups_total").increment(1);
        self.take_over(staged, &signed);
        Ok(receipts)
    }

    fn stage(&self) -> Staged {
        let (frontier, previous, time) = (self.frontier.clone(), self.previous, self.time);
        Staged { bytes: Vec::new(), frontier, previous, time, hashes: Vec::new(), closes: false }
    }

    fn stage_entry(&self, staged: &mut Staged, entry: &Entry) -> Result<Receipt, LedgerError> {
        let index = staged.frontier.size();
        let now = self.clock.now();
        let time = staged.time.map_or(now, |before| before.max(now));
        let json = entry::render(entry, index, time, &staged.previous)?;
        let hash = leaf_hash(&json);
        write_entry(&mut staged.bytes, &hash, &json);
        let Staged { frontier, hashes, .. } = staged;
        frontier.push(hash, |level, hash| {
            hashes.push((level, *hash));
            Ok::<_, LedgerError>(())
        })?;
        staged.previous = hash;
        staged.time = Some(time);
        staged.closes |= entry.action == DESTROY_ACTION;
        Ok(Receipt { index })
    }

    fn checkpoint(&self, frontier: &Frontier) -> SignedCheckpoint {
        let origin = self.signer.name().to_owned();
        Checkpoint { origin, size: frontier.size(), root: frontier.root() }.sign(self.signer.as_ref())
    }

    fn take_over(&mut self, staged: Staged, signed: &SignedCheckpoint) {
        self.sides.confirm();
        if staged.closes {
            self.sides.close();
        }
        self.frontier = staged.frontier;
        self.previous = staged.previous;
        self.time = staged.time;
        for (level, hash) in &staged.hashes {
            self.tree.push(*level, hash);
        }
        if let Err(error) =
            self.gate.pass(Step::Derive).and_then(|()| self.tree.write()).and_then(|()| self.newest.write(signed))
        {
            tracing::error!(%error, "ledger tree or newest checkpoint not written; made anew before the next append");
            self.derived_broken = true;
        }
        self.mirror.iter().for_each(|mirror| mirror.give(signed));
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
        if self.sides_broken {
            self.sides.undo().map_err(LedgerError::disk(&self.ledger))?;
            self.sides_broken = false;
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

type Waiting = (Asked, oneshot::Sender<Result<Receipt, LedgerError>>);

/// Takes what waits already, up to the bounds of a group; gives back a request of another kind.
fn gather(
    asked: Asked,
    answer: oneshot::Sender<Result<Receipt, LedgerError>>,
    requests: &mut mpsc::Receiver<Request>,
) -> (Vec<Waiting>, Option<Request>) {
    let mut bytes = asked.bytes();
    let mut group = vec![(asked, answer)];
    while group.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX {
        match requests.try_recv() {
            Ok(Request::Append(asked, answer)) => {
                bytes += asked.bytes();
                group.push((asked, answer));
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}
