//! Rows of records, cut anywhere: the same events come out, each record in exactly one of them.

use std::sync::Arc;

use event::{KnownBy, Origin, SiteId, Transport};
use proptest::prelude::*;

use super::*;

fn record(text: &str, millis: i64) -> Record {
    let origin = Origin {
        site: SiteId::unknown(),
        agency: None,
        known_by: KnownBy::Unknown,
        source: SourceId::new("s").unwrap(),
        transport: Transport::SyslogUdp,
        peer: None,
    };
    Record::new(Arc::new(origin), Timestamp::from_millis(1_793_664_000_000 + millis), text.as_bytes().to_vec())
}

/// `S7`, `I7`, `L7`: first, inner and last of event 7; anything else is no audit record.
fn key(record: &Record) -> Option<(Key, Part)> {
    let text = std::str::from_utf8(&record.bytes).unwrap();
    let part = match text.get(..1)? {
        "S" => Part::First,
        "I" => Part::Inner,
        "L" => Part::Last,
        _ => return None,
    };
    let sequence = text.get(1..)?.parse().ok()?;
    Some((Key { source: record.origin.source.clone(), host: String::new(), time: "1.5".to_owned(), sequence }, part))
}

fn shown(units: &[Unit]) -> Vec<String> {
    let text = |record: &Record| String::from_utf8(record.bytes.to_vec()).unwrap();
    units
        .iter()
        .map(|unit| match unit {
            Unit::One(id, record) => format!("{id}:{}", text(record)),
            Unit::Joined(all) => {
                let texts: Vec<_> = all.iter().map(|(_, record)| text(record)).collect();
                format!("{}:{}", unit.id(), texts.join("+"))
            }
        })
        .collect()
}

/// Feeds records in these batches, the clock at the last record, and lets it run out at the end.
fn run(records: &[(EventId, Record)], cuts: &[usize]) -> (Vec<Unit>, Vec<EventId>) {
    let mut joiner = Joiner::default();
    let (mut units, mut nexts) = (Vec::new(), Vec::new());
    let mut rest = records.to_vec();
    let mut now = Timestamp::from_secs(0);
    for cut in cuts {
        let batch: Vec<_> = rest.drain(..(*cut).min(rest.len())).collect();
        now = batch.last().map_or(now, |(_, record)| record.received);
        let ready = joiner.take(batch, Some(now), key);
        units.extend(ready.units);
        nexts.extend(ready.next);
    }
    let ready = joiner.take(rest, Some(now.plus(Duration::from_secs(60))), key);
    units.extend(ready.units);
    nexts.extend(ready.next);
    assert_eq!(joiner.waiting(), 0);
    (units, nexts)
}

fn numbered(texts: &[(&str, i64)]) -> Vec<(EventId, Record)> {
    (0..).zip(texts).map(|(id, (text, millis))| (EventId(id), record(text, *millis))).collect()
}

#[track_caller]
fn check(texts: &[(&str, i64)], expected: &[&str]) {
    let (units, nexts) = run(&numbered(texts), &[texts.len()]);
    assert_eq!(shown(&units), expected);
    assert_eq!(nexts.last(), texts.len().checked_sub(1).map(|last| EventId(last as u64 + 1)).as_ref());
}

#[test]
fn records_of_one_event_are_joined() {
    check(&[("x", 0), ("S1", 0), ("I1", 1), ("y", 1), ("L1", 2), ("z", 3)], &["0:x", "1:S1+I1+L1", "3:y", "5:z"]);
    check(&[("S1", 0), ("S2", 0), ("I1", 1), ("L2", 1), ("L1", 2)], &["0:S1+I1+L1", "1:S2+L2"]);
    check(&[("S1", 0), ("L1", 0), ("L1", 0), ("I1", 0)], &["0:S1+L1", "2:L1", "3:I1"]);
    check(&[("I1", 0), ("L1", 0), ("S1", 0)], &["0:I1", "1:L1", "2:S1"]);
    check(&[("S1", 0), ("S1", 1), ("L1", 2)], &["0:S1", "1:S1+L1"]);
    check(&[("S1", 0), ("I1", 2_000), ("L1", 4_001)], &["0:S1+I1", "2:L1"]);
    let long: Vec<String> = (0..80).map(|at| if at == 0 { "S1".to_owned() } else { "I1".to_owned() }).collect();
    let long: Vec<(&str, i64)> = long.iter().map(|text| (text.as_str(), 0)).collect();
    let (units, _) = run(&numbered(&long), &[80]);
    assert_eq!(units.len(), 1 + 80 - RECORDS_MAX);
}

