//! Lines of text, each bounded.

use std::io::{self, BufRead};

use bytes::Bytes;

use super::{FileRecord, Stream};
use crate::Format;

/// A stream cut at line ends; empty lines are left out.
pub(crate) struct Lines {
    stream: Stream,
    bytes_max: usize,
    line: Vec<u8>,
    /// What ended the stream inside the line before: told behind that line, since not every stream fails twice.
    fault: Option<io::Error>,
}

impl Lines {
    pub(crate) fn new(stream: Stream, bytes_max: usize) -> Self {
        Self { stream, bytes_max, line: Vec::new(), fault: None }
    }

    /// The next line that is not empty.
    pub(crate) fn next_record(&mut self) -> io::Result<Option<FileRecord>> {
        loop {
            self.line.clear();
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            let (ended, truncated) = self.fill()?;
            let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
            if !line.trim_ascii().is_empty() {
                return Ok(Some(FileRecord { bytes: Bytes::copy_from_slice(line), format: format(line), truncated }));
            }
            if ended {
                return Ok(None);
            }
        }
    }

    /// Reads up to the next line end; whether the stream ended, and whether bytes were left out.
    fn fill(&mut self) -> io::Result<(bool, bool)> {
        let mut truncated = false;
        loop {
            let buffer = match self.stream.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // What stood before the fault counts, as the beginning of a line.
                Err(fault) if !self.line.is_empty() => {
                    self.fault = Some(fault);
                    return Ok((false, true));
                }
                Err(error) => return Err(error),
            };
            let end = memchr::memchr(b'\n', buffer);
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let room = self.bytes_max.saturating_sub(self.line.len());
            truncated |= part.len() > room;
            self.line.extend_from_slice(part.get(..room).unwrap_or(part));
            let (used, ended) = (part.len() + usize::from(end.is_some()), buffer.is_empty());
            self.stream.consume(used);
            if end.is_some() || ended {
                return Ok((ended, truncated));
            }
        }
    }
}

/// Whether a record is a JSON object or text, by its first byte.
pub(crate) fn format(record: &[u8]) -> Format {
    if record.trim_ascii_start().starts_with(b"{") { Format::Json } else { Format::Line }
}
