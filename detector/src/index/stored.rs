//! The stored bytes of events, for the ledger's leaves.

use event::EventId;
use tantivy::schema::Value as _;
use tantivy::{DocAddress, TantivyDocument};

use super::layout::ID;
use super::{Index, IndexError};

impl Index {
    /// Shows `seen` the stored bytes of the durable events from `from` on, in the order of their ids, at most `max` of
    /// them; gives how many there were. For commitments alone: what it shows was not asked for with a permit.
    ///
    /// # Errors
    /// When a slice cannot be read.
    pub fn stored_from(
        &self,
        from: EventId,
        max: usize,
        mut seen: impl FnMut(EventId, &[u8]),
    ) -> Result<usize, IndexError> {
        let slices: Vec<_> = self.slices().into_iter().filter(|slice| slice.record().next > from.0).collect();
        let (mut views, mut found) = (Vec::with_capacity(slices.len()), Vec::new());
        for (number, slice) in slices.iter().enumerate() {
            slice.reload()?;
            let opened = slice.open()?;
            let searcher = opened.searcher();
            for (segment, reader) in (0..).zip(searcher.segment_readers()) {
                let ids = reader.fast_fields().u64(ID).map_err(|error| slice.error(error))?;
                let here =
                    reader.doc_ids_alive().filter_map(|doc| Some((ids.first(doc)?, DocAddress::new(segment, doc))));
                found.extend(here.filter(|(id, _)| *id >= from.0).map(|(id, address)| (id, number, address)));
            }
            views.push((slice, opened, searcher));
        }
        found.sort_unstable();
        found.truncate(max);
        for (id, number, address) in &found {
            let Some((slice, opened, searcher)) = views.get(*number) else { continue };
            let document: TantivyDocument = searcher.doc(*address).map_err(|error| slice.error(error))?;
            let bytes = document.get_first(opened.layout.source).and_then(|value| value.as_bytes());
            seen(EventId(*id), bytes.unwrap_or_default());
        }
        Ok(found.len())
    }
}
