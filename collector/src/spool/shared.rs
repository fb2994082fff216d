//! What writer and consumers of a spool share: the segments, the positions, and the newest records in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, TryLockError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event::{Clock, EventId, Timestamp};
use keys::Sealer;
use tokio::sync::watch;

use super::segment::{self, Segment};
use super::{SpoolSettings, position};
use crate::{Record, SpoolError};

/// What was found and repaired when the spool was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The oldest record that is still there.
    pub oldest: EventId,
    /// The number that the next record gets.
    pub next: EventId,
    /// Bytes of an unfinished write that were cut off the last segment; nobody had been told that they were stored.
    pub torn_bytes: u64,
    /// Records, from and behind, that cannot be read any more.
    pub damaged: Vec<(EventId, EventId)>,
    /// Segments, by their first record, whose key was gone.
    pub keyless: Vec<EventId>,
}

/// One segment on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Number of its first record.
    pub first: EventId,
    /// Number behind its last record.
    pub next: EventId,
    /// When it was begun.
    pub created: Timestamp,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The records of one frame, kept in memory for consumers that keep up.
#[derive(Debug)]
pub(super) struct Recent {
    pub(super) first: u64,
    pub(super) records: Vec<Record>,
    pub(super) bytes: usize,
}

impl Recent {
    pub(super) fn next(&self) -> u64 {
        self.first + self.records.len() as u64
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Oldest first.
    pub(super) segments: VecDeque<Arc<Segment>>,
    /// The last of `segments` is being written to.
    pub(super) writing: bool,
    pub(super) positions: BTreeMap<String, u64>,
    pub(super) open: BTreeSet<String>,
    pub(super) recent: VecDeque<Arc<Recent>>,
    pub(super) recent_bytes: usize,
    /// Nothing but what is reserved is taken.
    pub(super) held: bool,
    /// Ranges that cannot be read, in the order in which they were found.
    pub(super) damaged: Vec<(u64, u64)>,
    /// Number that `head` on disk holds.
    head: u64,
    trouble: Option<String>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: SpoolSettings,
    pub(super) sealer: Sealer,
    pub(super) clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held while segments are destroyed. Writer and consumers all do that, and two that stored `head` at once would
    /// take each other's half-written file away.
    destroying: Mutex<()>,
    durable: watch::Sender<u64>,
    /// Held as long as the spool or a consumer lives.
    _lock: File,
}

impl Shared {
    pub(super) fn open(
        settings: SpoolSettings,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, OpenReport), SpoolError> {
        let lock = lock(&settings)?;
        let dir = &settings.dir;
        let (mut firsts, keyless) = segment::list(dir)?;
        if let Some(&last) = firsts.last()
            && segment::is_stillborn(dir, last)
        {
            segment::bury(dir, last)?;
            firsts.pop();
        }
        segment::remove_aside(dir)?;
        let mut report = OpenReport::default();
        let mut segments = VecDeque::new();
        let mut aside_end = 0;
        for (place, &first) in firsts.iter().enumerate() {
            let next = firsts.get(place + 1).copied();
            match open_segment(&settings, &sealer, first, next, &mut report)? {
                Some(segment) => segments.push_back(Arc::new(segment)),
                None => {
                    let behind = segment::set_aside(dir, first, next)?;
                    aside_end = aside_end.max(behind);
                    report.damaged.push((EventId(first), EventId(behind)));
                }
            }
        }
        let head = position::read_head(dir)?;
        let mut positions = position::read_all(dir)?;
        let stored = positions.values().copied().max().unwrap_or(0);
        let end = segments.back().map_or(0, |last: &Arc<Segment>| last.next());
        let next = end.max(aside_end).max(head).max(stored).max(settings.next_id_min.0);
        let oldest = segments.front().map_or(next, |segment| segment.first);
        for name in &settings.consumers {
            position::check_name(name)?;
            if !positions.contains_key(name) {
                position::write(dir, name, oldest)?;
                positions.insert(name.clone(), oldest);
            }
        }
        // A segment without its key that somebody still wanted is a loss; otherwise its destruction was interrupted.
        let floor = positions.values().copied().min().unwrap_or(0);
        report.keyless = keyless.into_iter().filter(|&first| first >= floor).map(EventId).collect();
        (report.oldest, report.next) = (EventId(oldest), EventId(next));
        let lost = report.damaged.iter().map(|(from, behind)| (from.0, behind.0)).take(super::DAMAGE_MAX).collect();
        let state = State { segments, positions, head, damaged: lost, ..State::default() };
        let durable = watch::Sender::new(next);
        let shared = Self {
            settings,
            sealer,
            clock,
            state: Mutex::new(state),
            destroying: Mutex::default(),
            durable,
            _lock: lock,
        };
        tell(&report);
        shared.trim()?;
        Ok((shared, report))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number behind the last durable record.
    pub(super) fn durable(&self) -> u64 {
        *self.durable.borrow()
    }

    /// Tells when [`Shared::durable`] grows.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }

    /// Records became durable: consumers may see them.
    pub(super) fn publish(&self, batches: Vec<Recent>, next: u64) {
        let mut state = self.state();
        for batch in batches {
            state.recent_bytes += batch.bytes;
            state.recent.push_back(Arc::new(batch));
        }
        while state.recent_bytes > self.settings.recent_bytes_max {
            let Some(oldest) = state.recent.pop_front() else { break };
            state.recent_bytes -= oldest.bytes;
        }
        state.trouble = None;
        drop(state);
        self.durable.send_replace(next);
    }

    /// Bytes on disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.state().segments.iter().map(|segment| segment.len()).sum()
    }

