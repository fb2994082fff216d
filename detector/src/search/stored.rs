//! Reading events out of slices: the hits of a page, and one event by its id.

use std::collections::BTreeMap;

use event::{Event, EventId, Permit, Reach, Timestamp, Value};
use serde_json::Map;
use tantivy::schema::Value as _;
use tantivy::{DocAddress, Searcher, TantivyDocument, TantivyError};

use super::collect::{Found, rank};
use super::highlight::Highlighter;
use super::part::Part;
use super::{Hit, Question, SearchError, View, show};
use crate::index::layout::{AGENCY, ID, Layout, SITE, SOURCE_ID, SPANS, TIME};
use crate::index::packed;

const DAMAGED: &str = "a stored event is damaged";

/// Fewest hits of a page for which another thread is worth its start.
const HITS_PER_THREAD: usize = 8;

/// The hits of a page; stored events are read in the order they lie on disk, on several cores: rare hits lie far from each
/// other, and each unpacks what it lies among.
pub(super) fn hits(
    permit: &Permit,
    question: &Question,
    views: &[View],
    page: &[Found],
) -> Result<Vec<Hit>, SearchError> {
    let mut order: Vec<(usize, &Found)> = page.iter().enumerate().collect();
    order.sort_unstable_by_key(|(_, found)| (found.slice, found.segment, found.doc));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = cores.min(order.len() / HITS_PER_THREAD).max(1);
    let mut parts = order.chunks(order.len().div_ceil(threads).max(1));
    let first = parts.next().unwrap_or_default();
    let mut hits = std::thread::scope(|scope| -> Result<_, SearchError> {
        let others: Vec<_> = parts.map(|part| scope.spawn(|| hits_of(permit, question, views, part))).collect();
        let mut hits = hits_of(permit, question, views, first)?;
        for other in others {
            hits.extend(other.join().map_err(|_| SearchError::index(panicked()))??);
        }
        Ok(hits)
    })?;
    hits.sort_unstable_by_key(|(at, _)| *at);
    Ok(hits.into_iter().map(|(_, hit)| hit).collect())
}

fn panicked() -> TantivyError {
    TantivyError::InternalError("reading a stored event panicked".to_owned())
}

fn hits_of(
    permit: &Permit,
    question: &Question,
    views: &[View],
    page: &[(usize, &Found)],
) -> Result<Vec<(usize, Hit)>, SearchError> {
    let highlighter = Highlighter::new(&question.node, question.now);
    let mut hits = Vec::with_capacity(page.len());
    for (at, found) in page {
        let Some(view) = views.get(found.slice) else { continue };
        let (time, id) = rank(question.sort, found.rank.0, found.rank.1); // turning the bits twice
        let hit = hit(permit, view, found.address(), EventId(id), Timestamp::from_nanos(time))?;
        // What stands in a longer value is no term of its own, and is seen here at the latest.
        let Some(mut hit) = hit else { continue };
        hit.highlight = highlighter.mark(permit, &hit.fields);
        hits.push((*at, hit));
    }
    Ok(hits)
}

/// One event as the permit lets it be seen, without highlights; `None` for one in which a withheld token stands.
pub(super) fn hit(
    permit: &Permit,
    view: &View,
    address: DocAddress,
    id: EventId,
    time: Timestamp,
) -> Result<Option<Hit>, SearchError> {
    let stored = stored(&view.searcher, &view.opened.layout, address)?;
    if is_withheld(permit, &stored) {
        return Ok(None);
    }
    Ok(Some(Hit { id, time, fields: show::show(permit, stored), highlight: BTreeMap::new() }))
}

/// Whether a token stands in an event that the permit does not reach.
fn is_withheld(permit: &Permit, stored: &Map<String, serde_json::Value>) -> bool {
    let Some(tokens) = permit.withheld() else { return false };
    let holds = |value: &serde_json::Value| {
        value.as_str().is_some_and(|text| tokens.iter().any(|token| text.contains(token.as_str())))
    };
    stored.values().any(|value| holds(value) || value.as_array().is_some_and(|values| values.iter().any(holds)))
}

/// The fields of a stored event, as they are stored.
pub(super) fn fields_of(view: &View, address: DocAddress) -> Result<Map<String, serde_json::Value>, SearchError> {
    stored(&view.searcher, &view.opened.layout, address)
}

fn stored(
    searcher: &Searcher,
    layout: &Layout,
    address: DocAddress,
) -> Result<Map<String, serde_json::Value>, SearchError> {
    read(&source(searcher, layout, address)?)
}

fn source(searcher: &Searcher, layout: &Layout, address: DocAddress) -> Result<Vec<u8>, SearchError> {
    let document: TantivyDocument = searcher.doc(address).map_err(SearchError::index)?;
    let source = document.get_first(layout.source).and_then(|value| value.as_bytes());
    Ok(source.unwrap_or_default().to_vec())
}

/// The bytes that an event is stored as, when the permit lets all of its fields be seen as they are.
pub(super) fn whole(permit: &Permit, view: &View, address: DocAddress) -> Result<Option<Vec<u8>>, SearchError> {
    let source = source(&view.searcher, &view.opened.layout, address)?;
    let stored = read(&source)?;
    let clear = permit.masks().free_text() && stored.keys().all(|name| show::is_clear(permit, name));
    Ok((clear && !is_withheld(permit, &stored)).then_some(source))
}

