//! What can go wrong between a socket and the spool.

use std::io;
use std::path::PathBuf;

use event::EventId;
use thiserror::Error;

/// The spool cannot be opened, read or trimmed.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// The file system said no.
    #[error("spool: cannot {doing} `{path}`", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the spool.
    #[error("spool `{path}` is used by another process; stop that one first", path = path.display())]
    Locked {
        /// The spool's directory.
        path: PathBuf,
    },
    /// A segment's key cannot be made or unwrapped.
    #[error("spool: the key of segment `{path}` cannot be used; is the master key the one that sealed it?", path = path.display())]
    Key {
        /// The segment.
        path: PathBuf,
        /// What the keyring said.
        source: keys::KeyError,
    },
    /// Bytes that this version cannot read.
    #[error(
        "spool: `{path}` is not a spool file of a version that this program knows; start the program that wrote it, or move the file away",
        path = path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A file whose bytes are not those that were written.
    #[error("spool: `{path}` is damaged", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A consumer asks for records that do not exist yet.
    #[error(
        "spool: consumer `{consumer}` stands at {wanted}, but the spool ends at {next}; was the spool directory removed? open it with `next_id_min` = {wanted}"
    )]
    Ahead {
        /// The consumer.
        consumer: String,
        /// Where it stands.
        wanted: EventId,
        /// Where the spool ends.
        next: EventId,
    },
    /// A name that cannot be a consumer's.
    #[error("spool: `{name}` cannot name a consumer; 1 to 32 lower-case letters, digits and `-`")]
    ConsumerName {
        /// What was given.
        name: String,
    },
    /// The same consumer is open already.
    #[error("spool: consumer `{name}` is open already")]
    ConsumerBusy {
        /// The consumer.
        name: String,
    },
    /// The reading task was stopped.
    #[error("spool: stopped while reading")]
    Stopped,
}

/// The spool did not take records; none of the batch is stored, and the sender must not be told that it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IntakeError {
    /// The bound on disk is reached; consumers have to pass first.
    #[error("spool is full")]
    Full,
    /// More records or bytes than one batch may hold.
    #[error("batch of {records} records and {bytes} bytes is larger than a batch may be ({bytes_max} bytes)")]
    TooLarge {
        /// Records given.
        records: usize,
        /// Bytes given.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The disk failed; tried again with the next batch.
    #[error("spool cannot be written: {reason}")]
    Storage {
        /// What the system said.
        reason: String,
    },
    /// The spool has been closed.
    #[error("spool is closed")]
    Closed,
    /// Everything that may wait is waiting already.
    #[error("spool is busy")]
    Busy,
}

/// The register of sites cannot be read or written.
#[derive(Debug, Error)]
pub enum SitesError {
    /// The storage said no.
    #[error("register of sites: {doing} failed")]
    Store {
        /// What was tried.
        doing: &'static str,
        /// What the storage said.
        source: store::StoreError,
    },
    /// The database said no.
    #[error("register of sites: {doing} failed")]
    Sql {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The file is no table of sites.
    #[error("{what} file: {reason}")]
    Header {
        /// Which kind of file.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no register here.
    #[error("an edge has no register of sites")]
    Unregistered,
    /// A stored row cannot be read back.
    #[error("register of sites: stored row `{id}`: {reason}")]
    Row {
        /// The row's id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// An edge's records cannot be taken, or what was taken before cannot be told.
#[derive(Debug, Error)]
pub enum EdgeError {
    /// The spool did not take the records.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The spool cannot be read, or its position not be kept.
    #[error("records of edges")]
    Spool(#[from] SpoolError),
    /// The storage said no.
    #[error("records of edges: storing how far they came failed")]
    Store(#[from] store::StoreError),
    /// The database said no.
    #[error("records of edges: {doing} failed")]
    Sql {
        /// What was tried.
        doing: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A batch of the same edge is still being written.
    #[error("the batch before is still being written; send the same again later")]
    Busy,
    /// The work was cut short.
    #[error("records of edges: the work was cut short")]
    Interrupted,
}

/// A source cannot run.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A socket cannot be bound, set or read.
    #[error("{transport}: cannot {doing}")]
    Socket {
        /// Which transport.
        transport: &'static str,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A log of this machine cannot be read.
    #[error("local log: cannot {doing} `{path}`", path = path.display())]
    Local {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The spool does not say what it has of a log.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// A file given to import or to offline detection cannot be read, or not to its end.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system said no.
    #[error("`{path}`: cannot {doing}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It grows out of all proportion when it is unpacked.
    #[error(
        "`{path}` unpacks to more than {expanded} bytes from {packed}: refused as a decompression bomb; unpack it yourself if it is none",
        path = path.display()
    )]
    Bomb {
        /// On which file.
        path: PathBuf,
        /// Bytes out so far.
        expanded: u64,
        /// Bytes in so far.
        packed: u64,
    },
    /// A kind of file that holds no log lines as they are.
    #[error("`{path}` is {what}; {way_out}", path = path.display())]
    Foreign {
        /// On which file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do.
        way_out: &'static str,
    },
    /// A Windows event log is damaged at one place; reading goes on behind it.
    #[error("`{path}`: a part of the Windows event log cannot be read", path = path.display())]
    Evtx {
        /// On which file.
        path: PathBuf,
        /// What the reader said.
        source: Box<evtx::err::EvtxError>,
    },
}
