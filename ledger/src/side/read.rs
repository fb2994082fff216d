//! Reading a side frame by frame.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::file::{FRAME_BYTES, HEADER_BYTES, Head, check_header};
use super::{Frame, Kind, Segment};
use crate::LineFault;

/// A step through a segment.
#[derive(Debug)]
pub(crate) enum Step {
    /// A sound frame.
    Frame(Frame),
    /// A frame whose bytes are not those that were written; what follows can still be read.
    Unsound {
        /// The entry that it names.
        entry: u64,
    },
    /// Bytes at the end that are no whole frame.
    Torn,
    /// The end.
    End,
}

/// One open segment.
#[derive(Debug)]
pub(super) struct SegmentReader {
    reader: BufReader<File>,
    /// Where the frame that is read next begins.
    pub(super) offset: u64,
}

impl SegmentReader {
    /// Opens a segment; the inner error says what is wrong with its header.
    pub(super) fn open(path: &Path, kind: Kind) -> io::Result<Result<Self, LineFault>> {
        let mut reader = BufReader::with_capacity(256 * 1024, File::open(path)?);
        let mut header = Vec::new();
        (&mut reader).take(HEADER_BYTES as u64).read_to_end(&mut header)?;
        Ok(check_header(kind, &header).map(|()| Self { reader, offset: HEADER_BYTES as u64 }))
    }

    /// Reads on.
    pub(super) fn next(&mut self) -> io::Result<Step> {
        let mut head = [0; FRAME_BYTES];
        let mut got = 0;
        while let Some(rest) = head.get_mut(got..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest)? {
                0 if got == 0 => return Ok(Step::End),
                0 => return Ok(Step::Torn),
                some => got += some,
            }
        }
        let Some(head) = Head::parse(&head) else { return Ok(Step::Torn) };
        let mut body = Vec::with_capacity(head.bytes);
        (&mut self.reader).take(head.bytes as u64).read_to_end(&mut body)?;
        if body.len() < head.bytes {
            return Ok(Step::Torn);
        }
        self.offset += (FRAME_BYTES + head.bytes) as u64;
        if head.fits(&body) {
            Ok(Step::Frame(Frame { entry: head.entry, body }))
        } else {
            Ok(Step::Unsound { entry: head.entry })
        }
    }

    /// Goes back to the first frame.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.offset = HEADER_BYTES as u64;
        self.reader.seek(SeekFrom::Start(self.offset)).map(drop)
    }
}

/// The frames of all given segments, one after the other.
#[derive(Debug)]
pub(crate) struct Frames {
    kind: Kind,
    ledger: PathBuf,
    waiting: VecDeque<Segment>,
    open: Option<SegmentReader>,
    /// The segment that is read.
    path: PathBuf,
}

impl Frames {
    pub(crate) fn new(ledger: &Path, kind: Kind, segments: Vec<Segment>) -> Self {
        Self { kind, ledger: ledger.to_owned(), waiting: segments.into(), open: None, path: PathBuf::new() }
    }

    /// The file that was read last, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next frame; [`Step::Torn`] stands for the end of a segment that is being written, too.
    pub(crate) fn next(&mut self) -> io::Result<Result<Step, LineFault>> {
        loop {
            if let Some(open) = &mut self.open {
                match open.next()? {
                    Step::End => self.open = None,
                    step => {
                        if matches!(step, Step::Torn) {
                            self.open = None;
                        }
                        return Ok(Ok(step));
                    }
                }
                continue;
            }
            let Some(segment) = self.waiting.pop_front() else { return Ok(Ok(Step::End)) };
            self.path = segment.path(&self.ledger, self.kind);
            match SegmentReader::open(&self.path, self.kind) {
                Ok(Ok(open)) => self.open = Some(open),
                Ok(Err(fault)) => return Ok(Err(fault)),
                // A segment that was destroyed as a whole meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
}
