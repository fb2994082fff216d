//! Slices that are over are sealed: their segments are put together into few, in the order in which events came.
//!
//! One merge a call, in the background, so that whoever calls can keep to a budget between two. A crash in the middle leaves
//! the slice as it was. A slice has one writer at a time: events that come late for one that is being sealed take its writer
//! over, and the merge goes on beside them.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event::Timestamp;
use tantivy::index::{SegmentId, SegmentMeta};
use tantivy::indexer::{IndexWriterOptions, NoMergePolicy};
use tantivy::{FutureResult, IndexWriter, Searcher, TantivyError};

use super::document::Row;
use super::layout::ID;
use super::slice::{Slice, SliceRecord};
use super::writer::LARGE_SEGMENT_DOCUMENTS;
use super::{Index, IndexError};

/// How long after its end a slice is left alone: what was received in its last moments may still be on its way.
const SETTLED_AFTER_SECS: i64 = 600;
/// Memory of the writer that merges, in bytes; it adds nothing.
const HEAP_BYTES: usize = 15_000_000;

/// Slices that are sealed, by their start, and what they held then.
pub(crate) type Sealings = BTreeMap<i64, SliceRecord>;

/// What one merge did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The slice: the start of its time of receipt.
    pub slice: String,
    /// Segments that became one.
    pub segments: usize,
    /// Bytes of the slice on disk before.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
    /// How long it took; no more than this of one core.
    pub took: Duration,
}

impl Index {
    /// Puts segments of one slice together that is over at `now`, the oldest first; `None` when every such slice is sealed.
    /// Blocks while it merges; events that are received meanwhile are written, those that come late for this slice too. The
    /// slice that was written last is left alone, and one to which somebody writes at this moment.
    ///
    /// # Errors
    /// A slice that cannot be read or written.
    pub fn seal_next(&self, now: Timestamp) -> Result<Option<Sealed>, IndexError> {
        let slices = self.slices();
        self.sealings().retain(|start, _| slices.iter().any(|slice| slice.start_secs() == *start));
        let newest = slices.iter().map(|slice| slice.record().position).max().unwrap_or(0);
        let length = i64::try_from(self.settings.slice_length.as_secs()).unwrap_or(i64::MAX);
        let is_over = |slice: &Slice| {
            let end = slice.start_secs().saturating_add(length);
            slice.record().position < newest && end.saturating_add(SETTLED_AFTER_SECS) <= now.secs()
        };
        for slice in slices.iter().filter(|slice| is_over(slice)) {
            let record = slice.record();
            if self.sealings().get(&slice.start_secs()) == Some(&record) {
                continue;
            }
            slice.reload()?;
            let group = mergeable(&slice.open()?.searcher()).map_err(|error| slice.error(error))?;
            if group.is_empty() {
                self.sealings().insert(slice.start_secs(), record);
                continue;
            }
            self.release(slice.start_secs())?;
            let (began, bytes_before) = (Instant::now(), slice.bytes());
            let Some(merging) = begin(slice, &group)? else { continue };
            if finish(slice, merging)? == Writer::TakenOver {
                // Its threads step back; what comes late from now on need not.
                self.release(slice.start_secs())?;
            }
            return Ok(Some(Sealed {
                slice: slice.name.clone(),
                segments: group.len(),
                bytes_before,
                bytes_after: slice.bytes(),
                took: began.elapsed(),
            }));
        }
        Ok(None)
    }

