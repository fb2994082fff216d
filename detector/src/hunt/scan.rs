//! One segment: which of its events may match, and each of them read, in the order they lie.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event::{Event, Permit, Reach, Timestamp, Transport};
use tantivy::index::SegmentReader;
use tantivy::{DocId, Searcher};

use super::bits::Bits;
use super::door::Door;
use super::prune::Pruner;
use super::read::EventReader;
use super::walk::{Stop, Walk};
use super::{HuntError, Restore, Watch};
use crate::index::Index;
use crate::index::layout::{AGENCY, ID, Layout, SITE, TIME, TRANSPORT};
use crate::index::slice::Opened;
use crate::sigma::need::Need;

/// Documents between two looks at the permit and whether somebody cancelled.
const DOCS_PER_LOOK: u64 = 512;

/// A time slice as one hunt sees it from beginning to end.
pub(super) struct View {
    opened: Arc<Opened>,
    searcher: Searcher,
    /// Segments that are not done.
    left: AtomicUsize,
}

/// A segment to go through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// Its slice, by number.
    pub(super) slice: usize,
    segment: u32,
    /// The least id in it.
    pub(super) first_id: u64,
    /// Greatest and least event time in it.
    pub(super) greatest: i64,
    pub(super) least: i64,
    documents: u64,
}

/// Everything that going through a segment needs.
pub(super) struct Scan<'h> {
    pub(super) views: Vec<View>,
    pub(super) units: Vec<Unit>,
    pub(super) need: Option<Need>,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) restore: &'h dyn Restore,
    pub(super) door: Door<'h>,
    pub(super) watch: &'h Watch,
}

/// The segments that reach into a range, and their slices.
pub(super) fn units(index: &Index, from: Timestamp, to: Timestamp) -> Result<(Vec<View>, Vec<Unit>), HuntError> {
    let (mut views, mut units) = (Vec::new(), Vec::new());
    for slice in index.slices() {
        let record = slice.record();
        if record.documents == 0 || record.least > to.nanos() || record.greatest < from.nanos() {
            continue;
        }
        let opened = slice.open().map_err(HuntError::index)?;
        let searcher = opened.searcher();
        let before = units.len();
        for (segment, reader) in (0_u32..).zip(searcher.segment_readers()).filter(|(_, reader)| reader.max_doc() > 0) {
            let time = reader.fast_fields().i64(TIME).map_err(HuntError::index)?;
            let first_id = reader.fast_fields().u64(ID).map_err(HuntError::index)?.min_value();
            let (least, greatest) = (time.min_value(), time.max_value());
            if least <= to.nanos() && greatest >= from.nanos() {
                let documents = u64::from(reader.max_doc());
                units.push(Unit { slice: views.len(), segment, first_id, greatest, least, documents });
            }
        }
        let left = AtomicUsize::new(units.len() - before);
        if units.len() > before {
            views.push(View { opened, searcher, left });
        }
    }
    Ok((views, units))
}

impl Scan<'_> {
    /// How many events lie in the segments.
    pub(super) fn documents(&self) -> u64 {
        self.units.iter().map(|unit| unit.documents).sum()
    }

    fn open(&self, unit: &Unit) -> Result<(&SegmentReader, &Layout), HuntError> {
        let gone = || HuntError::index(tantivy::TantivyError::InternalError("a segment is gone".to_owned()));
        let view = self.views.get(unit.slice).ok_or_else(gone)?;
        let reader = view.searcher.segment_readers().get(unit.segment as usize).ok_or_else(gone)?;
        Ok((reader, &view.opened.layout))
    }

    /// A reader of a segment's events.
    pub(super) fn reader(&self, unit: &Unit) -> Result<EventReader<'_>, HuntError> {
        let (reader, layout) = self.open(unit)?;
        EventReader::open(reader, layout, self.restore)
    }

    /// Gives every event of a segment that may match to `take`, within scope and range.
    pub(super) fn each(
        &self,
        unit: &Unit,
        event: &mut Event,
        take: &mut dyn FnMut(&Event, DocId) -> Result<(), HuntError>,
    ) -> Result<(), HuntError> {
        let permit = self.door.permit()?;
        let (reader, layout) = self.open(unit)?;
        let chosen = self.chosen(&permit, reader, layout)?;
        let mut events = EventReader::open(reader, layout, self.restore)?.under(&permit);
        let mut told = 0;
        let docs: Box<dyn Iterator<Item = DocId>> = match &chosen {
            Some(bits) => Box::new(bits.iter()),
            None => Box::new(0..reader.max_doc()),
        };
        for (number, doc) in (0_u64..).zip(docs) {
            if number.is_multiple_of(DOCS_PER_LOOK) {
                self.look()?;
                self.watch.scanned(u64::from(doc) - told);
                told = u64::from(doc);
            }
            let time = events.time.first(doc).unwrap_or(0);
            if time < self.from.nanos() || time > self.to.nanos() {
                continue;
            }
            self.watch.read_one();
            if events.read(doc, event)? {
                take(event, doc)?;
            }
        }
        self.watch.scanned(unit.documents - told);
        if let Some(view) = self.views.get(unit.slice)
            && view.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            self.watch.slice_done();
        }
        Ok(())
    }

    /// Ends the work when somebody cancelled or the permit ran out.
    pub(super) fn look(&self) -> Result<(), HuntError> {
        if self.watch.is_cancelled() {
            return Err(HuntError::Cancelled);
        }
        self.door.permit().map(drop)
    }

    fn chosen(&self, permit: &Permit, reader: &SegmentReader, layout: &Layout) -> Result<Option<Bits>, HuntError> {
        let walk = Walk { reader, watch: self.watch };
        let mut chosen = match &self.need {
            Some(need) => Pruner::new(walk, layout, self.restore)?.documents(need)?,
            None => None,
        };
        let scope = permit.scope();
        let within = [reached(walk, layout, AGENCY, &scope.agencies)?, reached(walk, layout, SITE, &scope.sites)?];
        for bits in within.into_iter().flatten() {
            match &mut chosen {
                Some(chosen) => chosen.keep(&bits),
                None => chosen = Some(bits),
            }
        }
        // A hunt is over what senders sent; what the product itself did is not everybody's to read.
        let mut own = walk.nothing();
        if let Some(column) = layout.column(TRANSPORT) {
            walk.term(column.field, Transport::Own.as_str(), &mut own)?;
        }
        if own.len() > 0 {
            chosen.get_or_insert_with(|| Bits::full(reader.max_doc())).leave_out(&own);
        }
        Ok(chosen)
    }
}

/// The documents of these agencies or sites; `None` for all of them.
fn reached<T: Ord + AsRef<str>>(
    walk: Walk<'_>,
    layout: &Layout,
    name: &str,
    reach: &Reach<T>,
) -> Result<Option<Bits>, Stop> {
    let Reach::Only(names) = reach else { return Ok(None) };
    let mut found = walk.nothing();
    if let Some(column) = layout.column(name) {
        for one in names {
            walk.term(column.field, one.as_ref(), &mut found)?;
        }
    }
    Ok(Some(found))
}
