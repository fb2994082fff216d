//! What events have really shown: log sources and, of each, the names of fields, by the day of the last time.
//!
//! The pipeline asks [`Shapes`] for each event, which costs a hash of its field names; only an event of a new shape is
//! looked at. `silent` says which rules can never fire on what was seen.

mod silent;

use std::collections::BTreeMap;
use std::hash::Hasher as _;

use event::{Event, Timestamp};
use rustc_hash::{FxHashSet, FxHasher};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use silent::{Silence, SilentRule, silent};

use crate::sigma::{LogSource, sources_of};

/// Days that what was seen counts.
pub const DAYS: i64 = 30;
/// Most log sources.
const SOURCES_MAX: usize = 1_024;
/// Most fields of one log source.
const FIELDS_MAX: usize = 4_096;
/// Longest name that is kept, in bytes; rules name no longer ones.
const NAME_BYTES_MAX: usize = 128;
/// Most shapes that are known at a time.
const SHAPES_MAX: usize = 65_536;
const DAY_SECS: i64 = 24 * 60 * 60;
const VERSION: u32 = 1;

/// Why what was seen cannot be read back.
#[derive(Debug, Error)]
pub enum SeenError {
    /// The bytes are none of ours.
    #[error("what was seen of events cannot be read back")]
    Form(#[from] serde_json::Error),
    /// Another version wrote them.
    #[error("what was seen of events has version {found}; this program reads {VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
}

/// Log sources and fields of the last [`DAYS`] days. Bounded; names alone, no values.
#[derive(Debug, Clone)]
pub struct Seen {
    since: Timestamp,
    sources: BTreeMap<LogSource, Fields>,
    /// Whether log sources were left out for want of room: then none can be called unseen.
    is_full: bool,
    changes: u64,
}

/// The fields of one log source.
#[derive(Debug, Clone, Default)]
struct Fields {
    /// The last day with an event of it, counted from 1970-01-01.
    day: i64,
    names: BTreeMap<Box<str>, i64>,
    /// Whether fields were left out for want of room: then none can be called unseen.
    is_full: bool,
}

/// The form on disk.
#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    since: Timestamp,
    is_full: bool,
    sources: Vec<SavedSource>,
}

#[derive(Serialize, Deserialize)]
struct SavedSource {
    product: Option<String>,
    category: Option<String>,
    service: Option<String>,
    day: i64,
    is_full: bool,
    fields: BTreeMap<Box<str>, i64>,
}

impl Seen {
    /// Nothing seen, from `now` on.
    pub fn new(now: Timestamp) -> Self {
        Self { since: now, sources: BTreeMap::new(), is_full: false, changes: 0 }
    }

    /// When it began to look.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// How many log sources it knows.
    pub fn sources_len(&self) -> usize {
        self.sources.len()
    }

    /// Grows whenever something changes that is worth saving.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Takes an event in; what its log sources are is derived as for rules.
    pub fn note(&mut self, event: &Event, now: Timestamp) {
        let day = day_of(now);
        for source in sources_of(event) {
            self.note_source(lower(source), event, day);
        }
    }

    fn note_source(&mut self, source: LogSource, event: &Event, day: i64) {
        let long = |part: &Option<String>| part.as_ref().is_some_and(|part| part.len() > NAME_BYTES_MAX);
        if long(&source.product) || long(&source.category) || long(&source.service) {
            return;
        }
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            self.forget(day);
            if self.sources.len() >= SOURCES_MAX {
                self.changes += u64::from(!self.is_full);
                self.is_full = true;
                return;
            }
        }
        let fields = self.sources.entry(source).or_default();
        self.changes += u64::from(fields.day != day);
        fields.day = day;
        for (name, _) in event.iter().filter(|(name, _)| name.len() <= NAME_BYTES_MAX) {
            let has_room = fields.names.len() < FIELDS_MAX;
            match fields.names.get_mut(name) {
                Some(last) => *last = day,
                None if has_room => {
                    fields.names.insert(name.into(), day);
                    self.changes += 1;
                }
                None => fields.is_full = true,
            }
        }
    }

    /// Leaves out what was not seen for [`DAYS`] days; then there is room again.
    fn forget(&mut self, day: i64) {
        let first = day - DAYS;
        self.sources.retain(|_, fields| fields.day > first);
        self.is_full &= self.sources.len() >= SOURCES_MAX;
        for fields in self.sources.values_mut() {
            fields.names.retain(|_, last| *last > first);
            fields.is_full &= fields.names.len() >= FIELDS_MAX;
        }
    }

    /// As bytes: names of fields and log sources, no values.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which never happens.
    pub fn save(&mut self, now: Timestamp) -> Result<Vec<u8>, SeenError> {
        self.forget(day_of(now));
        let source = |(source, fields): (&LogSource, &Fields)| SavedSource {
            product: source.product.clone(),
            category: source.category.clone(),
            service: source.service.clone(),
            day: fields.day,
            is_full: fields.is_full,
            fields: fields.names.clone(),
        };
        let sources = self.sources.iter().map(source).collect();
        let saved = Saved { version: VERSION, since: self.since, is_full: self.is_full, sources };
        Ok(serde_json::to_vec(&saved)?)
    }

    /// What [`Seen::save`] wrote.
    ///
    /// # Errors
    /// When the bytes are none of ours.
    pub fn load(bytes: &[u8]) -> Result<Self, SeenError> {
        let saved: Saved = serde_json::from_slice(bytes)?;
        if saved.version != VERSION {
            return Err(SeenError::Version { found: saved.version });
        }
        let source = |one: SavedSource| {
            let source = LogSource { product: one.product, category: one.category, service: one.service };
            (source, Fields { day: one.day, names: one.fields, is_full: one.is_full })
        };
        let sources = saved.sources.into_iter().map(source).collect();
        Ok(Self { since: saved.since, sources, is_full: saved.is_full, changes: 0 })
    }
}

/// Rules name log sources in lower case.
fn lower(source: LogSource) -> LogSource {
    let part = |part: Option<String>| part.map(|part| part.to_lowercase());
    LogSource { product: part(source.product), category: part(source.category), service: part(source.service) }
}

fn day_of(time: Timestamp) -> i64 {
    time.secs().div_euclid(DAY_SECS)
}

/// The shapes of events (log sources and names of fields) that were met today.
#[derive(Debug, Default)]
pub struct Shapes {
    known: FxHashSet<u64>,
    day: i64,
}

impl Shapes {
    /// Whether an event of this shape is met for the first time today; `sources` is the mark of its log sources, see
    /// [`crate::rulebook::Stream::sources_mark`]. Two shapes with one hash count as one.
    pub fn is_new(&mut self, sources: u64, event: &Event, now: Timestamp) -> bool {
        if sources == 0 {
            return false;
        }
        let day = day_of(now);
        if day != self.day || self.known.len() >= SHAPES_MAX {
            self.known.clear();
            self.day = day;
        }
        let mut hasher = FxHasher::default();
        hasher.write_u64(sources);
        for (name, _) in event.iter() {
            hasher.write(name.as_bytes());
            hasher.write_u8(0xff);
        }
        self.known.insert(hasher.finish())
    }
}

#[cfg(test)]
mod tests;