    fn sealings(&self) -> MutexGuard<'_, Sealings> {
        self.sealings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Segments that follow one another and fit into one; none when nothing is left to put together.
fn mergeable(searcher: &Searcher) -> tantivy::Result<Vec<SegmentId>> {
    let mut segments = Vec::new();
    for reader in searcher.segment_readers() {
        let first = reader.fast_fields().u64(ID)?.min_value();
        segments.push((first, reader.num_docs() as usize, reader.segment_id()));
    }
    segments.sort_unstable_by_key(|(first, ..)| *first);
    let (mut group, mut documents) = (Vec::new(), 0);
    for (_, count, id) in segments {
        if documents + count > LARGE_SEGMENT_DOCUMENTS {
            if group.len() > 1 {
                break;
            }
            group.clear();
            documents = 0;
        }
        group.push(id);
        documents += count;
    }
    Ok(if group.len() > 1 { group } else { Vec::new() })
}

/// A merge that goes on.
type Merging = FutureResult<Option<SegmentMeta>>;

/// Begins to put segments together; `None` when somebody writes to the slice now.
fn begin(slice: &Slice, segments: &[SegmentId]) -> Result<Option<Merging>, IndexError> {
    let opened = slice.open()?;
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(HEAP_BYTES)
        .build();
    let mut sealing = slice.sealing();
    let mut writer: IndexWriter<Row> = match opened.index.writer_with_options(options) {
        Err(TantivyError::LockFailure(..)) => return Ok(None),
        writer => writer.map_err(|error| slice.error(error))?,
    };
    writer.set_merge_policy(Box::new(NoMergePolicy));
    let merging = writer.merge(segments);
    *sealing = Some(writer);
    Ok(Some(merging))
}

/// What became of the writer that put segments together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Closed,
    TakenOver,
}

/// Waits for a merge, and closes the writer unless somebody has taken it over.
fn finish(slice: &Slice, merging: Merging) -> Result<Writer, IndexError> {
    let failed = |error| slice.error(error);
    let merged = merging.wait();
    // Held to the end: until then nobody else can open a writer.
    let mut sealing = slice.sealing();
    let writer = sealing.take();
    merged.map_err(failed)?;
    slice.reload()?;
    let Some(writer) = writer else { return Ok(Writer::TakenOver) };
    writer.garbage_collect_files().wait().map_err(failed)?;
    writer.wait_merging_threads().map_err(failed)?;
    Ok(Writer::Closed)
}

#[cfg(test)]
mod tests {
    use event::{Event, EventId};

    use super::*;
    use crate::index::{IndexSettings, packed};

    const HOUR: i64 = 3_600;
    const START: i64 = 500_000 * HOUR;

    fn event(id: u64, hour: i64) -> Event {
        let mut event = Event::new();
        event.id = EventId(id);
        event.received = Timestamp::from_secs(START + hour * HOUR);
        event.push("message", format!("line {id}").as_str()).unwrap();
        event
    }

    fn open(dir: &std::path::Path) -> Index {
        let slice_length = Duration::from_secs(HOUR.cast_unsigned());
        Index::open(dir, IndexSettings { slice_length, heap_bytes: 15_000_000, ..IndexSettings::default() }).unwrap()
    }

    /// Segments of each slice, with the ids of each in their order.
    fn segments(index: &Index) -> Vec<Vec<Vec<u64>>> {
        let of_slice = |slice: &std::sync::Arc<Slice>| {
            slice.reload().unwrap();
            let searcher = slice.open().unwrap().searcher();
            let ids = |reader: &tantivy::index::SegmentReader| {
                let column = reader.fast_fields().u64(ID).unwrap();
                (0..reader.max_doc()).filter_map(|doc| column.first(doc)).collect()
            };
            let mut found: Vec<Vec<u64>> = searcher.segment_readers().iter().map(ids).collect();
            found.sort_unstable();
            found
        };
        index.slices().iter().map(of_slice).collect()
    }

    #[test]
    fn slices_that_are_over_become_one_segment_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        for id in 0..9 {
            index.add(&[event(id, (id / 3).cast_signed())]).unwrap();
            index.flush().unwrap();
        }
        let at = |hour: i64, secs: i64| Timestamp::from_secs(START + hour * HOUR + secs);
        assert_eq!(index.seal_next(at(1, SETTLED_AFTER_SECS - 1)).unwrap(), None, "it may not be over");
        let sealed = index.seal_next(at(1, SETTLED_AFTER_SECS)).unwrap().unwrap();
        assert_eq!((sealed.slice.as_str(), sealed.segments), (index.slices()[0].name.as_str(), 3), "{sealed:?}");
        assert!(sealed.bytes_after < sealed.bytes_before, "{sealed:?}");
        assert_eq!(index.seal_next(at(1, SETTLED_AFTER_SECS)).unwrap(), None, "once");
        assert_eq!(index.seal_next(at(900, 0)).unwrap().unwrap().segments, 3);
        assert_eq!(index.seal_next(at(900, 0)).unwrap(), None, "the slice that was written last stays as it is");
        let expected = vec![vec![vec![0, 1, 2]], vec![vec![3, 4, 5]], vec![vec![6], vec![7], vec![8]]];
        assert_eq!(segments(&index), expected);
        drop(index);

