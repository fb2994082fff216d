//! Opening a ledger: the lock, the key, the newest checkpoint, and the repair of what a crash left behind.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::disk::sync_dir;
use crate::note::{self, parse_verifier_key};
use crate::tree::{TreeFiles, TreeReader};
use crate::walk::{self, Along, Behind, Key, Position, Sealed};
use crate::{
    Checkpoint, Fault, Hash, LedgerError, Repair, SignedCheckpoint, form, parse_note, segment, tree, verifier_key,
};

const KEY: &str = "key";
const NEWEST: &str = "checkpoint";
const LOCK: &str = "lock";
/// One disk sector, which a disk writes whole or not at all.
const NEWEST_BYTES: usize = 512;

/// A ledger whose end is known and sound.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) sealed: Sealed,
    pub(crate) segments: Vec<u64>,
    pub(crate) tree: TreeFiles,
    pub(crate) newest: NewestFile,
    pub(crate) repairs: Vec<Repair>,
    pub(crate) lock: File,
}

/// Makes or opens the ledger's files and repairs them.
pub(crate) fn load(ledger: &Path, key: &Key) -> Result<Loaded, LedgerError> {
    for directory in [ledger, &segment::directory(ledger), &tree::directory(ledger)] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(LedgerError::disk(directory))?;
    }
    let lock = lock(ledger)?;
    form::settle(ledger)?;
    let mut segments = segment::list(ledger).map_err(LedgerError::disk(ledger))?;
    check_key(ledger, key, segments.is_empty())?;
    if segments.is_empty() {
        segments.push(0);
        let path = segment::path(ledger, 0);
        new_file(&path, b"").map_err(LedgerError::disk(&path))?;
    }
    let newest = read_newest(ledger, key);
    let signed_size = newest.as_ref().map_or(0, |signed| signed.checkpoint.size);
    let (sealed, tree, mut repairs) = walk_end(ledger, key, &segments, signed_size)?;
    let size = sealed.position.frontier.size();
    match &newest {
        Err(Fault::Newest { reason, .. }) if size > 0 => {
            repairs.push(Repair::Checkpoint { reason });
        }
        Err(_) => {}
        Ok(signed) => agrees(signed, &sealed)?,
    }
    let newest = NewestFile::open(ledger).map_err(LedgerError::disk(&ledger.join(NEWEST)))?;
    Ok(Loaded { sealed, segments, tree, newest, repairs, lock })
}

/// Walks along the last segment that holds a checkpoint, on top of the stored tree; along all of them when that does
/// not come out even.
fn walk_end(
    ledger: &Path,
    key: &Key,
    segments: &[u64],
    signed_size: u64,
) -> Result<(Sealed, TreeFiles, Vec<Repair>), LedgerError> {
    let mut trusted = true;
    // A segment that was just begun holds no checkpoint yet.
    for start in (1..segments.len()).rev().take(2) {
        let first = segments.get(start).copied().unwrap_or(0);
        let opened = TreeFiles::open(ledger, first).and_then(|tree| Ok((tree, position(ledger, first)?)));
        let Ok((tree, position)) = opened else {
            trusted = false;
            break;
        };
        let suffix = segments.get(start..).unwrap_or_default();
        match walk_from(ledger, key, suffix, position, tree, signed_size) {
            Ok(walked) if walked.0.checkpoint.is_some() => return Ok(walked),
            Ok(_) => {}
            Err(_) => {
                trusted = false;
                break;
            }
        }
    }
    let tree = TreeFiles::open(ledger, 0).map_err(LedgerError::disk(&tree::directory(ledger)))?;
    let (sealed, tree, mut repairs) = walk_from(ledger, key, segments, Position::start(), tree, signed_size)?;
    if !trusted {
        repairs.push(Repair::Tree);
    }
    Ok((sealed, tree, repairs))
}

/// Makes the stored tree anew for a log of `size` entries.
pub(crate) fn rebuild_tree(ledger: &Path, key: &Key, size: u64) -> Result<TreeFiles, LedgerError> {
    let segments = segment::list(ledger).map_err(LedgerError::disk(ledger))?;
    let (sealed, tree, _) = walk_end(ledger, key, &segments, size)?;
    let found = sealed.position.frontier.size();
    if found != size {
        return Err(Fault::Cut { found, expected: size }.into());
    }
    Ok(tree)
}

fn position(ledger: &Path, size: u64) -> io::Result<Position> {
    let reader = TreeReader::new(ledger);
    let previous = if size == 0 { [0; 32] } else { reader.leaf(size - 1)? };
    Ok(Position { frontier: reader.frontier(size)?, previous, time: None })
}

/// Walks along segments and writes the tree anew. What stands behind the last checkpoint is a torn end when nobody
/// signed more, and damage when somebody did.
fn walk_from(
    ledger: &Path,
    key: &Key,
    segments: &[u64],
    position: Position,
    tree: TreeFiles,
    signed_size: u64,
) -> Result<(Sealed, TreeFiles, Vec<Repair>), LedgerError> {
    let mut writing = Writing { tree, pending: Vec::new(), directory: tree::directory(ledger) };
    let mut sealed = Sealed { position, checkpoint: None, bytes: 0, checkpoints: 0 };
    let mut repairs = Vec::new();
    for (number, first) in segments.iter().enumerate() {
        let last = number + 1 == segments.len();
        writing.pending.clear();
        let (reached, behind) = walk::segment(ledger, *first, sealed, key, &mut writing)?;
        sealed = reached;
        let Some(Behind { fault, cut }) = behind else { continue };
        let found = sealed.position.frontier.size();
        if last && cut && signed_size > found {
            return Err(Fault::Cut { found, expected: signed_size }.into());
        }
        if !last || signed_size > found {
            return Err(fault.into());
        }
        let path = segment::path(ledger, *first);
        let length = fs::metadata(&path).map_err(LedgerError::disk(&path))?.len();
        repairs.push(Repair::TornEnd { bytes: length - sealed.bytes, after: found });
    }
    writing.tree.write().map_err(LedgerError::disk(&writing.directory))?;
    Ok((sealed, writing.tree, repairs))
}

