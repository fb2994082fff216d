//! From a record to an event: attribution, decoding, ECS names, time. The order of the steps and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use event::{Event, EventFull, EventId, Origin, OwnEvent, SourceId, Timestamp, Transport};
use jiff::tz::TimeZone;

use crate::decode::auditd::joined;
use crate::decode::memory::{Memory, Seen};
use crate::decode::{self, Claim, Dates, Decoded, SourceFormats};
use crate::health::Pulse;
use crate::join::{Key, Part};
use crate::{Record, normalise};

/// Longest record that is decoded, in bytes; of a longer one the beginning is kept and `metrosoc.truncated` says so.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes at the beginning of a record in which the audit system's mark stands.
const MARKED_BYTES: usize = 512;
/// Longest record that is kept in base64 beside its text when it is not UTF-8.
const BASE64_BYTES_MAX: usize = 64 * 1024;

/// How times that lack something are read, and which are believed.
#[derive(Debug, Clone)]
pub struct PipelineSettings {
    /// The zone of times that name none; `Asia/Ho_Chi_Minh` by default.
    pub zone: TimeZone,
    /// The year of times that name none; `None` (the default) takes the latest one not after the time of receipt.
    pub year: Option<i16>,
    /// The earliest time that is believed; 1990 by default.
    pub oldest: Timestamp,
    /// How far after its receipt an event may claim to be; a day by default.
    pub ahead_max: Duration,
    /// Zone and year of single sources, which come before those above.
    pub sources: HashMap<SourceId, SourceDates>,
}

/// A source's own zone and year.
#[derive(Debug, Clone, Default)]
pub struct SourceDates {
    /// The zone of its times that name none.
    pub zone: Option<TimeZone>,
    /// The year of its times that name none.
    pub year: Option<i16>,
}

impl Default for PipelineSettings {
    fn default() -> Self {
        // The zone's rules are compiled in, so that a machine without zone files reads the same times.
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap_or(TimeZone::UTC);
        Self {
            zone,
            year: None,
            oldest: Timestamp::from_secs(631_152_000),
            ahead_max: Duration::from_secs(86_400),
            sources: HashMap::new(),
        }
    }
}

/// Turns records into events. One is enough for all threads.
#[derive(Debug)]
pub struct Pipeline {
    settings: PipelineSettings,
    memory: Arc<Memory>,
}

/// What the pipeline understood of each source, for who asks while it works. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Understanding(Arc<Memory>);

impl Understanding {
    /// Fills in what was not understood of each source, and how far its clock is off.
    pub fn complete(&self, pulses: &mut [Pulse]) {
        for pulse in pulses {
            if let Some((undecoded, skew_ms)) = self.0.understanding(&pulse.source) {
                (pulse.undecoded, pulse.skew_ms) = (undecoded, skew_ms);
            }
        }
    }

    /// What every source sent since the start: formats, and records that nothing understood.
    pub fn sources(&self) -> Vec<SourceFormats> {
        self.0.list()
    }
}

impl Pipeline {
    /// A pipeline that has seen nothing yet. Install the metrics recorder before its first record.
    pub fn new(settings: PipelineSettings) -> Self {
        Self { settings, memory: Arc::default() }
    }

    /// Fills `event` with what `record` says; what it held before is gone. Never fails: what no decoder understands is
    /// kept whole with `event.kind: pipeline_error`.
    pub fn event(&self, id: EventId, record: &Record, event: &mut Event) {
        event.clear();
        event.id = id;
        event.received = record.received;
        event.origin = Some(Arc::clone(&record.origin));
        let seen = self.memory.of(&record.origin.source);
        if self.fill(record, &seen, event).is_err() {
            // Only a record that multiplies its text gets here; what was read before that is kept.
            tracing::warn!(source = %record.origin.source, %id, "event reached its bounds");
        }
    }

    /// Fills `event` with what the records of one event of the audit system say together (see [`crate::join`]); it has
    /// the position of the first. `metrosoc.record.positions` names them all, `event.original` holds their texts, each on
    /// a line.
    pub fn joined(&self, records: &[(EventId, Record)], event: &mut Event) {
        event.clear();
        let Some((id, first)) = records.first() else { return };
        event.id = *id;
        event.received = first.received;
        event.origin = Some(Arc::clone(&first.origin));
        let seen = self.memory.of(&first.origin.source);
        if self.fill_joined(records, first, &seen, event).is_err() {
            tracing::warn!(source = %first.origin.source, %id, "event reached its bounds");
        }
    }

