//! The form on disk: what was learnt, without what is of the moment.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use event::{SiteId, SourceId, Timestamp};
use thiserror::Error;

use super::rhythm::Rhythm;
use super::sites::SiteWatch;
use super::state::State;
use super::week::{Cell, HOURS};
use crate::leb::{Cursor, put, put_bytes, unzigzag, zigzag};

const VERSION: u8 = 1;
/// Most sources or sites that are read back.
const ENTRIES_MAX: u64 = 1_000_000;
/// The largest number of seconds or events that is believed.
const NUMBER_MAX: f64 = 1e9;

/// Why what was learnt cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HealthError {
    /// The bytes are none of ours.
    #[error("what was learnt of sources cannot be read back")]
    Form,
    /// Another version wrote them.
    #[error("what was learnt of sources has version {found}; this program reads {VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
}

type Read = (HashMap<SourceId, Rhythm>, BTreeMap<SiteId, SiteWatch>);

pub(super) fn write(sources: &HashMap<SourceId, Rhythm>, sites: &BTreeMap<SiteId, SiteWatch>) -> Vec<u8> {
    let mut into = vec![VERSION];
    put(&mut into, sources.len() as u64);
    for (id, rhythm) in sources {
        put_bytes(&mut into, id.as_str().as_bytes());
        put_rhythm(&mut into, rhythm);
    }
    put(&mut into, sites.len() as u64);
    for (id, watch) in sites {
        put_bytes(&mut into, id.as_str().as_bytes());
        into.extend_from_slice(&watch.waited_secs.to_le_bytes());
        into.extend([u8::from(watch.has_spoken), watch.state.code(), u8::from(watch.is_told)]);
        put_time(&mut into, watch.since);
    }
    into
}

fn put_rhythm(into: &mut Vec<u8>, rhythm: &Rhythm) {
    put_bytes(into, rhythm.site.as_str().as_bytes());
    for time in [rhythm.first, rhythm.last, rhythm.since] {
        put_time(into, time);
    }
    for number in [u64::from(rhythm.arrivals), rhythm.records, rhythm.undecoded] {
        put(into, number);
    }
    into.push(u8::from(rhythm.skew_ms.is_some()));
    put(into, zigzag(rhythm.skew_ms.unwrap_or(0)));
    into.extend_from_slice(&rhythm.recent.to_le_bytes());
    into.extend_from_slice(&rhythm.recent_secs.to_le_bytes());
    into.extend([u8::from(rhythm.is_silent), rhythm.told.code(), rhythm.state.code()]);
    put(into, rhythm.gaps.len() as u64);
    rhythm.gaps.all().iter().for_each(|gap| into.extend_from_slice(&gap.to_le_bytes()));
    put(into, rhythm.week.known().count() as u64);
    for (place, cell) in rhythm.week.known() {
        put(into, place as u64);
        into.extend_from_slice(&cell.events.to_le_bytes());
        into.extend_from_slice(&cell.gap_secs.to_le_bytes());
        into.push(cell.weeks);
    }
}

fn put_time(into: &mut Vec<u8>, time: Timestamp) {
    put(into, zigzag(time.nanos()));
}

pub(super) fn read(bytes: &[u8]) -> Result<Read, HealthError> {
    match bytes.first() {
        Some(&VERSION) => {}
        Some(&found) => return Err(HealthError::Version { found }),
        None => return Err(HealthError::Form),
    }
    let plain = Bytes::copy_from_slice(bytes);
    let mut cursor = Cursor::new(&plain);
    read_all(&mut cursor).filter(|_| cursor.is_at_end()).ok_or(HealthError::Form)
}

fn read_all(cursor: &mut Cursor<'_>) -> Option<Read> {
    cursor.byte()?;
    let (mut sources, mut sites) = (HashMap::new(), BTreeMap::new());
    for _ in 0..count(cursor, ENTRIES_MAX)? {
        let id = SourceId::new(text(cursor)?).ok()?;
        sources.insert(id, rhythm(cursor)?);
    }
    for _ in 0..count(cursor, ENTRIES_MAX)? {
        let id = SiteId::new(text(cursor)?).ok()?;
        let waited_secs = double(cursor)?;
        let has_spoken = cursor.byte()? == 1;
        let state = State::from_code(cursor.byte()?)?;
        let is_told = cursor.byte()? == 1;
        let since = time(cursor)?;
        sites.insert(id, SiteWatch { waited_secs, has_spoken, state, since, is_told });
    }
    Some((sources, sites))
}

fn rhythm(cursor: &mut Cursor<'_>) -> Option<Rhythm> {
    let site = SiteId::new(text(cursor)?).ok()?;
    let (first, last, since) = (time(cursor)?, time(cursor)?, time(cursor)?);
    let mut rhythm = Rhythm::new(site, last);
    (rhythm.first, rhythm.since) = (first, since);
    rhythm.arrivals = u32::try_from(cursor.number()?).ok()?;
    (rhythm.records, rhythm.undecoded) = (cursor.number()?, cursor.number()?);
    let has_skew = cursor.byte()? == 1;
    rhythm.skew_ms = Some(unzigzag(cursor.number()?)).filter(|_| has_skew);
    (rhythm.recent, rhythm.recent_secs) = (double(cursor)?, double(cursor)?);
    rhythm.is_silent = cursor.byte()? == 1;
    (rhythm.told, rhythm.state) = (State::from_code(cursor.byte()?)?, State::from_code(cursor.byte()?)?);
    for _ in 0..count(cursor, 64)? {
        rhythm.gaps.push(single(cursor)?);
    }
    for _ in 0..count(cursor, HOURS as u64)? {
        let place = usize::try_from(cursor.number()?).ok().filter(|place| *place < HOURS)?;
        let (events, gap_secs, weeks) = (single(cursor)?, single(cursor)?, cursor.byte()?);
        rhythm.week.restore(place, Cell { events, gap_secs, weeks });
    }
    Some(rhythm)
}

fn count(cursor: &mut Cursor<'_>, most: u64) -> Option<u64> {
    cursor.number().filter(|count| *count <= most)
}

fn text(cursor: &mut Cursor<'_>) -> Option<String> {
    String::from_utf8(cursor.bytes()?.to_vec()).ok()
}

fn time(cursor: &mut Cursor<'_>) -> Option<Timestamp> {
    cursor.number().map(unzigzag).map(Timestamp::from_nanos)
}

fn double(cursor: &mut Cursor<'_>) -> Option<f64> {
    Some(f64::from_le_bytes(cursor.array()?)).filter(|number| (0.0..=NUMBER_MAX).contains(number))
}

fn single(cursor: &mut Cursor<'_>) -> Option<f32> {
    Some(f32::from_le_bytes(cursor.array()?)).filter(|number| (0.0..=NUMBER_MAX).contains(&f64::from(*number)))
}
