//! A consumer: reads records in order, at its own pace, from memory while it keeps up and from disk otherwise.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::EventId;
use tokio::sync::watch;

use super::codec::Decoder;
use super::position;
use super::segment::Segment;
use super::shared::Shared;
use super::walk::{Found, Walk};
use crate::{Record, SpoolError};

/// Bytes of records that are read from disk at a time, a frame's more at most.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;

/// Reads the spool in order and remembers durably how far it came.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    name: String,
    /// Number of the next record to give out.
    next: u64,
    /// Records that were read from disk and not yet given out; the first has the number `next`.
    ahead: VecDeque<(u64, Record)>,
    disk: Option<Disk>,
    durable: watch::Receiver<u64>,
}

/// Where the consumer stands on disk.
#[derive(Debug, Default)]
struct Disk {
    open: Option<(Arc<Segment>, File, Walk)>,
    decoder: Decoder,
}

impl Consumer {
    pub(super) fn open(shared: Arc<Shared>, name: &str, from: Option<EventId>) -> Result<Self, SpoolError> {
        position::check_name(name)?;
        let end = shared.durable();
        if let Some(from) = from
            && from.0 > end
        {
            return Err(SpoolError::Ahead { consumer: name.to_owned(), wanted: from, next: EventId(end) });
        }
        let mut state = shared.state();
        if state.open.contains(name) {
            return Err(SpoolError::ConsumerBusy { name: name.to_owned() });
        }
        let oldest = state.segments.front().map_or(end, |segment| segment.first);
        let stored = state.positions.get(name).copied();
        let wanted = from.map(|from| from.0).or(stored).unwrap_or(oldest);
        if stored.is_none() {
            position::write(&shared.settings.dir, name, wanted.max(oldest))?;
            state.positions.insert(name.to_owned(), wanted.max(oldest));
        }
        state.open.insert(name.to_owned());
        drop(state);
        if wanted < oldest {
            tracing::error!(consumer = name, wanted, oldest, "spool: records that a consumer wants are gone");
        }
        let durable = shared.watch();
        let next = wanted.max(oldest);
        Ok(Self { shared, name: name.to_owned(), next, ahead: VecDeque::new(), disk: None, durable })
    }

    /// Number of the next record that it will give out.
    pub fn position(&self) -> EventId {
        EventId(self.next)
    }

    /// How many durable records it has not given out yet.
    pub fn behind(&self) -> u64 {
        self.shared.durable().saturating_sub(self.next)
    }

    /// The next records, at most `records_max`, in order; empty when none came within `wait_max`. Numbers may jump over
    /// records that are damaged. May be cancelled without loss.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub async fn next_batch(
        &mut self,
        records_max: usize,
        wait_max: Duration,
    ) -> Result<Vec<(EventId, Record)>, SpoolError> {
        let next = self.next;
        let durable = self.durable.wait_for(|&end| end > next);
        match tokio::time::timeout(wait_max, durable).await {
            Err(_) => return Ok(Vec::new()),
            Ok(Err(_)) => return Err(SpoolError::Stopped),
            Ok(Ok(_)) => {}
        }
        if self.ahead.is_empty() {
            if let Some(batch) = self.take_recent(records_max.max(1)) {
                return Ok(batch);
            }
            self.read_ahead(records_max).await?;
        }
        let count = records_max.max(1).min(self.ahead.len());
        let batch: Vec<_> = self.ahead.drain(..count).map(|(id, record)| (EventId(id), record)).collect();
        if let Some((last, _)) = batch.last() {
            self.next = last.0 + 1;
        }
        Ok(batch)
    }

    /// Everything below `next` is done with: durable when this returns. Segments that every consumer has passed are
    /// destroyed. A number below an earlier one changes nothing.
    ///
    /// # Errors
    /// When the position cannot be stored; the consumer may go on and try again.
    pub async fn commit(&mut self, next: EventId) -> Result<(), SpoolError> {
        let (shared, name) = (Arc::clone(&self.shared), self.name.clone());
        tokio::task::spawn_blocking(move || shared.commit(&name, next.0)).await.map_err(|_| SpoolError::Stopped)?
    }

    fn take_recent(&mut self, records_max: usize) -> Option<Vec<(EventId, Record)>> {
        let state = self.shared.state();
        let at = state.recent.partition_point(|recent| recent.next() <= self.next);
        if state.recent.get(at)?.first > self.next {
            return None;
        }
        let recents: Vec<_> = state.recent.range(at..).take(records_max).map(Arc::clone).collect();
        drop(state);
        let mut batch = Vec::new();
        for recent in recents {
            let skip = usize::try_from(self.next.saturating_sub(recent.first)).unwrap_or(usize::MAX);
            if recent.first > self.next || batch.len() >= records_max {
                break;
            }
            for record in recent.records.iter().skip(skip).take(records_max - batch.len()) {
                batch.push((EventId(self.next), record.clone()));
                self.next += 1;
            }
        }
        Some(batch)
    }

    /// Reads so many records from disk, or a few more; over segments and damage.
    async fn read_ahead(&mut self, records: usize) -> Result<(), SpoolError> {
        let (shared, next) = (Arc::clone(&self.shared), self.next);
        let mut disk = self.disk.take().unwrap_or_default();
        let read = move || {
            let ahead = disk.read_many(&shared, next, records);
            (disk, ahead)
        };
        let (disk, ahead) = tokio::task::spawn_blocking(read).await.map_err(|_| SpoolError::Stopped)?;
        self.disk = Some(disk);
        self.ahead = ahead?;
        if self.ahead.is_empty() {
            // Nothing readable up to the end: go on behind it.
            self.next = self.shared.durable().max(self.next);
        }
        Ok(())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.state().open.remove(&self.name);
    }
}

