//! JSON that is not one object a line: an array of objects, or objects over several lines.

use std::io::{self, BufRead};

use bytes::Bytes;

use super::{FileRecord, Stream};

/// How the values lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `[{…}, {…}]`.
    Array,
    /// `{…}` over several lines, one behind the other.
    Row,
}

/// Tells by the first bytes whether they are such JSON.
pub(crate) fn layout(head: &[u8]) -> Option<Layout> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if let Some(inner) = head.strip_prefix(b"[") {
        return matches!(inner.trim_ascii_start().first(), Some(b'{' | b'[')).then_some(Layout::Array);
    }
    // An object whose first line ends inside it lies over several lines; a broken line would too, so that line must be
    // a bare brace, or end where JSON may be broken.
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    let open = line.len() < head.len() && head.starts_with(b"{") && !is_whole(line);
    (open && matches!(line.trim_ascii_end().last(), Some(b'{' | b',' | b'['))).then_some(Layout::Row)
}

fn is_whole(line: &[u8]) -> bool {
    let mut depth = Depth::default();
    line.iter().any(|byte| depth.step(*byte) && depth.level == 0)
}

/// The nesting of JSON, byte by byte.
#[derive(Debug, Default, Clone, Copy)]
struct Depth {
    level: usize,
    quoted: bool,
    escaped: bool,
}

impl Depth {
    /// Takes one byte; whether it closed a bracket.
    fn step(&mut self, byte: u8) -> bool {
        if self.quoted {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.quoted = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => self.level += 1,
            b'}' | b']' => {
                self.level = self.level.saturating_sub(1);
                return true;
            }
            _ => {}
        }
        false
    }
}

/// A stream cut at the ends of its values.
pub(crate) struct Values {
    stream: Stream,
    layout: Layout,
    bytes_max: usize,
    begun: bool,
}

impl Values {
    pub(crate) fn new(stream: Stream, layout: Layout, bytes_max: usize) -> Self {
        Self { stream, layout, bytes_max, begun: false }
    }

    /// The next value that is an object or array; what else stands between them is kept as a record too.
    pub(crate) fn next_record(&mut self) -> io::Result<Option<FileRecord>> {
        let mut value = Vec::new();
        let mut depth = Depth::default();
        let mut truncated = false;
        loop {
            let buffer = self.stream.fill_buf()?;
            if buffer.is_empty() {
                return Ok(record(&value, truncated));
            }
            let mut used = 0;
            let mut ended = false;
            for byte in buffer.iter().copied() {
                used += 1;
                let outside = depth.level == 0 && !depth.quoted;
                if outside && !self.begun {
                    // The bracket that opens the array, and a byte-order mark before it.
                    let opens = byte == b'[' && self.layout == Layout::Array;
                    if opens || !byte.is_ascii() {
                        self.begun = opens;
                        continue;
                    }
                }
                if outside && (matches!(byte, b',' | b']') || byte.is_ascii_whitespace()) {
                    // Words between values are no JSON; they become a record of their own.
                    ended = !value.is_empty();
                    if ended {
                        break;
                    }
                    continue;
                }
                self.begun = true;
                if value.len() < self.bytes_max {
                    value.push(byte)
                } else {
                    truncated = true
                }
                ended = depth.step(byte) && depth.level == 0;
                if ended {
                    break;
                }
            }
            self.stream.consume(used);
            if ended {
                return Ok(record(&value, truncated));
            }
        }
    }
}

fn record(value: &[u8], truncated: bool) -> Option<FileRecord> {
    let (bytes, format) = (Bytes::copy_from_slice(value), super::lines::format(value));
    (!value.is_empty()).then_some(FileRecord { bytes, format, truncated })
}