/// Writes the hashes of sealed entries to the tree.
struct Writing {
    tree: TreeFiles,
    pending: Vec<(u32, Hash)>,
    directory: PathBuf,
}

impl Along for Writing {
    fn hash(&mut self, level: u32, hash: &Hash) -> Result<(), Fault> {
        self.pending.push((level, *hash));
        Ok(())
    }

    fn sealed(&mut self, _checkpoint: &Checkpoint) -> Result<(), Fault> {
        for (level, hash) in self.pending.drain(..) {
            self.tree.push(level, &hash);
        }
        self.tree.write().map_err(Fault::unreadable(&self.directory))
    }
}

/// The newest checkpoint may be older than the log's end, never newer.
fn agrees(newest: &SignedCheckpoint, sealed: &Sealed) -> Result<(), Fault> {
    let found = sealed.position.frontier.size();
    let Checkpoint { size, root, .. } = newest.checkpoint;
    if size > found {
        return Err(Fault::Cut { found, expected: size });
    }
    if size == found && root != sealed.position.frontier.root() {
        return Err(Fault::Rewritten { from: 0, to: size.saturating_sub(1) });
    }
    Ok(())
}

fn lock(ledger: &Path) -> Result<File, LedgerError> {
    let path = ledger.join(LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(LedgerError::disk(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { path: ledger.to_owned() }),
        Err(TryLockError::Error(error)) => Err(LedgerError::disk(&path)(error)),
    }
}

/// Compares the stored key, or stores it in a new ledger.
fn check_key(ledger: &Path, key: &Key, new: bool) -> Result<(), LedgerError> {
    if !note::is_name(&key.name) {
        return Err(LedgerError::Refused {
            reason: format!("`{}` cannot be a ledger's name", key.name.escape_debug()),
        });
    }
    let expected = verifier_key(&key.name, &key.public_key);
    match read_key(ledger) {
        Ok(found) => {
            let found = verifier_key(&found.name, &found.public_key);
            if found == expected { Ok(()) } else { Err(LedgerError::WrongKey { found, expected }) }
        }
        Err(_) if new => {
            let path = ledger.join(KEY);
            let written = new_file(&path, format!("{expected}\n").as_bytes());
            written.map_err(LedgerError::disk(&path))
        }
        Err(fault) => Err(fault.into()),
    }
}

/// The stored key.
pub(crate) fn read_key(ledger: &Path) -> Result<Key, Fault> {
    let text = read_small(&ledger.join(KEY)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let parsed = text.as_deref().and_then(|text| text.strip_suffix('\n')).and_then(parse_verifier_key);
    let (name, public_key) = parsed.ok_or_else(|| Fault::Key { file: KEY.to_owned() })?;
    Ok(Key { name, public_key })
}

/// The newest checkpoint, when it is genuine.
pub(crate) fn read_newest(ledger: &Path, key: &Key) -> Result<SignedCheckpoint, Fault> {
    let fault = |reason| Fault::Newest { file: NEWEST.to_owned(), reason };
    let bytes = read_small(&ledger.join(NEWEST)).map_err(|_| fault("it cannot be read"))?;
    if bytes.is_empty() {
        return Err(fault("it is empty"));
    }
    // The note ends with one line feed, the padding is made of more.
    let end = bytes.iter().rposition(|byte| *byte != b'\n').map_or(0, |at| at + 2);
    let note = bytes.get(..end).ok_or_else(|| fault("it is damaged"))?;
    let signed = parse_note(note).map_err(|_| fault("it is damaged"))?;
    if bytes != padded(&signed) {
        return Err(fault("it is damaged"));
    }
    if signed.checkpoint.origin != key.name || !signed.is_signed_by(&key.public_key) {
        return Err(fault("its signature is not that of the key"));
    }
    Ok(signed)
}

pub(crate) fn padded(signed: &SignedCheckpoint) -> Vec<u8> {
    let mut bytes = signed.note().into_bytes();
    bytes.resize(NEWEST_BYTES.max(bytes.len()), b'\n');
    bytes
}

/// The file of the newest checkpoint, overwritten in place.
#[derive(Debug)]
pub(crate) struct NewestFile(File);

impl NewestFile {
    pub(crate) fn open(ledger: &Path) -> io::Result<Self> {
        let path = ledger.join(NEWEST);
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(Self)
    }

    pub(crate) fn write(&self, signed: &SignedCheckpoint) -> io::Result<()> {
        let bytes = padded(signed);
        self.0.write_all_at(&bytes, 0)?;
        if self.0.metadata()?.len() != bytes.len() as u64 {
            self.0.set_len(bytes.len() as u64)?;
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Makes a small file that is whole or not there, durably.
pub(crate) fn new_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(8192).read_to_end(&mut bytes)?;
    Ok(bytes)
}
