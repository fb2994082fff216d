//! A stored event, read back: the event that the rules saw when it came.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use event::{AgencyId, Event, EventId, KnownBy, Origin, Permit, SiteId, SourceId, Timestamp, Transport, Value, json};
use tantivy::columnar::{Column, StrColumn};
use tantivy::index::SegmentReader;
use tantivy::schema::Value as _;
use tantivy::store::StoreReader;
use tantivy::{DocId, TantivyDocument};

use super::{HuntError, Restore};
use crate::index::layout::{AGENCY, ID, Layout, RECEIVED, SITE, TIME};
use crate::index::packed;

/// Origins that are kept; a city has some thousand sites.
const ORIGINS_MAX: usize = 20_000;
/// Decompressed blocks that one reader keeps: events are read in the order they lie.
const BLOCKS_KEPT: usize = 1;

/// Site and agency as ordinals of a segment, and how the site is known.
type Key = (Option<u64>, Option<u64>, KnownBy);

/// Reads the events of one segment.
pub(super) struct EventReader<'s> {
    layout: &'s Layout,
    restore: &'s dyn Restore,
    store: StoreReader,
    pub(super) time: Column<i64>,
    pub(super) id: Column<u64>,
    received: Column<i64>,
    site: Option<StrColumn>,
    agency: Option<StrColumn>,
    origins: HashMap<Key, Option<Arc<Origin>>>,
    /// Tokens whose events are not read.
    withheld: BTreeSet<String>,
}

impl<'s> EventReader<'s> {
    /// Opens a segment's columns and its store.
    pub(super) fn open(
        reader: &SegmentReader,
        layout: &'s Layout,
        restore: &'s dyn Restore,
    ) -> Result<Self, HuntError> {
        let fast = reader.fast_fields();
        Ok(Self {
            layout,
            restore,
            store: reader.get_store_reader(BLOCKS_KEPT).map_err(HuntError::index)?,
            time: fast.i64(TIME).map_err(HuntError::index)?,
            id: fast.u64(ID).map_err(HuntError::index)?,
            received: fast.i64(RECEIVED).map_err(HuntError::index)?,
            site: fast.str(SITE).map_err(HuntError::index)?,
            agency: fast.str(AGENCY).map_err(HuntError::index)?,
            origins: HashMap::new(),
            withheld: BTreeSet::new(),
        })
    }

    /// The same without the events that a permit withholds.
    pub(super) fn under(mut self, permit: &Permit) -> Self {
        self.withheld = permit.withheld().cloned().unwrap_or_default();
        self
    }

    /// Reads a document into `event`, which is emptied before; gives whether it may be looked at.
    pub(super) fn read(&mut self, doc: DocId, event: &mut Event) -> Result<bool, HuntError> {
        event.clear();
        event.id = EventId(self.id.first(doc).unwrap_or(0));
        event.received = Timestamp::from_nanos(self.received.first(doc).unwrap_or(0));
        let time = Timestamp::from_nanos(self.time.first(doc).unwrap_or(0));
        event.claimed = (time != event.received).then_some(time);
        let stored: TantivyDocument = self.store.get(doc).map_err(HuntError::index)?;
        let source = stored.get_first(self.layout.source).and_then(|value| value.as_bytes()).unwrap_or_default();
        if source.first() == Some(&packed::FORM) {
            packed::read_into(source, event).ok_or(HuntError::Stored { id: event.id.0, source: None })?;
        } else {
            json::read(source, event).map_err(|source| HuntError::Stored { id: event.id.0, source: Some(source) })?;
        }
        event.origin = self.origin(doc, event)?;
        let shown = !self.is_withheld(event);
        self.restore.restore(event);
        Ok(shown)
    }

    /// Whether a withheld token stands in an event, as it is stored.
    fn is_withheld(&self, event: &Event) -> bool {
        let holds = |text: &str| self.withheld.iter().any(|token| text.contains(token.as_str()));
        !self.withheld.is_empty() && event.iter().any(|(_, value)| matches!(value, Value::Str(text) if holds(text)))
    }

    fn origin(&mut self, doc: DocId, event: &Event) -> Result<Option<Arc<Origin>>, HuntError> {
        let known_by = event.get_str("metrosoc.site.known_by").map_or(KnownBy::Unknown, known_by);
        let ordinal = |column: &Option<StrColumn>| column.as_ref().and_then(|column| column.ords().first(doc));
        let key = (ordinal(&self.site), ordinal(&self.agency), known_by);
        if let Some(origin) = self.origins.get(&key) {
            return Ok(origin.clone());
        }
        let text = |column: &Option<StrColumn>, ordinal: Option<u64>| -> Result<Option<String>, HuntError> {
            let (Some(column), Some(ordinal)) = (column, ordinal) else { return Ok(None) };
            let mut text = String::new();
            Ok(column.ord_to_str(ordinal, &mut text).map_err(HuntError::index)?.then_some(text))
        };
        let site = text(&self.site, key.0)?.and_then(|text| SiteId::new(text).ok());
        let agency = text(&self.agency, key.1)?.and_then(|text| AgencyId::new(text).ok());
        let source = SourceId::new(event.get_str("metrosoc.source.id").unwrap_or("stored")).ok();
        let origin = site.zip(source).map(|(site, source)| {
            // Sender and way are kept for nobody: rules and alerts do not ask for them.
            Arc::new(Origin { site, agency, known_by, source, transport: Transport::Import, peer: None })
        });
        if self.origins.len() < ORIGINS_MAX {
            self.origins.insert(key, origin.clone());
        }
        Ok(origin)
    }
}

fn known_by(text: &str) -> KnownBy {
    let all = [KnownBy::Certificate, KnownBy::Token, KnownBy::Address, KnownBy::Operator];
    all.into_iter().find(|known_by| known_by.as_str() == text).unwrap_or(KnownBy::Unknown)
}
