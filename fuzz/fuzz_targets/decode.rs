//! A record of any form becomes an event.
#![no_main]
use std::sync::Arc;

use collector::pipeline::{Pipeline, PipelineSettings};
use collector::Record;
use event::{Event, EventId, KnownBy, Origin, SiteId, SourceId, Timestamp, Transport};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let source = SourceId::new("fuzz:1").unwrap();
    let (site, transport) = (SiteId::local(), Transport::Import);
    let origin = Origin { site, agency: None, known_by: KnownBy::Operator, source, transport, peer: None };
    let record = Record::new(Arc::new(origin), Timestamp::from_secs(1_800_000_000), bytes.to_vec());
    let mut event = Event::new();
    Pipeline::new(PipelineSettings::default()).event(EventId(0), &record, &mut event);
    assert!(event.has("event.original") || event.has("metrosoc.original_base64"));
});
