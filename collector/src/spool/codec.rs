//! The plain content of a frame: origins once, then the records that refer to them.
//!
//! Form 2: version byte; number of origins, each a length and its JSON; then for each record the number of its
//! origin, a byte of form and flags, the time received as a difference to the record before, the bytes, and where the
//! flags say so the sender's identity for it and what an edge says of it (time as a difference to the time received,
//! transport). Numbers are LEB128. Form 1, which is still read, has nothing of edges.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use event::{Origin, Timestamp, Transport};

use crate::leb::{Cursor, put, put_bytes, unzigzag, zigzag};
use crate::{Format, Forwarded, Record};

const VERSION: u8 = 2;
const VERSION_OLDEST: u8 = 1;
const FORMAT_BITS: u8 = 0x0f;
const TRUNCATED: u8 = 0x10;
const DEDUPE: u8 = 0x20;
const FORWARDED: u8 = 0x40;
/// Most origins that a reader remembers between frames.
const ORIGINS_KEPT_MAX: usize = 4_096;

/// Bytes that a record takes in a frame beside its own, at most, its origin not counted.
pub(super) const RECORD_OVERHEAD_BYTES: usize = 64;

/// Writes `records` behind `into`.
pub(super) fn encode<'r>(records: impl Iterator<Item = &'r Record> + Clone, into: &mut Vec<u8>) {
    let mut numbers: HashMap<usize, u64> = HashMap::new();
    let mut origins: Vec<&Arc<Origin>> = Vec::new();
    for record in records.clone() {
        numbers.entry(address(&record.origin)).or_insert_with(|| {
            origins.push(&record.origin);
            origins.len() as u64 - 1
        });
    }
    into.push(VERSION);
    put(into, origins.len() as u64);
    for origin in origins {
        let json = serde_json::to_vec(&**origin).unwrap_or_default();
        put_bytes(into, &json);
    }
    let mut before = 0;
    for record in records {
        put(into, numbers.get(&address(&record.origin)).copied().unwrap_or(0));
        let mut flags = Format::code(record.format);
        flags |= if record.truncated { TRUNCATED } else { 0 };
        flags |= if record.dedupe.is_some() { DEDUPE } else { 0 };
        flags |= if record.forwarded.is_some() { FORWARDED } else { 0 };
        into.push(flags);
        put(into, zigzag(record.received.nanos().wrapping_sub(before)));
        before = record.received.nanos();
        put_bytes(into, &record.bytes);
        if let Some(dedupe) = &record.dedupe {
            put_bytes(into, dedupe.as_bytes());
        }
        if let Some(forwarded) = &record.forwarded {
            put(into, zigzag(forwarded.received.nanos().wrapping_sub(before)));
            put_bytes(into, forwarded.transport.as_str().as_bytes());
        }
    }
}

/// Remembers origins between frames, so that equal ones are one.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    origins: HashMap<Bytes, Arc<Origin>>,
}

impl Decoder {
    /// Reads the `count` records of a frame; `None` when the bytes are not what [`encode`] wrote.
    pub(super) fn decode(&mut self, plain: &Bytes, count: u32) -> Option<Vec<Record>> {
        let mut cursor = Cursor::new(plain);
        if !(VERSION_OLDEST..=VERSION).contains(&cursor.byte()?) {
            return None;
        }
        let origins = (0..cursor.number()?).map(|_| self.origin(cursor.bytes()?)).collect::<Option<Vec<_>>>()?;
        let mut records = Vec::with_capacity((count as usize).min(plain.len()));
        let mut before = 0i64;
        for _ in 0..count {
            let origin = origins.get(usize::try_from(cursor.number()?).ok()?)?;
            let flags = cursor.byte()?;
            before = before.wrapping_add(unzigzag(cursor.number()?));
            let bytes = cursor.bytes()?;
            let dedupe = match flags & DEDUPE {
                0 => None,
                _ => Some(String::from_utf8(cursor.bytes()?.to_vec()).ok()?),
            };
            let forwarded = match flags & FORWARDED {
                0 => None,
                _ => Some(Forwarded {
                    received: Timestamp::from_nanos(before.wrapping_add(unzigzag(cursor.number()?))),
                    transport: Transport::parse(std::str::from_utf8(&cursor.bytes()?).ok()?)?,
                }),
            };
            records.push(Record {
                origin: Arc::clone(origin),
                received: Timestamp::from_nanos(before),
                bytes,
                format: Format::from_code(flags & FORMAT_BITS)?,
                dedupe,
                truncated: flags & TRUNCATED != 0,
                forwarded,
            });
        }
        cursor.is_at_end().then_some(records)
    }

