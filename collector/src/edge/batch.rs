//! A batch on its way: zstd around the origins once, then the records that refer to them, each with its sequence.
//!
//! Form 1: `MSe1`; the lane's byte; 16 bytes of stream; number of origins, each a length and its JSON; number of records;
//! for each the number of its origin, its sequence (the first as it is, then the difference to the one before, at least
//! 1), a byte of form and flags, the time received as a difference to the record before, and the bytes. Numbers are
//! LEB128. Nothing may stand behind the last record.

use std::collections::HashMap;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use event::{EventId, Origin, Timestamp, Transport};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Priority, StreamId};
use crate::leb::{Cursor, put, put_bytes, unzigzag, zigzag};
use crate::{Format, Record};

/// First bytes of a batch; the last one is the version.
const MAGIC: [u8; 4] = *b"MSe1";
/// Most bytes of a batch as it travels.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of a batch when it is unpacked.
const RAW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most records of a batch.
pub const RECORDS_MAX: usize = 10_000;
/// Most origins of a batch: every record may have its own.
const ORIGINS_MAX: usize = RECORDS_MAX;
/// Most bytes of one origin.
const ORIGIN_BYTES_MAX: usize = 1_024;
/// Greatest window of the compression that is unpacked, as a power of two: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;
/// Greatest sequence; SQL holds it.
const SEQUENCE_MAX: u64 = i64::MAX.cast_unsigned();
const LEVEL: i32 = 3;
const FORMAT_BITS: u8 = 0x0f;
const TRUNCATED: u8 = 0x10;

/// Why bytes are no batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchFault {
    /// It is larger than a batch may be.
    #[error("batch of an edge: more than {max} {what}; send it in parts")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// It cannot be unpacked.
    #[error("batch of an edge: not zstd, or cut off")]
    Compression,
    /// It is unpacked and is none.
    #[error("batch of an edge: {what} cannot be read; is the edge of a version that this server knows?")]
    Form {
        /// What was being read.
        what: &'static str,
    },
}

/// How a record came to the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// The transport.
    pub transport: Transport,
    /// The edge's own name for the stream of logs, such as `syslog-udp:10.0.0.5`.
    pub source: String,
    /// The sender's address where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
}

/// One record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// Its position in the edge's spool.
    pub sequence: u64,
    /// Number of its origin in the batch.
    pub via: usize,
    /// When the edge received it.
    pub received: Timestamp,
    /// The record as it came.
    pub bytes: Bytes,
    /// What the edge's source knows about its form.
    pub format: Option<Format>,
    /// Whether only its beginning is here.
    pub truncated: bool,
}

/// A batch that was read: sequences grow, every record's origin is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The edge's spool.
    pub stream: StreamId,
    /// The lane.
    pub priority: Priority,
    /// Where its records come from.
    pub origins: Vec<Via>,
    /// The records, by sequence.
    pub records: Vec<Shipped>,
}

/// Writes a batch and packs it; at most [`RECORDS_MAX`] records of the spool, in order.
///
/// # Errors
/// [`BatchFault::TooLarge`] when it has to go in parts; [`BatchFault::Compression`] when the compression fails.
pub fn encode(stream: StreamId, priority: Priority, records: &[(EventId, Record)]) -> Result<Vec<u8>, BatchFault> {
    if records.len() > RECORDS_MAX {
        return Err(BatchFault::TooLarge { what: "records", max: RECORDS_MAX });
    }
    let mut raw = Vec::with_capacity(64 * 1024);
    raw.extend_from_slice(&MAGIC);
    raw.push(priority.code());
    raw.extend_from_slice(&stream.0);
    let mut numbers: HashMap<usize, u64> = HashMap::new();
    let mut origins: Vec<&Arc<Origin>> = Vec::new();
    for (_, record) in records {
        numbers.entry(address(&record.origin)).or_insert_with(|| {
            origins.push(&record.origin);
            origins.len() as u64 - 1
        });
    }
    if origins.len() > ORIGINS_MAX {
        return Err(BatchFault::TooLarge { what: "origins", max: ORIGINS_MAX });
    }
    put(&mut raw, origins.len() as u64);
    for origin in origins {
        let (transport, source) = (origin.transport, origin.source.as_str().to_owned());
        let via = Via { transport, source, peer: origin.peer };
        put_bytes(&mut raw, &serde_json::to_vec(&via).unwrap_or_default());
    }
    put(&mut raw, records.len() as u64);
    let (mut sequence, mut received) = (0, 0);
    for (id, record) in records {
        put(&mut raw, numbers.get(&address(&record.origin)).copied().unwrap_or(0));
        put(&mut raw, id.0.wrapping_sub(sequence));
        raw.push(Format::code(record.format) | if record.truncated { TRUNCATED } else { 0 });
        put(&mut raw, zigzag(record.received.nanos().wrapping_sub(received)));
        put_bytes(&mut raw, &record.bytes);
        (sequence, received) = (id.0, record.received.nanos());
    }
    if raw.len() > RAW_BYTES_MAX {
        return Err(BatchFault::TooLarge { what: "bytes", max: RAW_BYTES_MAX });
    }
    zstd::bulk::compress(&raw, LEVEL).map_err(|_| BatchFault::Compression)
}