    /// Which event of the audit system a record belongs to, for [`crate::join::Joiner::take`].
    pub fn audit_key(&self, record: &Record) -> Option<(Key, Part)> {
        // Nearly every record is none; only one that could be is looked at.
        let start = record.bytes.get(..RECORD_BYTES_MAX).unwrap_or(&record.bytes);
        memchr::memmem::find(start.get(..MARKED_BYTES).unwrap_or(start), b"audit(")?;
        let mark = joined::mark(std::str::from_utf8(start).ok()?, &self.dates(record))?;
        let source = record.origin.source.clone();
        let key = Key { source, host: mark.host.to_owned(), time: mark.time.to_owned(), sequence: mark.sequence };
        Some((key, mark.part))
    }

    fn fill_joined(
        &self,
        records: &[(EventId, Record)],
        first: &Record,
        seen: &Seen,
        event: &mut Event,
    ) -> Result<(), EventFull> {
        let mut left = RECORD_BYTES_MAX;
        let mut texts = Vec::with_capacity(records.len());
        let mut is_cut = false;
        for (_, record) in records {
            let bytes = record.bytes.get(..left).unwrap_or(&record.bytes);
            is_cut |= record.truncated || bytes.len() < record.bytes.len();
            left -= bytes.len();
            texts.push(String::from_utf8_lossy(bytes));
        }
        attribute(&first.origin, event)?;
        event.push("event.ingested", stamp(first.received).as_str())?;
        event.push("event.original", texts.join("\n").as_str())?;
        for (id, _) in records {
            event.push("metrosoc.record.positions", i64::try_from(id.0).unwrap_or(i64::MAX))?;
        }
        if is_cut {
            seen.truncated();
            event.push("metrosoc.truncated", true)?;
        }
        let lines: Vec<&str> = texts.iter().map(|text| &**text).collect();
        let decoded = joined::decode(&lines, &self.dates(first), event)?;
        self.conclude(&decoded, seen, event)?;
        self.settle_time(decoded.time, first, seen, event)
    }

    /// What every source sent since the start: formats, and records that nothing understood.
    pub fn sources(&self) -> Vec<SourceFormats> {
        self.memory.list()
    }

    /// The same for who asks from elsewhere.
    pub fn understanding(&self) -> Understanding {
        Understanding(Arc::clone(&self.memory))
    }

    fn fill(&self, record: &Record, seen: &Seen, event: &mut Event) -> Result<(), EventFull> {
        let bytes = record.bytes.get(..RECORD_BYTES_MAX).unwrap_or(&record.bytes);
        // The check alone is several times faster than the search for what to replace.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => std::borrow::Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        attribute(&record.origin, event)?;
        forwarded(record, event)?;
        event.push("event.ingested", stamp(record.received).as_str())?;
        event.push("event.original", &*text)?;
        if matches!(text, std::borrow::Cow::Owned(_)) {
            let whole = bytes.get(..BASE64_BYTES_MAX).unwrap_or(bytes);
            event.push("metrosoc.original_base64", base64::engine::general_purpose::STANDARD.encode(whole).as_str())?;
        }
        if record.truncated || bytes.len() < record.bytes.len() {
            seen.truncated();
            event.push("metrosoc.truncated", true)?;
        }
        if record.origin.transport == Transport::Own {
            return own(&text, record.received, event);
        }
        let dates = self.dates(record);
        let mark = event.mark();
        let decoded = match decode::decode(&text, &dates, seen.last(), event) {
            Ok(decoded) => decoded,
            Err(EventFull) => {
                event.rewind(mark);
                Decoded { format: None, time: None, fault: Some("the record has more fields than an event can hold") }
            }
        };
        let is_edges_own = record.forwarded.is_some_and(|forwarded| forwarded.transport == Transport::Edge);
        normalise::disown(event, is_edges_own)?;
        self.conclude(&decoded, seen, event)?;
        if let Some(forwarded) = &record.forwarded {
            event.set_default("event.created", stamp(forwarded.received).as_str())?;
        }
        self.settle_time(decoded.time, record, seen, event)
    }

