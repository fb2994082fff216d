//! Over which slices and segments a search goes, and in which order.

use std::cmp::Reverse;

use event::Timestamp;
use tantivy::Searcher;
use tantivy::index::SegmentReader;

use super::collect::Window;
use super::{SearchError, SearchRequest, Sort, View, fault, value};
use crate::index::layout::{ID, TIME};

/// The time range of a request.
pub(super) fn window(request: &SearchRequest, now: Timestamp) -> Result<Window, SearchError> {
    let read = |part: &str, text: Option<&str>| {
        text.map(|text| {
            value::read_time(text, now).ok_or_else(|| {
                fault(part, format!("`{text}` is neither RFC 3339, nor a date, nor relative (`now-15m`)"))
            })
        })
        .transpose()
    };
    let from = read("from", request.from.as_deref())?.map_or(i64::MIN, |(first, _)| first.nanos());
    let to = read("to", request.to.as_deref())?.map_or(i64::MAX, |(_, last)| last.nanos());
    if from > to {
        return Err(fault("from", "lies behind `to`".to_owned()));
    }
    Ok(Window { from, to, below: u64::MAX })
}

/// One more than the greatest event id that the views hold.
pub(super) fn first_unseen(views: &[View]) -> tantivy::Result<u64> {
    let mut below = 0;
    for reader in views.iter().flat_map(|view| view.searcher.segment_readers()) {
        if reader.max_doc() > 0 {
            below = below.max(reader.fast_fields().u64(ID)?.max_value().saturating_add(1));
        }
    }
    Ok(below)
}

/// A slice's segments, the one that reaches furthest in the order of the search first.
pub(super) fn segments_in_order(searcher: &Searcher, sort: Sort) -> tantivy::Result<Vec<(u32, &SegmentReader)>> {
    let mut segments = Vec::new();
    for (at, reader) in (0..).zip(searcher.segment_readers()).filter(|(_, reader)| reader.max_doc() > 0) {
        let times = reader.fast_fields().i64(TIME)?;
        let best = match sort {
            Sort::Descending => times.max_value(),
            Sort::Ascending => !times.min_value(),
        };
        segments.push((Reverse(best), at, reader));
    }
    segments.sort_by_key(|(best, at, _)| (*best, *at));
    Ok(segments.into_iter().map(|(_, at, reader)| (at, reader)).collect())
}