impl Batch {
    /// Unpacks and reads a batch.
    ///
    /// # Errors
    /// [`BatchFault`] for everything that [`encode`] did not write; nothing larger than the bounds is allocated.
    pub fn decode(body: &[u8]) -> Result<Self, BatchFault> {
        let raw = Bytes::from(unpack(body)?);
        let mut cursor = Cursor::new(&raw);
        let form = |what| BatchFault::Form { what };
        if cursor.array() != Some(MAGIC) {
            return Err(form("its beginning"));
        }
        let priority = cursor.byte().and_then(Priority::from_code).ok_or(form("its lane"))?;
        let stream = cursor.array().map(StreamId).ok_or(form("its stream"))?;
        let origins = read_origins(&mut cursor)?;
        let records = read_records(&mut cursor, origins.len())?;
        if !cursor.is_at_end() {
            return Err(form("what stands behind the last record"));
        }
        Ok(Self { stream, priority, origins, records })
    }
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, BatchFault> {
    if body.len() > BODY_BYTES_MAX {
        return Err(BatchFault::TooLarge { what: "bytes", max: BODY_BYTES_MAX });
    }
    let broken = |_| BatchFault::Compression;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(broken)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(broken)?;
    let mut raw = Vec::new();
    decoder.take(RAW_BYTES_MAX as u64 + 1).read_to_end(&mut raw).map_err(broken)?;
    if raw.len() > RAW_BYTES_MAX {
        return Err(BatchFault::TooLarge { what: "bytes", max: RAW_BYTES_MAX });
    }
    Ok(raw)
}

fn read_origins(cursor: &mut Cursor<'_>) -> Result<Vec<Via>, BatchFault> {
    let form = || BatchFault::Form { what: "its origins" };
    let count = bounded(cursor.number().ok_or_else(form)?, "origins", ORIGINS_MAX)?;
    let mut origins = Vec::with_capacity(count.min(cursor.left()));
    for _ in 0..count {
        let json = cursor.bytes().filter(|json| json.len() <= ORIGIN_BYTES_MAX).ok_or_else(form)?;
        origins.push(serde_json::from_slice(&json).map_err(|_| form())?);
    }
    Ok(origins)
}

fn read_records(cursor: &mut Cursor<'_>, origins: usize) -> Result<Vec<Shipped>, BatchFault> {
    let form = || BatchFault::Form { what: "a record" };
    let count = bounded(cursor.number().ok_or_else(form)?, "records", RECORDS_MAX)?;
    let mut records: Vec<Shipped> = Vec::with_capacity(count.min(cursor.left()));
    let mut received = 0i64;
    for _ in 0..count {
        let record = read_record(cursor, records.last(), &mut received).ok_or_else(form)?;
        if record.via >= origins {
            return Err(form());
        }
        records.push(record);
    }
    Ok(records)
}

fn read_record(cursor: &mut Cursor<'_>, before: Option<&Shipped>, received: &mut i64) -> Option<Shipped> {
    let via = usize::try_from(cursor.number()?).ok()?;
    let step = cursor.number()?;
    let sequence = match before {
        None => step,
        Some(before) => before.sequence.checked_add(step).filter(|_| step > 0)?,
    };
    let flags = cursor.byte()?;
    *received = received.wrapping_add(unzigzag(cursor.number()?));
    let bytes = cursor.bytes()?;
    let known = flags & !(FORMAT_BITS | TRUNCATED) == 0 && sequence <= SEQUENCE_MAX;
    known.then_some(Shipped {
        sequence,
        via,
        received: Timestamp::from_nanos(*received),
        bytes,
        format: Format::from_code(flags & FORMAT_BITS)?,
        truncated: flags & TRUNCATED != 0,
    })
}

fn bounded(count: u64, what: &'static str, max: usize) -> Result<usize, BatchFault> {
    usize::try_from(count).ok().filter(|&count| count <= max).ok_or(BatchFault::TooLarge { what, max })
}

fn address(origin: &Arc<Origin>) -> usize {
    Arc::as_ptr(origin).addr()
}