    fn origin(&mut self, json: Bytes) -> Option<Arc<Origin>> {
        if let Some(known) = self.origins.get(&json) {
            return Some(Arc::clone(known));
        }
        let origin: Arc<Origin> = Arc::new(serde_json::from_slice(&json).ok()?);
        if self.origins.len() >= ORIGINS_KEPT_MAX {
            self.origins.clear();
        }
        // A copy, because the slice would keep the whole frame alive.
        self.origins.insert(Bytes::copy_from_slice(&json), Arc::clone(&origin));
        Some(origin)
    }
}

fn address(origin: &Arc<Origin>) -> usize {
    Arc::as_ptr(origin).addr()
}

#[cfg(test)]
mod tests {
    use event::{KnownBy, SiteId, SourceId, Transport};
    use proptest::prelude::*;

    use super::*;

    fn origin(number: u8) -> Arc<Origin> {
        Arc::new(Origin {
            site: SiteId::new(format!("site-{number}")).unwrap(),
            agency: None,
            known_by: KnownBy::Address,
            source: SourceId::new(format!("syslog-udp:10.0.0.{number}")).unwrap(),
            transport: Transport::SyslogUdp,
            peer: Some([10, 0, 0, number].into()),
        })
    }

    fn record() -> impl Strategy<Value = Record> {
        let formats =
            [None, Some(Format::Syslog), Some(Format::Json), Some(Format::WindowsXmlJson), Some(Format::Line)];
        let bytes = proptest::collection::vec(any::<u8>(), 0..200);
        let dedupe = proptest::option::of(".{0,20}");
        let forwarded =
            proptest::option::of(any::<i64>().prop_map(|nanos| Forwarded {
                received: Timestamp::from_nanos(nanos),
                transport: Transport::SyslogTcp,
            }));
        (any::<u8>(), any::<i64>(), bytes, 0..5usize, dedupe, any::<bool>(), forwarded).prop_map(
            move |(site, received, bytes, format, dedupe, truncated, forwarded)| Record {
                origin: origin(site % 4),
                received: Timestamp::from_nanos(received),
                bytes: bytes.into(),
                format: formats[format],
                dedupe,
                truncated,
                forwarded,
            },
        )
    }

    proptest! {
        #[test]
        fn records_come_back(records in proptest::collection::vec(record(), 0..20)) {
            let mut plain = Vec::new();
            encode(records.iter(), &mut plain);
            let plain = Bytes::from(plain);
            let mut decoder = Decoder::default();
            prop_assert_eq!(decoder.decode(&plain, records.len() as u32), Some(records.clone()));
            prop_assert_eq!(decoder.decode(&plain, records.len() as u32), Some(records.clone()));
            prop_assert_eq!(decoder.decode(&plain, records.len() as u32 + 1), None);
        }

        #[test]
        fn garbage_is_refused_without_a_large_allocation(mut plain in proptest::collection::vec(any::<u8>(), 0..300), count in any::<u32>()) {
            if let Some(first) = plain.first_mut() {
                *first = VERSION;
            }
            Decoder::default().decode(&Bytes::from(plain), count);
        }
    }
}