    fn dates(&self, record: &Record) -> Dates<'_> {
        let own = self.settings.sources.get(&record.origin.source);
        Dates {
            zone: own.and_then(|own| own.zone.as_ref()).unwrap_or(&self.settings.zone),
            year: own.and_then(|own| own.year).or(self.settings.year),
            received: record.first_received(),
        }
    }

    fn conclude(&self, decoded: &Decoded<'_>, seen: &Seen, event: &mut Event) -> Result<(), EventFull> {
        let Some(format) = decoded.format else {
            let fault = decoded.fault.unwrap_or("no decoder knows this form");
            seen.not_understood(fault);
            event.push("event.kind", "pipeline_error")?;
            event.push("error.message", fault)?;
            event.copy("event.original", "message")?;
            return normalise::dataset("unknown", event);
        };
        self.memory.understood(seen, format);
        event.push("event.kind", "event")?;
        normalise::dataset(decode::format_name(format), event)
    }

    /// The sender's time where it can be true; its text in `metrosoc.time.rejected` where it cannot.
    fn settle_time(
        &self,
        claim: Option<Claim<'_>>,
        record: &Record,
        seen: &Seen,
        event: &mut Event,
    ) -> Result<(), EventFull> {
        let latest = record.received.plus(self.settings.ahead_max);
        let believed = |time: &Timestamp| (self.settings.oldest..=latest).contains(time);
        if let Some(claim) = claim {
            event.claimed = claim.time.filter(believed);
            if event.claimed.is_none() {
                seen.absurd_time();
                let text = claim.time.map_or_else(|| claim.text.chars().take(64).collect(), |time| time.to_string());
                event.push("metrosoc.time.rejected", text.as_str())?;
            }
            // Also a time that is not believed says how far the clock is off.
            if let Some(time) = claim.time {
                seen.claimed(record.first_received(), time);
            }
        }
        if let (None, Some(forwarded)) = (event.claimed, &record.forwarded) {
            // What says no time happened when the edge received it, not when a link that was down let it through.
            event.claimed = Some(forwarded.received).filter(believed);
        }
        event.push("@timestamp", stamp(event.timestamp()).as_str())
    }
}

/// An event of the product's own record: its names are ours to give, and its time is ours too.
fn own(text: &str, received: Timestamp, event: &mut Event) -> Result<(), EventFull> {
    let Some(own) = OwnEvent::read(text) else {
        event.push("event.kind", "pipeline_error")?;
        event.push("error.message", "the record is none of the product's own")?;
        normalise::dataset("unknown", event)?;
        return event.push("@timestamp", stamp(received).as_str());
    };
    for (name, value) in &own.fields {
        event::json::flatten(name, value, event)?;
    }
    event.claimed = Some(own.time);
    event.set_default("event.kind", "event")?;
    normalise::dataset(own.record.dataset(), event)?;
    event.push("@timestamp", stamp(own.time).as_str())
}

/// Where the record came from, which is ours to say and not the text's.
fn attribute(origin: &Origin, event: &mut Event) -> Result<(), EventFull> {
    event.push("metrosoc.site.id", origin.site.as_str())?;
    if let Some(agency) = &origin.agency {
        event.push("metrosoc.agency.id", agency.as_str())?;
    }
    event.push("metrosoc.site.known_by", origin.known_by.as_str())?;
    event.push("metrosoc.source.id", origin.source.as_str())?;
    event.push("metrosoc.transport", origin.transport.as_str())?;
    match origin.peer {
        Some(peer) => event.push("log.source.address", peer.to_string().as_str()),
        None => Ok(()),
    }
}

/// What the edge at a site says of a record: when and how it came there.
fn forwarded(record: &Record, event: &mut Event) -> Result<(), EventFull> {
    let Some(forwarded) = &record.forwarded else { return Ok(()) };
    event.push("metrosoc.edge.received", stamp(forwarded.received).as_str())?;
    event.push("metrosoc.edge.transport", forwarded.transport.as_str())
}

fn stamp(time: Timestamp) -> String {
    time.to_string()
}

#[cfg(test)]
mod tests;