    pub(super) fn segments(&self) -> Vec<SegmentInfo> {
        let info = |segment: &Arc<Segment>| SegmentInfo {
            first: EventId(segment.first),
            next: EventId(segment.next()),
            created: segment.created,
            bytes: segment.len(),
        };
        self.state().segments.iter().map(info).collect()
    }

    /// Wraps the keys of segments anew that an older generation wrapped; gives how many.
    pub(super) fn rewrap(&self) -> Result<u64, SpoolError> {
        // No segment is destroyed meanwhile, so no key comes back.
        let _turn = self.destroying.lock().unwrap_or_else(PoisonError::into_inner);
        let segments: Vec<Arc<Segment>> = self.state().segments.iter().map(Arc::clone).collect();
        let mut changed = 0;
        for segment in segments {
            changed += u64::from(segment.rewrap(&self.sealer)?);
        }
        Ok(changed)
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    pub(super) fn in_trouble(&self, reason: &str) {
        self.state().trouble = Some(reason.to_owned());
    }

    /// Records that were acknowledged cannot be read; each range is counted and told once, whoever finds it.
    pub(super) fn damaged(&self, from: u64, behind: u64) {
        let mut state = self.state();
        let known = state.damaged.iter().any(|(start, end)| *start <= from && behind <= *end);
        if behind <= from || known {
            return;
        }
        if state.damaged.len() < super::DAMAGE_MAX {
            state.damaged.push((from, behind));
        }
        drop(state);
        metrics::counter!("metrosoc_spool_damaged_records_total").increment(behind - from);
        tracing::error!(from, behind, "spool: records cannot be read any more");
    }

    /// Stores a consumer's position, then destroys what everybody has passed. Positions never go back.
    pub(super) fn commit(&self, name: &str, next: u64) -> Result<(), SpoolError> {
        let next = next.min(self.durable());
        if self.state().positions.get(name).is_some_and(|&stored| stored >= next) {
            return Ok(());
        }
        position::write(&self.settings.dir, name, next)?;
        self.state().positions.insert(name.to_owned(), next);
        self.trim()
    }

    pub(super) fn forget(&self, name: &str) -> Result<(), SpoolError> {
        position::check_name(name)?;
        position::remove(&self.settings.dir, name)?;
        self.state().positions.remove(name);
        self.trim()
    }

    /// Destroys the finished segments that every consumer has passed; none while no consumer is known.
    pub(super) fn trim(&self) -> Result<(), SpoolError> {
        let _turn = self.destroying.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((passed, end)) = self.take_passed() {
            self.keep_head(end)?;
            passed.destroy()?;
            metrics::counter!("metrosoc_spool_destroyed_segments_total").increment(1);
        }
        metrics::gauge!("metrosoc_spool_disk_bytes").set(self.disk_bytes() as f64);
        Ok(())
    }

    fn take_passed(&self) -> Option<(Arc<Segment>, u64)> {
        let mut state = self.state();
        let floor = state.positions.values().copied().min()?;
        let oldest = state.segments.front()?;
        let end = state.segments.get(1).map_or_else(|| oldest.next(), |second| second.first);
        let finished = state.segments.len() > 1 || !state.writing;
        if !finished || end > floor {
            return None;
        }
        state.segments.pop_front().map(|segment| (segment, end))
    }

    /// Makes sure that numbering goes on behind `end` when no segment tells so any more.
    fn keep_head(&self, end: u64) -> Result<(), SpoolError> {
        if self.state().head >= end {
            return Ok(());
        }
        position::write_head(&self.settings.dir, end)?;
        self.state().head = end;
        Ok(())
    }
}

fn lock(settings: &SpoolSettings) -> Result<File, SpoolError> {
    let io = |doing| {
        let path = settings.dir.clone();
        move |source| SpoolError::Io { doing, path, source }
    };
    fs::create_dir_all(&settings.dir).map_err(io("create"))?;
    let lock = File::create(settings.dir.join("lock")).map_err(io("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(SpoolError::Locked { path: settings.dir.clone() }),
        Err(TryLockError::Error(source)) => Err(io("lock")(source)),
    }
}

/// Opens a segment; the last one (`next` unknown) is looked through and repaired. `None` for one that is damaged so that
/// nothing of it can be read.
fn open_segment(
    settings: &SpoolSettings,
    sealer: &Sealer,
    first: u64,
    next: Option<u64>,
    report: &mut OpenReport,
) -> Result<Option<Segment>, SpoolError> {
    let segment = match Segment::open(&settings.dir, sealer, first, next.unwrap_or(first)) {
        Ok(segment) => segment,
        Err(SpoolError::Damaged { .. }) => return Ok(None),
        Err(SpoolError::Key { .. }) if settings.key_is_proven => return Ok(None),
        Err(error) => return Err(error),
    };
    if next.is_none() {
        let repair = segment.repair()?;
        report.torn_bytes = repair.torn_bytes;
        report.damaged.extend(repair.damaged.into_iter().map(|(from, behind)| (EventId(from), EventId(behind))));
    }
    Ok(Some(segment))
}

fn tell(report: &OpenReport) {
    if report.torn_bytes > 0 {
        tracing::warn!(bytes = report.torn_bytes, next = %report.next, "spool: unfinished write cut off");
    }
    for (from, behind) in &report.damaged {
        metrics::counter!("metrosoc_spool_damaged_records_total").increment(behind.0 - from.0);
        tracing::error!(%from, %behind, "spool: records cannot be read any more");
    }
    for first in &report.keyless {
        tracing::error!(%first, "spool: a segment's key is gone, its records are lost");
    }
    tracing::info!(oldest = %report.oldest, next = %report.next, "spool opened");
}