        // After a restart all is there, the position too, and what comes late is put to it.
        let index = open(dir.path());
        assert_eq!((segments(&index), index.position()), (expected, Some(EventId(9))));
        index.add(&[event(9, 0), event(10, 3)]).unwrap();
        index.flush().unwrap();
        while index.seal_next(at(900, 0)).unwrap().is_some() {}
        let sealed = vec![vec![vec![0, 1, 2, 9]], vec![vec![3, 4, 5]], vec![vec![6, 7, 8]], vec![vec![10]]];
        assert_eq!(segments(&index), sealed);
        let mut stored = Vec::new();
        index.stored_from(EventId(0), 100, |id, bytes| stored.push((id.0, packed::read(bytes).unwrap()))).unwrap();
        assert!(stored.iter().all(|(id, map)| map["message"] == format!("line {id}")), "{stored:?}");
        assert_eq!(stored.len(), 11);
    }
    #[test]
    fn events_that_come_late_for_a_slice_that_is_being_sealed_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        for id in 0..4 {
            index.add(&[event(id, id.cast_signed() / 3)]).unwrap();
            index.flush().unwrap();
        }
        let slice = index.slices().remove(0);
        slice.reload().unwrap();
        let group = mergeable(&slice.open().unwrap().searcher()).unwrap();
        assert_eq!(group.len(), 3);
        assert!(begin(&slice, &group).unwrap().is_none(), "the index writes to it");
        index.release(slice.start_secs()).unwrap();
        let merging = begin(&slice, &group).unwrap().unwrap();
        assert!(slice.sealing().is_some());

        // Into the slice that is being sealed, then into another and into it again.
        index.add(&[event(4, 0)]).unwrap();
        index.flush().unwrap();
        assert!(slice.sealing().is_none(), "its writer is taken over");
        index.add(&[event(5, 1), event(6, 0)]).unwrap();
        assert_eq!(finish(&slice, merging).unwrap(), Writer::TakenOver);
        index.flush().unwrap();
        assert_eq!((index.position(), index.trouble()), (Some(EventId(7)), None));
        assert_eq!(segments(&index), [vec![vec![0, 1, 2], vec![4], vec![6]], vec![vec![3], vec![5]]]);

        // Once the merge is over the slice is as every other: closed, sealed again, and after a restart complete.
        let late = Timestamp::from_secs(START + 900 * HOUR);
        index.add(&[event(7, 2)]).unwrap();
        index.flush().unwrap();
        while index.seal_next(late).unwrap().is_some() {}
        let expected = vec![vec![vec![0, 1, 2, 4, 6]], vec![vec![3, 5]], vec![vec![7]]];
        assert_eq!(segments(&index), expected);
        drop(index);
        let index = open(dir.path());
        assert_eq!((segments(&index), index.position(), index.documents()), (expected, Some(EventId(8)), 8));
    }

    #[test]
    fn a_merge_that_fails_leaves_the_slice_to_the_next_writer() {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        for id in 0..3 {
            index.add(&[event(id, 0)]).unwrap();
            index.flush().unwrap();
        }
        let slice = index.slices().remove(0);
        index.release(slice.start_secs()).unwrap();
        let unknown = SegmentId::generate_random();
        let failed = begin(&slice, &[unknown, SegmentId::generate_random()]).unwrap().unwrap();
        assert!(finish(&slice, failed).is_err());
        index.add(&[event(3, 0)]).unwrap();
        index.flush().unwrap();
        assert_eq!((index.documents(), index.trouble()), (4, None));
    }
}
