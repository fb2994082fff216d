//! The segments of the log: their names and the lines in them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::line::LINE_BYTES_MAX;

const DIRECTORY: &str = "entries";

pub(crate) fn directory(ledger: &Path) -> PathBuf {
    ledger.join(DIRECTORY)
}

/// The name of the segment whose first entry is `first`.
pub(crate) fn name(first: u64) -> String {
    format!("{first:020}.log")
}

pub(crate) fn path(ledger: &Path, first: u64) -> PathBuf {
    directory(ledger).join(name(first))
}

/// The first entries of all segments, in order.
pub(crate) fn list(ledger: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for found in fs::read_dir(directory(ledger))? {
        let file = found?.file_name();
        let first = file.to_str().and_then(|text| text.strip_suffix(".log")).and_then(|digits| digits.parse().ok());
        firsts.extend(first.filter(|first| file.to_str() == Some(&name(*first))));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Reads a segment line by line in one buffer.
pub(crate) struct Lines {
    reader: BufReader<File>,
    buffer: Vec<u8>,
    /// Bytes of the whole lines that were read.
    offset: u64,
}

/// A step through a segment.
pub(crate) enum Next<'a> {
    /// A whole line, without its line feed.
    Line(&'a [u8]),
    /// A last line without line feed.
    Torn,
    /// A line that is longer than a line can be.
    Long,
    /// The end.
    End,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let reader = BufReader::with_capacity(256 * 1024, File::open(path)?);
        Ok(Self { reader, buffer: Vec::new(), offset: 0 })
    }

    pub(crate) fn next(&mut self) -> io::Result<Next<'_>> {
        self.buffer.clear();
        let mut bounded = (&mut self.reader).take(LINE_BYTES_MAX as u64);
        if bounded.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(Next::End);
        }
        let length = self.buffer.len() as u64;
        match self.buffer.strip_suffix(b"\n") {
            Some(line) => {
                self.offset += length;
                Ok(Next::Line(line))
            }
            None if self.buffer.len() < LINE_BYTES_MAX => Ok(Next::Torn),
            None => Ok(Next::Long),
        }
    }

    /// Where the last whole line ended.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }
}
