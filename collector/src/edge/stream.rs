//! Who numbers: a stream is one edge's spool, a lane is one of its two rows of sequences.

use std::fmt;
use std::str::FromStr;

use event::EventId;
use serde::{Deserialize, Serialize};

/// Begins the sender's identity of a record that an edge shipped.
const DEDUPE: &str = "edge";

/// An edge's spool: 128 random bits, made with it. A spool that is made anew, or brought back from a copy, is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub [u8; 16]);

impl StreamId {
    /// A fresh one; `None` when the machine gives no random bytes.
    pub fn draw() -> Option<Self> {
        ring::rand::generate(&ring::rand::SystemRandom::new()).ok().map(|random| Self(random.expose()))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl FromStr for StreamId {
    type Err = hex::FromHexError;

    /// Reads 32 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// The two lanes of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// What security looks at first; goes first when the edge is behind.
    Urgent,
    /// Everything else.
    Ordinary,
}

impl Priority {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Ordinary];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Ordinary => "ordinary",
        }
    }

    /// The byte that stands for it in a batch.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Urgent => 0,
            Self::Ordinary => 1,
        }
    }

    /// Reads [`Priority::code`].
    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.code() == code)
    }
}

/// The highest sequence of each lane that is stored; `None` while there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Of the urgent lane.
    pub urgent: Option<u64>,
    /// Of the ordinary lane.
    pub ordinary: Option<u64>,
}

impl Marks {
    /// One lane's.
    pub fn of(&self, priority: Priority) -> Option<u64> {
        match priority {
            Priority::Urgent => self.urgent,
            Priority::Ordinary => self.ordinary,
        }
    }

    /// Raises one lane's; a lower sequence changes nothing.
    pub fn raise(&mut self, priority: Priority, sequence: u64) {
        let mark = match priority {
            Priority::Urgent => &mut self.urgent,
            Priority::Ordinary => &mut self.ordinary,
        };
        *mark = (*mark).max(Some(sequence));
    }

    /// The higher of both.
    pub fn highest(&self) -> Option<EventId> {
        self.urgent.max(self.ordinary).map(EventId)
    }
}

/// A record's identity as its edge gave it, kept in the server's spool beside it.
pub(super) fn dedupe(stream: &str, priority: Priority, sequence: u64) -> String {
    format!("{DEDUPE}:{stream}:{}:{sequence}", priority.as_str())
}

/// Reads [`dedupe`].
pub(super) fn parse_dedupe(text: &str) -> Option<(StreamId, Priority, u64)> {
    let mut parts = text.split(':');
    if parts.next() != Some(DEDUPE) {
        return None;
    }
    let stream = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let priority = Priority::ALL.into_iter().find(|priority| priority.as_str() == name)?;
    let sequence = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((stream, priority, sequence))
}