/// One event as the permit lets it be seen, and the event itself with its fields in their places: what the permit does not
/// show as it is stored is empty there.
pub(super) fn placed(
    permit: &Permit,
    view: &View,
    address: DocAddress,
    id: EventId,
    time: Timestamp,
) -> Result<(Hit, Event), SearchError> {
    let source = source(&view.searcher, &view.opened.layout, address)?;
    let fields = show::show(permit, read(&source)?);
    let stored = event_of(&source)?;
    let mut placed = Event::new();
    placed.id = id;
    for (name, value) in stored.iter() {
        let shown = name == SPANS || fields.get(name).is_some_and(|field| is_shown(field, &value.text()));
        placed.push(name, if shown { value } else { Value::Null }).map_err(|_| damaged())?;
    }
    Ok((Hit { id, time, fields, highlight: BTreeMap::new() }, placed))
}

/// Of one event the values for which `keep` says so, each in its place, and where pseudonyms stand in them.
pub(super) fn kept(view: &View, address: DocAddress, keep: impl Fn(&str) -> bool) -> Result<Event, SearchError> {
    let stored = event_of(&source(&view.searcher, &view.opened.layout, address)?)?;
    let mut kept = Event::new();
    for (name, value) in stored.iter() {
        let keeps = name == SPANS || value.as_str().is_some_and(&keep);
        kept.push(name, if keeps { value } else { Value::Null }).map_err(|_| damaged())?;
    }
    Ok(kept)
}

fn event_of(source: &[u8]) -> Result<Event, SearchError> {
    let mut stored = Event::new();
    if source.first() == Some(&packed::FORM) {
        packed::read_into(source, &mut stored).ok_or_else(damaged)?;
    } else {
        event::json::read(source, &mut stored).map_err(|_| damaged())?;
    }
    Ok(stored)
}

/// Whether what is shown of a field is, or has among its values, this text.
fn is_shown(field: &serde_json::Value, text: &str) -> bool {
    match field {
        serde_json::Value::String(shown) => shown == text,
        serde_json::Value::Array(list) => list.iter().any(|one| is_shown(one, text)),
        serde_json::Value::Null => false,
        other => {
            let shown = other.to_string();
            shown == text
        }
    }
}

fn damaged() -> SearchError {
    SearchError::index(TantivyError::InternalError(DAMAGED.to_owned()))
}

/// Reads a stored event in either form: packed, or JSON as older slices have it.
fn read(source: &[u8]) -> Result<Map<String, serde_json::Value>, SearchError> {
    if source.first() == Some(&packed::FORM) {
        packed::read(source).ok_or_else(damaged)
    } else {
        serde_json::from_slice(source).map_err(SearchError::index)
    }
}

/// Where an event lies, and its time, when it is within the scope.
pub(super) fn locate(
    searcher: &Searcher,
    permit: &Permit,
    id: EventId,
) -> tantivy::Result<Option<(DocAddress, Timestamp)>> {
    let scope = permit.scope();
    for (at, reader) in (0..).zip(searcher.segment_readers()).filter(|(_, reader)| reader.max_doc() > 0) {
        let ids = reader.fast_fields().u64(ID)?;
        if !(ids.min_value()..=ids.max_value()).contains(&id.0) {
            continue;
        }
        let mut docs = Vec::new();
        ids.get_docids_for_value_range(id.0..=id.0, 0..reader.max_doc(), &mut docs);
        let Some(&doc) = docs.first() else { continue };
        let text = |name: &str| -> tantivy::Result<Option<String>> {
            let Some(column) = reader.fast_fields().str(name)? else { return Ok(None) };
            let Some(ord) = column.ords().first(doc) else { return Ok(None) };
            let mut text = String::new();
            Ok(column.ord_to_str(ord, &mut text)?.then_some(text))
        };
        let within = reaches(&scope.agencies, text(AGENCY)?)
            && reaches(&scope.sites, text(SITE)?)
            && Part::of(permit).shows(text(SOURCE_ID)?.as_deref());
        let time = reader.fast_fields().i64(TIME)?.first(doc).unwrap_or(0);
        return Ok(within.then(|| (DocAddress::new(at, doc), Timestamp::from_nanos(time))));
    }
    Ok(None)
}

fn reaches<T: Ord + std::str::FromStr>(reach: &Reach<T>, text: Option<String>) -> bool {
    reach.holds(text.and_then(|text| text.parse().ok()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_stored_forms_are_read_and_damage_is_told() {
        let mut event = Event::new();
        event.push("event.original", "a=1").unwrap();
        event.push("a", 1).unwrap();
        let (mut json, mut packed) = (Vec::new(), Vec::new());
        event::json::write(&event, &mut json);
        packed::write(&event, &mut packed);
        assert_eq!(read(&json).unwrap(), read(&packed).unwrap());
        packed.truncate(4);
        for damaged in [b"".as_slice(), b"{", &packed] {
            assert!(matches!(read(damaged), Err(SearchError::Index(_))), "{damaged:?}");
        }
    }
}