impl Disk {
    /// The records of the next frames, until there are enough or [`AHEAD_BYTES`] of them.
    fn read_many(
        &mut self,
        shared: &Shared,
        mut next: u64,
        enough: usize,
    ) -> Result<VecDeque<(u64, Record)>, SpoolError> {
        let (mut all, mut bytes) = (VecDeque::new(), 0);
        while all.len() < enough && bytes < AHEAD_BYTES && next < shared.durable() {
            match self.read(shared, next) {
                Ok(Some(frame)) => {
                    next = frame.back().map_or(next, |(last, _)| last + 1);
                    bytes += frame.iter().map(|(_, record)| record.bytes.len()).sum::<usize>();
                    all.extend(frame);
                }
                Ok(None) => break,
                // What was read is given out first; who asks for more is told.
                Err(_) if !all.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// The records of the next frame that holds `next` or comes behind it.
    fn read(&mut self, shared: &Shared, next: u64) -> Result<Option<VecDeque<(u64, Record)>>, SpoolError> {
        let mut wanted = next;
        loop {
            if !self.stand_at(shared, wanted)? {
                return Ok(None);
            }
            let Some((segment, file, walk)) = &mut self.open else { return Ok(None) };
            let io = |source| SpoolError::Io { doing: "read", path: segment.path().to_path_buf(), source };
            walk.extend(segment.len());
            let end = segment.next();
            let Some(found) = walk.next(file).map_err(io)? else {
                shared.damaged(wanted, end);
                wanted = wanted.max(end);
                self.open = None;
                if wanted >= shared.durable() {
                    return Ok(None);
                }
                continue;
            };
            if found.header.next() <= wanted {
                continue;
            }
            shared.damaged(wanted.max(found.skipped_from), found.header.first);
            match segment.unseal(file, found.offset, &found.header) {
                Ok(raw) => match self.decoder.decode(&Bytes::from(raw), found.header.count) {
                    Some(records) => return Ok(Some(numbered(records, &found, wanted))),
                    None => shared.damaged(wanted.max(found.header.first), found.header.next()),
                },
                Err(error)
                    if error.kind() == std::io::ErrorKind::InvalidData || error.kind() == std::io::ErrorKind::Other =>
                {
                    shared.damaged(wanted.max(found.header.first), found.header.next());
                }
                Err(error) => return Err(io(error)),
            }
            wanted = found.header.next();
        }
    }

    /// Opens the segment that holds `wanted`, or the next one; `false` when there is none.
    fn stand_at(&mut self, shared: &Shared, wanted: u64) -> Result<bool, SpoolError> {
        if let Some((segment, _, walk)) = &self.open
            && segment.first <= wanted
            && wanted < segment.next()
            && walk.expected() <= wanted
        {
            return Ok(true);
        }
        let state = shared.state();
        let segment = state.segments.iter().find(|segment| segment.next() > wanted).map(Arc::clone);
        drop(state);
        let Some(segment) = segment else { return Ok(false) };
        let io = |source| SpoolError::Io { doing: "open", path: segment.path().to_path_buf(), source };
        let file = File::open(segment.path()).map_err(io)?;
        let walk = Walk::new(segment.first, segment.len());
        self.open = Some((segment, file, walk));
        Ok(true)
    }
}

fn numbered(records: Vec<Record>, found: &Found, wanted: u64) -> VecDeque<(u64, Record)> {
    (found.header.first..).zip(records).filter(|(id, _)| *id >= wanted).collect()
}
