//! What can go wrong: a refused append, an unreadable line, a fault in the record.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

/// Why the ledger could not be opened, written or read. Whoever cannot append must not do what the entry would say.
#[derive(Debug, Clone, Error)]
pub enum LedgerError {
    /// The disk refused; appends fail until it takes writes again.
    #[error("ledger file `{path}` cannot be used", path = path.display())]
    Disk {
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// Another process has the ledger open.
    #[error("ledger `{path}` is open in another process", path = path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The record is damaged; it is not continued.
    #[error(
        "ledger is damaged and is not continued; restore it from a backup, or move it away and keep it as evidence"
    )]
    Damaged(#[from] Fault),
    /// The ledger was signed by another key.
    #[error("ledger was signed by `{found}`, not by `{expected}`")]
    WrongKey {
        /// The verifier key in the directory.
        found: String,
        /// The verifier key of the signer that was given.
        expected: String,
    },
    /// It is in a form that this program does not know.
    #[error("ledger has the form `{found}`, which this program does not know; it was written by a newer one, use that")]
    Form {
        /// What its file `format` says.
        found: String,
    },
    /// The entry breaks a bound.
    #[error("ledger entry is refused: {reason}")]
    Refused {
        /// Which bound.
        reason: String,
    },
    /// No entry has that index.
    #[error("ledger has no entry {index}, it ends before {size}")]
    Absent {
        /// What was asked for.
        index: u64,
        /// How many entries there are.
        size: u64,
    },
    /// The writer has ended.
    #[error("ledger is closed")]
    Closed,
}

impl LedgerError {
    pub(crate) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Disk { path, source: Arc::new(source) }
    }
}

/// Why bytes are no line of a ledger and no note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineFault {
    /// The shape is wrong.
    #[error("{0}")]
    Shape(&'static str),
    /// The hash before the entry is not the hash of the entry.
    #[error("its hash does not agree with its text")]
    Hash,
}

/// The first thing that is wrong with a record.
#[derive(Debug, Clone, Error)]
pub enum Fault {
    /// An entry's bytes are not those that were written.
    #[error("entry {index} in `{file}` was changed: {reason}")]
    Changed {
        /// The entry.
        index: u64,
        /// The segment's file name.
        file: String,
        /// What does not agree.
        #[source]
        reason: LineFault,
    },
    /// Another entry stands where one is expected.
    #[error(
        "entry {expected} is not in its place in `{file}`, entry {found} stands there: entries were removed, repeated or reordered"
    )]
    OutOfOrder {
        /// The entry that is expected.
        expected: u64,
        /// The entry that is there.
        found: u64,
        /// The segment's file name.
        file: String,
    },
    /// An entry does not name the hash of the one before it.
    #[error("entry {index} in `{file}` does not follow entry {before}: one of them was replaced", before = index.saturating_sub(1))]
    Chain {
        /// The entry.
        index: u64,
        /// The segment's file name.
        file: String,
    },
    /// A checkpoint line is damaged or not signed by the key.
    #[error("checkpoint after {size} entries in `{file}` is not genuine: {reason}")]
    Checkpoint {
        /// How many entries stand before it.
        size: u64,
        /// The segment's file name.
        file: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The entries are well chained but are not those that were signed.
    #[error("entries {from} to {to} are not those that were signed: the record was rewritten")]
    Rewritten {
        /// First entry that may be wrong.
        from: u64,
        /// Last entry that may be wrong.
        to: u64,
    },
    /// The end is missing.
    #[error("entries {found} to {last} are missing: the end was cut off, {expected} entries were signed", last = expected.saturating_sub(1))]
    Cut {
        /// Entries that are there and signed.
        found: u64,
        /// Entries that a later checkpoint speaks of.
        expected: u64,
    },
    /// The newest checkpoint cannot be read or is not signed by the key.
    #[error("newest checkpoint in `{file}` is not genuine: {reason}")]
    Newest {
        /// The file.
        file: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An entry and its hash in the stored tree differ.
    #[error("entry {index} does not agree with its hash in the tree: one of them was changed")]
    Leaf {
        /// The entry.
        index: u64,
    },
    /// A stored hash of the tree differs from the entries.
    #[error("hash {index} of level {level} of the tree does not agree with the entries")]
    Tree {
        /// Which file of `tree/`.
        level: u32,
        /// Which hash in it.
        index: u64,
    },
    /// The form is not known.
    #[error("form in `{file}` is damaged or not known to this program: `{found}`")]
    Form {
        /// The file.
        file: String,
        /// What it says.
        found: String,
    },
    /// What lies beside the log does not agree with the entry that it belongs to.
    #[error("what `{file}` keeps of entry {entry} does not agree with it: {reason}")]
    Beside {
        /// The entry.
        entry: u64,
        /// The file's name.
        file: String,
        /// What does not agree.
        #[source]
        reason: LineFault,
    },
    /// What lies beside the log is gone, and no entry says that it was destroyed.
    #[error("{what} {first} to {last} are missing, and no entry says that they were destroyed")]
    Gone {
        /// `leaves of events` or `texts of questions of entries`.
        what: &'static str,
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The public key is missing, damaged or another one.
    #[error("key in `{file}` is missing, damaged or not the expected one")]
    Key {
        /// The file.
        file: String,
    },
    /// A file cannot be read.
    #[error("ledger file `{path}` cannot be read", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
}

impl Fault {
    pub(crate) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Unreadable { path, source: Arc::new(source) }
    }
}
