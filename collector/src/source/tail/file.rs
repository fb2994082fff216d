//! One open file: whole lines with the place behind each, through truncation and what replaces its beginning.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;

use crate::source::identity::{Place, check};

/// Bytes of a read.
const READ_BYTES: usize = 256 * 1024;
/// Bytes of a file's beginning by which it is told from another with the same inode.
const HEAD_BYTES: usize = 256;
/// Lines taken at once.
const LINES_MAX: usize = 4_096;

/// Lines of a file, with whether each was cut, and the place behind it.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: Vec<(Bytes, bool, Place)>,
    /// The place behind everything, empty lines included.
    last: Option<Place>,
}

impl Lines {
    /// Whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Number of lines.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The place behind everything that was read.
    pub(super) fn last_place(&self) -> Option<Place> {
        self.last
    }
}

impl IntoIterator for Lines {
    type Item = (Bytes, bool, Place);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.lines.into_iter()
    }
}

/// An open file and how far it was read.
#[derive(Debug)]
pub(super) struct Followed {
    file: File,
    line_bytes_max: usize,
    /// Everything before is stored.
    offset: u64,
    /// The beginning, as it was read.
    head: Vec<u8>,
    head_check: u64,
    /// Of a line that is longer than a read: up to where there is no end of it.
    scanned: u64,
}

impl Followed {
    /// Goes on at `place` when the file still begins as it did, otherwise at its beginning.
    pub(super) fn new(file: File, place: Option<Place>, line_bytes_max: usize) -> Self {
        let mut followed = Self { file, line_bytes_max, offset: 0, head: Vec::new(), head_check: 0, scanned: 0 };
        if let Some(place) = place {
            let wanted = head_bytes(place.offset);
            let head = followed.read_at(wanted, 0).unwrap_or_default();
            let long_enough = followed.file.metadata().is_ok_and(|about| about.len() >= place.offset);
            if long_enough && head.len() == wanted && check(&head) == place.head {
                (followed.offset, followed.scanned) = (place.offset, place.offset);
                (followed.head, followed.head_check) = (head, place.head);
            }
        }
        followed
    }

    /// Up to where it was read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether it begins as a compressed file does (gzip, zstd).
    pub(super) fn is_packed(&self) -> bool {
        let head = self.read_at(4, 0).unwrap_or_default();
        head.starts_with(&[0x1f, 0x8b]) || head == [0x28, 0xb5, 0x2f, 0xfd]
    }

    /// The next whole lines; when it is `over`, the last one needs no end.
    pub(super) fn next(&mut self, over: bool) -> io::Result<Lines> {
        self.notice_replacement()?;
        let bytes = self.read_at(READ_BYTES, self.offset)?;
        let mut lines = Lines::default();
        let mut taken = 0;
        for end in memchr::memchr_iter(b'\n', &bytes).take(LINES_MAX) {
            let line = bytes.get(taken..end).unwrap_or_default();
            taken = end + 1;
            self.take(line, line.len() + 1, &mut lines);
        }
        if taken == 0 && !bytes.is_empty() {
            self.long_or_last(&bytes, over, &mut lines)?;
        }
        Ok(lines)
    }

    /// What is no longer than what was read of it, or begins otherwise, is another file's content.
    fn notice_replacement(&mut self) -> io::Result<()> {
        let shorter = self.file.metadata()?.len() < self.offset;
        if shorter || self.read_at(self.head.len(), 0)? != self.head {
            tracing::info!("log file was truncated; reading it from its beginning");
            (self.offset, self.scanned) = (0, 0);
            self.head.clear();
        }
        Ok(())
    }

    /// A line that has no end in what was read: it is longer than that, or not finished, or the last of all.
    fn long_or_last(&mut self, first: &[u8], over: bool, lines: &mut Lines) -> io::Result<()> {
        let mut at = self.scanned.max(self.offset + first.len() as u64);
        let end = loop {
            let more = self.read_at(READ_BYTES, at)?;
            if let Some(end) = memchr::memchr(b'\n', &more) {
                break Some((at + end as u64, 1));
            }
            at += more.len() as u64;
            if more.is_empty() {
                break over.then_some((at, 0));
            }
        };
        self.scanned = at;
        let Some((end, line_end)) = end else { return Ok(()) };
        let length = usize::try_from(end - self.offset).unwrap_or(usize::MAX);
        let line = self.read_at(length.min(self.line_bytes_max.saturating_add(1)), self.offset)?;
        self.take(&line, length + line_end, lines);
        Ok(())
    }

    /// Adds a line that takes so many bytes of the file.
    fn take(&mut self, line: &[u8], length: usize, lines: &mut Lines) {
        if self.head.len() < HEAD_BYTES {
            let whole = line.iter().copied().chain(std::iter::once(b'\n')).take(length);
            self.head.extend(whole.take(HEAD_BYTES - self.head.len()));
            self.head_check = check(&self.head);
        }
        self.offset += length as u64;
        self.scanned = self.offset;
        let place = Place { offset: self.offset, head: self.head_check };
        lines.last = Some(place);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let kept = line.get(..self.line_bytes_max).unwrap_or(line);
        if !kept.is_empty() {
            lines.lines.push((Bytes::copy_from_slice(kept), kept.len() < line.len(), place));
        }
    }

    fn read_at(&self, count: usize, offset: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// Bytes of the beginning that are checked of a file that was read up to `offset`.
fn head_bytes(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(HEAD_BYTES).min(HEAD_BYTES)
}
