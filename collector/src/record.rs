//! A record: the bytes of one log record as they came, with where they came from and when.

use std::sync::Arc;

use bytes::Bytes;
use event::{Origin, Timestamp, Transport};

/// What the source already knows about the form of a record; without it the decoders find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A syslog message, RFC 3164 or RFC 5424, with or without its `<PRI>`.
    Syslog,
    /// One JSON object.
    Json,
    /// A Windows event as JSON in the shape of its XML (`{"Event": {"System": …}}`), as the EVTX reader gives it.
    WindowsXmlJson,
    /// One line of text.
    Line,
}

impl Format {
    /// The number that stands for it on disk.
    pub(crate) fn code(this: Option<Self>) -> u8 {
        match this {
            None => 0,
            Some(Self::Syslog) => 1,
            Some(Self::Json) => 2,
            Some(Self::WindowsXmlJson) => 3,
            Some(Self::Line) => 4,
        }
    }

    /// Reads what [`Format::code`] wrote; the outer `None` is a number that nobody wrote.
    pub(crate) fn from_code(code: u8) -> Option<Option<Self>> {
        match code {
            0 => Some(None),
            1 => Some(Some(Self::Syslog)),
            2 => Some(Some(Self::Json)),
            3 => Some(Some(Self::WindowsXmlJson)),
            4 => Some(Some(Self::Line)),
            _ => None,
        }
    }
}

/// What an edge says of a record that it took at a site and shipped here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// When the edge received it, by the edge's clock.
    pub received: Timestamp,
    /// How it came to the edge.
    pub transport: Transport,
}

/// One log record before decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it came from; shared by the records of a connection or file.
    pub origin: Arc<Origin>,
    /// When it was received.
    pub received: Timestamp,
    /// The record as it came, without its frame.
    pub bytes: Bytes,
    /// What the source knows about its form.
    pub format: Option<Format>,
    /// The sender's own identity for it (`_bulk` `_id`, edge sequence, idempotency key), the only thing by which a
    /// retransmission may be recognised.
    pub dedupe: Option<String>,
    /// Whether it was longer than the bound of its source and only its beginning is here.
    pub truncated: bool,
    /// How and when it came to the edge that shipped it; `None` for what came here directly.
    pub forwarded: Option<Forwarded>,
}

impl Record {
    /// A record of which only the bytes are known.
    pub fn new(origin: Arc<Origin>, received: Timestamp, bytes: impl Into<Bytes>) -> Self {
        Self { origin, received, bytes: bytes.into(), format: None, dedupe: None, truncated: false, forwarded: None }
    }

    /// When the first of our programs received it: the edge, or this server.
    pub fn first_received(&self) -> Timestamp {
        self.forwarded.map_or(self.received, |forwarded| forwarded.received)
    }

    /// The same with its form.
    pub fn with_format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }
}