#[test]
fn what_is_not_complete_waits_and_is_cut_short() {
    let mut joiner = Joiner::default();
    let start = record("S1", 0).received;
    let batch = numbered(&[("x", 0), ("S1", 0), ("y", 0)]);
    let ready = joiner.take(batch, Some(start), key);
    assert_eq!((shown(&ready.units), ready.next), (vec!["0:x".to_owned()], Some(EventId(1))));
    assert_eq!(joiner.take(Vec::new(), Some(start.plus(GAP_MAX)), key), Ready::default());
    let ready = joiner.take(Vec::new(), Some(start.plus(Duration::from_secs(3))), key);
    assert_eq!((shown(&ready.units), ready.next), (vec!["1:S1".to_owned(), "2:y".to_owned()], Some(EventId(3))));

    // Old records that are read again are not torn apart while more of them lie ready.
    let mut joiner = Joiner::default();
    let mut again = numbered(&[("S1", 0), ("I1", 0), ("x", 0), ("L1", 1)]);
    let rest = again.split_off(1);
    assert_eq!(joiner.take(again, None, key), Ready::default());
    let ready = joiner.take(rest, Some(start.plus(Duration::from_secs(3_600))), key);
    assert_eq!(shown(&ready.units), ["0:S1+I1+L1", "2:x"]);

    // However many come behind it, a bounded number waits.
    let mut joiner = Joiner::default();
    let first = joiner.take(vec![(EventId(0), record("S1", 0))], Some(start), key);
    assert_eq!(first, Ready::default());
    let mut given = 0;
    for id in 1..2 * SPAN_MAX {
        given += joiner.take(vec![(EventId(id), record("x", 0))], Some(start), key).units.len();
        assert!(joiner.waiting() as u64 <= SPAN_MAX);
    }
    assert_eq!(given as u64, 2 * SPAN_MAX);
    joiner.clear();
    assert_eq!(joiner.waiting(), 0);
}

proptest! {
    #[test]
    fn every_record_is_in_one_event_wherever_batches_end(
        rows in prop::collection::vec(("[SIILx][1-4]", 0_i64..900), 0..60),
        cuts in prop::collection::vec(1_usize..9, 0..40),
        again in prop::collection::vec(1_usize..9, 0..40),
    ) {
        let mut millis = 0;
        let rows: Vec<(String, i64)> = rows.into_iter().map(|(text, more)| { millis += more; (text, millis) }).collect();
        let texts: Vec<(&str, i64)> = rows.iter().map(|(text, millis)| (text.as_str(), *millis)).collect();
        let records = numbered(&texts);
        let (units, nexts) = run(&records, &cuts);
        // Ascending, and every record once.
        prop_assert!(units.iter().zip(units.iter().skip(1)).all(|(one, two)| one.id() < two.id()));
        let total: usize = units.iter().map(|unit| unit.folded() + 1).sum();
        prop_assert_eq!(total, records.len());
        // Whoever begins again at any clean cut, with batches cut otherwise, sees the same events from there on.
        for next in nexts {
            let rest = records.get(next.0 as usize..).unwrap_or_default();
            let (replayed, _) = run(rest, &again);
            let kept: Vec<_> = units.iter().filter(|unit| unit.id() >= next).cloned().collect();
            prop_assert_eq!(shown(&replayed), shown(&kept));
        }
    }
}
