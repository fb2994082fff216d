//! Appending frames: durable before their entries, taken back when those are not.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::file::header;
use super::read::{SegmentReader, Step};
use super::{Kind, Segment, directory, list, write_frame};
use crate::disk::{self, Gate, sync_dir};

/// A frame to be written, but for its entry's index.
#[derive(Clone)]
pub(crate) struct Attachment {
    pub(crate) kind: Kind,
    /// Least and greatest event in it.
    pub(crate) events: (u64, u64),
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Attachment").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The sides of a ledger.
#[derive(Debug)]
pub(crate) struct Sides {
    records: SideWriter,
    questions: SideWriter,
}

impl Sides {
    /// Opens the sides of a ledger of `size` entries and cuts off what never got an entry.
    pub(crate) fn open(ledger: &Path, size: u64, gate: &Gate) -> io::Result<Self> {
        let open = |kind| SideWriter::open(ledger, kind, size, gate.clone());
        Ok(Self { records: open(Kind::Records)?, questions: open(Kind::Questions)? })
    }

    fn of(&mut self, kind: Kind) -> &mut SideWriter {
        match kind {
            Kind::Records => &mut self.records,
            Kind::Questions => &mut self.questions,
        }
    }

    /// Writes frames, each with its entry's index, and makes them durable.
    pub(crate) fn append(&mut self, frames: &[(u64, &Attachment)]) -> io::Result<()> {
        for kind in Kind::ALL {
            let mut of_kind = frames.iter().filter(|(_, attachment)| attachment.kind == kind).peekable();
            if of_kind.peek().is_some() {
                let side = self.of(kind);
                of_kind.try_for_each(|(entry, attachment)| side.write(*entry, attachment))?;
                side.sync()?;
            }
        }
        Ok(())
    }

    /// The entries of what was appended are durable.
    pub(crate) fn confirm(&mut self) {
        self.records.confirm();
        self.questions.confirm();
    }

    /// Takes back what was appended and not confirmed; called again until it succeeds.
    pub(crate) fn undo(&mut self) -> io::Result<()> {
        self.records.undo()?;
        self.questions.undo()
    }

    /// Ends the open segments: what follows goes to new ones.
    pub(crate) fn close(&mut self) {
        (self.records.current, self.questions.current) = (None, None);
    }
}

/// Appends to one side.
#[derive(Debug)]
pub(crate) struct SideWriter {
    ledger: PathBuf,
    kind: Kind,
    gate: Gate,
    current: Option<Current>,
    /// Segments that hold unconfirmed frames, with the bytes that are confirmed; 0 when they are new.
    touched: Vec<(PathBuf, u64)>,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// The greatest event in it.
    last: u64,
}

impl SideWriter {
    fn open(ledger: &Path, kind: Kind, size: u64, gate: Gate) -> io::Result<Self> {
        let folder = directory(ledger, kind);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        for segment in list(ledger, kind)?.into_iter().rev() {
            let path = segment.path(ledger, kind);
            if segment.entry < size {
                cut(&path, kind, size)?;
                break;
            }
            fs::remove_file(path)?;
        }
        sync_dir(&folder)?;
        Ok(Self { ledger: ledger.to_owned(), kind, gate, current: None, touched: Vec::new() })
    }

    fn write(&mut self, entry: u64, attachment: &Attachment) -> io::Result<()> {
        let (first, last) = attachment.events;
        let goes_on = |current: &Current| {
            current.bytes < self.kind.segment_bytes_max() && (self.kind != Kind::Records || current.last < first)
        };
        if !self.current.as_ref().is_some_and(goes_on) {
            self.sync()?;
            self.begin(Segment { entry, event: first })?;
        }
        let Some(current) = &mut self.current else { return Err(io::ErrorKind::NotFound.into()) };
        if !self.touched.iter().any(|(path, _)| *path == current.path) {
            self.touched.push((current.path.clone(), current.bytes));
        }
        let mut bytes = Vec::with_capacity(attachment.body.len() + 32);
        write_frame(&mut bytes, entry, &attachment.body);
        self.gate.pass(disk::Step::Write)?;
        current.file.write_all(&bytes)?;
        current.bytes += bytes.len() as u64;
        current.last = last;
        Ok(())
    }

    fn begin(&mut self, segment: Segment) -> io::Result<()> {
        let path = segment.path(&self.ledger, self.kind);
        self.touched.push((path.clone(), 0));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let header = header(self.kind);
        file.write_all(&header)?;
        sync_dir(&directory(&self.ledger, self.kind))?;
        self.current = Some(Current { path, file, bytes: header.len() as u64, last: 0 });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        self.gate.pass(disk::Step::Sync)?;
        current.file.sync_data()
    }

    fn confirm(&mut self) {
        self.touched.clear();
    }

    fn undo(&mut self) -> io::Result<()> {
        if self.touched.is_empty() {
            return Ok(());
        }
        self.current = None;
        for (path, bytes) in &self.touched {
            let undone = if *bytes == 0 {
                fs::remove_file(path)
            } else {
                OpenOptions::new().write(true).open(path).and_then(|file| {
                    file.set_len(*bytes)?;
                    file.sync_all()
                })
            };
            match undone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.touched.clear();
        Ok(())
    }
}

/// Cuts a segment behind the last whole frame whose entry is durable.
fn cut(path: &Path, kind: Kind, size: u64) -> io::Result<()> {
    // A header that is not known is left for `verify` to name.
    let Ok(mut reader) = SegmentReader::open(path, kind)? else { return Ok(()) };
    loop {
        let before = reader.offset;
        let durable = match reader.next()? {
            Step::Frame(frame) => frame.entry < size,
            Step::Unsound { entry } => entry < size,
            Step::Torn => false,
            Step::End => return Ok(()),
        };
        if !durable {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(before)?;
            return file.sync_all();
        }
    }
}
